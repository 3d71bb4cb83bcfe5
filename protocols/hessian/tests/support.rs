//! The corpus, and values as recorded tokens.
use std::fmt;
use std::path::Path;

use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{OwnedToken, Recorder, ValueError};

/// One message's Hessian stream.
pub(crate) struct Message {
    /// The file.
    pub(crate) set: String,
    /// Case and number of the message in it.
    pub(crate) name: String,
    /// Who wrote it.
    pub(crate) library: Library,
    /// The stream.
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

/// Bytes of hexadecimal digits.
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

/// The stream of these tokens.
pub(crate) fn write(tokens: &[OwnedToken], library: Library) -> Result<Vec<u8>, ValueError> {
    let (mut out, mut shapes) = (vec![], WriteTables::default());
    let mut writer = Writer::new(&mut out, library, &mut shapes);
    Recorder {
        tokens: tokens.to_vec(),
    }
    .replay(&mut writer)?;
    writer.finish()?;
    Ok(out)
}
