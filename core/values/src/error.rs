//! What can be wrong with a value.
use std::borrow::Cow;
use std::fmt;

/// A value that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// The kind of failure, for the status of the answer.
    pub kind: ErrorKind,
    /// What was wrong, for people; names the place where it can.
    pub text: Cow<'static, str>,
}

/// Kinds of [`ValueError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes end inside a value.
    Truncated,
    /// The bytes break the grammar.
    Malformed,
    /// A bound of [`crate::Limits`] was passed.
    TooLarge,
    /// Well-formed, but the target has no form for it.
    Unsupported,
}

impl ValueError {
    /// A failure with a text.
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

    /// A bound was passed.
    pub fn too_large(text: impl Into<Cow<'static, str>>) -> Self {
        ValueError::new(ErrorKind::TooLarge, text)
    }

    /// What is written is longer than the place for it.
    #[cold]
    #[must_use]
    pub fn no_room() -> Self {
        ValueError::too_large("it would become many times as long as it was received")
    }

    /// The target has no form for this.
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
