//! The containers that are open while a document is written.
use rialto_values::Class;

use super::value::Part;
use crate::handle::Kind;
use crate::path::name_len;

/// An open container.
#[derive(Debug)]
pub(super) enum Frame {
    List {
        target: u32,
        count: u32,
        len: Option<u32>,
        /// The position of the count, if it was not known at the start.
        patch: Option<usize>,
        spot: Spot,
    },
    Map {
        target: u32,
        /// Whether a value comes next.
        value_next: bool,
        /// The last key, if it was a text.
        key: String,
        spot: Spot,
    },
    Object {
        target: u32,
        class: Class,
        /// The number of fields begun.
        next: usize,
        throwable: bool,
    },
    /// An object that becomes a scalar.
    Handle {
        target: u32,
        kind: Kind,
        class: Class,
        parts: Vec<Part>,
    },
    /// The magnitude of a `java.math.BigInteger`.
    Words { target: u32, words: Vec<i32> },
    /// An object whose only field is `name`.
    MaybeEnum {
        target: u32,
        class: Class,
        constant: Option<String>,
    },
}

/// The longest path that is written, in bytes; beyond it the value is repeated.
const MAX_PATH: usize = 4096;

/// What fastjson2 supports for references among the elements of a list or map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// Whether it reads a reference in place of an element.
    pub(super) accepts: bool,
    /// Whether it finds paths through this container.
    pub(super) passable: bool,
}

/// The step from a container to a container inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Root,
    Element(u32),
    /// Under this key of a map.
    Named(Box<str>),
    /// In the field at this index.
    Field(Class, usize),
    /// No path leads there.
    None,
}

impl Step {
    /// The name in the step, if it has one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Step::Named(name) => Some(name),
            Step::Field(class, at) => class.fields().get(*at).map(|field| &**field),
            Step::Root | Step::Element(_) | Step::None => None,
        }
    }

    /// The length of a path of `len` bytes after this step; `None` if it gets too long, or cannot be written.
    pub(super) fn path_len_behind(&self, len: usize) -> Option<usize> {
        let more = match self {
            Step::Element(n) => 3 + n.checked_ilog10().unwrap_or(0) as usize,
            Step::Root | Step::None => return None,
            step => name_len(step.name()?)?,
        };
        Some(len + more).filter(|len| *len <= MAX_PATH)
    }
}

impl Spot {
    pub(super) fn list(class: Option<&str>, suppressed: bool) -> Self {
        let Some(class) = class.filter(|_| !suppressed) else {
            return Spot {
                accepts: !suppressed,
                passable: !suppressed,
            };
        };
        let known = matches!(
            class,
            "java.util.LinkedList"
                | "java.util.LinkedHashSet"
                | "java.util.Vector"
                | "java.util.Arrays$ArrayList"
                | "java.util.Collections$UnmodifiableList"
                | "java.util.Collections$UnmodifiableRandomAccessList"
        );
        let array = class.starts_with('[');
        Spot {
            accepts: known || array && class != "[object",
            passable: known || array || class.ends_with("List"),
        }
    }

    pub(super) fn map(class: Option<&str>) -> Self {
        let known = matches!(
            class,
            None | Some(
                "java.util.LinkedHashMap" | "java.util.TreeMap" | "java.util.concurrent.ConcurrentHashMap"
            )
        );
        Spot {
            accepts: known,
            passable: true,
        }
    }
}

impl Frame {
    pub(super) fn target(&self) -> u32 {
        match self {
            Frame::List { target, .. }
            | Frame::Map { target, .. }
            | Frame::Object { target, .. }
            | Frame::Handle { target, .. }
            | Frame::Words { target, .. }
            | Frame::MaybeEnum { target, .. } => *target,
        }
    }

    /// The step to the value that was begun last.
    pub(super) fn step(&self) -> Step {
        match self {
            Frame::List { count, spot, .. } if spot.passable => Step::Element(count - 1),
            Frame::Map {
                value_next: false,
                key,
                spot,
                ..
            } if spot.passable && !key.is_empty() => Step::Named(key.as_str().into()),
            Frame::Object {
                class,
                next,
                throwable: false,
                ..
            } => Step::Field(class.clone(), next - 1),
            _ => Step::None,
        }
    }

    /// Whether the next value can be a reference.
    pub(super) fn accepts_reference(&self) -> bool {
        match self {
            Frame::List { spot, .. } => spot.accepts,
            Frame::Map { value_next, spot, .. } => spot.accepts && *value_next,
            Frame::Object {
                class,
                next,
                throwable,
                ..
            } => class.fields().get(*next).is_none_or(|field| {
                let of_throwable = *throwable && matches!(&**field, "cause" | "suppressedExceptions");
                // fastjson2 resolves references last, so it would overwrite a later value of the same name.
                !of_throwable && !class.is_repeated_after(*next)
            }),
            _ => false,
        }
    }

    fn at_field(&self, name: &str) -> bool {
        match self {
            Frame::Object {
                class,
                next,
                throwable: true,
                ..
            } => class.fields().get(*next).is_some_and(|f| **f == *name),
            _ => false,
        }
    }

    /// Whether the next value is the cause of a throwable.
    pub(super) fn at_cause(&self) -> bool {
        self.at_field("cause")
    }

    /// Whether the next value is the list of a throwable's suppressed exceptions.
    pub(super) fn at_suppressed(&self) -> bool {
        self.at_field("suppressedExceptions")
    }
}
