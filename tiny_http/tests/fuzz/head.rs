//! The check of a request head, against a plain model of RFC 9112; and what is found in a head that
//! has passed it.

use tiny_http::fuzzing::{end_of_head, parse_head};
use tiny_http::{Framing, Head, HeadFault as Fault};

/// Above this length only some of the places are tried as cuts.
const MOST_CUTS: usize = 256;

/// Whether the input's first head is accepted. An input without an end of a head gets one.
pub fn check(input: &[u8]) -> bool {
    check_ends(input);
    let mut whole = input.to_vec();
    whole.extend_from_slice(b"\r\n\r\n");
    let Ok(Some(end)) = end_of_head(&whole, 0) else {
        // A line that ends with LF alone.
        return false;
    };
    check_ends(&whole);
    let head = latin1(&whole[..end]);
    match (parse_head(&whole[..end]), model(&head)) {
        (Ok(found), Ok(expected)) => {
            let told = (found.framing, found.persistent, found.expects_continue);
            assert_eq!(told, expected);
            check_words(&head, &found);
            true
        }
        // A head may have several faults, and any of them may be reported.
        (Err(fault), Err(faults)) if faults.contains(&fault) => false,
        (found, expected) => panic!("{found:?}, expected {expected:?}"),
    }
}

/// The end is found from any earlier division, and never before it has come, unless a bare LF
/// precedes it.
fn check_ends(input: &[u8]) {
    let text = latin1(input);
    let end = text
        .split_once("\r\n\r\n")
        .map(|(head, _)| 4 + head.chars().count());
    let before = &input[..end.unwrap_or(input.len())];
    let bare =
        (0..before.len()).find(|at| before[*at] == b'\n' && (*at == 0 || before[*at - 1] != b'\r'));
    let expected = |cut: usize| match bare {
        Some(bare) if bare < cut => Err(Fault::BareLf),
        _ => Ok(end.filter(|end| *end <= cut)),
    };
    let mut searched = 0;
    for cut in (0..=input.len()).step_by(1 + input.len() / MOST_CUTS) {
        // As a connection does it: each search goes on where the last one came to.
        let found = end_of_head(&input[..cut], searched);
        assert_eq!(found, expected(cut), "cut at {cut}");
        if found != Ok(None) {
            return;
        }
        assert_eq!(end_of_head(input, cut), expected(input.len()), "from {cut}");
        searched = cut;
    }
}

/// Each byte as the character of its number, so that a head is text.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

type Verdict = (Framing, bool, bool);

/// Framing, persistence and whether 100 Continue is waited for; or all that is wrong with the head.
fn model(head: &str) -> Result<Verdict, Vec<Fault>> {
    let lines: Vec<&str> = head.split("\r\n").collect();
    let [request_line, fields @ .., "", ""] = lines.as_slice() else {
        // An empty line in place of the request line.
        return Err(vec![Fault::RequestLine]);
    };
    let mut faults = Vec::new();
    if request_line.contains('#') {
        faults.push(Fault::Fragment);
    }
    let version = match request_line.split(' ').collect::<Vec<_>>()[..] {
        [method, target, version]
            if is_token(method)
                && !target.is_empty()
                && target.chars().all(|c| ('!'..='~').contains(&c)) =>
        {
            let start = target.to_lowercase();
            let absolute = ["http://", "https://"]
                .into_iter()
                .find(|s| start.starts_with(s));
            if let Some(scheme) = absolute
                && !is_host(
                    target[scheme.len()..]
                        .split(['/', '?'])
                        .next()
                        .unwrap_or_default(),
                )
            {
                faults.push(Fault::Host);
            }
            version
        }
        _ => "",
    };
    let mask: String = version
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    match (version, mask.as_str()) {
        ("HTTP/1.1" | "HTTP/1.0", _) => {}
        (_, "HTTP/9.9") => faults.push(Fault::Version),
        _ => faults.push(Fault::RequestLine),
    }
    let mut pairs = Vec::new();
    for line in fields {
        match line.split_once(':') {
            Some((name, value)) if is_token(name) => {
                if value.contains(|c| c < ' ' && c != '\t' || c == '\x7f') {
                    faults.push(Fault::HeaderValue);
                }
                pairs.push((name.to_lowercase(), value.trim_matches([' ', '\t'])));
            }
            _ => faults.push(Fault::HeaderLine),
        }
    }
    judge(version == "HTTP/1.1", &pairs, faults)
}

