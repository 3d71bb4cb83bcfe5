//! Tests of every first byte of both grammars, read and written.
use rialto_hessian::{Library, ReadTables, Reader};
use rialto_values::ErrorKind;

use crate::support::{shown, tokens, unhex, write};

/// Streams of the final grammar, their values, and whether the writer writes them so.
const FINAL: &[(&str, &str, bool)] = &[
    ("00", "''", true),
    ("0568656c6c6f", "'hello'", true),
    ("20", "0x", true),
    ("23010203", "0x010203", true),
    (
        "3020 6161616161616161616161616161616161616161616161616161616161616161",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
        true,
    ),
    ("3003 616263", "'abc'", false),
    (
        "3410 000102030405060708090a0b0c0d0e0f",
        "0x000102030405060708090a0b0c0d0e0f",
        true,
    ),
    ("38 0000", "-262144L", true),
    ("3c 0800", "2048L", true),
    ("3f ffff", "262143L", true),
    ("41 0002 0102 21 03", "0x010203", false),
    ("42 0001 07", "0x07", false),
    ("43 0161 91 0162 60 95", "a(b| 5)", true),
    ("44 400c cccc cccc cccd", "3.6", false),
    ("44 3fd5 5555 5555 5555", "0.3333333333333333", true),
    ("44 8000 0000 0000 0000", "-0.0", true),
    ("44 7ff8 0000 0000 0000", "NaN", true),
    ("46 54", "false true", true),
    ("48 5a", "{:}", true),
    ("48 91 0161 92 0162 5a", "{: 1 'a' 2 'b'}", true),
    ("49 00040000", "262144", true),
    ("49 ffffffff", "-1", false),
    ("4a 000000d04b9284b8", "date894621091000", true),
    ("4b 00e3838f", "date894621060000", true),
    ("4b ffffffff", "date-60000", true),
    ("4c 0000000080000000", "2147483648L", true),
    ("4d 0161 91 92 5a 4d 90 5a", "{a: 1 2} {a:}", true),
    ("4e", "null", true),
    ("43 0161 90 4f 90", "a(|)", false),
    ("48 5a 51 90", "{:} @0", true),
    ("52 0001 61 52 0001 62 01 63", "'abc'", false),
    ("53 0001 61", "'a'", false),
    ("55 0161 91 92 5a", "[a: 1 2]", false),
    ("56 0161 98 91 91 91 91 91 91 91 91", "[a: 1 1 1 1 1 1 1 1]", true),
    ("56 0161 91 92", "[a: 2]", false),
    ("57 91 92 5a", "[: 1 2]", false),
    ("58 98 91 91 91 91 91 91 91 91", "[: 1 1 1 1 1 1 1 1]", true),
    ("58 90", "[:]", false),
    ("59 00040000", "262144L", true),
    ("5b 5c", "0.0 1.0", true),
    ("5d 80 5d 7f", "-128.0 127.0", true),
    ("5e 8000 5e 0080", "-32768.0 128.0", true),
    ("5f 00002774", "10.1", true),
    ("70 0161 71 90 95", "[a:] [a: 5]", true),
    ("78 7f 90 91 92 93 94 95 96", "[:] [: 0 1 2 3 4 5 6]", true),
    ("80 90 bf", "-16 0 47", true),
    ("c0 00 cf ff", "-2048 2047", true),
    ("d0 0000 d7 ffff", "-262144 262143", true),
    ("d8 e0 ef", "-8L 0L 15L", true),
    ("f0 00 ff ff", "-2048L 2047L", true),
    // A string of three bytes per unit: a supplementary character as two surrogates, a lone surrogate, and a
    // zero.
    ("04 eda0bdedb880 eda0bd 00", "'😀\u{fffd}\\0'", true),
    // Code points in plain UTF-8, as some writers send them, count two units and become surrogates.
    ("03 f09f9880 61", "'😀a'", false),
];

/// Streams of the draft grammar, where it differs from the final one.
const DRAFT: &[(&str, &str, bool)] = &[
    ("00 0568656c6c6f", "'' 'hello'", true),
    ("20 23010203", "0x 0x010203", true),
    ("38 0000 3f ffff", "-262144L 262143L", true),
    (
        "42 0010 000102030405060708090a0b0c0d0e0f",
        "0x000102030405060708090a0b0c0d0e0f",
        true,
    ),
    ("62 0001 01 21 02", "0x0102", false),
    ("44 3fd5 5555 5555 5555", "0.3333333333333333", true),
    ("44 8000 0000 0000 0000", "-0.0", true),
    ("46 54 4e", "false true null", true),
    ("49 00040000 4c 0000000080000000", "262144 2147483648L", true),
    ("4d 7a 4a 00", "{:} @0", true),
    ("4d 7a 4b 0000", "{:} @0", false),
    ("4d 7a 52 00000000", "{:} @0", false),
    ("4d 74 0001 61 91 92 7a 4d 75 90 7a", "{a: 1 2} {a:}", true),
    ("4d 91 92 7a", "{: 1 2}", true),
    // Only ever written for the key `true`.
    ("4d 54 91 7a", "{: true 1}", false),
    ("4f 91 61 91 0162 6f 90 95", "a(b| 5)", true),
    (
        "53 0020 6161616161616161616161616161616161616161616161616161616161616161",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
        true,
    ),
    ("73 0001 61 01 62", "'ab'", false),
    ("58 0001 61 78 0001 61 58 0001 62", "'a' 'ab'", false),
    ("56 6e 00 7a", "[:]", true),
    ("56 6e 02 91 92 7a", "[: 1 2]", true),
    ("56 91 92 7a", "[: 1 2]", false),
    ("56 54 7a", "[: true]", false),
    // A wrong length is ignored.
    ("56 6e 07 91 92 7a", "[: 1 2]", false),
    ("56 6c 00000001 91 7a", "[: 1]", false),
    (
        "56 74 0004 5b696e74 6e 01 91 7a 76 90 92 93 94",
        "[[int: 1] [[int: 3 4]",
        true,
    ),
    (
        "56 74 0001 61 6e 00 7a 56 75 90 6e 01 91 7a",
        "[a:] [a: 1]",
        false,
    ),
    ("64 000000d04b9284b8", "date894621091000", true),
    ("67 68 69 80 6a 0080", "0.0 1.0 -128.0 128.0", true),
    ("6b 40500000 6b 7f800000", "3.25 inf", true),
    ("77 00040000", "262144L", true),
    ("80 c7 ff d3 ffff d8 f0 00", "-16 -1 -1 -8L -2048L", false),
];

