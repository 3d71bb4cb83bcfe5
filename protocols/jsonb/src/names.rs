//! Class names: fastjson2's short forms, Java's names, and those of token streams.
use std::borrow::Cow;

/// An element of a stack trace. fastjson2 names its field `declaringClass` after the getter, `className`.
pub(crate) const STACK_TRACE_ELEMENT: &str = "java.lang.StackTraceElement";

/// Short forms that are not just the name without its package.
const SHORT: [(&str, &str); 18] = [
    ("A", "java.util.ArrayList"),
    ("M", "java.util.HashMap"),
    ("LM", "java.util.LinkedHashMap"),
    ("ArrayList", "java.util.ArrayList"),
    ("HashMap", "java.util.HashMap"),
    ("LinkedHashMap", "java.util.LinkedHashMap"),
    ("TM", "java.util.TreeMap"),
    ("LA", "java.util.LinkedList"),
    ("List", "java.util.ArrayList"),
    ("Set", "java.util.HashSet"),
    ("EmptyMap", "java.util.Collections$EmptyMap"),
    ("BigDecimal", "java.math.BigDecimal"),
    ("BigInteger", "java.math.BigInteger"),
    ("SimpleDateFormat", "java.text.SimpleDateFormat"),
    ("AtomicInteger", "java.util.concurrent.atomic.AtomicInteger"),
    ("AtomicLong", "java.util.concurrent.atomic.AtomicLong"),
    ("JSONObject", "com.alibaba.fastjson2.JSONObject"),
    ("JSONArray", "com.alibaba.fastjson2.JSONArray"),
];

/// Packages, and the classes in them that fastjson2 names without the package.
const PACKAGES: [(&str, &[&str]); 3] = [
    (
        "java.lang.",
        &[
            "Object",
            "Cloneable",
            "AutoCloseable",
            "Exception",
            "RuntimeException",
            "IllegalAccessError",
            "IllegalAccessException",
            "IllegalArgumentException",
            "IllegalMonitorStateException",
            "IllegalStateException",
            "IllegalThreadStateException",
            "IndexOutOfBoundsException",
            "InstantiationError",
            "InstantiationException",
            "InternalError",
            "InterruptedException",
            "LinkageError",
            "NegativeArraySizeException",
            "NoClassDefFoundError",
            "NoSuchFieldError",
            "NoSuchFieldException",
            "NoSuchMethodError",
            "NoSuchMethodException",
            "NullPointerException",
            "NumberFormatException",
            "OutOfMemoryError",
            "SecurityException",
            "StackOverflowError",
            "StringIndexOutOfBoundsException",
            "TypeNotPresentException",
            "VerifyError",
            "StackTraceElement",
            "Boolean",
            "Character",
            "Byte",
            "Short",
            "Integer",
            "Long",
            "Float",
            "Double",
            "Number",
            "String",
        ],
    ),
    (
        "java.util.",
        &[
            "TreeMap",
            "Hashtable",
            "IdentityHashMap",
            "WeakHashMap",
            "HashSet",
            "LinkedHashSet",
            "TreeSet",
            "LinkedList",
            "BitSet",
            "Calendar",
            "Date",
            "Locale",
            "UUID",
            "Currency",
        ],
    ),
    (
        "java.util.concurrent.",
        &[
            "TimeUnit",
            "ConcurrentHashMap",
            "ConcurrentSkipListMap",
            "ConcurrentSkipListSet",
            "ConcurrentLinkedQueue",
            "ConcurrentLinkedDeque",
        ],
    ),
];

/// Element types of arrays: in token streams, and in fastjson2.
const ELEMENTS: [(&str, &str); 11] = [
    ("boolean", "Z"),
    ("byte", "B"),
    ("char", "C"),
    ("short", "S"),
    ("int", "I"),
    ("long", "J"),
    ("float", "F"),
    ("double", "D"),
    ("object", "O"),
    ("string", "String"),
    ("java.lang.StackTraceElement", "StackTraceElement"),
];

