//! Replaces `${NAME}` and `${NAME:-default}` by variables of the environment.

/// A mistake in an interpolation, and how to correct it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InterpolationError {
    pub(super) message: String,
    pub(super) hint: String,
}

/// A text after the replacement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interpolated {
    pub(super) text: String,
    /// The names and values of the variables that were found.
    pub(super) variables: Vec<(String, String)>,
}

/// Replaces every `${…}` of a text; `None` if it has none. `$${` is written as `${`.
pub(super) fn interpolate(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Interpolated>, InterpolationError> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut result = String::with_capacity(text.len());
    let mut variables = vec![];
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            result.push_str(&rest[..at - 1]);
            result.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        result.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let end = inside.find('}').ok_or_else(|| InterpolationError {
            message: "\"${\" is not closed".to_owned(),
            hint: "write ${NAME} or ${NAME:-default}; write $${ to mean the text ${".to_owned(),
        })?;
        match value(&inside[..end], env)? {
            Found::Default(text) => result.push_str(text),
            Found::Variable(name, text) => {
                result.push_str(&text);
                variables.push((name.to_owned(), text));
            }
        }
        rest = &inside[end + 1..];
    }
    result.push_str(rest);
    Ok(Some(Interpolated {
        text: result,
        variables,
    }))
}

/// The replacement of a variable.
enum Found<'a> {
    Variable(&'a str, String),
    Default(&'a str),
}

fn value<'a>(inside: &'a str, env: &dyn Fn(&str) -> Option<String>) -> Result<Found<'a>, InterpolationError> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !well_formed {
        return Err(InterpolationError {
            message: format!("\"{name}\" is not the name of an environment variable"),
            hint: if name.starts_with("file:") {
                "secrets are given as {file: /path}".to_owned()
            } else {
                "write ${NAME} or ${NAME:-default}; write $${ to mean the text ${".to_owned()
            },
        });
    }
    // As in a shell, `:-` also replaces an empty value.
    match (env(name), default) {
        (Some(value), _) if !value.is_empty() => Ok(Found::Variable(name, value)),
        (_, Some(default)) => Ok(Found::Default(default)),
        (Some(value), None) => Ok(Found::Variable(name, value)),
        (None, None) => Err(InterpolationError {
            message: format!("the environment variable {name} is not set"),
            hint: format!("set it, or give a default: ${{{name}:-…}}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("10.0.0.7".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_and_defaults_are_put_in() {
        for (text, result) in [
            ("${HOST}:20880", "10.0.0.7:20880"),
            ("${HOST:-x}-${NONE:-y}", "10.0.0.7-y"),
            ("${EMPTY:-z}${EMPTY}", "z"),
            ("${NONE:-}", ""),
            ("a$${HOST}b", "a${HOST}b"),
        ] {
            let read = interpolate(text, &env).map(|read| read.map(|read| read.text));
            assert_eq!(read, Ok(Some(result.to_owned())), "{text}");
        }
        let read = interpolate("${HOST}-${NONE:-y}", &env).unwrap().unwrap();
        assert_eq!(read.variables, [("HOST".to_owned(), "10.0.0.7".to_owned())]);
        assert_eq!(interpolate("^a$", &env), Ok(None));
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, part) in [
            ("${NONE}", "NONE is not set"),
            ("${HOST", "is not closed"),
            ("${1x}", "\"1x\" is not the name"),
            ("${}", "\"\" is not the name"),
        ] {
            let error = interpolate(text, &env).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error:?}");
        }
        assert!(
            interpolate("${file:/x}", &env)
                .unwrap_err()
                .hint
                .contains("{file: /path}")
        );
    }
}
