//! Tests that copy values of one stream into another.
use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{Class, ErrorKind, Limits, Recorder, Sink, Token};

use crate::support::{show, shown, tokens, unhex};

/// Skips `skip` values of a stream and copies the rest.
fn copied(hex: &str, library: Library, skip: usize) -> String {
    let bytes = unhex(hex);
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, library, &mut tables);
    for _ in 0..skip {
        reader.skip_value().unwrap();
    }
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    while !reader.is_at_end() {
        copier
            .copy(&mut reader, &mut sink)
            .unwrap_or_else(|e| panic!("{hex}: {e}"));
    }
    show(&sink.tokens)
}

#[test]
fn references_are_renumbered_from_the_first_copied_value() {
    // Containers 0 and 1 are skipped; 2 and 3 become 0 and 1.
    assert_eq!(
        copied("79 48 5a 79 79 91 51 92 51 93", Library::Lite, 1),
        "[: [: 1]] @0 @1"
    );
}

#[test]
fn a_reference_to_a_skipped_value_is_copied_once() {
    // The first value, [[7]], is skipped; references to it and to its element follow.
    assert_eq!(
        copied("79 79 97 51 90 51 91 51 90", Library::Lite, 1),
        "[: [: 7]] @1 @0"
    );
    assert_eq!(
        copied("79 79 97 51 91 51 90 51 91", Library::Lite, 1),
        "[: 7] [: @0] @0"
    );
}

#[test]
fn types_and_classes_of_skipped_values_are_found() {
    // A typed list and a class with an instance are skipped. The same type and class follow by index, and
    // references.
    let hex = "71 0161 91  43 0162 91 0163 60 4e  71 90 92  60 93  51 90 51 91";
    assert_eq!(copied(hex, Library::Lite, 2), "[a: 2] b(c| 3) [a: 1] b(c| null)");
}

#[test]
fn cycles_through_skipped_values_close() {
    assert_eq!(shown("48 0161 51 90 5a", Library::Lite), "{: 'a' @0}");
    // The skipped map contains itself and a list that contains the map.
    let hex = "48 0161 51 90 0162 79 51 90 5a 51 91";
    assert_eq!(copied(hex, Library::Lite, 1), "[: {: 'a' @1 'b' @0}]");
}

#[test]
fn a_reference_to_an_open_container_includes_what_follows() {
    // {"a": [ref to the map], "b": D(1), "c": D(2)}; the entries are read by hand, only values are copied.
    let bytes = unhex("48 0161 79 51 90 0162 43 0144 91 0165 60 91 0163 60 92 5a 60 93");
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    reader.begin_map().unwrap();
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    while reader.next_entry().unwrap() {
        reader.skip_value().unwrap();
        copier.copy(&mut reader, &mut sink).unwrap();
    }
    copier.copy(&mut reader, &mut sink).unwrap();
    assert!(reader.is_at_end());
    assert_eq!(
        show(&sink.tokens),
        "[: {: 'a' @0 'b' D(e| 1) 'c' D(e| 2)}] @2 @3 D(e| 3)",
        "what the detour passed is not copied again"
    );
}

#[test]
fn one_value_alone_is_a_stream_of_its_own() {
    let bytes = unhex("79 79 97 51 91");
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    for expected in ["[: [: 7]]", "[: 7]"] {
        let mut sink = Recorder::default();
        reader.copy_value(&mut sink).unwrap();
        assert_eq!(show(&sink.tokens), expected);
    }
}

#[test]
fn shared_values_do_not_multiply() {
    // Each list contains the previous one twice; copying the last two values needs one token per reference.
    let mut bytes = vec![0x79, 0x91];
    for n in 0..40u8 {
        bytes.extend([0x7a, 0x51, 0x90 + n, 0x51, 0x90 + n]);
    }
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables).with_limits(Limits {
        tokens: 1000,
        ..Limits::default()
    });
    for _ in 0..40 {
        reader.skip_value().unwrap();
    }
    let (mut copier, mut sink) = (Copier::default(), Recorder::default());
    copier.copy(&mut reader, &mut sink).unwrap();
    assert_eq!(sink.tokens.len(), 40 * 3 + 3);
}

