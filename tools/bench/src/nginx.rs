//! nginx as a file server, as people would configure it.

use std::net::SocketAddr;
use std::path::Path;

/// `folder` is for its own files, `storage` is served, and bodies on their way lie in `bodies`, on the same file system
/// as the storage, so that a rename puts them there. So many connections have room in each worker.
pub fn configuration(
    folder: &Path,
    storage: &Path,
    bodies: &Path,
    address: SocketAddr,
    as_root: bool,
    connections: usize,
) -> String {
    let (folder, storage, bodies) = (folder.display(), storage.display(), bodies.display());
    let user = if as_root { "user root;\n" } else { "" };
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
         root {storage};\n\
         location / {{ autoindex on; dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }}\n\
         }}\n}}\n"
    )
}
