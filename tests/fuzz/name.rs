//! Names against a plain model of the contract's rules, and routing for all that holds a name.

use http_nas::internals::{Name, NameFault, RouteFault, route};

/// Whether the input is a name. Bytes that no text has are replaced first: a request target is
/// ASCII, the new name of a rename any text.
pub fn check(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let parsed = Name::parse(&text);
    match (&parsed, model(&text)) {
        (Ok(name), Ok(components)) => check_name(name, &components),
        // A text may have several faults, and any of them may be told.
        (Err(fault), Err(faults)) if faults.contains(fault) => {}
        (parsed, expected) => panic!("{parsed:?}, expected {expected:?}"),
    }
    check_routes(&text, &parsed);
    parsed.is_ok()
}

/// The components of a name as bytes, or all that is wrong with it.
fn model(text: &str) -> Result<Vec<Vec<u8>>, Vec<NameFault>> {
    let decoded = percent_decoded(text).ok_or([NameFault::Encoding])?;
    let characters = code_points(&decoded).ok_or([NameFault::NotUtf8])?;
    let components: Vec<Vec<u8>> = decoded
        .split(|&byte| byte == b'/')
        .filter(|component| !component.is_empty() && component != b".")
        .map(<[u8]>::to_vec)
        .collect();
    let control = |c: &u32| matches!(c, 0..=0x1f | 0x7f..=0x9f);
    let faults: Vec<NameFault> = [
        (characters.iter().any(control), NameFault::Control),
        (components.iter().any(|p| p == b".."), NameFault::Parent),
        (
            components.iter().any(|p| p.len() > 255),
            NameFault::ComponentTooLong,
        ),
        (components.join(&b'/').len() > 4096, NameFault::TooLong),
    ]
    .into_iter()
    .filter_map(|(applies, fault)| applies.then_some(fault))
    .collect();
    if faults.is_empty() {
        Ok(components)
    } else {
        Err(faults)
    }
}

/// What stands between the `%` is split off them, two digits at a time.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        let place = b"0123456789abcdef"
            .iter()
            .position(|d| *d == byte.to_ascii_lowercase());
        place.and_then(|place| u8::try_from(place).ok())
    };
    let mut runs = text.as_bytes().split(|&byte| byte == b'%');
    let mut decoded = runs.next()?.to_vec();
    for run in runs {
        decoded.push(digit(run.first()?)? * 16 + digit(run.get(1)?)?);
        decoded.extend_from_slice(&run[2..]);
    }
    Some(decoded)
}

/// The characters of UTF-8 as numbers (RFC 3629, section 3); none where it is not that.
fn code_points(mut bytes: &[u8]) -> Option<Vec<u32>> {
    let mut points = Vec::new();
    while let Some(&first) = bytes.first() {
        let (length, least, bits) = match first {
            0..=0x7f => (1, 0, first),
            0xc0..=0xdf => (2, 0x80, first - 0xc0),
            0xe0..=0xef => (3, 0x800, first - 0xe0),
            0xf0..=0xf7 => (4, 0x1_0000, first - 0xf0),
            _ => return None,
        };
        let mut point = u32::from(bits);
        for &byte in bytes.get(1..length)? {
            let bits = byte.checked_sub(0x80).filter(|bits| *bits < 0x40)?;
            point = point * 0x40 + u32::from(bits);
        }
        if point < least || point > 0x10_ffff || (0xd800..0xe000).contains(&point) {
            return None;
        }
        points.push(point);
        bytes = &bytes[length..];
    }
    Some(points)
}

fn check_name(name: &Name, expected: &[Vec<u8>]) {
    let components: Vec<&[u8]> = name.components().iter().map(String::as_bytes).collect();
    assert_eq!(components, expected, "the components of {name}");
    assert_eq!(name.is_root(), expected.is_empty(), "{name} as the root");
    let printed = name.to_string();
    for encoded in [
        encoded(&printed, |_| true),
        encoded(&printed, |byte| byte == b'%'),
    ] {
        assert_eq!(Name::parse(&encoded).as_ref(), Ok(name), "{encoded}");
    }
}

/// Percent-encodes the ASCII characters for which it is wanted, and all others.
fn encoded(text: &str, wanted: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii() && !wanted(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    encoded
}

/// No target panics, no operation has a name that is none, and DELETE takes each name as it is,
/// unless it ends in an action.
fn check_routes(text: &str, parsed: &Result<Name, NameFault>) {
    for method in ["GET", "POST", "PUT", "DELETE", text] {
        for (start, end) in [
            ("", ""),
            ("/", ""),
            ("/file", ""),
            ("/file/", ""),
            ("/file/", "/wc"),
            ("/file/", "/mv"),
            ("/file/", "%2F"),
            ("http:", ""),
            ("http://h/file/", ""),
            ("HTTPS://", "/file/a"),
        ] {
            let operation = route(method, &format!("{start}{text}{end}"));
            if let Some(name) = operation.as_ref().ok().and_then(|o| o.name()) {
                let again = model(&encoded(&name.to_string(), |_| true));
                check_name(name, &again.unwrap_or_else(|e| panic!("{name}: {e:?}")));
            }
        }
    }
    if !text.is_empty() && !text.contains(['?', '#']) {
        let operation = route("DELETE", &format!("/file/{text}"));
        let mut components: Vec<&str> = text.split('/').collect();
        let last = components.pop().unwrap_or_default();
        let is_action = ["wc", "sha256", "info", "tar", "mv", "cp", "claim", "untar"]
            .contains(&last)
            && components
                .iter()
                .any(|component| !["", "."].contains(component));
        if is_action {
            let refused =
                matches!(&operation, Err(RouteFault::Action(action)) if action.word == last);
            assert!(refused, "{operation:?}");
        } else {
            let routed = operation.map(|o| o.name().cloned());
            let expected = parsed.clone().map(Some).map_err(RouteFault::Name);
            assert_eq!(routed, expected, "DELETE");
        }
    }
}
