//! The list of transfers as a server-sent event (WHATWG HTML, section 9.2).
//!
//! Responsible for: what an event says. Not for: when it is sent, and to whom.

use std::fmt::Write as _;

use super::report::{Reports, object};

/// What a stream of events begins with: after how many milliseconds a browser connects again, where
/// it ends. Each event is the whole list, so that none has an id, and nothing has to be caught up
/// on.
pub(crate) const OPENING: &[u8] = b"retry: 2000\n\n";

/// The greatest length of an event in bytes, about: some hundred transfers with names of hundreds of
/// characters. Events are in memory as a whole, and names may be long.
const MAX_EVENT: usize = 256 * 1024;

/// Makes an event. Its data are what `/transfers` gives. Where there are more transfers than fit,
/// the oldest are in it, and an event `omitted` follows, whose data are how many are left out.
pub(crate) fn event(reports: &dyn Reports) -> Vec<u8> {
    let mut event = "data: [".to_owned();
    let (mut separator, mut omitted) = ("", 0);
    // It fails only where the visit does.
    let _ = reports.each_transfer(&mut |transfer| {
        let object = object(transfer).to_string();
        if omitted > 0 || event.len() + object.len() > MAX_EVENT {
            omitted += 1;
        } else {
            event.push_str(separator);
            event.push_str(&object);
            separator = ",\ndata: ";
        }
        Ok(())
    });
    event.push_str("]\n\n");
    if omitted > 0 {
        // Writing to a String does not fail.
        let _ = write!(event, "event: omitted\ndata: {omitted}\n\n");
    }
    event.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::report::{ReadinessCheck, UnderWay};
    use super::*;
    use crate::time::Timestamp;
    use std::io;

    /// Transfers with these names.
    struct Names(Vec<String>);

    impl Reports for Names {
        fn checks(&self) -> Vec<ReadinessCheck> {
            Vec::new()
        }

        fn metrics(&self) -> String {
            String::new()
        }

        fn each_transfer(
            &self,
            visit: &mut dyn FnMut(&UnderWay<'_>) -> io::Result<()>,
        ) -> io::Result<()> {
            self.0.iter().try_for_each(|name| {
                visit(&UnderWay {
                    id: "1",
                    client: "unix",
                    by: None,
                    method: "GET",
                    name,
                    received: 0,
                    sent: 0,
                    length: None,
                    started: Timestamp::default(),
                })
            })
        }
    }

    /// The data of an event, as a client puts them together.
    fn data(event: &str) -> String {
        let lines = event.lines().map(|line| line.strip_prefix("data: "));
        let lines: Option<Vec<_>> = lines.collect();
        lines.map_or_else(|| format!("not data: {event}"), |lines| lines.join("\n"))
    }

    #[test]
    fn the_data_are_a_list_with_one_transfer_a_line() {
        for names in [vec![], vec!["a"], vec!["a\rb\nc", "\u{2028}", "d\"e"]] {
            let reports = Names(names.iter().map(|name| (*name).to_owned()).collect());
            let event = String::from_utf8(event(&reports)).unwrap_or_default();
            let event = event.strip_suffix("\n\n").unwrap_or("no end");
            let list = serde_json::from_str::<serde_json::Value>(&data(event));
            let list = list.unwrap_or_default();
            let found = list.as_array().into_iter().flatten();
            let found: Vec<_> = found.filter_map(|it| it["name"].as_str()).collect();
            assert_eq!(found, names, "{event}");
            assert!(!event.contains('\r'));
        }
    }

    #[test]
    fn a_list_that_is_too_long_says_how_much_is_left_out() {
        let reports = Names(vec!["x".repeat(4000); 100]);
        let event = String::from_utf8(event(&reports)).unwrap_or_default();
        assert!(event.len() <= MAX_EVENT + 100, "{}", event.len());
        let (list, rest) = event.split_once("\n\n").unwrap_or_default();
        let list = serde_json::from_str::<serde_json::Value>(&data(list));
        let count = list.unwrap_or_default().as_array().map_or(0, Vec::len);
        assert!(count > 50);
        let expected = format!("event: omitted\ndata: {}\n\n", 100 - count);
        assert_eq!(rest, expected);
    }
}