/// A view that fastjson2 writes as `Set` and reads back as a `java.util.HashSet`.
const KEY_SET: &str = "java.util.HashMap$KeySet";

/// Private collections of the JDK that fastjson2 can read and that Dubbo's class check allows.
const READABLE: [&str; 7] = [
    "java.util.Arrays$ArrayList",
    "java.util.Collections$Empty",
    "java.util.Collections$Singleton",
    "java.util.Collections$Synchronized",
    "java.util.Collections$Unmodifiable",
    "java.util.ImmutableCollections$",
    KEY_SET,
];

/// The token stream's name for a class named in a document.
pub(crate) fn from_wire(name: &str) -> Cow<'_, str> {
    match split_array(name) {
        ("", class) => full_class(class),
        (brackets, element) => {
            // Nested arrays of other classes have the inner dimensions in Java source form.
            let mut element = element
                .strip_prefix('L')
                .and_then(|e| e.strip_suffix(';'))
                .unwrap_or(element);
            let mut brackets = brackets.to_owned();
            while let Some(inner) = element.strip_suffix("[]") {
                element = inner;
                brackets.push('[');
            }
            let name = match ELEMENTS.iter().find(|(_, wire)| *wire == element) {
                Some((name, _)) => Cow::Borrowed(*name),
                None => full_class(element),
            };
            let name = match &*name {
                "java.lang.Object" => "object",
                "java.lang.String" => "string",
                // fastjson2 never writes these two, but other streams use these names for the same types
                "integer" => "java.lang.Integer",
                "date" => "java.util.Date",
                name => name,
            };
            Cow::Owned(format!("{brackets}{name}"))
        }
    }
}

/// What `java.lang.Class.getName()` returns for a class named in a document. Objects of `java.lang.Class`
/// contain this name in all serializations.
pub(crate) fn java_name(name: &str) -> Cow<'_, str> {
    let name = from_wire(name);
    let (brackets, element) = split_array(&name);
    if brackets.is_empty() {
        return name;
    }
    let letter = |(token, wire): &&(&str, &str)| *token == element && wire.len() == 1 && *token != "object";
    let element = match (ELEMENTS.iter().find(letter), element) {
        (Some((_, letter)), _) => (*letter).to_owned(),
        (None, "object") => "Ljava.lang.Object;".to_owned(),
        (None, "string") => "Ljava.lang.String;".to_owned(),
        (None, class) => format!("L{class};"),
    };
    Cow::Owned(format!("{brackets}{element}"))
}

/// The name under which fastjson2 reads a class of a token stream.
pub(crate) fn to_wire(name: &str) -> Cow<'_, str> {
    let (brackets, element) = split_array(name);
    if brackets.is_empty() || element.is_empty() {
        return Cow::Borrowed(short_class(name));
    }
    let element = match element {
        "integer" => "Integer",
        "date" => "Date",
        _ => match ELEMENTS.iter().find(|(token, _)| *token == element) {
            Some((_, wire)) => wire,
            None => short_class(element),
        },
    };
    // Nested arrays have the bracket form only for types with a letter and for `String`. All others use the
    // form of Java source, without short forms.
    let known = ELEMENTS.iter().any(|(_, wire)| *wire == element);
    if brackets.len() > 1 && !known {
        let element = full_class(element);
        return Cow::Owned(format!("[{element}{}", "[]".repeat(brackets.len() - 1)));
    }
    Cow::Owned(format!("{brackets}{element}"))
}

/// The type of an array's elements, if it tells anything about elements that do not name their own class.
pub(crate) fn element_class(array: &str) -> Option<&str> {
    let element = array.strip_prefix('[')?;
    let plain = ELEMENTS
        .iter()
        .any(|(name, _)| *name == element && !name.contains('.'))
        || matches!(
            element,
            "java.lang.Number" | "java.lang.Comparable" | "java.io.Serializable"
        );
    (!plain).then_some(element)
}

