//! Tests with hostile input.
use std::time::{Duration, Instant};

use rialto_hessian::{Copier, Library, ReadTables, Reader, WriteTables, Writer};
use rialto_values::{Class, ErrorKind, Limits, Recorder, Sink, Token, ValueError};

use crate::support::{tokens, unhex};

fn skip(bytes: &[u8], library: Library, limits: Limits) -> Result<(), ValueError> {
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(bytes, library, &mut tables).with_limits(limits);
    while !reader.is_at_end() {
        reader.skip_value()?;
    }
    Ok(())
}

fn copy(bytes: &[u8], library: Library, limits: Limits) -> Result<usize, ValueError> {
    let (mut tables, mut sink) = (ReadTables::default(), Recorder::default());
    let mut reader = Reader::new(bytes, library, &mut tables).with_limits(limits);
    let mut copier = Copier::default();
    while !reader.is_at_end() {
        copier.copy(&mut reader, &mut sink)?;
    }
    Ok(sink.tokens.len())
}

fn both(bytes: &[u8], library: Library, limits: Limits) -> ErrorKind {
    let skipped = skip(bytes, library, limits).unwrap_err();
    let copied = copy(bytes, library, limits).unwrap_err();
    assert_eq!(skipped.kind, copied.kind, "{skipped} / {copied}");
    skipped.kind
}

#[test]
fn depth_is_bounded() {
    let deep = |open: &[u8]| open.repeat(1_000_000);
    assert_eq!(
        both(&deep(b"\x79"), Library::Lite, Limits::default()),
        ErrorKind::TooLarge
    );
    assert_eq!(
        both(&deep(b"H\x91"), Library::Lite, Limits::default()),
        ErrorKind::TooLarge
    );
    assert_eq!(
        both(&deep(b"V"), Library::Sofa3, Limits::default()),
        ErrorKind::TooLarge
    );
    let objects = [unhex("43 0161 91 0162"), vec![0x60; 1_000_000]].concat();
    assert_eq!(
        both(&objects, Library::Sofa4, Limits::default()),
        ErrorKind::TooLarge
    );
    // The allowed depth itself is accepted.
    let limits = Limits {
        depth: 50,
        ..Limits::default()
    };
    let nest = |depth| [vec![0x79; depth], vec![0x90]].concat();
    assert!(skip(&nest(50), Library::Lite, limits).is_ok() && copy(&nest(50), Library::Lite, limits).is_ok());
    assert_eq!(both(&nest(51), Library::Lite, limits), ErrorKind::TooLarge);
}

#[test]
fn chains_of_references_to_skipped_values_are_bounded() {
    // List n contains list n-1 by reference; the last one, copied alone, makes detours through all of them.
    let mut bytes = vec![0x78];
    for n in 0..5000i32 {
        bytes.push(0x79);
        bytes.push(0x51);
        bytes.push(b'I');
        bytes.extend(n.to_be_bytes());
    }
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    (0..5000).for_each(|_| reader.skip_value().unwrap());
    let e = Copier::default()
        .copy(&mut reader, &mut Recorder::default())
        .unwrap_err();
    assert_eq!(e.kind, ErrorKind::TooLarge);
}

#[test]
fn wrong_counts_are_refused() {
    for (hex, library) in [
        ("58 49 7fffffff 90", Library::Lite),
        ("56 0161 49 7fffffff 90", Library::Lite),
        ("43 0161 49 7fffffff 0162", Library::Lite),
        ("4f 49 7fffffff 61", Library::Sofa3),
        ("4f 91 61 49 7fffffff 0162", Library::Sofa3),
        ("56 74 0001 61 7a 76 90 49 7fffffff 90", Library::Sofa3),
        ("53 ffff 61", Library::Sofa3),
        ("42 ffff 61", Library::Lite),
        ("7f 90", Library::Lite),
    ] {
        assert_eq!(
            both(&unhex(hex), library, Limits::default()),
            ErrorKind::Truncated,
            "{hex}"
        );
    }
    for hex in ["58 80", "56 0161 80", "43 0161 80"] {
        assert_eq!(
            both(&unhex(hex), Library::Lite, Limits::default()),
            ErrorKind::Malformed,
            "{hex}"
        );
    }
}

#[test]
fn indexes_must_name_an_earlier_entry() {
    for (hex, library) in [
        ("51 90", Library::Lite),
        ("79 51 91", Library::Lite),
        ("51 8f", Library::Lite),
        ("60", Library::Lite),
        ("43 0161 90 61", Library::Lite),
        ("4f 80", Library::Lite),
        ("71 90 90", Library::Lite),
        ("71 80 90", Library::Lite),
        ("4a 00", Library::Sofa3),
        ("52 ffffffff", Library::Sofa3),
        ("76 90 90", Library::Sofa3),
        ("4d 75 90 7a", Library::Sofa3),
        ("6f 90", Library::Sofa3),
        // An index must be an int.
        ("4f 4e", Library::Lite),
        ("58 0161", Library::Lite),
        ("51 e0", Library::Lite),
    ] {
        assert_eq!(
            both(&unhex(hex), library, Limits::default()),
            ErrorKind::Malformed,
            "{hex}"
        );
    }
}

#[test]
fn bad_utf8_is_refused() {
    for hex in [
        "01 80",
        "01 ff",
        "01 c328",
        "01 e48a28",
        "01 f09f9880",
        "02 f09f98 41",
        "02 f4908080",
        "03 6161ff",
        "02 f0808080",
    ] {
        assert_eq!(
            both(&unhex(hex), Library::Lite, Limits::default()),
            ErrorKind::Malformed,
            "{hex}"
        );
    }
    for hex in ["01 c3", "01 e4b8", "02 61", "02 f09f98", "03 6162"] {
        assert_eq!(
            both(&unhex(hex), Library::Sofa3, Limits::default()),
            ErrorKind::Truncated,
            "{hex}"
        );
    }
}

