//! What all rows share: the programs, the folders that are served, and the files in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::content;
use crate::kind::Kind;
use crate::machine::Load;
use crate::options::Options;

/// The large file.
pub const BIG: &str = "big";

/// A file of 4 KiB.
pub const SMALL: &str = "small";
pub const SMALL_LENGTH: usize = 4096;

/// A file that is too long to leave in one write with its head.
pub const MEDIUM: &str = "medium";
pub const MEDIUM_LENGTH: usize = 100_000;

/// A folder of many names.
pub const NAMES: &str = "names";

/// A folder of eight files, together as long as the large one.
pub const PARTS: &str = "parts";

/// What a row finds in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Big,
    Parts,
    Names,
}

/// A folder to serve.
#[derive(Debug)]
pub struct Place {
    pub storage: PathBuf,
    /// For bodies on their way, on the same file system.
    pub bodies: PathBuf,
}

#[derive(Debug)]
pub struct Programs {
    pub http_nas: PathBuf,
    pub nginx: PathBuf,
    pub dufs: Option<PathBuf>,
    /// The folder of server.js, with its modules installed.
    pub node: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Scene {
    pub size: u64,
    pub short: bool,
    pub piece: Vec<u8>,
    pub programs: Programs,
    /// In memory: a file system without a disk, or where there is none the page cache before one.
    pub memory: Place,
    pub disk: Place,
    /// Whether `memory` is what it says.
    pub has_memory: bool,
    /// For the servers' own files.
    pub folder: PathBuf,
    memory_folder: PathBuf,
    /// How busy the machine was before.
    pub load: Load,
}

impl Scene {
    pub fn prepare(options: &Options) -> io::Result<Self> {
        let own = format!("http-nas-bench-{}", std::process::id());
        let folder = std::env::temp_dir().join(&own);
        let given = std::env::var_os("BENCH_MEMORY");
        let has_memory = given.is_some();
        let memory_folder = given.map_or_else(
            || folder.join("memory"),
            |given| PathBuf::from(given).join(own),
        );
        let place = |folder: &Path| -> io::Result<Place> {
            let (storage, bodies) = (folder.join("storage"), folder.join("bodies"));
            fs::create_dir_all(&storage)?;
            fs::create_dir_all(&bodies)?;
            fs::write(storage.join(SMALL), vec![b's'; SMALL_LENGTH])?;
            fs::write(storage.join(MEDIUM), vec![b'm'; MEDIUM_LENGTH])?;
            Ok(Place { storage, bodies })
        };
        Ok(Self {
            size: options.size,
            short: options.short,
            piece: content::piece(),
            programs: Programs::find()?,
            memory: place(&memory_folder)?,
            disk: place(&folder.join("disk"))?,
            has_memory,
            folder,
            memory_folder,
            load: Load::now(),
        })
    }

    pub fn part(place: u64) -> String {
        format!("part-{place}")
    }

    /// How many names are listed.
    pub fn names(&self) -> usize {
        if self.short { 10_000 } else { 100_000 }
    }

    /// How many connections wait for a request.
    pub fn idle(&self) -> usize {
        if self.short { 500 } else { 5_000 }
    }

    /// Makes what is not there yet.
    pub fn provide(&self, place: &Place, need: Need) -> io::Result<()> {
        let at = |name: &str| place.storage.join(name);
        match need {
            Need::Big if !at(BIG).exists() => {
                content::write(&at(BIG), self.size, &self.piece).map(drop)
            }
            Need::Parts if !at(PARTS).exists() => {
                fs::create_dir(at(PARTS))?;
                for number in 0..8 {
                    let name = Self::part(number);
                    content::write(&at(&name), self.size / 8, &self.piece)?;
                    fs::hard_link(at(&name), at(PARTS).join(name))?;
                }
                Ok(())
            }
            Need::Names if !at(NAMES).exists() => {
                fs::create_dir(at(NAMES))?;
                for number in 0..self.names() {
                    fs::File::create(at(NAMES).join(format!("2026-11-22-table-{number:06}.csv")))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_dir_all(&self.memory_folder);
    }
}

impl Programs {
    fn find() -> io::Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Ok(Self {
            http_nas: testkit::server::find_binary()?,
            nginx: testkit::nginx::PROGRAM.into(),
            dufs: path("BENCH_DUFS"),
            node: path("BENCH_NODE"),
        })
    }

    /// Why a server cannot be run, if it cannot.
    pub fn missing(&self, kind: Kind) -> Option<&'static str> {
        let there = |path: &Path| path.exists();
        match kind {
            Kind::HttpNas | Kind::Tokens | Kind::Bare => None,
            Kind::Nginx => (!there(&self.nginx)).then_some("it is not installed (/usr/sbin/nginx)"),
            Kind::Dufs => (!self.dufs.as_deref().is_some_and(there))
                .then_some("it is not installed (BENCH_DUFS)"),
            Kind::Node => (!self.node.as_deref().is_some_and(there))
                .then_some("it is not installed (BENCH_NODE)"),
        }
    }
}
