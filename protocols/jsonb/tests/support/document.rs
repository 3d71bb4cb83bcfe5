//! Reads and writes one document.
use rialto_jsonb::{Numbering, Reader, Writer};
use rialto_values::{Limits, Recorder, ValueError};

/// The tokens of a document.
pub(crate) fn read(document: &[u8]) -> Result<Recorder, ValueError> {
    let mut recorder = Recorder::default();
    let limits = Limits::default();
    let mut reader = Reader::new(document, &limits)?;
    reader.copy_value(&mut recorder, &mut Numbering::new(&limits))?;
    reader.finish()?;
    Ok(recorder)
}

/// The document made of these tokens.
#[allow(dead_code, reason = "not every test that includes this module writes")]
pub(crate) fn rewrite(value: &Recorder) -> Result<Vec<u8>, ValueError> {
    let mut writer = Writer::bare(&Limits::default());
    value.replay(&mut writer)?;
    writer.finish()
}
