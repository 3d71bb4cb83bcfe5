//! JSONB documents. The first byte of the input chooses the declared class of a value; the rest is a
//! document, or a sequence of them.
use crate::graph::difference;
use crate::values::{LIMITS, WIDER, replay};
use rialto_jsonb::{Numbering, Reader, Writer, split_document};
use rialto_values::{Class, ErrorKind, Limits, OwnedToken, Recorder, ValueError};

const DECLARED: [Option<&str>; 8] = [
    None,
    Some("java.util.UUID"),
    Some("java.time.Duration"),
    Some("java.util.Locale"),
    Some("java.sql.Timestamp"),
    Some("com.acme.Color"),
    Some("[I"),
    Some("int"),
];

/// Any bytes are read or refused, within limits; skipping, walking and copying agree about the structure.
pub fn read(data: &[u8]) {
    let Some((choice, document)) = data.split_first() else {
        return;
    };
    row(document);
    let reader = || Reader::new(document, &LIMITS).expect("short enough");
    let (mut skipper, mut copier) = (reader(), reader());
    let skipped = skipper.skip_value();
    let mut sink = Recorder::default();
    let mut numbering = Numbering::new(&LIMITS);
    let copied = match DECLARED[usize::from(*choice) % DECLARED.len()] {
        Some(class) => copier.copy_value_as(class, &mut sink, &mut numbering),
        None => copier.copy_value(&mut sink, &mut numbering),
    };
    assert!(sink.tokens.len() <= LIMITS.tokens as usize);
    if copied.is_ok() {
        assert_eq!(skipped, Ok(()), "copied but not skipped");
        assert_eq!(
            skipper.position(),
            copier.position(),
            "copying and skipping end at different places"
        );
        // The tokens must be well-formed, or no graph could be made of them.
        assert_eq!(difference(&sink.tokens, &sink.tokens), None);
    }
    let _ = (reader().int(), reader().string(), reader().is_null());
    let mut walker = reader();
    if walker.begin_object() == Ok(true) && walk(&mut walker).is_ok() {
        match &skipped {
            // Walking does not count the object itself towards the depth.
            Err(e) if e.kind == ErrorKind::TooLarge => {}
            Err(e) => panic!("walked but not skipped: {e}"),
            Ok(()) => assert_eq!(
                skipper.position(),
                walker.position(),
                "walking and skipping end at different places"
            ),
        }
    }
}

/// Skips the entries of an object.
fn walk(reader: &mut Reader<'_>) -> Result<(), ValueError> {
    while let Some(key) = reader.next_key()? {
        let text = key.to_str()?;
        assert!(key.is(&text) || text.contains('\u{fffd}') || !text.is_ascii());
        reader.skip_value()?;
    }
    Ok(())
}

/// Documents follow each other.
fn row(mut bytes: &[u8]) {
    let len = bytes.len();
    let mut taken = 0;
    while let Ok(document) = split_document(&mut bytes) {
        taken += 4 + document.len();
        assert_eq!(taken + bytes.len(), len);
    }
}

/// Values that can be read can be written, and mean the same when they are read again.
pub fn roundtrip(data: &[u8]) {
    let Some((choice, document)) = data.split_first() else {
        return;
    };
    let Ok(tokens) = tokens(document, DECLARED[usize::from(*choice) % DECLARED.len()], &LIMITS) else {
        return;
    };
    let again = match write(&tokens) {
        Ok(document) => self::tokens(&document, None, &WIDER),
        Err(e) => {
            let refusal = matches!(e.kind, ErrorKind::Unsupported | ErrorKind::TooLarge);
            return assert!(refusal, "{e}\n{tokens:?}");
        }
    };
    let again = again.unwrap_or_else(|e| panic!("{e}\n{tokens:?}"));
    // A written document is the same when it is written again, and has the same value.
    let document = write(&again).unwrap_or_else(|e| panic!("{e}\n{again:?}"));
    let twice = self::tokens(&document, None, &WIDER).unwrap_or_else(|e| panic!("{e}\n{again:?}"));
    if let Some(difference) = difference(&again, &twice) {
        panic!("{difference}\n{again:?}\n{twice:?}");
    }
    if *choice == 0
        && !tokens.iter().any(is_lossy)
        && let Some(difference) = difference(&tokens, &again)
    {
        panic!("{difference}\n{tokens:?}\n{again:?}");
    }
}

/// Whether a value is written without its class, as fastjson2 does (numbers that can change, and lists of a
/// Throwable), under another class (collections that are private to the JDK), or may be read as something else
/// (a constant written as an object, if its class is named like a map).
fn is_lossy(token: &OwnedToken) -> bool {
    let is_list_of_throwable = |f: &str| f == "suppressedExceptions";
    let is_constant_of_map =
        |class: &Class| class.name().ends_with("Map") && class.fields().iter().map(|f| &**f).eq(["name"]);
    let is_private = |class: &str| class.starts_with("java.util.") && class.contains('$');
    match token {
        OwnedToken::Object(class) => {
            class.name().starts_with("java.util.concurrent.atomic.")
                || is_constant_of_map(class)
                || class.fields().iter().any(|f| is_list_of_throwable(f))
        }
        OwnedToken::Map { class: Some(class) }
        | OwnedToken::List {
            class: Some(class), ..
        } => is_private(class),
        _ => false,
    }
}

fn tokens(document: &[u8], declared: Option<&str>, limits: &Limits) -> Result<Vec<OwnedToken>, ValueError> {
    let mut sink = Recorder::default();
    let mut reader = Reader::new(document, limits)?;
    let mut numbering = Numbering::new(limits);
    match declared {
        Some(class) => reader.copy_value_as(class, &mut sink, &mut numbering)?,
        None => reader.copy_value(&mut sink, &mut numbering)?,
    }
    reader.finish()?;
    Ok(sink.tokens)
}

fn write(tokens: &[OwnedToken]) -> Result<Vec<u8>, ValueError> {
    let mut writer = Writer::bare(&WIDER);
    replay(tokens, &mut writer)?;
    writer.finish()
}
