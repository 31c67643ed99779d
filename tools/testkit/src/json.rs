//! A strict reader of JSON (RFC 8259), just large enough to judge what the server writes.

#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The names of the members of an object, in their order.
    pub fn names(&self) -> Vec<&str> {
        let Json::Object(members) = self else {
            panic!("not an object: {self:?}");
        };
        members.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The member `name` of an object; fails where there is none.
    pub fn get(&self, name: &str) -> &Json {
        let Json::Object(members) = self else {
            panic!("not an object: {self:?}");
        };
        let found = members.iter().find(|(key, _)| key == name);
        &found.unwrap_or_else(|| panic!("no {name:?} in {self:?}")).1
    }

    /// The items of an array.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("not a string: {other:?}"),
        }
    }

    pub fn number(&self) -> f64 {
        match self {
            Json::Number(number) => *number,
            other => panic!("not a number: {other:?}"),
        }
    }
}

/// The one value that `text` is; fails with the place where it is not JSON.
pub fn parse(text: &str) -> Json {
    let mut rest = text;
    let value = value(&mut rest).unwrap_or_else(|| panic!("not JSON at {rest:?} in {text:?}"));
    assert!(
        rest.trim_ascii().is_empty(),
        "more than JSON, {rest:?}, in {text:?}"
    );
    value
}

fn take(rest: &mut &str, token: &str) -> Option<()> {
    *rest = rest.trim_ascii_start();
    *rest = rest.strip_prefix(token)?;
    Some(())
}

fn value(rest: &mut &str) -> Option<Json> {
    *rest = rest.trim_ascii_start();
    match rest.chars().next()? {
        '{' => object(rest),
        '[' => list(rest),
        '"' => string(rest).map(Json::Text),
        't' => take(rest, "true").map(|()| Json::Bool(true)),
        'f' => take(rest, "false").map(|()| Json::Bool(false)),
        'n' => take(rest, "null").map(|()| Json::Null),
        _ => {
            let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
            let (digits, after) = rest.split_at(end.unwrap_or(rest.len()));
            let number = digits.parse().ok()?;
            *rest = after;
            Some(Json::Number(number))
        }
    }
}

fn object(rest: &mut &str) -> Option<Json> {
    take(rest, "{")?;
    let mut members = Vec::new();
    if take(rest, "}").is_some() {
        return Some(Json::Object(members));
    }
    loop {
        *rest = rest.trim_ascii_start();
        let key = string(rest)?;
        take(rest, ":")?;
        members.push((key, value(rest)?));
        if take(rest, ",").is_none() {
            take(rest, "}")?;
            return Some(Json::Object(members));
        }
    }
}

fn list(rest: &mut &str) -> Option<Json> {
    take(rest, "[")?;
    let mut items = Vec::new();
    if take(rest, "]").is_some() {
        return Some(Json::List(items));
    }
    loop {
        items.push(value(rest)?);
        if take(rest, ",").is_none() {
            take(rest, "]")?;
            return Some(Json::List(items));
        }
    }
}

fn string(rest: &mut &str) -> Option<String> {
    *rest = rest.strip_prefix('"')?;
    let mut units: Vec<u16> = Vec::new();
    loop {
        let c = rest.chars().next()?;
        *rest = &rest[c.len_utf8()..];
        match c {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => {
                let escape = rest.chars().next()?;
                *rest = &rest[escape.len_utf8()..];
                let unit = match escape {
                    '"' | '\\' | '/' => escape as u16,
                    'b' => 8,
                    'f' => 12,
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'u' => {
                        let hex = rest.get(..4)?;
                        *rest = &rest[4..];
                        u16::from_str_radix(hex, 16).ok()?
                    }
                    _ => return None,
                };
                units.push(unit);
            }
            c if c < ' ' => return None,
            c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
}