/// The verdict on fields with their names in small letters.
fn judge(
    is_11: bool,
    pairs: &[(String, &str)],
    mut faults: Vec<Fault>,
) -> Result<Verdict, Vec<Fault>> {
    let values = |wanted: &str| -> Vec<&str> {
        let of_name = pairs.iter().filter(|(name, _)| name == wanted);
        of_name.map(|(_, value)| *value).collect()
    };
    let hosts = values("host");
    let is_strange = hosts.iter().any(|host| !host.is_empty() && !is_host(host));
    if hosts.len() > 1 || is_strange {
        faults.push(Fault::Host);
    }
    let lengths = values("content-length");
    match lengths[..] {
        [] => {}
        [length] if is_below(length, "18446744073709551616") => {}
        _ => faults.push(Fault::ContentLength),
    }
    let codings = values("transfer-encoding");
    let is_plain =
        codings.len() == 1 && codings[0].to_lowercase() == "chunked" && lengths.is_empty() && is_11;
    if !codings.is_empty() && !is_plain {
        faults.push(Fault::TransferEncoding);
    }
    let expectations = values("expect");
    if expectations
        .iter()
        .any(|e| e.to_lowercase() != "100-continue")
    {
        faults.push(Fault::Expectation);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let framing = match lengths[..] {
        _ if is_plain => Framing::Chunked,
        [length] => length_of(length),
        _ => Framing::Empty,
    };
    let options = values("connection").join(",").to_lowercase();
    let has = |option| {
        options
            .split(',')
            .any(|o| o.trim_matches([' ', '\t']) == option)
    };
    let persistent = !has("close") && (is_11 || has("keep-alive"));
    Ok((framing, persistent, is_11 && !expectations.is_empty()))
}

/// RFC 3986, sections 3.2.2 and 3.2.3, defined by what may not be in a host and its port.
fn is_host(text: &str) -> bool {
    let strange = |c: char| !('!'..='~').contains(&c) || "\"#/<>?@[\\]^`{|}".contains(c);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_port = port.chars().all(|c| c.is_ascii_digit())
        && (port.is_empty() || port.parse::<u32>().is_ok_and(|port| port < 65_536));
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_host = match inner {
        Some(inner) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || ":.%-_~".contains(c);
            !inner.is_empty() && inner.chars().all(plain)
        }
        None => !host.is_empty() && !host.contains(strange) && !host.contains(':'),
    };
    is_port && is_host
}

/// RFC 9110, section 5.6.2: visible ASCII that is no delimiter.
fn is_token(word: &str) -> bool {
    let is_tchar = |c| ('!'..='~').contains(&c) && !"\"(),/:;<=>?@[\\]{}".contains(c);
    !word.is_empty() && word.chars().all(is_tchar)
}

/// Whether these are decimal digits, and of a number below another one: compared as text.
fn is_below(digits: &str, bound: &str) -> bool {
    let plain = digits.trim_start_matches('0');
    !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
        && (plain.len(), plain) < (bound.len(), bound)
}

fn length_of(digits: &str) -> Framing {
    match digits.parse() {
        Ok(0) => Framing::Empty,
        Ok(length) => Framing::Length(length),
        other => panic!("a length of {other:?}"),
    }
}

/// Method, target and fields are found as they stand, each byte outside ASCII as a question mark.
fn check_words(head: &str, found: &Head) {
    let shown = head.replace(|c: char| !c.is_ascii(), "?");
    let mut lines = shown.split("\r\n").filter(|line| !line.is_empty());
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let version = format!("HTTP/{}", found.version);
    assert_eq!(words, [found.method(), found.target(), &version]);
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    for (name, _) in &pairs {
        let of_name = pairs
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let values: Vec<&str> = of_name
            .map(|(_, value)| value.trim_matches([' ', '\t']))
            .collect();
        let joined = Some(values.join(", "));
        for name in [*name, &name.to_lowercase(), &name.to_uppercase()] {
            assert_eq!(found.field(name), joined, "{name:?} in {shown:?}");
        }
        let longer = format!("{name}x");
        let is_there = pairs
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(&longer));
        assert_eq!(
            found.field(&longer).is_some(),
            is_there,
            "{longer:?} in {shown:?}"
        );
    }
}