/// The class under which a list or set is written; `None` for a plain list. Views and wrappers of the JDK
/// become the interface's usual class, because readers of fastjson2 do not know them, or refuse them.
pub(crate) fn collection(class: &str) -> Option<&str> {
    if class == "java.util.ArrayList" {
        return None;
    }
    if !is_private(class) {
        return Some(class);
    }
    let simple = simple(class);
    if !simple.contains("Set") {
        // This matches the result of `Collections.asLifoQueue`.
        return simple.contains("Queue").then_some("java.util.LinkedList");
    }
    Some(if is_sorted(simple) {
        "java.util.TreeSet"
    } else {
        "java.util.LinkedHashSet"
    })
}

/// The class under which a map is written, as in [`collection`]; `None` for a plain map.
pub(crate) fn map(class: &str) -> Option<&str> {
    if class == "java.util.HashMap" {
        return None;
    }
    if !is_private(class) {
        return Some(class);
    }
    Some(if is_sorted(simple(class)) {
        "java.util.TreeMap"
    } else {
        "java.util.LinkedHashMap"
    })
}

/// Whether a class is private to the JDK and no reader accepts it.
fn is_private(class: &str) -> bool {
    class.starts_with("java.util.")
        && class.contains('$')
        && !READABLE.iter().any(|prefix| class.starts_with(prefix))
}

fn is_sorted(simple: &str) -> bool {
    ["Sorted", "Navigable", "SubMap"]
        .iter()
        .any(|part| simple.contains(part))
}

/// The class name without package and outer classes.
fn simple(class: &str) -> &str {
    class.rsplit(['.', '$']).next().unwrap_or(class)
}

/// Whether the name shows that the class is a map, not a bean.
pub(crate) fn is_map(class: &str) -> bool {
    let simple = simple(class);
    simple.ends_with("Map")
        || matches!(
            simple,
            "Map1" | "MapN" | "Hashtable" | "Properties" | "JSONObject"
        )
}

fn full_class(short: &str) -> Cow<'_, str> {
    if short.contains('.') {
        return Cow::Borrowed(short);
    }
    if let Some((_, full)) = SHORT.iter().find(|(s, _)| *s == short) {
        return Cow::Borrowed(full);
    }
    match PACKAGES.iter().find(|(_, classes)| classes.contains(&short)) {
        Some((package, _)) => Cow::Owned(format!("{package}{short}")),
        None => Cow::Borrowed(short),
    }
}

fn short_class(full: &str) -> &str {
    if full == KEY_SET {
        return "Set";
    }
    let known = PACKAGES
        .iter()
        .find_map(|(package, classes)| full.strip_prefix(package).filter(|class| classes.contains(class)));
    known
        .or_else(|| SHORT.iter().find(|(_, f)| *f == full).map(|(short, _)| *short))
        .unwrap_or(full)
}

