//! Parameter types as text: JVM descriptors on the wire, `Class.getName()` in the neutral call, and the
//! spellings that generic calls use (docs/bridging.md). No class is ever loaded.
use std::borrow::Cow;

const PRIMITIVES: [(&str, u8); 9] = [
    ("boolean", b'Z'),
    ("byte", b'B'),
    ("char", b'C'),
    ("short", b'S'),
    ("int", b'I'),
    ("long", b'J'),
    ("float", b'F'),
    ("double", b'D'),
    ("void", b'V'),
];

/// The most common parameter classes, as descriptors and as names.
const COMMON: [(&str, &str); 8] = [
    ("Ljava/lang/String;", "java.lang.String"),
    ("Ljava/lang/Integer;", "java.lang.Integer"),
    ("Ljava/lang/Long;", "java.lang.Long"),
    ("Ljava/lang/Boolean;", "java.lang.Boolean"),
    ("Ljava/lang/Object;", "java.lang.Object"),
    ("Ljava/util/List;", "java.util.List"),
    ("Ljava/util/Map;", "java.util.Map"),
    ("Ljava/util/Set;", "java.util.Set"),
];

/// Java allows no method more parameters than this.
const MAX: usize = 255;

/// Iterates over the descriptors of a method's parameters. It stops at the first malformed one;
/// [`Descriptors::is_whole`] tells whether it did.
pub(crate) struct Descriptors<'a> {
    rest: &'a [u8],
}

impl<'a> Descriptors<'a> {
    pub(crate) fn new(descriptor: &'a [u8]) -> Self {
        Descriptors { rest: descriptor }
    }

    /// Whether the descriptors were well-formed up to their end.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for Descriptors<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let dims = self.rest.iter().take_while(|b| **b == b'[').count();
        let len = match self.rest.get(dims)? {
            b'L' => dims + 1 + self.rest[dims..].iter().position(|b| *b == b';')?,
            letter => PRIMITIVES.iter().any(|(_, l)| l == letter).then_some(dims + 1)?,
        };
        let (one, rest) = self.rest.split_at(len);
        self.rest = rest;
        Some(one)
    }
}

/// The type name, if the descriptor is exactly one common class.
#[inline]
pub(crate) fn common(descriptor: &[u8]) -> Option<&'static str> {
    COMMON
        .iter()
        .find(|(d, _)| d.as_bytes() == descriptor)
        .map(|(_, name)| *name)
}

/// The number of parameters in the descriptor; `None` if it is malformed.
pub(crate) fn count(descriptor: &[u8]) -> Option<usize> {
    if common(descriptor).is_some() {
        return Some(1);
    }
    let mut all = Descriptors::new(descriptor);
    let count = all.by_ref().count();
    (all.is_whole() && count <= MAX).then_some(count)
}

/// The type name of one descriptor. Arrays keep their descriptor form, with dots.
pub(crate) fn name_of(descriptor: &str) -> Cow<'static, str> {
    if let [letter] = descriptor.as_bytes()
        && let Some((name, _)) = PRIMITIVES.iter().find(|(_, l)| l == letter)
    {
        return Cow::Borrowed(name);
    }
    if let Some((_, name)) = COMMON.iter().find(|(d, _)| *d == descriptor) {
        return Cow::Borrowed(name);
    }
    let class = descriptor
        .strip_prefix('L')
        .and_then(|d| d.strip_suffix(';'))
        .unwrap_or(descriptor);
    Cow::Owned(class.replace('/', "."))
}

/// The descriptors of the named types, one after the other.
///
/// # Errors
/// The name is not that of any Java type. Peers of other protocols can send any text: `a.B;I` would become
/// two parameters.
pub(crate) fn descriptors<'n>(names: &'n [Cow<'_, str>]) -> Result<Cow<'static, str>, &'n str> {
    if let [name] = names
        && let Some(descriptor) = common_descriptor(name)
    {
        return Ok(Cow::Borrowed(descriptor));
    }
    let mut all = String::with_capacity(64);
    for name in names {
        put_descriptor(name, &mut all).ok_or(&**name)?;
    }
    Ok(Cow::Owned(all))
}

