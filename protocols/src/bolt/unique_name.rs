//! SOFARPC's unique name of a service, which combines service, version and unique id:
//! `interface:version[:uniqueId]` (wire section 1.5).
use super::keys;
use std::borrow::Cow;

/// Splits a unique name into service, version and unique id; absent parts are empty.
#[inline]
pub(crate) fn split(name: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (service, rest) = cut(name, memchr::memchr(b':', name));
    // the rest is a few bytes long, too short for memchr to pay off
    let (version, group) = cut(rest, rest.iter().position(|b| *b == b':'));
    (service, version, group)
}

/// Splits a unique name that is UTF-8.
#[inline]
pub(crate) fn parts(name: &str) -> (&str, &str, &str) {
    let (service, version, _) = split(name.as_bytes());
    let (service, rest) = name.split_at(service.len());
    let (version, rest) = behind_colon(rest).split_at(version.len());
    (service, version, behind_colon(rest))
}

fn behind_colon(rest: &str) -> &str {
    rest.strip_prefix(':').unwrap_or(rest)
}

#[inline]
fn cut(name: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    match at {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, &[]),
    }
}

/// Builds the unique name of a service. An empty version becomes the default, because providers register no
/// service without one.
pub(crate) fn join(service: &str, version: &str, group: &str) -> String {
    let version = if version.is_empty() {
        keys::DEFAULT_VERSION
    } else {
        version
    };
    let mut name = [service, ":", version].concat();
    if !group.is_empty() {
        name.push(':');
        name.push_str(group);
    }
    name
}

/// The unique name with some parts replaced; an empty part removes the old one.
pub(crate) fn edited(
    name: &[u8],
    service: Option<&str>,
    version: Option<&str>,
    group: Option<&str>,
) -> String {
    fn part<'n>(new: Option<&'n str>, old: &'n [u8]) -> Cow<'n, str> {
        new.map_or_else(|| String::from_utf8_lossy(old), Cow::Borrowed)
    }
    let old = split(name);
    join(&part(service, old.0), &part(version, old.1), &part(group, old.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_and_joined() {
        for (name, parts) in [
            ("com.x.Hello:1.0", ("com.x.Hello", "1.0", "")),
            ("com.x.Hello:1.0:blue", ("com.x.Hello", "1.0", "blue")),
            ("com.x.Hello:1.0:a:b", ("com.x.Hello", "1.0", "a:b")),
        ] {
            let (service, version, group) = split(name.as_bytes());
            assert_eq!(
                (service, version, group),
                (parts.0.as_bytes(), parts.1.as_bytes(), parts.2.as_bytes())
            );
            assert_eq!(super::parts(name), parts);
            assert_eq!(join(parts.0, parts.1, parts.2), name);
        }
        assert_eq!(split(b"com.x.Hello"), (&b"com.x.Hello"[..], &b""[..], &b""[..]));
        assert_eq!(super::parts("com.x.Hello"), ("com.x.Hello", "", ""));
        assert_eq!(super::parts("com.x.Hello::"), ("com.x.Hello", "", ""));
        assert_eq!(join("com.x.Hello", "", ""), "com.x.Hello:1.0");
        assert_eq!(join("com.x.Hello", "", "blue"), "com.x.Hello:1.0:blue");
    }

    #[test]
    fn parts_are_replaced_one_by_one() {
        let name = b"a.B:2.0:blue";
        assert_eq!(edited(name, Some("c.D"), None, None), "c.D:2.0:blue");
        assert_eq!(edited(name, None, Some(""), None), "a.B:1.0:blue");
        assert_eq!(edited(name, None, None, Some("")), "a.B:2.0");
        assert_eq!(edited(name, None, Some("3.0"), Some("red")), "a.B:3.0:red");
    }
}