#[test]
fn the_writer_adds_its_own_containers_to_the_numbering() {
    let bytes = unhex("79 91 51 90");
    let (mut tables, mut out, mut shapes) = (ReadTables::default(), vec![], WriteTables::default());
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    let mut writer = Writer::new(&mut out, Library::Sofa3, &mut shapes);
    let request = Class::new("R", ["props", "sigs"]);
    writer.begin_object(&request).unwrap();
    writer.begin_map(None).unwrap();
    writer.end().unwrap();
    writer.begin_list(Some("[string"), Some(1)).unwrap();
    writer.write_str("int");
    writer.end().unwrap();
    writer.end().unwrap();
    let mut copier = Copier::default();
    copier.copy(&mut reader, &mut writer).unwrap();
    copier.copy(&mut reader, &mut writer).unwrap();
    assert_eq!(writer.next_index(), 4);
    writer.finish().unwrap();
    let expected = "4f 91 52 92 0570726f7073 0473696773 6f 90 4d 7a 56 74 0007 5b737472696e67 6e 01 03 696e74 7a 56 6e 01 91 7a 4a 03";
    assert_eq!(out, unhex(expected));
}

#[test]
fn counts_are_corrected_when_a_list_ends() {
    let lists = [
        (None, 0),
        (Some(3), 1),
        (None, 9),
        (Some(1), 300),
        (Some(300), 2),
        (Some(u32::MAX), 60),
    ];
    for library in [Library::Lite, Library::Sofa3, Library::Sofa4] {
        for class in [None, Some("[int")] {
            let (mut out, mut shapes) = (vec![], WriteTables::default());
            let mut writer = Writer::new(&mut out, library, &mut shapes);
            // Three deep, and twice, so that the draft's repeated form is corrected too.
            let mut write = |len, count| {
                writer.token(Token::List { class, len }).unwrap();
                for _ in 0..count {
                    writer.token(Token::List { class, len }).unwrap();
                    writer.token(Token::Int(1000)).unwrap();
                    writer.token(Token::End).unwrap();
                }
                writer.token(Token::End).unwrap();
            };
            lists.iter().for_each(|(len, count)| write(*len, *count));
            writer.finish().unwrap();
            let name = class.unwrap_or_default();
            let expected: Vec<_> = lists
                .iter()
                .map(|(_, count)| format!("[{name}:{}]", format!(" [{name}: 1000]").repeat(*count)))
                .collect();
            assert_eq!(
                show(&tokens(&out, library).unwrap()),
                expected.join(" "),
                "{library:?}"
            );
        }
    }
}

#[test]
fn a_broken_token_stream_is_refused() {
    let pair = Class::new("P", ["a", "b"]);
    let bad: &[&[Token<'_>]] = &[
        &[Token::End],
        &[Token::Ref(0)],
        &[Token::Map { class: None }, Token::Int(1), Token::End],
        &[Token::Object(&pair), Token::Int(1), Token::End],
        &[
            Token::Object(&pair),
            Token::Int(1),
            Token::Int(1),
            Token::Int(1),
            Token::End,
        ],
    ];
    for stream in bad {
        let (mut out, mut shapes) = (vec![], WriteTables::default());
        let mut writer = Writer::new(&mut out, Library::Lite, &mut shapes);
        let e = stream.iter().try_for_each(|t| writer.token(*t)).unwrap_err();
        assert_eq!(e.kind, ErrorKind::Malformed, "{stream:?}: {e}");
    }
    let (mut out, mut shapes) = (vec![], WriteTables::default());
    let mut writer = Writer::new(&mut out, Library::Lite, &mut shapes);
    writer
        .token(Token::List {
            class: None,
            len: None,
        })
        .unwrap();
    assert!(writer.finish().is_err());
}

#[test]
fn a_map_that_peers_would_misread_gets_a_type() {
    let tokens_of = |hex| tokens(&unhex(hex), Library::Lite).unwrap();
    let draft = |hex| crate::support::write(&tokens_of(hex), Library::Sofa3).unwrap();
    assert_eq!(
        draft("48 54 01 61 5a"),
        unhex("4d 74 0011 6a6176612e7574696c2e486173684d6170 54 01 61 7a")
    );
    assert_eq!(draft("48 46 54 5a"), unhex("4d 46 54 7a"), "only a first key");
    assert_eq!(draft("48 91 54 54 92 5a"), unhex("4d 91 54 54 92 7a"));
    assert_eq!(draft("48 48 5a 54 5a"), unhex("4d 4d 7a 54 7a"));
}
