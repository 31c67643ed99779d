//! Answers every request with the same file, for measurements: `reply ADDRESS THREADS FILE`. The
//! body of a PUT goes into a file without a name in the folder of that one.

use std::fs::File;
use std::sync::Arc;

use tiny_http::{
    Config, ConfigListenAddr, Content, Method, Pipe, Reply, Request, Response, Server, StatusCode,
};

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, threads, file] = &arguments[..] else {
        return Err("usage: reply ADDRESS THREADS FILE".into());
    };
    let listener = ConfigListenAddr::from_socket_addrs(address)?.bind()?;
    let config = Config {
        pipelined_requests: 1,
        ..Config::default()
    };
    let server = Arc::new(Server::with_config(vec![listener], config)?);
    let threads = (0..threads.parse::<usize>()?).map(|_| {
        let (server, file) = (Arc::clone(&server), file.clone());
        std::thread::spawn(move || serve(&server, &file))
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
    Ok(())
}

fn serve(server: &Server, path: &str) {
    for mut request in server.incoming_requests() {
        if *request.method() == Method::Put {
            store(request, path);
            continue;
        }
        let Ok(file) = File::open(path) else { continue };
        let length = file.metadata().map_or(0, |about| about.len());
        let reply = Reply {
            status: StatusCode(200),
            fields: &[("Content-Type", "application/octet-stream")],
            content: Content::File(&file, 0..length),
            closes: false,
        };
        // An error means that the client has gone.
        let _ = request.send(reply, &());
    }
}

fn store(mut request: Request, path: &str) {
    let target = format!("{path}.{}", request.connection_id());
    let stored = File::create(&target).and_then(|file| {
        std::fs::remove_file(&target)?;
        let mut pipe = Pipe::new()?;
        while request.fill(&mut pipe)? > 0 {
            pipe.empty_into(&file)?;
        }
        Ok(())
    });
    let status = if stored.is_ok() { 204 } else { 500 };
    // An error means that the client has gone.
    let _ = request.respond(Response::empty(status));
}
