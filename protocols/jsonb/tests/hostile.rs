//! Tests with hostile documents.
#[path = "support/document.rs"]
mod common;

use common::read;
use rialto_jsonb::{Numbering, Reader, Writer};
use rialto_values::{Class, ErrorKind, Limits, Recorder, Sink, Token, ValueError};

fn read_within(document: &[u8], limits: &Limits) -> Result<Recorder, ValueError> {
    let mut recorder = Recorder::default();
    Reader::new(document, limits)?.copy_value(&mut recorder, &mut Numbering::new(limits))?;
    Ok(recorder)
}

#[test]
fn depth_is_bounded() {
    for unit in [
        &[0x95][..],
        &[0xa6, 0x4a, b'a'],
        &[0xa6, 0x7f, 0x4a, b'a', 0],
        &[0xa4, 1],
        &[0x92, 0x4a, b'T', 0, 0x95],
    ] {
        let document = unit.repeat(200_000);
        assert_eq!(read(&document).unwrap_err().kind, ErrorKind::TooLarge);
        let mut reader = Reader::new(&document, &Limits::default()).unwrap();
        assert_eq!(reader.skip_value().unwrap_err().kind, ErrorKind::TooLarge);
    }
    // 1024 nested lists are allowed.
    let document = [&[0x95; 1023][..], &[0x94]].concat();
    assert_eq!(read(&document).unwrap().tokens.len(), 2048);
    let mut writer = Writer::bare(&Limits::default());
    let open = (0..2000).try_for_each(|_| {
        writer.token(Token::List {
            class: None,
            len: None,
        })
    });
    assert_eq!(open.unwrap_err().kind, ErrorKind::TooLarge);
}

#[test]
fn counts_are_checked_against_the_rest_of_the_document() {
    for head in [0x79, 0x7a, 0x7c, 0x91, 0xbb, 0xa4] {
        for len in [
            &[0x48, 0x7f, 0xff, 0xff, 0xff][..],
            &[0x48, 0xff, 0xff, 0xff, 0xff],
            &[0xff],
            &[0x20],
        ] {
            let document = [&[head][..], len, &[0; 8]].concat();
            assert!(read(&document).is_err(), "{document:x?}");
        }
    }
}

#[test]
fn chains_of_class_names_are_refused() {
    let document = [0x92, 0x4a, b'T', 0].repeat(100_000);
    assert!(read(&document).is_err());
    assert!(
        Reader::new(&document, &Limits::default())
            .unwrap()
            .skip_value()
            .is_err()
    );
}

#[test]
fn tables_and_tokens_are_bounded() {
    let limits = Limits {
        depth: 8,
        tokens: 100,
        table: 50,
    };
    let lists = [&[0xa4, 0x38, 60][..], &[0x94; 60]].concat();
    assert_eq!(
        read_within(&lists, &limits).unwrap_err().kind,
        ErrorKind::TooLarge
    );
    let ints = [&[0xa4, 0x38, 120][..], &[0; 120]].concat();
    assert_eq!(read_within(&ints, &limits).unwrap_err().kind, ErrorKind::TooLarge);
    let ints = [&[0xa4, 0x38, 90][..], &[0; 90]].concat();
    assert_eq!(read_within(&ints, &limits).unwrap().tokens.len(), 92);
}

#[test]
fn references_must_lead_to_an_earlier_value() {
    let list = |path: &str| {
        let mut document = vec![0x97, 0x94, 0x93, 0x49 + path.len() as u8];
        document.extend_from_slice(path.as_bytes());
        document.push(0x94);
        read(&document)
    };
    assert!(list("$").is_ok() && list("$[0]").is_ok() && list("..").is_ok());
    for bad in [
        "",
        "$[1]",
        "$[2]",
        "$[3]",
        "$[-1]",
        "$[99999999999]",
        "$.a",
        "#-1",
        "#",
        "$[0][0]",
        "$[0",
        "$]",
    ] {
        assert!(list(bad).is_err(), "{bad}");
    }
    assert!(read(&[0x93, 0x4a, b'$']).is_err());
    assert!(read(&[0x93, 0x4b, b'.', b'.']).is_err());
}

#[test]
fn repeating_a_scalar_by_references_is_bounded() {
    let long = vec![b'x'; 100_000];
    let n = 1000_u16;
    let mut document = vec![0xa4, 0x48, 0, 0];
    document.extend_from_slice(&n.to_be_bytes());
    document.extend_from_slice(&[0x79, 0x48, 0, 1, 0x86, 0xa0]);
    document.extend_from_slice(&long);
    for _ in 1..n {
        document.extend_from_slice(b"\x93\x4d$[0]");
    }
    assert!(read(&document).unwrap_err().text.contains("too much"));
}

#[test]
fn repeating_containers_in_the_writer_is_bounded() {
    // An `Object[]` accepts no references, so each of these doubles what precedes it.
    let mut writer = Writer::bare(&Limits::default());
    let array = |len| Token::List {
        class: Some("[object"),
        len: Some(len),
    };
    let mut bomb = || -> Result<(), ValueError> {
        writer.token(array(40))?;
        writer.token(array(1))?;
        writer.token(Token::Long(i64::MAX))?;
        writer.token(Token::End)?;
        for last in 1..40 {
            writer.token(array(2))?;
            writer.token(Token::Ref(last))?;
            writer.token(Token::Ref(last))?;
            writer.token(Token::End)?;
        }
        writer.token(Token::End)
    };
    assert_eq!(bomb().unwrap_err().kind, ErrorKind::TooLarge);
}

