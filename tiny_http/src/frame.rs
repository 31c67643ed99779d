//! A part of a reply that is sent in steps, as far as the client takes it each time.
//!
//! Responsible for: which of its bytes are left. Not for: sending them (`detached.rs`).

use std::io::IoSlice;
use std::sync::Arc;

use crate::reply_head::End;

/// A part of a reply. Its content is shared, so that many replies with the same content have one
/// copy of it.
#[derive(Debug)]
pub(crate) struct Frame {
    before: Vec<u8>,
    content: Arc<[u8]>,
    after: &'static [u8],
    /// How many bytes of all three have been sent.
    sent: usize,
}

impl Frame {
    /// Bytes without content: a head, the last chunk.
    pub(crate) fn bare(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            before: bytes.into(),
            content: Arc::default(),
            after: b"",
            sent: 0,
        }
    }

    /// A part of the content of a reply that ends like this. None where there is nothing to send.
    pub(crate) fn of(content: Arc<[u8]>, end: End) -> Option<Self> {
        // An empty chunk would be the last.
        if content.is_empty() || end == End::Head {
            return None;
        }
        let is_chunk = end == End::LastChunk;
        let size_line = is_chunk.then(|| format!("{:X}\r\n", content.len()));
        Some(Self {
            before: size_line.unwrap_or_default().into_bytes(),
            content,
            after: if is_chunk { b"\r\n" } else { b"" },
            sent: 0,
        })
    }

    /// The content, also what has been sent of it.
    pub(crate) fn content(&self) -> &Arc<[u8]> {
        &self.content
    }

    /// What is left of it.
    pub(crate) fn rest(&self) -> [IoSlice<'_>; 3] {
        let mut sent = self.sent;
        [&self.before[..], &self.content, self.after].map(|part| {
            let skipped = sent.min(part.len());
            sent -= skipped;
            IoSlice::new(&part[skipped..])
        })
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.before.len() + self.content.len() + self.after.len()
    }

    /// Records that this many bytes more have been sent, and returns how many of them are content.
    pub(crate) fn advance(&mut self, count: usize) -> usize {
        let before = self.sent_content();
        self.sent += count;
        self.sent_content() - before
    }

    fn sent_content(&self) -> usize {
        let sent = self.sent.saturating_sub(self.before.len());
        sent.min(self.content.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(frame: &Frame) -> Vec<u8> {
        frame.rest().iter().flat_map(|part| part.to_vec()).collect()
    }

    #[test]
    fn each_byte_is_sent_once_however_a_frame_is_divided() {
        let content: Arc<[u8]> = b"content of 23 bytes...."[..].into();
        for (end, expected) in [
            (End::LastChunk, &b"17\r\ncontent of 23 bytes....\r\n"[..]),
            (End::Close, &content[..]),
        ] {
            for step in 1..=expected.len() {
                let mut frame = Frame::of(Arc::clone(&content), end).expect("a frame");
                let (mut sent, mut counted) = (Vec::new(), 0);
                while !frame.is_sent() {
                    let mut left = rest(&frame);
                    left.truncate(step);
                    counted += frame.advance(left.len());
                    sent.extend(left);
                }
                assert_eq!((&sent[..], counted), (expected, content.len()), "{step}");
                assert_eq!(rest(&frame), b"");
            }
        }
        let head = Frame::bare(*b"head");
        assert_eq!((rest(&head), head.is_sent()), (b"head".to_vec(), false));
    }

    #[test]
    fn what_would_end_the_reply_or_is_not_to_be_sent_is_no_frame() {
        assert!(Frame::of(Arc::default(), End::LastChunk).is_none());
        assert!(Frame::of(b"x"[..].into(), End::Head).is_none());
    }
}
