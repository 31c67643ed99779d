//! SHA-256 by another program than the one under test, and the base64 in which RFC 9530 carries it.

use std::io::Write;
use std::process::{Command, Stdio};

/// The SHA-256 of `content` in hex, by coreutils' sha256sum.
pub fn sha256_hex(content: &[u8]) -> String {
    let mut child = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum starts");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    input.write_all(content).expect("sha256sum reads");
    drop(input);
    let output = child.wait_with_output().expect("sha256sum ends");
    let text = String::from_utf8(output.stdout).expect("hex digits");
    text[..64].to_string()
}

/// `sha-256=:BASE64:`, the member of a digest field that says what `content` is.
pub fn member(content: &[u8]) -> String {
    format!("sha-256=:{}:", sha256_base64(content))
}

pub fn sha256_base64(content: &[u8]) -> String {
    let hex = sha256_hex(content);
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    base64(&(0..64).step_by(2).map(digit).collect::<Vec<u8>>())
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part
            .iter()
            .fold(0, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - part.len()));
        for place in 0..4 {
            let symbol = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= part.len() {
                symbol.into()
            } else {
                '='
            });
        }
    }
    text
}

/// The examples that RFC 4648, section 10, and RFC 9530, appendix B, give.
#[test]
fn the_helpers_give_what_the_rfcs_print() {
    for (text, wanted) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(text.as_bytes()), wanted, "{text}");
    }
    let wanted = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    assert_eq!(member(b"{\"hello\": \"world\"}\n"), wanted);
}
