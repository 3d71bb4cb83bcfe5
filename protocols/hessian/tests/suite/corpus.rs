//! Tests on messages of stock peers: each is read to its last byte, survives conversion to the other grammar,
//! and is written as the stock writer wrote it. `tests/corpus/README.md` describes the files.
use crate::support::{Message, corpus, tokens, write};
use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{ErrorKind, Limits, OwnedToken, Recorder};

/// The library with the other grammar.
fn other(library: Library) -> Library {
    match library {
        Library::Lite | Library::Sofa4 => Library::Sofa3,
        Library::Sofa3 => Library::Sofa4,
    }
}

/// Messages with objects that only their own library can interpret.
fn is_refused(message: &Message) -> bool {
    let case = message.case();
    let sofa = message.library != Library::Lite;
    sofa && matches!(
        case,
        "optional" | "completable-future" | "future" | "stringbuilder-object"
    ) || message.set.ends_with("hessian4") && matches!(case, "list-of" | "set-of" | "map-of")
        || message.set.starts_with("dubbo-3.2") && matches!(case, "list-of" | "set-of" | "map-of")
        || message.set == "dubbo-2.7" && matches!(case, "list-of" | "list-of1" | "set-of" | "map-of")
}

#[test]
fn every_message_is_read_to_its_last_byte() {
    let (mut read, mut refused) = (0, 0);
    for message in corpus() {
        match tokens(&message.bytes, message.library) {
            Ok(tokens) => {
                assert!(!tokens.is_empty(), "{message}");
                read += 1;
            }
            Err(e) if e.kind == ErrorKind::Unsupported && is_refused(&message) => refused += 1,
            Err(e) => panic!("{message}: {e}"),
        }
    }
    println!("{read} read, {refused} refused");
    assert!(read > 1300, "only {read} messages");
    assert!(refused > 0);
}

#[test]
fn skipping_keeps_the_same_tables_as_reading() {
    let (mut skipped, mut copied) = (ReadTables::default(), ReadTables::default());
    for message in corpus().filter(|m| !is_refused(m)) {
        let mut reader = Reader::new(&message.bytes, message.library, &mut skipped);
        let mut marks = vec![];
        while !reader.is_at_end() {
            reader.skip_value().unwrap_or_else(|e| panic!("{message}: {e}"));
            marks.push(reader.mark());
        }
        let mut reader = Reader::new(&message.bytes, message.library, &mut copied);
        let (mut copier, mut sink) = (Copier::default(), Recorder::default());
        for mark in marks {
            copier.copy(&mut reader, &mut sink).unwrap();
            assert_eq!(reader.mark(), mark, "{message}");
        }
        assert!(reader.is_at_end());
    }
}

/// Tokens as text (so that NaN equals itself), without what the writer may correct: wrong counts, and the
/// type that the draft needs before a first key `true`.
fn comparable(tokens: &[OwnedToken]) -> String {
    let tokens = tokens.iter().cloned().map(|token| match token {
        OwnedToken::List { class, .. } => OwnedToken::List { class, len: None },
        OwnedToken::Map { class: Some(class) } if &*class == "java.util.HashMap" => {
            OwnedToken::Map { class: None }
        }
        other => other,
    });
    format!("{:?}", tokens.collect::<Vec<_>>())
}

#[test]
fn the_other_grammar_and_back_gives_the_same_tokens() {
    for message in corpus().filter(|m| !is_refused(m)) {
        let there = tokens(&message.bytes, message.library).unwrap();
        let Ok(bytes) = write(&there, other(message.library)) else {
            assert!(
                matches!(message.case(), "inetaddress" | "enumset" | "bitset"),
                "{message} was refused"
            );
            continue;
        };
        let between = tokens(&bytes, other(message.library)).unwrap_or_else(|e| panic!("{message}: {e}"));
        assert_eq!(comparable(&between), comparable(&there), "{message}");
        let back = write(&between, message.library).unwrap();
        let again = tokens(&back, message.library).unwrap();
        assert_eq!(comparable(&again), comparable(&there), "{message}");
    }
}

/// The reason why a message is written differently, although every value is the same.
fn rewritten_because(message: &Message) -> Option<&'static str> {
    let case = message.case();
    match message.library {
        Library::Sofa4 if ["byte", "short", "float"].iter().any(|n| case.starts_with(n)) => {
            Some("numbers are taken out of their handles")
        }
        Library::Sofa4 if case == "wide-full" => Some("numbers are taken out of their handles"),
        Library::Sofa3 if case == "enum-body" => Some("the constant's class becomes its enum"),
        Library::Sofa3 if case == "map-true-first" => Some("a map whose first key is `true` gets a type"),
        Library::Sofa3 if case == "generic-list" && message.set != "sofa-5.13.2" => {
            Some("old GenericObjects break their list in two; the count is put right")
        }
        _ => None,
    }
}

