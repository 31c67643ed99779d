//! `GET /healthz`, `/readyz`, `/metrics`, `/transfers`: what the server says of itself.
//!
//! Responsible for: the replies. Not for: finding out what they say, which is the server's.

use std::io;

use tiny_http::Head;

use super::annotations::Annotations;
use super::reply::{Content, Reply, Sink, VARY};
use crate::http::accept;
use crate::http::exposition;
use crate::http::route::Report;
use crate::http::target::Target;
use crate::time::Timestamp;

const JSON: &str = "application/json";

/// Seconds until a client should ask again that was told that the server is not ready.
const RETRY_AFTER: &str = "5";

/// What the server finds out about itself.
pub(crate) trait Reports {
    /// What it takes to do the work, one check each.
    fn checks(&self) -> Vec<ReadinessCheck>;

    /// All figures, as Prometheus reads them.
    fn metrics(&self) -> String;

    /// Visits the requests under way that are about files, the oldest first.
    ///
    /// # Errors
    /// The first one of `visit`.
    fn each_transfer(
        &self,
        visit: &mut dyn FnMut(&UnderWay<'_>) -> io::Result<()>,
    ) -> io::Result<()>;
}

/// One thing that the server needs in order to do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadinessCheck {
    /// What is checked, in a word.
    pub(crate) name: &'static str,
    /// What is wrong, if anything, as the client is told.
    pub(crate) fault: Option<&'static str>,
    /// The cause, for the log.
    pub(crate) cause: Option<String>,
}

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay<'t> {
    /// The id of its line in the log.
    pub(crate) id: &'t str,
    /// The peer of its connection.
    pub(crate) client: &'t str,
    /// The name of its token.
    pub(crate) by: Option<&'t str>,
    pub(crate) method: &'t str,
    /// The name, or the target if it is none.
    pub(crate) name: &'t str,
    /// Bytes of content received so far.
    pub(crate) received: u64,
    /// Bytes of content sent so far.
    pub(crate) sent: u64,
    /// The declared length of its body in bytes, if there is one.
    pub(crate) length: Option<u64>,
    /// When it began.
    pub(crate) started: Timestamp,
}

/// Makes a report.
pub(super) fn report<'s>(
    report: Report,
    reports: &'s dyn Reports,
    head: &Head,
    annotations: &Annotations,
) -> Reply<'s> {
    match report {
        Report::Alive => Reply::text("ok"),
        Report::Ready => {
            let mut checks = reports.checks();
            let query = Target::of(head.target()).query;
            checks.retain(|check| !is_excluded(query, check.name));
            ready(&checks, head, annotations)
        }
        Report::Metrics => typed(exposition::MEDIA_TYPE, reports.metrics()),
        Report::Transfers => {
            let mut reply = typed(JSON, String::new());
            reply.fields.push(VARY);
            reply.content = Content::Stream {
                length: None,
                write: Box::new(move |sink| write_transfers(reports, sink)),
            };
            reply
        }
        Report::Watch => {
            let mut reply = typed(accept::EVENTS, String::new());
            // The other one keeps nginx from holding events back.
            reply
                .fields
                .extend([VARY, ("X-Accel-Buffering", "no".into())]);
            reply.content = Content::Events;
            reply
        }
    }
}

/// Whether a query excludes a check: `exclude=NAME`, as for the probes of Kubernetes itself.
fn is_excluded(query: Option<&str>, name: &str) -> bool {
    let mut parameters = query.unwrap_or_default().split('&');
    parameters.any(|parameter| parameter.strip_prefix("exclude=") == Some(name))
}

/// 200 if nothing is wrong, else 503; one check a line, or as JSON.
fn ready<'s>(checks: &[ReadinessCheck], head: &Head, annotations: &Annotations) -> Reply<'s> {
    let is_ready = checks.iter().all(|check| check.fault.is_none());
    let accept = head.field("Accept");
    let mut reply = match accept::choose(accept.as_deref(), "text/plain", &[JSON]) {
        JSON => {
            let checks = checks.iter().map(|check| {
                serde_json::json!({
                    "name": check.name,
                    "ok": check.fault.is_none(),
                    "detail": check.fault,
                })
            });
            let checks: Vec<_> = checks.collect();
            typed(
                JSON,
                serde_json::json!({"ready": is_ready, "checks": checks}).to_string() + "\n",
            )
        }
        _ => {
            let lines = checks
                .iter()
                .map(|check| format!("{}: {}\n", check.name, check.fault.unwrap_or("ok")));
            Reply::text(lines.collect::<String>())
        }
    };
    reply.fields.push(VARY);
    if !is_ready {
        reply.status = 503;
        reply.fields.push(("Retry-After", RETRY_AFTER.into()));
        let wrong = checks.iter().filter_map(|check| {
            let fault = check.cause.as_deref().or(check.fault)?;
            Some(format!("{}: {fault}", check.name))
        });
        annotations.set_cause(wrong.collect::<Vec<_>>().join("; "));
    }
    reply
}

fn typed<'s>(media_type: &'static str, content: String) -> Reply<'s> {
    Reply {
        status: 200,
        fields: vec![
            ("Content-Type", media_type.into()),
            ("Cache-Control", "no-store".into()),
        ],
        content: Content::Bytes(content.into_bytes()),
    }
}

/// All transfers, one at a time: 512 of them with long names would take megabytes.
fn write_transfers(reports: &dyn Reports, sink: &mut dyn Sink) -> io::Result<()> {
    let mut separator = "[";
    reports.each_transfer(&mut |transfer| {
        let object = object(transfer);
        let separator = std::mem::replace(&mut separator, ",\n");
        write!(sink, "{separator}{object}")
    })?;
    let end = if separator == "[" { "[]\n" } else { "]\n" };
    sink.write_all(end.as_bytes())
}

/// A transfer as an object.
pub(super) fn object(transfer: &UnderWay<'_>) -> serde_json::Value {
    serde_json::json!({
        "id": transfer.id,
        "client": transfer.client,
        "by": transfer.by,
        "method": transfer.method,
        "name": transfer.name,
        "received": transfer.received,
        "sent": transfer.sent,
        "length": transfer.length,
        "started": transfer.started.rfc3339_millis(),
    })
}
