//! The rows, in the order of the table.

use std::io;

use crate::cgroup;
use crate::engine::Turn;
use crate::idle;
use crate::kind::Kind;
use crate::outcome::Outcome;
use crate::scene::{Need, Place, Scene};
use crate::slow;
use crate::small;
use crate::start;
use crate::tools;
use crate::transfer;

/// Where the files lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// Without a disk, so that the processor is the limit.
    Memory,
    Disk,
}

/// How a server's turn is done.
pub enum Run {
    /// On a server that runs as long as the row does.
    Served(fn(&Turn<'_>) -> io::Result<Outcome>),
    /// Each turn starts a server of its own.
    Alone(fn(&Scene, &Place, Kind) -> io::Result<Outcome>),
}

/// One row of the table.
pub struct Row {
    pub name: &'static str,
    /// `SIZE` stands for the length of the large file, `NAMES` for the number of names.
    pub title: &'static str,
    pub folder: Folder,
    pub needs: &'static [Need],
    pub servers: fn(Kind) -> bool,
    pub most_rounds: usize,
    /// Whether it is measured in the rounds of the row before it, so that the two can be compared.
    pub joins: bool,
    pub run: Run,
}

const ALWAYS: usize = usize::MAX;

const fn served(
    name: &'static str,
    title: &'static str,
    run: fn(&Turn<'_>) -> io::Result<Outcome>,
) -> Row {
    Row {
        name,
        title,
        folder: Folder::Memory,
        needs: &[],
        servers: |kind| kind != Kind::Tokens,
        most_rounds: ALWAYS,
        joins: false,
        run: Run::Served(run),
    }
}

const fn alone(
    name: &'static str,
    title: &'static str,
    run: fn(&Scene, &Place, Kind) -> io::Result<Outcome>,
) -> Row {
    Row {
        name,
        title,
        folder: Folder::Memory,
        needs: &[],
        servers: |kind| kind != Kind::Tokens,
        most_rounds: ALWAYS,
        joins: false,
        run: Run::Alone(run),
    }
}

const fn needs(needs: &'static [Need], row: Row) -> Row {
    Row { needs, ..row }
}

const fn on_disk(row: Row) -> Row {
    Row {
        folder: Folder::Disk,
        ..row
    }
}

/// Memory hardly varies, and measuring it takes long.
const fn seldom(rounds: usize, row: Row) -> Row {
    Row {
        most_rounds: rounds,
        ..row
    }
}

const fn joined(row: Row) -> Row {
    Row { joins: true, ..row }
}

const fn only(servers: fn(Kind) -> bool, row: Row) -> Row {
    Row { servers, ..row }
}

/// With the server that has an access file, too.
const fn with_tokens(row: Row) -> Row {
    only(|_| true, row)
}

pub const ROWS: &[Row] = &[
    needs(&[Need::Big], served("get", "GET SIZE", transfer::get)),
    needs(
        &[Need::Parts],
        served("get-8", "8 GETs at once, SIZE in all", transfer::get_8),
    ),
    served("put", "upload SIZE, length declared", transfer::put),
    joined(only(
        |kind| matches!(kind, Kind::HttpNas | Kind::Bare),
        served(
            "put-splice",
            "the same beside a bare loop of splice",
            transfer::put_spliced,
        ),
    )),
    joined(served(
        "put-64k",
        "upload SIZE in chunks of 64 KiB",
        transfer::put_chunks_64k,
    )),
    joined(served(
        "put-1k",
        "upload SIZE in chunks of 1 KiB",
        transfer::put_chunks_1k,
    )),
    served("put-8", "8 uploads at once, SIZE in all", transfer::put_8),
    on_disk(needs(
        &[Need::Big],
        served(
            "get-disk",
            "GET SIZE from the disk, not cached",
            transfer::get_cold,
        ),
    )),
    on_disk(served(
        "put-disk",
        "upload SIZE until it is on the disk",
        transfer::put_synced,
    )),
    with_tokens(served(
        "get-4k",
        "GET 4 KiB, 64 connections kept",
        small::get,
    )),
    joined(served(
        "get-4k-warm",
        "the same, right behind 500 uploads at once",
        small::get_warm,
    )),
    served(
        "get-4k-new",
        "GET 4 KiB, a new connection each, 64 at once",
        small::get_new,
    ),
    with_tokens(served(
        "post-4k",
        "upload 4 KiB, 64 connections kept",
        small::post,
    )),
    served(
        "post-4k-new",
        "upload 4 KiB, a new connection each, 64 at once",
        small::post_new,
    ),
    served(
        "refused-4k",
        "a refused upload of 4 KiB, a new connection each, 64 at once",
        small::refused,
    ),
    with_tokens(served(
        "append-1k",
        "append 1 KiB, 16 connections kept, one file",
        small::append,
    )),
    served(
        "latency",
        "4 KiB and 100 KB down, 4 KiB up, one by one",
        small::one_by_one,
    ),
    needs(
        &[Need::Big],
        served("wc", "count the lines of SIZE", tools::count_lines),
    ),
    needs(
        &[Need::Big],
        served("sha256", "SHA-256 of SIZE", tools::digest),
    ),
    needs(
        &[Need::Big],
        served("cp", "copy SIZE on the server", tools::copy),
    ),
    needs(
        &[Need::Parts],
        served("tar", "tar of SIZE in 8 files", tools::archive),
    ),
    needs(
        &[Need::Names],
        served("list", "list NAMES names", tools::list),
    ),
    alone("start", "start to the first 200", start::start),
    seldom(2, alone("idle", "memory at rest", slow::idle)),
    seldom(
        2,
        alone("idle-many", "IDLE connections that wait", idle::many),
    ),
    seldom(
        2,
        alone("slow-up", "memory at 500 slow uploads", slow::uploads),
    ),
    seldom(
        2,
        needs(
            &[Need::Big],
            alone("slow-down", "memory at 500 slow downloads", slow::downloads),
        ),
    ),
    on_disk(seldom(
        1,
        only(
            |kind| matches!(kind, Kind::HttpNas),
            alone(
                "16-mib",
                "HUGE up and down in a control group of 16 MiB",
                cgroup::transfers,
            ),
        ),
    )),
];
