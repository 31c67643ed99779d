//! The pages for people and for programs that follow links: `GET /`, and folders as HTML. What real
//! clients do with them is tested in e2e/clients.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use testkit::Server;

/// What Firefox sends.
const BROWSER: &[(&str, &str)] = &[(
    "Accept",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
)];

fn links(page: &str) -> Vec<String> {
    page.split("href=\"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}

/// RFC 3986, section 5.2, as far as it takes: `address` is relative, and has neither a query nor an
/// authority.
fn resolved(base: &str, address: &str) -> String {
    let mut pieces: Vec<&str> = base.split('/').collect();
    pieces.pop();
    for piece in address.split_inclusive('/') {
        match piece {
            "./" => {}
            "../" => drop(pieces.pop()),
            _ => pieces.push(piece.trim_end_matches('/')),
        }
    }
    let slash = if address.ends_with('/') { "/" } else { "" };
    format!("{}{slash}", pieces.join("/"))
}

#[test]
fn each_link_leads_to_its_entry_from_each_address_of_the_folder() {
    let server = Server::start();
    let names = [
        "a.csv",
        "a b#?%&'\"<>:é",
        "wc",
        "sha256",
        "info",
        "tar",
        "mv",
        "http",
        "...",
    ];
    for folder in ["", "d/", "d/e/"] {
        for name in names {
            server.place(
                &format!("{folder}{name}"),
                format!("{folder}{name}").as_bytes(),
            );
        }
        server.place(&format!("{folder}sub/x"), b"1");
        server.place(&format!("{folder}wc-folder/wc/x"), b"1");
    }
    for (address, folder) in [
        ("/file/", ""),
        ("/file/%2F", ""),
        ("/file//", ""),
        ("/file/.//%2F", ""),
        ("/file/d", "d/"),
        ("/file/d/", "d/"),
        ("/file/%64//", "d/"),
        ("/file/d%2Fe", "d/e/"),
        ("/file/d/e/", "d/e/"),
        ("http://nas/file/d/e", "d/e/"),
    ] {
        let mut base = address.trim_start_matches("http://nas").to_owned();
        let mut page = server.request("GET", address, BROWSER, b"");
        if page.status == 302 {
            let location = page.header("Location").expect("it says where");
            base = resolved(&base, location);
            page = server.request("GET", &base, BROWSER, b"");
        }
        assert_eq!(page.status, 200, "{address}: {}", page.summary());
        assert_eq!(
            page.header("Content-Type"),
            Some("text/html; charset=utf-8")
        );
        let mut read = Vec::new();
        for link in links(&page.text()) {
            if link.ends_with('/') {
                continue;
            }
            let target = resolved(&base, &link);
            let file = server.get(&target);
            assert_eq!(file.status, 200, "{address}: {link}: {}", file.summary());
            read.push(file.text());
        }
        read.sort_unstable();
        let mut expected = names.map(|name| format!("{folder}{name}"));
        expected.sort_unstable();
        assert_eq!(read, expected, "{address}");
        let folders: Vec<String> = links(&page.text());
        let folders: Vec<&str> = folders
            .iter()
            .map(String::as_str)
            .filter(|link| link.ends_with('/'))
            .collect();
        let expected: &[&str] = match folder {
            "" => &["d/", "sub/", "wc-folder/"],
            "d/" => &["../", "e/", "sub/", "wc-folder/"],
            _ => &["../", "sub/", "wc-folder/"],
        };
        assert_eq!(folders, expected, "{address}");
    }
}

#[test]
fn only_who_names_html_gets_a_page() {
    let server = Server::start();
    server.place("d/a", b"1");
    for (accept, expected) in [
        ("text/html", "text/html; charset=utf-8"),
        ("text/html;q=0.1, */*", "text/plain; charset=utf-8"),
        ("text/html, */*;q=0.8", "text/html; charset=utf-8"),
        (
            "text/html, application/json;q=0.9",
            "text/html; charset=utf-8",
        ),
        ("*/*", "text/plain; charset=utf-8"),
        ("text/*", "text/plain; charset=utf-8"),
        ("text/html;q=0, */*", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("text/html, application/json", "application/json"),
    ] {
        for method in ["GET", "HEAD"] {
            let reply = server.request(method, "/file/d/", &[("Accept", accept)], b"");
            assert_eq!(reply.header("Content-Type"), Some(expected), "{accept:?}");
            assert_eq!(reply.header("Vary"), Some("Accept"), "{accept:?}");
        }
    }
    // A probe names no media type.
    for target in ["/file", "/file/"] {
        assert_eq!(server.get(target).text(), "OK");
    }
    assert_eq!(server.request("GET", "/file", BROWSER, b"").text(), "OK");
}

#[test]
fn a_page_runs_nothing_and_no_name_is_markup() {
    let server = Server::start();
    let folder = "<script>alert(1)<!--";
    let name = "<img src=x onerror=alert(1)>\"'&.csv";
    server.place(&format!("{folder}/{name}"), b"1");
    let bytes = server.storage().join(folder);
    fs::write(bytes.join(OsStr::from_bytes(b"\xff\n<b>")), b"1").expect("written");
    symlink("nowhere", bytes.join("link")).expect("linked");
    let target = "/file/%3Cscript%3Ealert(1)%3C!--/";
    let reply = server.request("GET", target, BROWSER, b"");
    let page = reply.text();
    for markup in ["<script", "<img", "<b>", "<!--", "onerror=alert(1)>\""] {
        assert!(!page.contains(markup), "{markup}: {page}");
    }
    assert_eq!(
        links(&page),
        [
            "../",
            "%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%22%27%26.csv",
            "link",
            "%FF%0A%3Cb%3E"
        ]
    );
    let policy = reply.header("Content-Security-Policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
}

#[test]
fn the_root_of_the_server_says_in_five_lines_what_this_is() {
    let server = Server::start();
    let reply = server.get("/");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("Content-Type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(reply.text().lines().count(), 5, "{}", reply.text());
    let page = server.request("GET", "/", BROWSER, b"");
    assert_eq!(
        page.header("Content-Type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(links(&page.text()), ["file/"]);
    let index = server.request("GET", &resolved("/", "file/"), BROWSER, b"");
    assert!(index.text().contains("<h1>/</h1>"), "{}", index.text());
    assert_eq!(server.request("POST", "/", &[], b"").status, 405);
}