#[test]
fn the_writer_chooses_the_forms_of_the_stock_writers() {
    let mut rewritten = 0;
    for message in corpus().filter(|m| !is_refused(m)) {
        let bytes = write(&tokens(&message.bytes, message.library).unwrap(), message.library).unwrap();
        match rewritten_because(&message) {
            None => assert!(bytes == message.bytes, "{message} was written differently"),
            Some(_) => rewritten += usize::from(bytes != message.bytes),
        }
    }
    assert!(
        (30..60).contains(&rewritten),
        "{rewritten} messages were rewritten"
    );
}

#[test]
fn a_message_cut_anywhere_is_an_error() {
    let mut tables = ReadTables::default();
    for message in corpus().filter(|m| m.bytes.len() < 600 && !is_refused(m)) {
        let whole = count_values(&message.bytes, message.library, &mut tables);
        for end in 0..message.bytes.len() {
            let cut = &message.bytes[..end];
            // A cut between two values leaves fewer values; anywhere else it is an error.
            let mut reader = Reader::new(cut, message.library, &mut tables);
            let mut values = 0;
            let failed = loop {
                if reader.is_at_end() {
                    break false;
                }
                match reader.skip_value() {
                    Ok(()) => values += 1,
                    Err(e) => {
                        assert!(e.kind == ErrorKind::Truncated, "{message} cut at {end}: {e}");
                        break true;
                    }
                }
            };
            assert!(
                failed || values < whole,
                "{message} cut at {end} passed for whole"
            );
            let mut sink = Recorder::default();
            let mut reader = Reader::new(cut, message.library, &mut tables);
            let mut copier = Copier::default();
            while !reader.is_at_end() && copier.copy(&mut reader, &mut sink).is_ok() {}
        }
    }
}

fn count_values(bytes: &[u8], library: Library, tables: &mut ReadTables) -> usize {
    let mut reader = Reader::new(bytes, library, tables);
    let mut values = 0;
    while !reader.is_at_end() {
        reader.skip_value().unwrap();
        values += 1;
    }
    values
}

#[test]
fn a_message_with_any_byte_changed_never_panics() {
    let (mut tables, mut shapes, mut out) = (ReadTables::default(), WriteTables::default(), vec![]);
    let limits = Limits {
        depth: 64,
        tokens: 100_000,
        table: 10_000,
    };
    for message in corpus().filter(|m| m.bytes.len() < 400).step_by(7) {
        for at in 0..message.bytes.len() {
            for flip in [0x01, 0x08, 0x20, 0x80, 0xff] {
                let mut bytes = message.bytes.clone();
                bytes[at] ^= flip;
                let mut reader = Reader::new(&bytes, message.library, &mut tables).with_limits(limits);
                out.clear();
                let mut writer = Writer::new(&mut out, other(message.library), &mut shapes);
                let mut copier = Copier::default();
                while !reader.is_at_end() && copier.copy(&mut reader, &mut writer).is_ok() {}
                assert!(out.len() < 1_000_000);
            }
        }
    }
}

#[test]
fn the_attachments_of_a_call_are_reached_without_copying() {
    let mut tables = ReadTables::default();
    let message = corpus()
        .find(|m| m.set == "dubbo-3.3" && m.name == "group-version.1")
        .expect("a call");
    let mut reader = Reader::new(&message.bytes, Library::Lite, &mut tables);
    let head: Vec<_> = (0..5)
        .map(|_| reader.read_text().unwrap().text().to_str().into_owned())
        .collect();
    assert_eq!(head[0], "2.0.2");
    let args = reader.mark();
    reader.skip_value().unwrap();
    assert_eq!(reader.begin_map().unwrap(), None);
    let mut group = None;
    while reader.next_entry().unwrap() {
        let key = reader.read_text().unwrap();
        let value = reader.text_or_skip().unwrap();
        if key.is("group") {
            group = value.map(|v| v.text().to_str().into_owned());
        }
    }
    assert!(reader.is_at_end());
    assert!(group.is_some(), "{head:?}");
    reader.seek(args);
    let mut sink = Recorder::default();
    Copier::default().copy(&mut reader, &mut sink).unwrap();
    assert!(
        matches!(sink.tokens[..], [OwnedToken::Text(_)]),
        "{:?}",
        sink.tokens
    );
}