fn split_array(name: &str) -> (&str, &str) {
    let depth = name.bytes().take_while(|b| *b == b'[').count();
    name.split_at(depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_convert_both_ways() {
        for (wire, token) in [
            ("LM", "java.util.LinkedHashMap"),
            ("TreeSet", "java.util.TreeSet"),
            ("IllegalStateException", "java.lang.IllegalStateException"),
            ("TimeUnit", "java.util.concurrent.TimeUnit"),
            ("[I", "[int"),
            ("[[O", "[[object"),
            ("[String", "[string"),
            ("[Integer", "[java.lang.Integer"),
            ("[StackTraceElement", "[java.lang.StackTraceElement"),
            ("[com.acme.Order$Line", "[com.acme.Order$Line"),
            ("[com.acme.Order[][]", "[[[com.acme.Order"),
            ("[java.util.Date[]", "[[java.util.Date"),
            ("[java.lang.Integer[]", "[[java.lang.Integer"),
            ("[[String", "[[string"),
            ("com.acme.Order", "com.acme.Order"),
            ("Unpackaged", "Unpackaged"),
        ] {
            assert_eq!((from_wire(wire), to_wire(token)), (token.into(), wire.into()));
        }
        assert_eq!(from_wire("[Ljava.lang.Object;"), "[object");
        assert_eq!(to_wire("[date"), "[Date");
        // A peer may send any name. One without an element stays as it is.
        assert_eq!((from_wire("[["), to_wire("[[")), ("[[".into(), "[[".into()));
    }

    #[test]
    fn key_sets_are_written_as_the_sets_they_are_read_as() {
        assert_eq!(to_wire(KEY_SET), "Set");
        assert_eq!(from_wire("Set"), "java.util.HashSet");
    }

    #[test]
    fn private_collections_are_written_as_public_ones() {
        for (class, written) in [
            ("java.util.ArrayList", None),
            ("java.util.ArrayList$SubList", None),
            ("java.util.Collections$CopiesList", None),
            ("java.util.Collections$CheckedRandomAccessList", None),
            ("java.util.LinkedHashMap$LinkedValues", None),
            (
                "java.util.LinkedHashMap$LinkedKeySet",
                Some("java.util.LinkedHashSet"),
            ),
            ("java.util.TreeMap$KeySet", Some("java.util.LinkedHashSet")),
            (
                "java.util.concurrent.ConcurrentHashMap$KeySetView",
                Some("java.util.LinkedHashSet"),
            ),
            (
                "java.util.Collections$SetFromMap",
                Some("java.util.LinkedHashSet"),
            ),
            (
                "java.util.Collections$CheckedSortedSet",
                Some("java.util.TreeSet"),
            ),
            ("java.util.Collections$AsLIFOQueue", Some("java.util.LinkedList")),
            (KEY_SET, Some(KEY_SET)),
            ("java.util.Arrays$ArrayList", Some("java.util.Arrays$ArrayList")),
            (
                "java.util.Collections$EmptyList",
                Some("java.util.Collections$EmptyList"),
            ),
            ("java.util.LinkedList", Some("java.util.LinkedList")),
            ("com.acme.Rows$Private", Some("com.acme.Rows$Private")),
            ("[int", Some("[int")),
        ] {
            assert_eq!(collection(class), written, "{class}");
        }
        for (class, written) in [
            ("java.util.HashMap", None),
            (
                "java.util.Collections$CheckedMap",
                Some("java.util.LinkedHashMap"),
            ),
            ("java.util.TreeMap$AscendingSubMap", Some("java.util.TreeMap")),
            (
                "java.util.Collections$UnmodifiableMap",
                Some("java.util.Collections$UnmodifiableMap"),
            ),
            ("com.acme.Book$Entries", Some("com.acme.Book$Entries")),
        ] {
            assert_eq!(map(class), written, "{class}");
        }
    }

    #[test]
    fn class_objects_contain_java_names() {
        for (wire, java) in [
            ("[I", "[I"),
            ("[[O", "[[Ljava.lang.Object;"),
            ("[String", "[Ljava.lang.String;"),
            ("[Ljava.lang.String;", "[Ljava.lang.String;"),
            ("[com.acme.Order[][]", "[[[Lcom.acme.Order;"),
            ("String", "java.lang.String"),
            ("com.acme.Order", "com.acme.Order"),
            ("int", "int"),
        ] {
            assert_eq!(java_name(wire), java, "{wire}");
        }
    }

    #[test]
    fn elements_of_arrays_have_a_class_if_it_is_useful() {
        assert_eq!(element_class("[com.acme.Order"), Some("com.acme.Order"));
        assert_eq!(element_class("[[int"), Some("[int"));
        for plain in ["[int", "[object", "java.util.List"] {
            assert_eq!(element_class(plain), None);
        }
    }
}
