//! Where the content of a file comes from, as a value: who wrote it last, and by which request.
//!
//! Responsible for: the form in which it is kept with the file. Not for: keeping it (see `mark`).
//!
//! The form is binary and as short as can be: ext4 keeps attributes of up to 64 bytes in a usual
//! inode of 256 bytes. One byte more takes a block of its own: 4 KiB for each file, twice the time
//! of a small POST, and many times that of its removal.
//!
//! | bytes | hold |
//! | --- | --- |
//! | 1 | the version of the form, 1 |
//! | 8 | the modification time of the content, in nanoseconds since 1970, little-endian |
//! | 1 to 10 | the length of the content, seven bits a byte, the lowest first (LEB128) |
//! | 2 and more, for each part that is known | its tag, the number of its bytes, and these |
//!
//! Length and time say which content it is about: if another program has changed the file, or an
//! append was killed, they are not those of the file, and where its content comes from is unknown.
//!
//! It is read from a disk that others can write to. What this module would not write is nothing.

use std::net::IpAddr;

use super::version::Version;
use crate::time::Timestamp;

/// The longest form, in bytes.
pub(super) const MAX_FORM: usize = 256;

/// The version of the form.
const FORM: u8 = 1;

/// The longest text of a part, in bytes.
const MAX_TEXT: usize = 64;

/// The tags of the parts, which are in this order.
mod tag {
    /// The client: the bytes of an address of IPv4 or IPv6.
    pub(super) const ADDRESS: u8 = b'a';
    /// The client: any other text.
    pub(super) const CLIENT: u8 = b'c';
    /// The id of the request.
    pub(super) const REQUEST: u8 = b'i';
    /// The name of the token.
    pub(super) const BY: u8 = b'n';
    /// The digest of the content.
    pub(super) const SHA256: u8 = b's';
    /// When the content was written, if that is not its modification time: in nanoseconds,
    /// little-endian.
    pub(super) const AT: u8 = b't';
}

/// Where the content of a file comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// The address of the client, or `unix`; it is not kept if it is no single word.
    pub client: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The name of the token with which the client has shown who it is.
    pub by: Option<String>,
    /// The SHA-256 digest of the content, where it has been computed.
    pub sha256: Option<[u8; 32]>,
}

/// What is kept with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) provenance: Provenance,
    /// The length of the content in bytes.
    pub(super) length: u64,
    /// The modification time of the content.
    pub(super) modified: Timestamp,
    /// When it was written. It had this modification time then, but a rename has changed that.
    pub(super) at: Timestamp,
}

impl Record {
    /// Whether it is about this version of its file. A file system or an archive may have rounded
    /// the time down, to 100 nanoseconds or a power of a thousand of them.
    pub(super) fn is_of(&self, version: &Version) -> bool {
        let (kept, found) = (self.modified.nanoseconds(), version.modified.nanoseconds());
        let is_rounded = |unit| found == kept - kept.rem_euclid(unit);
        self.length == version.length
            && [1, 100, 1_000, 1_000_000, 1_000_000_000]
                .into_iter()
                .any(is_rounded)
    }

    /// The form in which it is kept; `None` for a time that the form does not have.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut form = vec![FORM];
        form.extend(nanoseconds(self.modified)?.to_le_bytes());
        push_number(&mut form, self.length);
        let Provenance {
            client,
            request_id,
            by,
            sha256,
        } = &self.provenance;
        let mut push = |tag, value: &[u8]| {
            if let Ok(length) = u8::try_from(value.len()) {
                form.extend([tag, length]);
                form.extend(value);
            }
        };
        match client.as_deref().map(|client| (client, client.parse())) {
            Some((_, Ok(IpAddr::V4(address)))) => push(tag::ADDRESS, &address.octets()),
            Some((_, Ok(IpAddr::V6(address)))) => push(tag::ADDRESS, &address.octets()),
            Some((client, Err(_))) if is_word(client) => push(tag::CLIENT, client.as_bytes()),
            Some(_) | None => {}
        }
        if let Some(id) = request_id.as_deref().filter(|id| is_word(id)) {
            push(tag::REQUEST, id.as_bytes());
        }
        if let Some(by) = by.as_deref().filter(|by| is_token_name(by)) {
            push(tag::BY, by.as_bytes());
        }
        if let Some(sha256) = sha256 {
            push(tag::SHA256, sha256);
        }
        if self.at != self.modified {
            push(tag::AT, &nanoseconds(self.at)?.to_le_bytes());
        }
        Some(form)
    }

    /// Reads a form; `None` for one that [`Record::to_bytes`] does not make.
    pub(super) fn parse(form: &[u8]) -> Option<Self> {
        let record = Self::parse_parts(form)?;
        // So each part is there once, in its place, and in the only way in which it is written.
        (record.to_bytes()? == form).then_some(record)
    }

    fn parse_parts(form: &[u8]) -> Option<Self> {
        let rest = form.strip_prefix(&[FORM])?;
        let (modified, rest) = rest.split_first_chunk()?;
        let modified = timestamp(*modified)?;
        let (length, mut rest) = split_number(rest)?;
        let mut record = Self {
            provenance: Provenance::default(),
            length,
            modified,
            at: modified,
        };
        let of = &mut record.provenance;
        while let [tag, length, parts @ ..] = rest {
            let (value, next) = parts.split_at_checked(usize::from(*length))?;
            rest = next;
            match *tag {
                tag::ADDRESS => of.client = Some(address(value)?.to_string()),
                tag::CLIENT => of.client = Some(text(value)?),
                tag::REQUEST => of.request_id = Some(text(value)?),
                tag::BY => of.by = Some(text(value)?),
                tag::SHA256 => of.sha256 = Some(value.try_into().ok()?),
                tag::AT => record.at = timestamp(value.try_into().ok()?)?,
                _ => return None,
            }
        }
        rest.is_empty().then_some(record)
    }
}