fn common_descriptor(name: &str) -> Option<&'static str> {
    COMMON.iter().find(|(_, n)| *n == name).map(|(d, _)| *d)
}

/// Appends the descriptor of a named type; `None` if no Java type can have the name.
fn put_descriptor(name: &str, out: &mut String) -> Option<()> {
    if let Some(descriptor) = common_descriptor(name) {
        out.push_str(descriptor);
        return Some(());
    }
    let element = name.trim_start_matches('[');
    let is_array = element.len() < name.len();
    out.push_str(&name[..name.len() - element.len()]);
    let primitive = PRIMITIVES.iter().find(|(n, letter)| match is_array {
        true => element.as_bytes() == [*letter] && *n != "void",
        false => *n == element,
    });
    if let Some((_, letter)) = primitive {
        out.push(char::from(*letter));
        return Some(());
    }
    let class = match is_array {
        true => element.strip_prefix('L')?.strip_suffix(';')?,
        false => element,
    };
    out.push('L');
    for (i, part) in class.split('.').enumerate() {
        // These characters cannot occur in a part of a class name (JVM specification, 4.2.2).
        if part.is_empty() || part.bytes().any(|b| matches!(b, b'/' | b';' | b'[')) {
            return None;
        }
        if i > 0 {
            out.push('/');
        }
        out.push_str(part);
    }
    out.push(';');
    Some(())
}

/// The name of a type in any spelling that generic calls use: `int`, `java.lang.String[]`,
/// `[Ljava.lang.String;`.
pub(crate) fn name_of_source(source: &str) -> Cow<'_, str> {
    let mut element = source.trim();
    let mut dims = 0;
    while let Some(inner) = element.strip_suffix("[]") {
        element = inner.trim_end();
        dims += 1;
    }
    if dims == 0 {
        return Cow::Borrowed(element);
    }
    let mut name = "[".repeat(dims);
    if element.starts_with('[') {
        name.push_str(element);
    } else if let Some((_, letter)) = PRIMITIVES.iter().find(|(n, _)| *n == element) {
        name.push(char::from(*letter));
    } else {
        name.push('L');
        name.push_str(element);
        name.push(';');
    }
    Cow::Owned(name)
}

/// The type of an array's elements; `None` if the type is not an array, or is one of bytes or chars, which
/// have a form of their own.
pub(crate) fn element_of(name: &str) -> Option<&str> {
    let element = name.strip_prefix('[')?;
    if element.starts_with('[') {
        return Some(element);
    }
    if let Some(class) = element.strip_prefix('L') {
        return class.strip_suffix(';');
    }
    let primitive = PRIMITIVES
        .iter()
        .find(|(_, letter)| element.as_bytes() == [*letter]);
    primitive
        .map(|(name, _)| *name)
        .filter(|name| !matches!(*name, "byte" | "char"))
}

