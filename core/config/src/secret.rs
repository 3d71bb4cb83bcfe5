//! Secrets, which the configuration refers to but does not contain.

use std::path::PathBuf;
use std::{env, fmt, fs, io};

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize};

use super::text::{self, FromText};

/// The location of a secret. It is read at the start and not kept here, so that a dump of the configuration
/// cannot contain it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secret {
    /// A file that contains it. White space around it is ignored.
    File(PathBuf),
    /// An environment variable that contains it.
    Env(String),
}

/// A secret that was read. Its `Debug` output does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

/// The largest secret in bytes. The bound protects the memory from a wrong path.
const LONGEST_SECRET: u64 = 64 * 1024;

impl Secret {
    /// Reads the secret.
    ///
    /// # Errors
    /// The file or variable is missing, too long, not text, or empty. The message names it.
    pub fn read(&self) -> io::Result<SecretText> {
        let failed =
            |kind, reason: &dyn fmt::Display| io::Error::new(kind, format!("secret from {self}: {reason}"));
        let text = match self {
            Self::File(path) => {
                let length = fs::metadata(path)
                    .map_err(|error| failed(error.kind(), &error))?
                    .len();
                if length > LONGEST_SECRET {
                    return Err(failed(io::ErrorKind::InvalidData, &"longer than 64KiB"));
                }
                fs::read_to_string(path).map_err(|error| failed(error.kind(), &error))?
            }
            Self::Env(name) => env::var(name).map_err(|error| failed(io::ErrorKind::NotFound, &error))?,
        };
        match text.trim() {
            "" => Err(failed(io::ErrorKind::InvalidData, &"it is empty")),
            text => Ok(SecretText(text.to_owned())),
        }
    }
}

/// The written form of a [`Secret`].
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretForm {
    File(PathBuf),
    Env(String),
}

impl<'de> FromText<'de> for Secret {
    const EXPECTING: &'static str = "{file: /path} or {env: NAME}";

    fn from_text<E: de::Error>(_: &str) -> Result<Self, E> {
        Err(E::custom(
            "a secret is not written into the configuration; say where it is: {file: /path} or {env: NAME}",
        ))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Ok(
            match SecretForm::deserialize(MapAccessDeserializer::new(object))? {
                SecretForm::File(path) => Self::File(path),
                SecretForm::Env(name) => Self::Env(name),
            },
        )
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl SecretText {
    /// The secret itself, to compare or send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_trimmed_and_never_shown() {
        let path = env::temp_dir().join(format!("rialto-secret-{}", std::process::id()));
        fs::write(&path, "s3cret\n").unwrap();
        let secret = Secret::File(path.clone()).read().unwrap();
        fs::write(&path, " \n").unwrap();
        let empty = Secret::File(path.clone()).read().unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert_eq!(secret.expose(), "s3cret");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert!(empty.ends_with("it is empty"), "{empty}");
    }

    #[test]
    fn an_error_names_the_place_of_a_missing_secret() {
        let error = Secret::Env("RIALTO_NO_SUCH_VARIABLE".into())
            .read()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("environment variable RIALTO_NO_SUCH_VARIABLE"),
            "{error}"
        );
    }
}
