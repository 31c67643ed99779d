//! `GET /`: a short description of the server, as text or as a page.

use tiny_http::Head;

use super::page::{MEDIA_TYPE, page_fields};
use super::reply::{Content, Reply, VARY};
use crate::http::accept;

const TEXT: &str = "\
http-nas: files over HTTP
  list    curl http://HOST:PORT/file/%2F  (or a folder's name in place of %2F)
  read    curl http://HOST:PORT/file/NAME
  store   curl -X POST -T FILE http://HOST:PORT/file/NAME
  append  curl -X PUT -T FILE http://HOST:PORT/file/NAME
";

const PAGE: &str = "\
<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>http-nas</title></head>
<body>
<h1>http-nas: files over HTTP</h1>
<p><a href=\"file/\">All files</a></p>
<pre>
read    curl http://HOST:PORT/file/NAME
store   curl -X POST -T FILE http://HOST:PORT/file/NAME
append  curl -X PUT -T FILE http://HOST:PORT/file/NAME
</pre>
</body>
</html>
";

/// A few lines of text, or a page that links to that of the root.
pub(super) fn welcome<'s>(head: &Head) -> Reply<'s> {
    let accept = head.field("Accept");
    if accept::choose(accept.as_deref(), "text/plain", &[MEDIA_TYPE]) == MEDIA_TYPE {
        return Reply {
            status: 200,
            fields: page_fields(),
            content: Content::Bytes(PAGE.into()),
        };
    }
    let mut reply = Reply::text(TEXT);
    reply.fields.push(VARY);
    reply
}
