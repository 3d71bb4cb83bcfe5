//! Arguments and return values as tokens.
use rialto_core::call::Values;
use rialto_values::{Limits, OwnedToken, Recorder, Sink, Token, ValueError, handle};

/// Limits for reading random bytes.
pub(crate) const LIMITS: Limits = Limits {
    depth: 64,
    tokens: 100_000,
    table: 10_000,
};
/// Limits for what was made of values within [`LIMITS`], which may be somewhat larger.
pub(crate) const WIDER: Limits = Limits {
    depth: 80,
    tokens: 1_000_000,
    table: 100_000,
};

/// Messages with more tokens are not examined.
const MOST: usize = 100_000;

/// Stores tokens, up to a limit.
#[derive(Default)]
struct Kept {
    recorder: Recorder,
    is_full: bool,
}

impl Sink for Kept {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if self.recorder.tokens.len() == MOST {
            self.is_full = true;
            return Err(ValueError::too_large("more tokens than are looked at"));
        }
        self.recorder.token(token)
    }
}

/// The tokens of values; `None` if they are too many to be examined.
pub(crate) fn tokens(values: &Values<'_>) -> Option<Result<Vec<OwnedToken>, ValueError>> {
    let mut kept = Kept::default();
    let done = values.emit(&mut kept);
    (!kept.is_full).then(|| done.map(|()| kept.recorder.tokens))
}

/// Emits stored tokens again.
pub(crate) fn replay(tokens: &[OwnedToken], to: &mut dyn Sink) -> Result<(), ValueError> {
    tokens.iter().try_for_each(|token| to.token(token.as_token()))
}

/// Tokens as text, without what a writer or reader of Hessian may correct: counts, the type that the draft
/// gives a map whose first key is `true`, the halves of a UUID, and constants with a body.
pub(crate) fn comparable(tokens: Vec<OwnedToken>) -> String {
    let uuids = tokens
        .iter()
        .any(|t| matches!(t, OwnedToken::Object(class) if class.name() == handle::UUID));
    let right = tokens.into_iter().filter_map(|token| match token {
        OwnedToken::List { class, .. } => Some(OwnedToken::List { class, len: None }),
        OwnedToken::Map { class: Some(class) } if &*class == "java.util.HashMap" => {
            Some(OwnedToken::Map { class: None })
        }
        OwnedToken::Object(class) if class.name() == handle::UUID => None,
        OwnedToken::Object(class) if class.fields().iter().map(|f| &**f).eq(["name"]) => {
            let constant = |c: char| c.is_ascii_digit() || c == '$';
            Some(OwnedToken::Text(class.name().trim_end_matches(constant).into()))
        }
        OwnedToken::Int(_) | OwnedToken::Long(_) if uuids => None,
        other => Some(other),
    });
    format!("{:?}", right.collect::<Vec<_>>())
}
