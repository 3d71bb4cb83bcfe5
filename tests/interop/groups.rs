//! Groups of cases, for readable tables.
use anyhow::bail;

/// The name of each group, and patterns of its cases. A case belongs to the first group that matches.
const GROUPS: [(&str, &[&str]); 13] = [
    ("generic", &["generic_*", "echo_service*", "invoke_*"]),
    (
        "scalars",
        &[
            "boolean_*",
            "byte_*",
            "short_*",
            "char_*",
            "int_*",
            "long_*",
            "float_*",
            "double_*",
        ],
    ),
    ("strings", &["string_*"]),
    (
        "numbers & enums",
        &[
            "bigdecimal*",
            "biginteger*",
            "uuid*",
            "locale*",
            "class_*",
            "enum*",
            "optional*",
        ],
    ),
    (
        "dates",
        &[
            "date*",
            "sql_*",
            "calendar",
            "local_*",
            "instant*",
            "duration*",
            "period",
            "zoned_*",
            "offset_*",
            "year*",
            "month_day",
            "zone_*",
        ],
    ),
    (
        "JDK types in other places",
        &["jdk_field_*", "jdk_element_*", "jdk_map_value_*", "jdk_object_*"],
    ),
    (
        "arrays",
        &[
            "bytes_*",
            "booleans",
            "shorts",
            "chars",
            "ints*",
            "longs",
            "floats",
            "doubles",
            "strings*",
            "objects*",
            "person_array*",
        ],
    ),
    (
        "collections",
        &[
            "list_*",
            "collection_*",
            "person_list*",
            "nested_list",
            "declared_*",
            "set_*",
            "map_*",
            "person_map",
            "persons_by_name",
        ],
    ),
    (
        "objects",
        &[
            "pojo*",
            "interface_declared",
            "wide_*",
            "cycle_*",
            "shared_child",
            "equal_children",
            "chain_100",
            "object_*",
            "same_*",
            "equal_*",
        ],
    ),
    (
        "calls",
        &[
            "greeter",
            "void",
            "no_arguments",
            "many_arguments",
            "node_name_known",
            "future_method",
            "async",
            "over_*",
            "varargs*",
            "callback",
        ],
    ),
    (
        "exceptions",
        &["fail_*", "future_method_fails", "async_fails", "callback_fails"],
    ),
    (
        "time & one-way",
        &["slow_ok", "timeout", "after_timeout", "one_way"],
    ),
    (
        "attachments & unknowns",
        &["attach*", "unknown_*", "after_errors"],
    ),
];

/// Cases whose names begin like those of another group.
const EXCEPTIONS: [(&str, &str); 6] = [
    ("int_grid", "arrays"),
    ("string_grid", "arrays"),
    ("int_boxes", "arrays"),
    ("long_boxes", "arrays"),
    ("long_list", "collections"),
    ("enums_body", "arrays"),
];

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

/// The group of a case.
///
/// # Errors
/// The case matches no group, so the table here is incomplete.
pub(crate) fn of(case: &str) -> anyhow::Result<&'static str> {
    let special = EXCEPTIONS
        .iter()
        .find(|(name, _)| *name == case)
        .map(|(_, group)| *group);
    let by_pattern = || {
        GROUPS
            .iter()
            .find(|(_, all)| all.iter().any(|p| matches(p, case)))
            .map(|(name, _)| *name)
    };
    match special.or_else(by_pattern) {
        Some(group) => Ok(group),
        None => bail!("the case {case} belongs to no group: add it in tests/interop/groups.rs"),
    }
}

/// Whether a name matches a pattern, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}
