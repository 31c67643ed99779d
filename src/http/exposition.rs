//! Metrics as text, in the format that Prometheus reads (text exposition format, version 0.0.4).
//!
//! Responsible for: the syntax. Not for: what is measured.

use std::fmt::{Display, Write as _};

/// The media type.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricKind {
    /// A count that only grows.
    Counter,
    /// A value that grows and shrinks.
    Gauge,
    /// Counts of observations by their upper bounds.
    Histogram,
}

/// Metrics that are written one after the other.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a metric; its samples come next. The help is one line without backslashes.
    pub(crate) fn metric(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let text = &mut self.text;
        // Writing to a String does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample. The values of labels contain nothing that has to be escaped, see
    /// [`is_plain`].
    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            debug_assert!(is_plain(text), "{text}");
            let separator = if at == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{separator}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// Adds a metric with a single sample.
    pub(crate) fn single(&mut self, name: &str, kind: MetricKind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// All of it.
    #[must_use]
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// Whether a label value can be written as it is: no quotation mark, backslash or newline.
fn is_plain(text: &str) -> bool {
    !text.contains(['"', '\\', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_line_by_line() {
        let mut metrics = Exposition::default();
        metrics.metric("requests_total", MetricKind::Counter, "Requests.");
        metrics.sample("requests_total", &[("method", "GET"), ("status", "200")], 7);
        metrics.single("age_seconds", MetricKind::Gauge, "Age.", 0.5);
        assert_eq!(
            metrics.into_text(),
            "# HELP requests_total Requests.\n\
             # TYPE requests_total counter\n\
             requests_total{method=\"GET\",status=\"200\"} 7\n\
             # HELP age_seconds Age.\n\
             # TYPE age_seconds gauge\n\
             age_seconds 0.5\n"
        );
    }
}
