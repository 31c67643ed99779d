use super::*;

/// Takes framing and data from the front of the input, and says how many bytes are of the message.
fn scan(chunks: &mut Chunks, input: &[u8]) -> Result<usize, ChunkFault> {
    let mut taken = 0;
    loop {
        taken += chunks.advance(&input[taken..])?;
        let data = chunks.data_remaining().min((input.len() - taken) as u64);
        if data == 0 {
            return Ok(taken);
        }
        chunks.skip_data(data);
        taken += usize::try_from(data).unwrap_or(usize::MAX);
    }
}

/// What became of a message fed at once: bytes taken, and whether it is whole.
fn fed(input: &[u8]) -> Result<(usize, bool), ChunkFault> {
    let mut chunks = Chunks::new();
    let taken = scan(&mut chunks, input)?;
    Ok((taken, chunks.is_done()))
}

#[test]
fn messages_and_their_ends() {
    let rows: &[(&str, bool)] = &[
        ("", false),
        ("0", false),
        ("00", false),
        ("0000000000000000", false),
        ("0\r", false),
        ("0\r\n", false),
        ("0\r\n\r", false),
        ("0\r\n\r\n", true),
        ("0;", false),
        ("0 ", false),
        ("0 \t ", false),
        ("0 ;", false),
        ("0 ; a=\"b;c\"\r\n\r\n", true),
        ("0;\u{e9}\r\n\r\n", true),
        ("0;\r\n\r\n", true),
        ("0\r\nA", false),
        ("0\r\nA: b\r", false),
        ("0\r\nA: b\r\n", false),
        ("0\r\nA: b\r\nC:\td\r\n\r\n", true),
        ("10", false),
        ("1F", false),
        ("1f", false),
        ("7fffffffffffffff", false),
        ("0000000000000001", false),
        ("10 ", false),
        ("10;a", false),
        ("10;a\r", false),
        ("10\r\n", false),
        ("10\r\n0\r\n\r\n", false),
        ("3\r\nabc", false),
        ("3\r\nabc\r", false),
        ("3\r\nabc\r\n", false),
        ("3\r\nabc\r\n0", false),
        ("3\r\nabc\r\n2;x\r\n\r\n\r\n0\r\n\r\n", true),
    ];
    for &(input, is_whole) in rows {
        assert_eq!(
            fed(input.as_bytes()),
            Ok((input.len(), is_whole)),
            "{input:?}"
        );
    }
}

#[test]
fn what_follows_the_message_is_left() {
    for (message, behind) in [
        ("0\r\n\r\n", "GET"),
        ("0\r\n\r\n", "\r\n"),
        ("1\r\nx\r\n0\r\na:b\r\n\r\n", "0\r\n\r\n"),
    ] {
        let input = [message, behind].concat();
        assert_eq!(
            fed(input.as_bytes()),
            Ok((message.len(), true)),
            "{input:?}"
        );
    }
}

