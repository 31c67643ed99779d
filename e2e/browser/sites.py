"""Two web sites of others, on two free ports of loopback, until it is killed.

Run as `sites.py`; it prints the two ports in one line. At `/redirect?ADDRESS` a site leads on to
that address, with method and body as they are; at `/reporting?ADDRESS` is a page that breaks its
own policy and has the browser report that to the address; any other page is empty.
"""

import http.server
import threading
import urllib.parse

EMPTY = b"<!doctype html><title>elsewhere</title>"
BREAKING = EMPTY + b"<img src='data:image/png,'>"


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, address = self.path.partition("?")
        address = urllib.parse.unquote(address)
        if path == "/redirect":
            self.send_response(307)
            self.send_header("Location", address)
            # As a careless site has it: its own replies may be read by any page.
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Access-Control-Allow-Credentials", "true")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = EMPTY
        self.send_response(200)
        if path == "/reporting":
            body = BREAKING
            self.send_header("Content-Security-Policy", f"img-src 'none'; report-uri {address}")
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """A browser that closes a page may not wait for its icon."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


sites = [Server(("127.0.0.1", 0), Site) for _ in range(2)]
print(*(site.server_address[1] for site in sites), flush=True)
threading.Thread(target=sites[0].serve_forever, daemon=True).start()
sites[1].serve_forever()
