//! Errors of reading and writing values.
use std::borrow::Cow;
use std::fmt;

/// A value that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The kind of error, which decides the status of the response.
    pub kind: ErrorKind,
    /// What was wrong, for people; with the position if it is known.
    pub text: Cow<'static, str>,
}

/// The kinds of [`ValueError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes end inside a value.
    Truncated,
    /// The bytes break the grammar.
    Malformed,
    /// A limit of [`crate::Limits`] was exceeded.
    TooLarge,
    /// The value is well-formed, but the target has no form for it.
    Unsupported,
}

impl ValueError {
    /// An error with a text.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        ValueError {
            kind,
            text: text.into(),
        }
    }

    /// The bytes end inside `what`.
    #[must_use]
    pub fn truncated(what: &str) -> Self {
        ValueError::new(ErrorKind::Truncated, format!("the data ends inside {what}"))
    }

    /// The bytes break the grammar.
    pub fn malformed(text: impl Into<Cow<'static, str>>) -> Self {
        ValueError::new(ErrorKind::Malformed, text)
    }

    /// A limit was exceeded.
    pub fn too_large(text: impl Into<Cow<'static, str>>) -> Self {
        ValueError::new(ErrorKind::TooLarge, text)
    }

    /// The output exceeds the room for it.
    #[cold]
    #[must_use]
    pub fn no_room() -> Self {
        ValueError::too_large("it would become many times as long as it was received")
    }

    /// The target has no form for the value.
    pub fn unsupported(text: impl Into<Cow<'static, str>>) -> Self {
        ValueError::new(ErrorKind::Unsupported, text)
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ValueError {}