/// Each row's last byte is the one at fault.
#[test]
fn faults() {
    let rows: &[(&[u8], ChunkFault)] = &[
        (b"\r", ChunkFault::Size),
        (b"\n", ChunkFault::Size),
        (b";", ChunkFault::Size),
        (b" ", ChunkFault::Size),
        (b"+", ChunkFault::Size),
        (b"-", ChunkFault::Size),
        (b"0x", ChunkFault::Size),
        (b"g", ChunkFault::Size),
        (b"1_", ChunkFault::Size),
        (b"1\0", ChunkFault::Size),
        (b"1 \r", ChunkFault::Size),
        (b"1 1", ChunkFault::Size),
        (b"1\xb2", ChunkFault::Size),
        (b"00000000000000000", ChunkFault::SizeTooLarge),
        (b"00000000000000001", ChunkFault::SizeTooLarge),
        (b"8000000000000000", ChunkFault::SizeTooLarge),
        (b"ffffffffffffffff", ChunkFault::SizeTooLarge),
        (b"10000000000000000", ChunkFault::SizeTooLarge),
        (b"0\n", ChunkFault::LineEnd),
        (b"0\rx", ChunkFault::LineEnd),
        (b"0\r\r", ChunkFault::LineEnd),
        (b"1;a\n", ChunkFault::LineEnd),
        (b"1;a\rb", ChunkFault::LineEnd),
        (b"0\r\n\n", ChunkFault::LineEnd),
        (b"0\r\n\r\r", ChunkFault::LineEnd),
        (b"0\r\nA: b\n", ChunkFault::LineEnd),
        (b"0\r\nA: b\rc", ChunkFault::LineEnd),
        (b"1;\0", ChunkFault::Control),
        (b"1;\x7f", ChunkFault::Control),
        (b"0\r\n\0", ChunkFault::Control),
        (b"0\r\nA: \x1b", ChunkFault::Control),
        (b"1\r\nx0", ChunkFault::DataEnd),
        (b"1\r\nx\n", ChunkFault::DataEnd),
        (b"1\r\nx\rx", ChunkFault::DataEnd),
        (b"1\r\nx\r\r", ChunkFault::DataEnd),
    ];
    for &(input, fault) in rows {
        let shown = input.escape_ascii();
        assert_eq!(fed(input), Err(fault), "{shown}");
        assert!(
            fed(&input[..input.len() - 1]).is_ok(),
            "fault too early: {shown}"
        );
        let mut chunks = Chunks::new();
        assert_eq!(scan(&mut chunks, input), Err(fault), "{shown}");
        for again in [&b""[..], b"0\r\n\r\n"] {
            assert_eq!(chunks.advance(again), Err(fault), "not final: {shown}");
            assert_eq!(scan(&mut chunks, again), Err(fault), "not final: {shown}");
        }
        assert!(!chunks.is_done());
    }
}

/// Each row at its limit, then the byte that is one too many.
fn limits() -> Vec<(Vec<u8>, u8, ChunkFault)> {
    let text = |bytes: usize| "x".repeat(bytes);
    let full_line = format!("1;{}\r\ny\r\n", text(MAX_LINE - 1));
    let lines = full_line.repeat(MAX_EXTENSIONS / MAX_LINE);
    let trailers = format!("0\r\n{}\r\n", text(MAX_TRAILERS - 5));
    vec![
        (
            format!("1;{}", text(MAX_LINE - 1)),
            b'x',
            ChunkFault::LineTooLong,
        ),
        (
            format!("1{}", " ".repeat(MAX_LINE - 1)),
            b' ',
            ChunkFault::LineTooLong,
        ),
        (
            format!("1 ;{}", text(MAX_LINE - 2)),
            b'x',
            ChunkFault::LineTooLong,
        ),
        (format!("{lines}1"), b';', ChunkFault::ExtensionsTooLong),
        (format!("{lines}1"), b' ', ChunkFault::ExtensionsTooLong),
        (
            format!("0\r\n{}", text(MAX_TRAILERS - 2)),
            b'x',
            ChunkFault::TrailersTooLong,
        ),
        (format!("{trailers}x"), b'x', ChunkFault::TrailersTooLong),
        (
            format!("0\r\n{}", "x\r\n".repeat(MAX_TRAILERS / 3)),
            b'x',
            ChunkFault::TrailersTooLong,
        ),
    ]
    .into_iter()
    .map(|(input, byte, fault)| (input.into_bytes(), byte, fault))
    .collect()
}

#[test]
fn limits_hold_to_the_byte() {
    for (mut input, byte, fault) in limits() {
        let shown = input.escape_ascii().to_string();
        let row = &shown[..shown.len().min(20)];
        assert!(fed(&input).is_ok(), "{row} at its limit");
        input.push(byte);
        assert_eq!(fed(&input), Err(fault), "{row} and {}", byte as char);
    }
}

#[test]
fn advance_stops_at_data_and_skip_data_passes_it() {
    let mut chunks = Chunks::new();
    assert_eq!(chunks.advance(b"4;x\r\n0\r\n\r\n"), Ok(5));
    assert_eq!(
        (chunks.data_remaining(), chunks.advance(b"0\r\n")),
        (4, Ok(0))
    );
    chunks.skip_data(3);
    assert_eq!(chunks.data_remaining(), 1);
    chunks.skip_data(2);
    assert_eq!(chunks.data_remaining(), 0);
    chunks.skip_data(1);
    assert_eq!(chunks.advance(b"\r\n0\r\n\r\n0"), Ok(7));
    assert_eq!((chunks.is_done(), chunks.advance(b"0\r\n")), (true, Ok(0)));
}
