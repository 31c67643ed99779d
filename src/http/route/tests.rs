use super::*;

const PLAIN: Appending = Appending {
    creates: false,
    ends_in_slash: false,
};
const CREATING: Appending = Appending {
    creates: true,
    ends_in_slash: false,
};
const WITH_SLASH: Appending = Appending {
    creates: false,
    ends_in_slash: true,
};

const NOT_REPLACING: Untarring = Untarring { replaces: false };
const REPLACING: Untarring = Untarring { replaces: true };

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn each_request_leads_to_its_operation() {
    use Operation::*;
    for (method, target, expected) in [
        ("GET", "/", Welcome),
        ("HEAD", "http://host", Welcome),
        ("GET", "/file", Health),
        ("HEAD", "/file/", Health),
        ("GET", "/file?x=1", Health),
        ("GET", "/file/%2F", Read(name(""), Reading::default())),
        ("GET", "/file//", Read(name(""), Reading::default())),
        (
            "GET",
            "/file/a.csv",
            Read(name("a.csv"), Reading::default()),
        ),
        ("HEAD", "/file/a/b", Read(name("a/b"), Reading::default())),
        ("GET", "/file/a?", Read(name("a"), Reading::default())),
        (
            "GET",
            "/file/a%3Fb",
            Read(name("a%3Fb"), Reading::default()),
        ),
        (
            "GET",
            "http://host:3000/file/a",
            Read(name("a"), Reading::default()),
        ),
        ("GET", "HTTP://host/file", Health),
        ("GET", "/file/a/wc", CountLines(name("a"))),
        ("HEAD", "/file/a/b/wc", CountLines(name("a/b"))),
        ("GET", "/file/a%2Fb/wc", CountLines(name("a/b"))),
        ("GET", "/file/%2F/wc", CountLines(name(""))),
        ("GET", "/file/a/info", Info(name("a"))),
        ("HEAD", "/file/%2F/info", Info(name(""))),
        (
            "GET",
            "/file/a%2Finfo",
            Read(name("a/info"), Reading::default()),
        ),
        ("GET", "/file/info", Read(name("info"), Reading::default())),
        ("GET", "/file/wc", Read(name("wc"), Reading::default())),
        ("GET", "/file//wc", Read(name("wc"), Reading::default())),
        ("GET", "/file/./wc", Read(name("wc"), Reading::default())),
        (
            "GET",
            "/file/a%2Fwc",
            Read(name("a/wc"), Reading::default()),
        ),
        ("GET", "/file/a/wc/", Read(name("a/wc"), Reading::default())),
        (
            "GET",
            "/file/a/%77c",
            Read(name("a/wc"), Reading::default()),
        ),
        ("GET", "/file/a/mv", Read(name("a/mv"), Reading::default())),
        ("POST", "/file/a", Create(name("a"))),
        ("POST", "/file/a%2Fwc", Create(name("a/wc"))),
        ("POST", "/file/wc", Create(name("wc"))),
        ("POST", "/file/a/WC", Create(name("a/WC"))),
        ("POST", "/file/a/wc/", MakeDirectory(name("a/wc"))),
        ("POST", "/file/a/", MakeDirectory(name("a"))),
        ("POST", "/file/a%2F", MakeDirectory(name("a"))),
        ("POST", "/file/a/b%2f", MakeDirectory(name("a/b"))),
        ("POST", "/file/%2F", MakeDirectory(name(""))),
        ("POST", "/file/a/untar", Untar(name("a"), NOT_REPLACING)),
        ("POST", "/file/%2F/untar", Untar(name(""), NOT_REPLACING)),
        ("POST", "/file/a/untar?replace", Untar(name("a"), REPLACING)),
        ("POST", "/file/a%2Funtar", Create(name("a/untar"))),
        ("POST", "/file/a/untar/", MakeDirectory(name("a/untar"))),
        ("POST", "/file/untar", Create(name("untar"))),
        (
            "GET",
            "/file/a/untar",
            Read(name("a/untar"), Reading::default()),
        ),
        ("PUT", "/file/a", Append(name("a"), PLAIN)),
        ("PUT", "/file/a%2Fwc", Append(name("a/wc"), PLAIN)),
        ("HEAD", "/file/a/cp", Read(name("a/cp"), Reading::default())),
        ("DELETE", "/file/a%2Fwc", Delete(name("a/wc"))),
        ("PUT", "/file/a?create", Append(name("a"), CREATING)),
        ("PUT", "/file/a?create=", Append(name("a"), CREATING)),
        ("PUT", "/file/a?%63reate&", Append(name("a"), CREATING)),
        ("PUT", "/file/a%3Fcreate", Append(name("a%3Fcreate"), PLAIN)),
        ("PUT", "/file/a/", Append(name("a"), WITH_SLASH)),
        ("PUT", "/file/a/mv%2F", Append(name("a/mv"), WITH_SLASH)),
        ("PUT", "/file/a/mv", Rename(name("a"))),
        ("PUT", "/file/mv", Append(name("mv"), PLAIN)),
        ("PUT", "/file/a%2Fmv", Append(name("a/mv"), PLAIN)),
        ("DELETE", "/file/a", Delete(name("a"))),
        ("DELETE", "/file/%2F", Delete(name(""))),
    ] {
        assert_eq!(route(method, target), Ok(expected), "{method} {target}");
    }
}

