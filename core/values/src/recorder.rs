//! A sink that stores its tokens, for tests and for the few places that must look ahead.
use crate::{Class, Sink, Text, Token, ValueError};

/// A token that owns its data.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants are those of `Token`")]
pub enum OwnedToken {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Date(i64),
    /// A text in CESU-8, see [`Text`].
    Text(Vec<u8>),
    Binary(Vec<u8>),
    List {
        class: Option<Box<str>>,
        len: Option<u32>,
    },
    Map {
        class: Option<Box<str>>,
    },
    Object(Class),
    Ref(u32),
    End,
}

/// Stores tokens, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// The received tokens, in order.
    pub tokens: Vec<OwnedToken>,
    /// The bytes of texts and names that the tokens own.
    owned: usize,
}

/// The most bytes of texts and names that are stored, the size of the largest message that a peer accepts.
const OWNED_MAX: usize = 64 << 20;

impl Recorder {
    /// Emits the stored tokens to another sink.
    ///
    /// # Errors
    /// The sink's errors.
    pub fn replay(&self, sink: &mut dyn Sink) -> Result<(), ValueError> {
        self.tokens.iter().try_for_each(|t| sink.token(t.as_token()))
    }
}

impl From<Vec<OwnedToken>> for Recorder {
    fn from(tokens: Vec<OwnedToken>) -> Self {
        Recorder { tokens, owned: 0 }
    }
}

impl Sink for Recorder {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        self.owned += match token {
            Token::Text(text) => text.bytes().len(),
            Token::Binary(bytes) => bytes.len(),
            Token::List { class, .. } | Token::Map { class } => class.map_or(0, str::len),
            _ => 0,
        };
        if self.owned > OWNED_MAX {
            return Err(ValueError::too_large(format!(
                "values with more than {OWNED_MAX} bytes of texts and names"
            )));
        }
        self.tokens.push(token.into());
        Ok(())
    }
}

impl OwnedToken {
    /// The borrowed form of the token.
    #[must_use]
    pub fn as_token(&self) -> Token<'_> {
        match self {
            OwnedToken::Null => Token::Null,
            OwnedToken::Bool(v) => Token::Bool(*v),
            OwnedToken::Int(v) => Token::Int(*v),
            OwnedToken::Long(v) => Token::Long(*v),
            OwnedToken::Double(v) => Token::Double(*v),
            OwnedToken::Date(v) => Token::Date(*v),
            OwnedToken::Text(v) => Token::Text(Text::from_cesu8(v).unwrap_or(Text::from_checked(&[], 0))),
            OwnedToken::Binary(v) => Token::Binary(v),
            OwnedToken::List { class, len } => Token::List {
                class: class.as_deref(),
                len: *len,
            },
            OwnedToken::Map { class } => Token::Map {
                class: class.as_deref(),
            },
            OwnedToken::Object(class) => Token::Object(class),
            OwnedToken::Ref(n) => Token::Ref(*n),
            OwnedToken::End => Token::End,
        }
    }
}

impl From<Token<'_>> for OwnedToken {
    fn from(token: Token<'_>) -> Self {
        match token {
            Token::Null => OwnedToken::Null,
            Token::Bool(v) => OwnedToken::Bool(v),
            Token::Int(v) => OwnedToken::Int(v),
            Token::Long(v) => OwnedToken::Long(v),
            Token::Double(v) => OwnedToken::Double(v),
            Token::Date(v) => OwnedToken::Date(v),
            Token::Text(v) => OwnedToken::Text(v.bytes().to_vec()),
            Token::Binary(v) => OwnedToken::Binary(v.to_vec()),
            Token::List { class, len } => OwnedToken::List {
                class: class.map(Into::into),
                len,
            },
            Token::Map { class } => OwnedToken::Map {
                class: class.map(Into::into),
            },
            Token::Object(class) => OwnedToken::Object(class.clone()),
            Token::Ref(n) => OwnedToken::Ref(n),
            Token::End => OwnedToken::End,
        }
    }
}
