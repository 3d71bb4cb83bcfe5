//! Access to the corpus, and values as recorded tokens.
use std::fmt;
use std::path::Path;

use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{OwnedToken, Recorder, ValueError};

/// The Hessian stream of one message.
pub(crate) struct Message {
    /// The name of the file.
    pub(crate) set: String,
    /// The case and the number of the message in it.
    pub(crate) name: String,
    /// The library that wrote the stream.
    pub(crate) library: Library,
    /// The bytes of the stream.
    pub(crate) bytes: Vec<u8>,
}

impl Message {
    /// The case without the number.
    pub(crate) fn case(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(case, _)| case)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.set, self.name)
    }
}

/// All messages of the corpus.
pub(crate) fn corpus() -> impl Iterator<Item = Message> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "hex"));
    files.sort();
    files.into_iter().flat_map(|file| {
        let set = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let library = match &*set {
            "sofa-5.13.2-hessian4" => Library::Sofa4,
            s if s.starts_with("sofa") => Library::Sofa3,
            _ => Library::Lite,
        };
        let text = std::fs::read_to_string(file).unwrap();
        let messages: Vec<_> = text
            .lines()
            .map(|line| {
                let (name, hex) = line.split_once(' ').unwrap();
                Message {
                    set: set.clone(),
                    name: name.to_owned(),
                    library,
                    bytes: unhex(hex),
                }
            })
            .collect();
        messages
    })
}

/// Parses hexadecimal digits, ignoring blanks.
pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap())
        .collect()
}

/// All values of a stream.
pub(crate) fn tokens(bytes: &[u8], library: Library) -> Result<Vec<OwnedToken>, ValueError> {
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(bytes, library, &mut tables);
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    while !reader.is_at_end() {
        copier.copy(&mut reader, &mut sink)?;
    }
    Ok(sink.tokens)
}

/// A stream that contains these tokens.
pub(crate) fn write(tokens: &[OwnedToken], library: Library) -> Result<Vec<u8>, ValueError> {
    let (mut out, mut shapes) = (vec![], WriteTables::default());
    let mut writer = Writer::new(&mut out, library, &mut shapes);
    Recorder::from(tokens.to_vec()).replay(&mut writer)?;
    writer.finish()?;
    Ok(out)
}

/// Tokens on one line: `1` an int, `1L` a long, `@0` a reference, `[type: ...]` a list, `{type: ...}` a map,
/// `Class(field field| ...)` an object.
pub(crate) fn show(tokens: &[OwnedToken]) -> String {
    let (mut line, mut ends) = (String::new(), vec![]);
    for token in tokens {
        let mut open = |text: String, end| {
            ends.push(end);
            text
        };
        let text = match token {
            OwnedToken::Null => "null".into(),
            OwnedToken::Bool(v) => v.to_string(),
            OwnedToken::Int(v) => v.to_string(),
            OwnedToken::Long(v) => format!("{v}L"),
            OwnedToken::Double(v) => format!("{v:?}"),
            OwnedToken::Date(v) => format!("date{v}"),
            OwnedToken::Text(_) => format!("{:?}", token.as_token())
                .replace("Text(\"", "'")
                .replace("\")", "'"),
            OwnedToken::Binary(v) => {
                format!("0x{}", v.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
            OwnedToken::List { class, .. } => {
                open(format!("[{}:", class.as_deref().unwrap_or_default()), "]")
            }
            OwnedToken::Map { class } => open(format!("{{{}:", class.as_deref().unwrap_or_default()), "}"),
            OwnedToken::Object(class) => open(format!("{}({}|", class.name(), class.fields().join(" ")), ")"),
            OwnedToken::Ref(n) => format!("@{n}"),
            OwnedToken::End => {
                line.push_str(ends.pop().expect("an open container"));
                continue;
            }
        };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&text);
    }
    assert!(ends.is_empty(), "{line} lacks an end");
    line
}

/// The values of a stream given in hexadecimal, in the form of [`show`].
pub(crate) fn shown(hex: &str, library: Library) -> String {
    show(&tokens(&unhex(hex), library).unwrap_or_else(|e| panic!("{hex}: {e}")))
}