#[test]
fn only_the_address_with_a_slash_has_the_page_of_the_root() {
    for (target, expected) in [
        ("/file/", Operation::Read(name(""), Reading::default())),
        (
            "http://host/file/?x",
            Operation::Read(name(""), Reading::default()),
        ),
        ("/file", Operation::Health),
        ("/file/a", Operation::Read(name("a"), Reading::default())),
        ("/", Operation::Welcome),
    ] {
        let found = route("GET", target).map(|operation| operation.with_pages(target));
        assert_eq!(found, Ok(expected), "{target}");
    }
}

#[test]
fn what_leads_nowhere_is_refused() {
    use RouteFault::*;
    let query = |name: &str| Query(QueryFault::Unknown(name.to_owned()));
    for (method, target, expected) in [
        ("GET", "", Unknown),
        ("GET", "*", Unknown),
        ("OPTIONS", "*", Unknown),
        ("GET", "/files", Unknown),
        ("GET", "/filea", Unknown),
        ("GET", "/FILE/a", Unknown),
        ("GET", "//file/a", Unknown),
        ("GET", "http://host?/file/a", query("/file/a")),
        ("POST", "/", Method(HEALTH_METHODS)),
        ("POST", "/file", Method(HEALTH_METHODS)),
        ("POST", "/file/", Method(HEALTH_METHODS)),
        ("DELETE", "/file/", Method(HEALTH_METHODS)),
        ("PATCH", "/file/a", Method(FILE_METHODS)),
        ("OPTIONS", "/file/a", Method(FILE_METHODS)),
        ("get", "/file/a", Method(FILE_METHODS)),
        ("GET", "/file/..", Name(NameFault::Parent)),
        ("GET", "/file/../wc", Name(NameFault::Parent)),
        ("PUT", "/file/%00/mv", Name(NameFault::Control)),
        ("GET", "/file/a?until=1", query("until")),
        ("POST", "/file/a?x", query("x")),
        ("DELETE", "/file/a/b?x&y", query("x")),
        ("GET", "/file/a/wc?x", query("x")),
        ("PUT", "/file/a/mv?x", query("x")),
        ("POST", "/file?x", Method(HEALTH_METHODS)),
        ("POST", "/file/a?create", query("create")),
        ("GET", "/file/a?create", query("create")),
        ("PUT", "/file/a/mv?create", query("create")),
        ("POST", "/file/a?replace", query("replace")),
        ("POST", "/file/a/?replace", query("replace")),
        ("POST", "/file/a/untar?Replace", query("Replace")),
        (
            "POST",
            "/file/a/untar?replace=no",
            Query(QueryFault::Value("replace".to_owned())),
        ),
        ("PUT", "/file/a?Create", query("Create")),
        (
            "PUT",
            "/file/a?create=1",
            Query(QueryFault::Value("create".to_owned())),
        ),
        (
            "PUT",
            "/file/a?create&create",
            Query(QueryFault::Repeated("create".to_owned())),
        ),
    ] {
        assert_eq!(route(method, target), Err(expected), "{method} {target}");
    }
}

#[test]
fn an_action_is_not_written_to() {
    for (method, target, word, allow) in [
        ("POST", "/file/a/wc", "wc", "GET, HEAD"),
        ("PUT", "/file/a/b/sha256", "sha256", "GET, HEAD"),
        ("POST", "/file/a/info", "info", "GET, HEAD"),
        ("DELETE", "/file/a/tar", "tar", "GET, HEAD"),
        ("PATCH", "/file/a/tar", "tar", "GET, HEAD"),
        ("POST", "/file/a/mv", "mv", "GET, HEAD, PUT"),
        ("DELETE", "/file/%2F/cp", "cp", "GET, HEAD, PUT"),
        ("PATCH", "/file/a/cp", "cp", "GET, HEAD, PUT"),
        ("PUT", "/file/a/untar", "untar", "GET, HEAD, POST"),
        ("DELETE", "/file/a/untar", "untar", "GET, HEAD, POST"),
    ] {
        let found = match route(method, target) {
            Err(RouteFault::Action(action)) => (action.word, action.allow),
            other => panic!("{method} {target}: {other:?}"),
        };
        assert_eq!(found, (word, allow), "{method} {target}");
    }
}

#[test]
fn what_changes_below_a_name_is_known() {
    for (method, target, expected) in [
        ("PUT", "/file/a/mv", true),
        ("DELETE", "/file/a", true),
        ("POST", "/file/a/untar", true),
        ("POST", "/file/a", false),
        ("PUT", "/file/a", false),
        ("PUT", "/file/a/cp", false),
        ("PUT", "/file/a/claim", false),
        ("POST", "/file/a/", false),
    ] {
        let found = route(method, target).map(|operation| operation.changes_below());
        assert_eq!(found, Ok(expected), "{method} {target}");
    }
}
