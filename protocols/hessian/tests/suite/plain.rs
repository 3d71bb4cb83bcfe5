//! Tests that values read without a reader equal those that a reader reads.
use crate::support::corpus;
use rialto_hessian::{Copier, Library, Plain, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{OwnedToken, Recorder, Sink};

const LIBRARIES: [Library; 3] = [Library::Lite, Library::Sofa3, Library::Sofa4];

/// The value at the start of a stream and its length, as the full reader finds them.
fn read(stream: &[u8], library: Library, tables: &mut ReadTables) -> (Vec<OwnedToken>, usize) {
    let (mut reader, mut seen) = (Reader::new(stream, library, tables), Recorder::default());
    Copier::default().copy(&mut reader, &mut seen).unwrap();
    (seen.tokens, reader.position())
}

/// Compares both at every byte of every message, in both grammars.
#[test]
fn both_ways_read_the_same_values() {
    let (mut tables, mut found, mut maps) = (ReadTables::default(), 0, 0);
    for message in corpus() {
        for at in 0..message.bytes.len() {
            for library in [Library::Lite, Library::Sofa3] {
                let mut plain = Plain::new(&message.bytes, at, library);
                if let Some(token) = plain.value() {
                    let (tokens, len) = read(&message.bytes[at..], library, &mut tables);
                    // They are compared as text, because NaN does not equal itself.
                    assert_eq!(
                        (format!("{tokens:?}"), at + len),
                        (format!("{:?}", [OwnedToken::from(token)]), plain.position()),
                        "{message} at {at}, {library:?}"
                    );
                    found += 1;
                }
                let (mut plain, mut seen) = (Plain::new(&message.bytes, at, library), vec![]);
                let text = |bytes: &[u8]| OwnedToken::Text(bytes.to_vec());
                if plain.map(|key, value| seen.extend([text(key), text(value)])) {
                    let (tokens, len) = read(&message.bytes[at..], library, &mut tables);
                    seen.insert(0, OwnedToken::Map { class: None });
                    seen.push(OwnedToken::End);
                    assert_eq!((tokens, at + len), (seen, plain.position()), "{message} at {at}");
                    maps += 1;
                }
            }
        }
    }
    assert!(found > 100_000 && maps > 100, "{found} values, {maps} maps");
}

#[test]
fn scalars_and_strings_of_all_lengths_are_plain() {
    for library in LIBRARIES {
        for len in (0..1100).chain([0x7fff, 0x8000]) {
            let (text, mut stream, mut tables) = ("x".repeat(len), vec![], WriteTables::default());
            let mut writer = Writer::new(&mut stream, library, &mut tables);
            writer.write_int(len as i32 * 997);
            writer.write_str(&text);
            writer.write_long(len as i64 * 99_991);
            writer.write_str("end");
            let mut copied = Recorder::default();
            let mut plain = Plain::new(&stream, 0, library);
            assert_eq!(plain.copy(9, &mut copied), Ok(4), "{len} {library:?}");
            assert_eq!(copied.tokens[1], OwnedToken::Text(text.into_bytes()));
            assert_eq!(plain.position(), stream.len());
        }
    }
}

#[test]
fn strings_of_other_characters_need_a_reader() {
    for at in 0..300 {
        let mut text = "x".repeat(at);
        text.push('ü');
        let (mut stream, mut tables) = (vec![], WriteTables::default());
        let mut writer = Writer::new(&mut stream, Library::Lite, &mut tables);
        writer.write_str("plain");
        writer.write_str(&text);
        let mut plain = Plain::new(&stream, 0, Library::Lite);
        assert_eq!(plain.text(), Some(&b"plain"[..]), "{at}");
        let before = plain.position();
        assert!(plain.text().is_none() && plain.value().is_none(), "{at}");
        assert_eq!(plain.position(), before);
    }
}

#[test]
fn cut_values_are_not_plain() {
    for whole in [
        &b"\x05hello"[..],
        b"S\0\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b"I\0\0\0\x01",
        b"\xc9\x01",
    ] {
        for n in 0..whole.len() {
            assert!(
                Plain::new(&whole[..n], 0, Library::Lite).value().is_none(),
                "{whole:x?} cut at {n}"
            );
        }
        assert!(Plain::new(whole, 0, Library::Lite).value().is_some());
    }
    assert!(!Plain::new(b"H\x01a\x01b", 0, Library::Lite).map(|_, _| {}));
}

#[test]
fn a_writer_continues_a_stream_as_if_it_had_written_its_beginning() {
    let class = rialto_values::Class::new("a.Front", ["x", "y"]);
    let own = rialto_values::Class::new("a.Own", ["z"]);
    for library in [Library::Lite, Library::Sofa3] {
        let begin = |stream: &mut Vec<u8>, tables: &mut WriteTables| {
            let mut w = Writer::new(stream, library, tables);
            w.begin_object(&class).unwrap();
            w.begin_list(Some("[string"), Some(1)).unwrap();
            w.write_str("a");
            w.end().unwrap();
            w.begin_map(None).unwrap();
            w.write_str("k");
            w.write_str("a string of more than thirty-one characters, and one ü");
            w.end().unwrap();
            w.end().unwrap();
            w.finish().unwrap();
        };
        let continue_stream = |w: &mut Writer<'_>| {
            for _ in 0..2 {
                w.begin_object(&own).unwrap();
                w.write_ref(0);
                w.end().unwrap();
                w.begin_list(Some("[string"), Some(0)).unwrap();
                w.end().unwrap();
                w.begin_list(Some("[int"), Some(0)).unwrap();
                w.end().unwrap();
                w.token(rialto_values::Token::Map { class: None }).unwrap();
                w.token(rialto_values::Token::Ref(0)).unwrap();
                w.token(rialto_values::Token::Null).unwrap();
                w.token(rialto_values::Token::End).unwrap();
                w.start_tokens();
            }
        };
        let (mut front, mut tables) = (vec![], WriteTables::default());
        begin(&mut front, &mut tables);

        let mut whole = vec![];
        let mut w = Writer::new(&mut whole, library, &mut tables);
        w.begin_object(&class).unwrap();
        w.begin_list(Some("[string"), Some(1)).unwrap();
        w.write_str("a");
        w.end().unwrap();
        w.begin_map(None).unwrap();
        w.write_str("k");
        w.write_str("a string of more than thirty-one characters, and one ü");
        w.end().unwrap();
        w.end().unwrap();
        // Nothing refers to the class, so its definition would not be repeated.
        continue_stream(&mut w);
        w.finish().unwrap();

        let mut behind = front.clone();
        let mut w = Writer::behind(&mut behind, library, &mut tables, 3, 1, &["[string"]);
        continue_stream(&mut w);
        w.finish().unwrap();
        assert_eq!(behind, whole, "{library:?}");

        let at = front.iter().rposition(|b| *b == b'M' || *b == b'H').unwrap();
        let mut raw = vec![];
        rialto_hessian::raw::begin_map(&mut raw, library);
        rialto_hessian::raw::put_str(&mut raw, library, "k");
        let long = "a string of more than thirty-one characters, and one ü";
        rialto_hessian::raw::put_str(&mut raw, library, long);
        rialto_hessian::raw::end_map(&mut raw, library);
        assert_eq!(raw, front[at..], "{library:?}");
    }
}