/// An array type as lists name it in token streams.
pub(crate) fn list_of(name: &str) -> Cow<'_, str> {
    let element = name.trim_start_matches('[');
    let brackets = &name[..name.len() - element.len()];
    let element = match element
        .strip_prefix('L')
        .and_then(|class| class.strip_suffix(';'))
    {
        Some("java.lang.String") => "string",
        Some("java.lang.Object") => "object",
        Some(class) => class,
        None => {
            let primitive = PRIMITIVES
                .iter()
                .find(|(_, letter)| element.as_bytes() == [*letter]);
            primitive.map_or(element, |(name, _)| *name)
        }
    };
    Cow::Owned(format!("{brackets}{element}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arrays_have_the_type_of_their_elements() {
        for (array, element, list) in [
            ("[I", Some("int"), "[int"),
            ("[[J", Some("[J"), "[[long"),
            ("[Ljava.lang.String;", Some("java.lang.String"), "[string"),
            ("[Ljava.lang.Object;", Some("java.lang.Object"), "[object"),
            ("[[La.Color;", Some("[La.Color;"), "[[a.Color"),
            ("[La.Color;", Some("a.Color"), "[a.Color"),
            ("[B", None, "[byte"),
        ] {
            assert_eq!((element_of(array), &*list_of(array)), (element, list));
        }
        assert_eq!(element_of("java.util.List"), None);
    }

    const PAIRS: [(&str, &[&str]); 7] = [
        ("", &[]),
        ("I", &["int"]),
        (
            "ZBCSIJFD",
            &[
                "boolean", "byte", "char", "short", "int", "long", "float", "double",
            ],
        ),
        ("Ljava/lang/String;[I", &["java.lang.String", "[I"]),
        ("[Ljava/lang/String;[[J", &["[Ljava.lang.String;", "[[J"]),
        ("La/A$B;La/b/Vier;", &["a.A$B", "a.b.Vier"]),
        ("Ljava/util/List;IL中/文;", &["java.util.List", "int", "中.文"]),
    ];

    #[test]
    fn descriptors_and_names_convert_both_ways() {
        for (descriptor, names) in PAIRS {
            let found: Vec<_> = Descriptors::new(descriptor.as_bytes())
                .map(|d| name_of(std::str::from_utf8(d).unwrap()))
                .collect();
            assert_eq!(found, names, "{descriptor}");
            assert_eq!(count(descriptor.as_bytes()), Some(names.len()));
            let names: Vec<_> = names.iter().map(|n| Cow::Borrowed(*n)).collect();
            assert_eq!(descriptors(&names).unwrap(), descriptor);
        }
    }

    #[test]
    fn names_of_no_java_type_have_no_descriptor() {
        for bad in [
            "", ";", "a.B;I", "a/B", "a.B;Lc.D", "[", "[[", "[V", "[int", "[a.B", "[La.B", "[La.B;I", "[L;",
            "a..B", ".a", "a.", "a.B[]", "[La.B;;", "I[", "[La/B;",
        ] {
            assert_eq!(descriptors(&[Cow::Borrowed(bad)]), Err(bad));
            assert_eq!(
                descriptors(&[Cow::Borrowed("java.lang.String"), Cow::Borrowed(bad)]),
                Err(bad)
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        /// Whatever types another protocol names, the descriptor means exactly these, or there is none.
        #[test]
        fn a_descriptor_means_exactly_the_named_types(
            names in prop::collection::vec("(\\[{0,3}[a-cILV./;\\[中]{0,6};?|int|void|java.lang.String)", 0..5)
        ) {
            let names: Vec<Cow<'_, str>> = names.iter().map(|n| Cow::Borrowed(n.as_str())).collect();
            if let Ok(descriptor) = descriptors(&names) {
                let mut parsed = Descriptors::new(descriptor.as_bytes());
                let back: Vec<_> = parsed
                    .by_ref()
                    .map(|d| name_of(std::str::from_utf8(d).unwrap()))
                    .collect();
                prop_assert_eq!(back, names);
                prop_assert!(parsed.is_whole());
            }
        }
    }

    #[test]
    fn common_classes_convert_like_any_other() {
        for (descriptor, name) in COMMON {
            let class = descriptor
                .strip_prefix('L')
                .and_then(|d| d.strip_suffix(';'))
                .unwrap();
            assert_eq!(class.replace('/', "."), name);
            let twice = [Cow::Borrowed(name), Cow::Borrowed(name)];
            assert_eq!(descriptors(&twice[..1]).unwrap(), descriptor);
            assert_eq!(descriptors(&twice).unwrap(), descriptor.repeat(2));
        }
    }

    #[test]
    fn malformed_descriptors_are_not_counted() {
        for bad in [
            "java.lang.String",
            "Ljava/lang/String",
            "[",
            "X",
            "I I",
            "L",
            "Q;",
        ] {
            assert_eq!(count(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(count("I".repeat(255).as_bytes()), Some(255));
        assert_eq!(count("I".repeat(256).as_bytes()), None);
    }

    #[test]
    fn generic_spellings_become_names() {
        for (source, name) in [
            ("int", "int"),
            ("java.lang.String", "java.lang.String"),
            ("java.lang.String[]", "[Ljava.lang.String;"),
            ("int[][]", "[[I"),
            ("[Ljava.lang.String;", "[Ljava.lang.String;"),
            (" com.acme.Order [] ", "[Lcom.acme.Order;"),
        ] {
            assert_eq!(name_of_source(source), name);
        }
    }
}