#[test]
fn tables_and_tokens_are_bounded() {
    let limits = Limits {
        depth: 10,
        tokens: 1000,
        table: 100,
    };
    assert_eq!(both(&[0x78; 101], Library::Lite, limits), ErrorKind::TooLarge);
    assert_eq!(
        both(&unhex("43 0161 90").repeat(101), Library::Lite, limits),
        ErrorKind::TooLarge
    );
    assert_eq!(
        both(
            &[vec![0x7e], unhex("70 0161").repeat(101)].concat(),
            Library::Lite,
            limits
        ),
        ErrorKind::TooLarge
    );
    assert_eq!(
        copy(&[0x90; 1001], Library::Lite, limits).unwrap_err().kind,
        ErrorKind::TooLarge
    );
    assert_eq!(copy(&[0x90; 1000], Library::Lite, limits), Ok(1000));
    let refs = [unhex("78"), unhex("51 90").repeat(1000)].concat();
    assert_eq!(
        copy(&refs, Library::Lite, limits).unwrap_err().kind,
        ErrorKind::TooLarge
    );
}

#[test]
fn a_great_many_classes_and_types_cost_no_more_each() {
    let mut bytes = vec![];
    for n in 0..60_000u32 {
        bytes.extend([b'C', 6]);
        bytes.extend(format!("{n:06}").bytes());
        bytes.extend([0x90, b'O', b'I']);
        bytes.extend(n.to_be_bytes());
        bytes.extend([0x70, 6]);
        bytes.extend(format!("{n:06}").bytes());
    }
    let (mut tables, mut out, mut shapes) = (ReadTables::default(), vec![], WriteTables::default());
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    let mut writer = Writer::new(&mut out, Library::Lite, &mut shapes);
    let mut copier = Copier::default();
    let start = Instant::now();
    while !reader.is_at_end() {
        copier.copy(&mut reader, &mut writer).unwrap();
    }
    // Quadratic behaviour would take minutes here.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(tokens(&out, Library::Lite).unwrap().len(), 60_000 * 4);
}

#[test]
fn the_mark_of_another_reader_does_no_harm() {
    let bytes = unhex("43 0161 90 60 71 0162 91 60 71 90 92 51 90");
    let (mut tables, mut marks) = (ReadTables::default(), vec![]);
    let mut reader = Reader::new(&bytes, Library::Lite, &mut tables);
    while !reader.is_at_end() {
        marks.push(reader.mark());
        reader.skip_value().unwrap();
    }
    for mark in &marks[1..] {
        for stream in [&bytes[..], &bytes[..3], &[0x90; 40]] {
            let mut reader = Reader::new(stream, Library::Lite, &mut tables);
            reader.seek(*mark);
            assert!(reader.is_at_end());
            assert!(reader.skip_value().is_err() && reader.copy_value(&mut Recorder::default()).is_err());
        }
    }
}

#[test]
fn lists_without_counts_are_counted_at_any_depth() {
    // Draft lists without a length, nested 100 deep, each with seven nulls and the next list, around a large
    // string.
    let limits = Limits {
        depth: 200,
        ..Limits::default()
    };
    let text = [b"S\xff\xff".to_vec(), vec![b'a'; 0xffff]].concat();
    let bytes = [b"VNNNNNNN".repeat(100), text, vec![b'z'; 100]].concat();
    let (mut tables, mut out, mut shapes) = (ReadTables::default(), vec![], WriteTables::default());
    let mut reader = Reader::new(&bytes, Library::Sofa3, &mut tables).with_limits(limits);
    let mut writer = Writer::new(&mut out, Library::Lite, &mut shapes);
    Copier::default().copy(&mut reader, &mut writer).unwrap();
    assert_eq!(out[..900], b"X\x98NNNNNNN".repeat(100));
    assert_eq!(copy(&out, Library::Lite, limits), Ok(100 * 9 + 1));
}

/// A name is written once and then used by its number; each use is charged.
#[test]
fn every_use_of_a_name_is_charged() {
    let long = "C".repeat(4000);
    for (count, is_copied) in [(50, true), (20_000, false)] {
        for is_object in [false, true] {
            let (mut bytes, mut tables) = (vec![], WriteTables::default());
            let mut w = Writer::new(&mut bytes, Library::Lite, &mut tables);
            w.begin_list(None, Some(count)).unwrap();
            for _ in 0..count {
                if is_object {
                    w.begin_object(&Class::new(&*long, [""; 0])).unwrap();
                } else {
                    w.begin_map(Some(&long)).unwrap();
                }
                w.end().unwrap();
            }
            w.end().unwrap();
            w.finish().unwrap();
            let mut tables = ReadTables::default();
            let copied = Reader::new(&bytes, Library::Lite, &mut tables).copy_value(&mut Recorder::default());
            assert_eq!(copied.is_ok(), is_copied, "{count} {is_object}: {copied:?}");
        }
    }
}

#[test]
fn a_writer_stops_at_its_end() {
    let (mut bytes, mut tables) = (vec![0; 100], WriteTables::default());
    let mut w = Writer::new(&mut bytes, Library::Lite, &mut tables).up_to(10_100);
    let written = (0..100_000)
        .take_while(|_| w.token(Token::Long(i64::MAX)).is_ok())
        .count();
    assert!((1000..1200).contains(&written), "{written}");
    assert_eq!(w.token(Token::Null).unwrap_err().kind, ErrorKind::TooLarge);
    assert!(bytes.len() < 10_120);
}
