//! nginx as a file server, for comparison: its configuration, its start and its end.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::child::{Child, signal};
use crate::proc;

/// Where Debian's package puts it.
pub const PROGRAM: &str = "/usr/sbin/nginx";

/// What differs between one use and another.
#[derive(Debug)]
pub struct Settings<'s> {
    /// For its own files.
    pub folder: &'s Path,
    /// What is served.
    pub root: &'s Path,
    /// For bodies that are being received, on the file system of the root, so that a rename puts
    /// them there.
    pub bodies: &'s Path,
    pub address: SocketAddr,
    /// Room for this many connections in each worker: one of them may come to have all.
    pub connections: usize,
    /// Workers run as the user who starts it, root or not.
    pub as_root: bool,
    /// More directives for the server.
    pub more: &'s str,
}

impl Settings<'_> {
    /// Writes the configuration; the words of the command that starts nginx with it.
    pub fn command(&self) -> io::Result<Vec<String>> {
        let text = |path: &Path| path.display().to_string();
        let configuration = self.folder.join("nginx.conf");
        fs::write(&configuration, self.configuration())?;
        let words = [
            PROGRAM.to_owned(),
            "-c".to_owned(),
            text(&configuration),
            "-p".to_owned(),
            text(self.folder),
            "-e".to_owned(),
            text(&self.folder.join("error.log")),
        ];
        Ok(words.to_vec())
    }

    fn configuration(&self) -> String {
        let Self {
            address,
            connections,
            more,
            ..
        } = self;
        let (folder, root) = (self.folder.display(), self.root.display());
        let bodies = self.bodies.display();
        let user = if self.as_root { "user root;\n" } else { "" };
        format!(
            "{user}daemon off;\nworker_processes auto;\npid {folder}/nginx.pid;\n\
             events {{ worker_connections {connections}; }}\n\
             http {{\n\
             sendfile on; tcp_nopush on;\n\
             access_log {folder}/access.log;\n\
             client_max_body_size 0; client_body_temp_path {bodies} 1;\n\
             proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
             uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
             server {{\n\
             listen {address} backlog=4096;\n\
             root {root};\n{more}\n\
             location / {{ autoindex on; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }}\n\
             }}\n}}\n"
        )
    }
}

/// Asks it to end, so that its workers end with it, and kills what is left at the limit.
pub fn end(nginx: &mut Child, limit: Duration) {
    let workers = proc::children(nginx.id());
    if nginx.is_alive() {
        let _ = nginx.signal("TERM");
        nginx.wait_within(limit);
    }
    for worker in workers {
        // The number may be another process's by now.
        let line = fs::read(format!("/proc/{worker}/cmdline")).unwrap_or_default();
        if line.starts_with(b"nginx: worker") {
            let _ = signal(worker, "KILL");
        }
    }
}
