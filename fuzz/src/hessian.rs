//! Hessian streams. The first byte of the input chooses the libraries, the rest is the stream.
use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer, throwable};
use rialto_values::{ErrorKind, Limits, OwnedToken, Recorder, ValueError};

use crate::values::{LIMITS, WIDER, comparable, replay};

const LIBRARIES: [Library; 3] = [Library::Lite, Library::Sofa3, Library::Sofa4];

/// Any bytes are read or refused, within limits; skipping and copying agree about the structure.
pub fn read(data: &[u8]) {
    let Some((choice, stream)) = data.split_first() else {
        return;
    };
    let library = LIBRARIES[usize::from(*choice) % 3];
    let (mut skipped, mut copied) = (ReadTables::default(), ReadTables::default());
    let mut skipper = Reader::new(stream, library, &mut skipped).with_limits(LIMITS);
    let mut reader = Reader::new(stream, library, &mut copied).with_limits(LIMITS);
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    while !skipper.is_at_end() {
        let skipped = skipper.skip_value();
        match copier.copy(&mut reader, &mut sink) {
            Ok(()) => {
                assert_eq!(skipped, Ok(()), "copied but not skipped");
                assert_eq!(
                    skipper.mark(),
                    reader.mark(),
                    "copying and skipping end at different places"
                );
            }
            Err(_) => break,
        }
    }
    assert!(sink.tokens.len() <= LIMITS.tokens as usize);
    let mut reader = Reader::new(stream, library, &mut skipped).with_limits(LIMITS);
    while !reader.is_at_end() && throwable::read(&mut reader).is_ok() {}
}

/// Values that can be read can be written in any grammar, and mean the same there.
pub fn splice(data: &[u8]) {
    let Some((choice, stream)) = data.split_first() else {
        return;
    };
    let (from, to) = (
        LIBRARIES[usize::from(*choice) % 3],
        LIBRARIES[usize::from(*choice / 3) % 3],
    );
    let Ok(tokens) = tokens(stream, from, LIMITS) else {
        return;
    };
    let bytes = match write(&tokens, to) {
        Ok(bytes) => bytes,
        Err(e) => {
            let refusal = matches!(e.kind, ErrorKind::Unsupported | ErrorKind::TooLarge);
            return assert!(refusal, "{from:?} to {to:?}: {e}\n{tokens:?}");
        }
    };
    match self::tokens(&bytes, to, WIDER) {
        Ok(again) => {
            let (tokens, again) = (comparable(tokens), comparable(again));
            assert!(tokens == again, "{from:?} to {to:?}:\n{tokens}\n{again}");
        }
        // A class that means something else in the other library, and has no value there.
        Err(e) => assert_eq!(
            e.kind,
            ErrorKind::Unsupported,
            "{from:?} to {to:?}: {e}\n{tokens:?}"
        ),
    }
}

fn tokens(stream: &[u8], library: Library, limits: Limits) -> Result<Vec<OwnedToken>, ValueError> {
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(stream, library, &mut tables).with_limits(limits);
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    while !reader.is_at_end() {
        copier.copy(&mut reader, &mut sink)?;
    }
    Ok(sink.tokens)
}

fn write(tokens: &[OwnedToken], library: Library) -> Result<Vec<u8>, ValueError> {
    let (mut out, mut tables) = (vec![], WriteTables::default());
    let mut writer = Writer::new(&mut out, library, &mut tables);
    replay(tokens, &mut writer)?;
    writer.finish()?;
    Ok(out)
}