/// Work in proportion to the input finishes quickly, even unoptimized; work in proportion to its square takes
/// minutes.
fn finishes_quickly<T>(work: impl FnOnce() -> T) -> T {
    let began = std::time::Instant::now();
    let done = work();
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(30), "it took {took:?}");
    done
}

#[test]
fn a_great_many_array_classes_take_no_longer_each() {
    let count = 60_000_u32;
    let mut document = [&[0xa4, 0x48][..], &count.to_be_bytes()].concat();
    for n in 0..count {
        let name = format!("[a.{n:05}");
        document.extend_from_slice(&[0x92, 0x49 + name.len() as u8]);
        document.extend_from_slice(name.as_bytes());
        document.push(0x48);
        document.extend_from_slice(&n.to_be_bytes());
        document.push(0x94);
    }
    let read = finishes_quickly(|| read(&document)).unwrap();
    assert_eq!(read.tokens.len(), 2 + 2 * count as usize);
}

/// The values of attachments are read one by one.
#[test]
fn scalars_after_a_great_many_names_take_no_longer_each() {
    let count = 300_000_u32;
    let mut document = vec![0xa6];
    for n in 0..count {
        document.extend_from_slice(&[0x7f, 0x4a, b'k', 0x48]);
        document.extend_from_slice(&n.to_be_bytes());
        document.push(1);
    }
    document.push(0xa5);
    let limits = Limits::default();
    let mut reader = Reader::new(&document, &limits).unwrap();
    assert!(reader.begin_object().unwrap());
    let mut seen = Recorder::default();
    finishes_quickly(|| {
        while reader.next_key().unwrap().is_some() {
            reader
                .copy_value(&mut seen, &mut Numbering::new(&limits))
                .unwrap();
        }
    });
    assert_eq!(seen.tokens.len(), count as usize);
}

/// Each value is found in the previous document, which is indexed once for all of them.
#[test]
fn values_of_an_earlier_document_are_found_without_reading_it_each_time() {
    let list = |len| Token::List {
        class: None,
        len: Some(len),
    };
    let count = 8000;
    let mut writer = Writer::framed(Vec::new(), &Limits::default());
    finishes_quickly(|| {
        for of in [None, Some(())] {
            writer.token(list(count)).unwrap();
            for n in 0..count {
                match of {
                    None => {
                        writer.token(list(0)).unwrap();
                        writer.token(Token::End).unwrap();
                    }
                    Some(()) => writer.token(Token::Ref(n + 1)).unwrap(),
                }
            }
            writer.token(Token::End).unwrap();
        }
    });
    let bytes = writer.finish().unwrap();
    let mut rest = &bytes[..];
    let first = rialto_jsonb::split_document(&mut rest).unwrap();
    assert_eq!(rialto_jsonb::split_document(&mut rest).unwrap(), first);
}

#[test]
fn references_in_an_object_of_a_great_many_fields_take_no_longer_each() {
    let names: Vec<String> = (0..40_000).map(|n| n.to_string()).collect();
    let class = Class::new("a.B", names.iter().map(String::as_str));
    let mut writer = Writer::bare(&Limits::default());
    finishes_quickly(|| {
        writer.token(Token::Map { class: None }).unwrap();
        writer.token(Token::Int(1)).unwrap();
        writer.token(Token::Object(&class)).unwrap();
        names.iter().for_each(|_| writer.token(Token::Ref(0)).unwrap());
        writer.token(Token::End).unwrap();
        writer.token(Token::End).unwrap();
    });
    // Each is the path to the root, `$`, not a copy of it.
    assert!(writer.finish().unwrap().len() < 20 * names.len());
}

#[test]
fn a_writer_stops_at_its_end() {
    let mut writer = Writer::framed(vec![0; 100], &Limits::default()).up_to(10_100);
    writer
        .token(Token::List {
            class: None,
            len: None,
        })
        .unwrap();
    let written = (0..100_000)
        .take_while(|_| writer.token(Token::Long(i64::MAX)).is_ok())
        .count();
    assert!((1000..1200).contains(&written), "{written}");
    assert_eq!(writer.token(Token::Null).unwrap_err().kind, ErrorKind::TooLarge);
    assert!(writer.into_bytes().len() < 10_120);
}

#[test]
fn long_numbers_are_refused() {
    let document = [&[0xbb, 0x48, 0, 0, 0x40, 0][..], &[0x7f; 0x4000]].concat();
    assert_eq!(read(&document).unwrap_err().kind, ErrorKind::TooLarge);
}

#[test]
fn unreadable_input_is_named_in_the_error() {
    for (document, word) in [
        (&[0x7e, 1, 0x41][..], "GB18030"),
        (&[0x92, 0xff, 0x94], "symbol -1"),
        (&[0x92, 5, 0x94], "symbol 5 was not defined"),
        (&[0x7f, 0x4a, b'a', 0], "a symbol cannot stand here"),
        (&[0xa5], "an object end cannot stand here"),
        (&[0xa9, 7, 0xe8, 13, 1], "month"),
        (&[0xa7, 24, 0, 0, 0], "time of day"),
        (&[0x95], "ends inside an array"),
        (
            &[
                0x92, 0x55, b'c', b'o', b'm', b'.', b'a', b'c', b'm', b'e', b'.', b'C', b'o', b'l', 0, 1,
            ],
            "com.acme.Col",
        ),
    ] {
        let error = read(document).unwrap_err();
        assert!(error.text.contains(word), "{document:x?}: {error}");
    }
}