fn nanoseconds(time: Timestamp) -> Option<u64> {
    u64::try_from(time.nanoseconds()).ok()
}

fn timestamp(bytes: [u8; 8]) -> Option<Timestamp> {
    let nanoseconds = u64::from_le_bytes(bytes);
    let seconds = i64::try_from(nanoseconds / 1_000_000_000).ok()?;
    Some(Timestamp::new(seconds, nanoseconds % 1_000_000_000))
}

fn push_number(form: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        form.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    form.push(number as u8);
}

fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (number, rest) = bytes.split_at_checked(end + 1)?;
    let mut value: u64 = 0;
    for byte in number.iter().rev() {
        value = value.checked_mul(0x80)? | u64::from(byte & 0x7f);
    }
    Some((value, rest))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match *bytes {
        [a, b, c, d] => Some([a, b, c, d].into()),
        _ => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(bytes).ok()?.to_owned())
}

/// Whether it is one word of visible ASCII, not too long.
fn is_word(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_token_name(text: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_353_613_123_456_789;

    fn at(nanoseconds: u64) -> Timestamp {
        timestamp(nanoseconds.to_le_bytes()).unwrap_or_default()
    }

    fn record(client: &str, request_id: &str, by: &str) -> Record {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Record {
            provenance: Provenance {
                client: part(client),
                request_id: part(request_id),
                by: part(by),
                sha256: None,
            },
            length: 3893,
            modified: at(NOW),
            at: at(NOW),
        }
    }

    fn with_digest(record: Record) -> Record {
        let sha256 = Some([0xab; 32]);
        Record {
            provenance: Provenance {
                sha256,
                ..record.provenance
            },
            ..record
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let word = "x".repeat(MAX_TEXT);
        let plain = record("10.0.3.7", "5f3a9c01-17", "loader");
        for kept in [
            record("", "", ""),
            plain.clone(),
            record("2001:db8::1", "5f3a9c01-17", ""),
            record("unix", "5f3a9c01-17", "a.b_c-D9"),
            record("_hidden", "", "x"),
            record(&word, &word, &word),
            with_digest(record(&word, &word, &word)),
            Record {
                at: at(NOW - 86_400_000_000_000),
                ..with_digest(record(&word, &word, &word))
            },
            Record {
                length: 0,
                ..plain.clone()
            },
            Record {
                length: u64::MAX,
                modified: at(u64::MAX),
                at: at(0),
                ..plain.clone()
            },
        ] {
            let form = kept.to_bytes().unwrap_or_default();
            assert!(form.len() <= MAX_FORM, "{} bytes", form.len());
            assert_eq!(Record::parse(&form), Some(kept));
        }
    }

    // What is longer takes a block of its own on ext4.
    #[test]
    fn what_is_common_fits_into_an_inode() {
        const IN_INODE: usize = 64;
        for (client, by, length) in [
            ("192.168.100.200", "", 1 << 40),
            ("192.168.100.200", "nightly-loader-staging", 1 << 40),
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "", 1 << 40),
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "airflow-5", 1 << 30),
        ] {
            let record = Record {
                length,
                ..record(client, "5f3a9c01-10000000", by)
            };
            let form = record.to_bytes().unwrap_or_default();
            assert!(form.len() <= IN_INODE, "{client} {by}: {}", form.len());
        }
    }

    #[test]
    fn what_a_part_may_not_hold_is_not_kept() {
        let long = "x".repeat(MAX_TEXT + 1);
        for text in ["two words", "\u{e9}", "a\nb", "a\0", long.as_str()] {
            let kept = record(text, text, text).to_bytes();
            assert_eq!(kept, record("", "", "").to_bytes(), "{text:?}");
        }
        let kept = record("", "", "a/b").to_bytes();
        assert_eq!(kept, record("", "", "").to_bytes());
    }

    #[test]
    fn a_time_before_1970_is_not_kept() {
        let early = Record {
            modified: Timestamp::new(-1, 0),
            ..record("unix", "1-1", "")
        };
        assert_eq!(early.to_bytes(), None);
    }

    #[test]
    fn what_is_not_of_this_form_is_nothing() {
        let time = NOW.to_le_bytes();
        let form = |parts: &[&[u8]]| [&[FORM][..], &time, &parts.concat()].concat();
        assert!(Record::parse(&form(&[b"\x05", b"i\x01x"])).is_some());
        for (what, bytes) in [
            ("nothing", Vec::new()),
            ("text", b"written by root".to_vec()),
            ("another version", [&[2][..], &time, b"\x05"].concat()),
            ("no time", vec![FORM]),
            ("a part of a time", vec![FORM, 1, 2, 3]),
            ("no length", form(&[])),
            ("a length without its end", form(&[b"\x85"])),
            ("a length in more bytes than it takes", form(&[b"\x85\x00"])),
            ("a length above 64 bits", form(&[&[0xff; 9], b"\x02"])),
            ("a long length", form(&[&[0xff; 200]])),
            ("a tag alone", form(&[b"\x05", b"i"])),
            ("a part that is cut", form(&[b"\x05", b"i\x09short"])),
            ("an empty part", form(&[b"\x05", b"i\x00"])),
            ("an unknown part", form(&[b"\x05", b"z\x01x"])),
            ("a part twice", form(&[b"\x05", b"i\x01xi\x01x"])),
            ("parts in another order", form(&[b"\x05", b"n\x01xi\x01x"])),
            (
                "two clients",
                form(&[b"\x05", b"a\x04\x0a\x00\x00\x01c\x04unix"]),
            ),
            (
                "an address of five bytes",
                form(&[b"\x05", b"a\x05\x0a\x00\x00\x01\x01"]),
            ),
            ("an address as text", form(&[b"\x05", b"c\x0810.0.0.1"])),
            ("a space", form(&[b"\x05", b"i\x03a b"])),
            ("a control character", form(&[b"\x05", b"c\x03a\nb"])),
            ("a NUL", form(&[b"\x05", b"c\x01\0"])),
            ("not UTF-8", form(&[b"\x05", b"i\x01\xff"])),
            (
                "a quotation mark in a token's name",
                form(&[b"\x05", b"n\x01\""]),
            ),
            ("a digest that is cut", form(&[b"\x05", b"s\x02ab"])),
            ("a time of seven bytes", form(&[b"\x05", b"t\x071234567"])),
            (
                "a time that says nothing",
                form(&[b"\x05", b"t\x08", &time]),
            ),
            ("more behind it", form(&[b"\x05", b"i\x01x", b"\n"])),
        ] {
            assert_eq!(Record::parse(&bytes), None, "{what}");
        }
    }

    // Each form that is read is one that is written, whatever has become of it.
    #[test]
    fn a_form_that_is_damaged_is_nothing_or_another_form() {
        let whole = with_digest(record("10.0.3.7", "5f3a9c01-17", "loader"));
        let whole = whole.to_bytes().unwrap_or_default();
        for at in 0..whole.len() {
            let cut = &whole[..at];
            let read = Record::parse(cut);
            assert_eq!(
                read.and_then(|it| it.to_bytes()).as_deref().unwrap_or(cut),
                cut
            );
            for byte in 0..=u8::MAX {
                let mut changed = whole.clone();
                changed[at] = byte;
                let read = Record::parse(&changed).and_then(|it| it.to_bytes());
                assert!(read.is_none_or(|form| form == changed), "{at}: {byte}");
            }
        }
    }

    #[test]
    fn it_is_about_one_content() {
        let record = record("unix", "1-1", "");
        for (length, modified, expected) in [
            (3893, NOW, true),
            // As file systems and archives keep it.
            (3893, NOW / 100 * 100, true),
            (3893, NOW / 1_000 * 1_000, true),
            (3893, NOW / 1_000_000 * 1_000_000, true),
            (3893, NOW / 1_000_000_000 * 1_000_000_000, true),
            (3892, NOW, false),
            (3894, NOW, false),
            (3893, NOW + 1, false),
            (3893, NOW - 1, false),
            (3893, NOW / 1_000_000_000 * 1_000_000_000 + 1, false),
            (3893, (NOW / 1_000_000_000 - 1) * 1_000_000_000, false),
            (3893, (NOW / 1_000_000_000 + 1) * 1_000_000_000, false),
            (3893, 0, false),
        ] {
            let version = Version {
                inode: 1,
                length,
                modified: at(modified),
                changed: at(NOW + 5),
            };
            assert_eq!(record.is_of(&version), expected, "{length} {modified}");
        }
    }
}