#[test]
fn final_bytes_are_read_and_written() {
    both_ways(FINAL, Library::Sofa4);
    both_ways(FINAL, Library::Lite);
}

#[test]
fn draft_bytes_are_read_and_written() {
    both_ways(DRAFT, Library::Sofa3);
}

fn both_ways(table: &[(&str, &str, bool)], library: Library) {
    let mut tables = ReadTables::default();
    for (hex, says, canonical) in table {
        assert_eq!(&shown(hex, library), says, "{hex}");
        let bytes = unhex(hex);
        let written = write(&tokens(&bytes, library).unwrap(), library).unwrap();
        assert_eq!(written == bytes, *canonical, "{hex} is written {written:02x?}");
        let again = write(&tokens(&written, library).unwrap(), library).unwrap();
        assert_eq!(again, written, "{hex}");
        // Skipping ends where reading ends.
        let mut reader = Reader::new(&bytes, library, &mut tables);
        while !reader.is_at_end() {
            reader.skip_value().unwrap();
        }
    }
}

#[test]
fn bytes_that_cannot_start_a_value_are_refused() {
    for byte in [0x40, 0x45, 0x47, 0x50] {
        let e = tokens(&[byte, 0, 0, 0, 0], Library::Lite).unwrap_err();
        assert_eq!(e.kind, ErrorKind::Malformed, "{byte:02x}: {e}");
        assert!(e.text.contains(&format!("0x{byte:02x}")), "{e}");
    }
    for byte in [
        0x30, 0x37, 0x40, 0x41, 0x43, 0x45, 0x47, 0x48, 0x50, 0x51, 0x5b, 0x60, 0x6c, 0x6e, 0x74, 0x75, 0x7b,
    ] {
        let e = tokens(&[byte, 0, 0, 0, 0], Library::Sofa3).unwrap_err();
        assert_eq!(e.kind, ErrorKind::Malformed, "{byte:02x}: {e}");
    }
    for (bytes, library) in [
        (&b"Z"[..], Library::Lite),
        (b"z", Library::Sofa3),
        (b"H\x91Z", Library::Lite),
    ] {
        assert_eq!(
            tokens(bytes, library).unwrap_err().kind,
            ErrorKind::Malformed,
            "{bytes:x?}"
        );
    }
}

#[test]
fn a_remote_reference_is_skipped_but_not_copied() {
    let bytes = unhex("72 74 0001 61 0162 91");
    let mut tables = ReadTables::default();
    let mut reader = Reader::new(&bytes, Library::Sofa3, &mut tables);
    reader.skip_value().unwrap();
    assert_eq!(reader.read_int().unwrap(), 1);
    assert_eq!(
        tokens(&bytes, Library::Sofa3).unwrap_err().kind,
        ErrorKind::Unsupported
    );
}

#[test]
fn long_strings_are_cut_into_chunks_without_splitting_a_pair() {
    for (library, tag) in [(Library::Lite, b'R'), (Library::Sofa3, b's')] {
        let text = format!("{}😀z", "a".repeat(0x7fff));
        let (mut out, mut tables) = (vec![], rialto_hessian::WriteTables::default());
        rialto_hessian::Writer::new(&mut out, library, &mut tables).write_str(&text);
        // 32770 units: the first chunk ends before the pair.
        assert_eq!(out[..3], [tag, 0x7f, 0xff]);
        assert_eq!(out[3 + 0x7fff..], unhex("03 eda0bdedb880 7a"));
        let mut tables = ReadTables::default();
        let mut reader = Reader::new(&out, library, &mut tables);
        assert_eq!(reader.read_text().unwrap().text().to_str(), text);
    }
}

#[test]
fn long_binaries_are_cut_into_the_chunks_of_the_stock_writers() {
    for (library, tag, chunk, count) in [
        (Library::Sofa4, b'A', 0x1ffd, 8),
        (Library::Sofa3, b'b', 0x8000, 2),
    ] {
        let data: Vec<u8> = (0..70_000u32).map(|n| n as u8).collect();
        let (mut out, mut tables) = (vec![], rialto_hessian::WriteTables::default());
        rialto_hessian::Writer::new(&mut out, library, &mut tables).write_binary(&data);
        let chunks = (0..count).filter(|n| out[n * (chunk + 3)] == tag).count();
        assert_eq!(chunks, count);
        let mut tables = ReadTables::default();
        let mut reader = Reader::new(&out, library, &mut tables);
        assert_eq!(*reader.read_binary().unwrap(), data[..]);
        assert!(reader.is_at_end());
    }
}
