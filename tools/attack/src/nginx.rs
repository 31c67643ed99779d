//! nginx as a file server: its configuration.

use std::net::SocketAddr;
use std::path::Path;

/// A file server as like http-nas as nginx can be.
pub fn configuration(
    folder: &Path,
    address: SocketAddr,
    as_root: bool,
    flags: &[(&str, &str)],
) -> String {
    let folder = folder.display();
    let user = if as_root { "user root;\n" } else { "" };
    let value = |flag: &str| flags.iter().find(|(name, _)| *name == flag);
    let idle = value("--idle-timeout")
        .map(|(_, value)| format!("client_body_timeout {value}; send_timeout {value};"));
    let idle = idle.unwrap_or_default();
    // For each worker: one of them may come to have all.
    let connections = value("--max-connections").map_or("4096", |(_, value)| value);
    format!(
        "{user}daemon off;\nworker_processes 2;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections {connections}; }}\n\
         http {{\n\
         access_log {folder}/access.log;\n{idle}\n\
         client_max_body_size 0; client_body_temp_path {folder}/tmp 1;\n\
         proxy_temp_path {folder}/tmp-proxy; fastcgi_temp_path {folder}/tmp-fastcgi;\n\
         uwsgi_temp_path {folder}/tmp-uwsgi; scgi_temp_path {folder}/tmp-scgi;\n\
         server {{\nlisten {address} backlog=4096;\nroot {folder}/www;\n\
         location = /file {{ return 200 OK; }}\n\
         location / {{ dav_methods PUT DELETE MOVE; create_full_put_path on; }}\n}}\n}}\n"
    )
}
