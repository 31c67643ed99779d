use super::*;
use crate::storage::Shortage;

fn at(access: Access, error: storage::Error) -> Error {
    let name = Name::parse("a/b").unwrap_or_else(|fault| panic!("{fault}"));
    Error::Storage(name, access, error)
}

#[test]
fn each_error_has_its_status_and_says_why() {
    use storage::Error as S;
    for (error, status, detail) in [
        (at(Access::Read, S::NotFound), 404, "there is no \"a/b\""),
        (
            at(Access::Append, S::NotFound),
            404,
            "there is no \"a/b\"; POST or ?create creates it",
        ),
        (at(Access::Read, S::Outside), 404, "there is no \"a/b\""),
        (
            at(Access::Create, S::Outside),
            403,
            "\"a/b\" leads out of the storage folder",
        ),
        (
            at(Access::Create, S::ParentIsFile),
            409,
            "a parent of \"a/b\" is a file",
        ),
        (
            at(Access::Read, S::ParentIsFile),
            404,
            "there is no \"a/b\"",
        ),
        (
            at(Access::Create, S::NoSpace(None)),
            507,
            "there is not enough space for it",
        ),
        (
            at(
                Access::Create,
                S::NoSpace(Some(Shortage {
                    asked: 10 << 30,
                    free: 3 << 30,
                    kept: 64 << 20,
                    promised: 0,
                    occupied: 0,
                })),
            ),
            507,
            "it needs 10.0 GiB; 3.0 GiB are free, 64.0 MiB are kept back",
        ),
        (
            at(
                Access::Create,
                S::NoSpace(Some(Shortage {
                    asked: 0,
                    free: 100,
                    kept: 0,
                    promised: 2,
                    occupied: 0,
                })),
            ),
            507,
            "100 bytes are free, 2 bytes are promised to other uploads",
        ),
        (
            at(Access::Create, S::ReadOnly),
            503,
            "the storage is read-only at present",
        ),
        (
            Error::Head(HeadFault::Version),
            505,
            "this server speaks HTTP/1.1 and HTTP/1.0",
        ),
        (
            Error::Body(tiny_http::BodyFault::EndedEarly.into()),
            400,
            "the body ended early; nothing was stored",
        ),
    ] {
        assert_eq!((error.status(), error.detail().as_str()), (status, detail));
    }
}

#[test]
fn messages_of_the_system_stay_in_the_log() {
    let secret = std::io::Error::other("/srv/storage: errno 5");
    let error = at(Access::Create, storage::Error::System(secret));
    assert_eq!(error.status(), 500);
    assert!(!error.detail().contains("errno"));
    assert_eq!(error.cause(), "/srv/storage: errno 5");
}

#[test]
fn fields_go_with_the_status() {
    let fields = |error: Error| error.reply(Format::Text).fields;
    let method = Error::Route(RouteFault::Method("GET, HEAD"));
    assert!(fields(method).contains(&("Allow", "GET, HEAD".into())));
    assert!(fields(Error::Busy).contains(&("Retry-After", "1".into())));
}
