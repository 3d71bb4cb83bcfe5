//! Encoding and decoding of frames in all versions, whole and in pieces.
use super::super::hint::Hint;
use super::fixed::{BAD_CONTENT, BAD_TYPE, BAD_VERSION};
use super::*;

const CLASS: &[u8] = keys::REQUEST.as_bytes();

fn framings() -> [Framing; 4] {
    [
        Framing::V1,
        Framing::v2(false, false),
        Framing::v2(true, false),
        Framing::v2(true, true),
    ]
}

fn request(framing: Framing, content: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let open = Open::request(&mut out, framing, 0x0102_0304, HESSIAN, false, 3000, CLASS);
    finish(open, out, content)
}

fn response(framing: Framing, status: u16, content: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let open = Open::response(&mut out, framing, 7, HESSIAN, status, keys::RESPONSE.as_bytes());
    finish(open, out, content)
}

fn finish(open: Open, mut out: Vec<u8>, content: &[u8]) -> Vec<u8> {
    let from = out.len();
    header::put(&mut out, "service", "a.B:1.0");
    open.end_header(&mut out, from).unwrap();
    let from = out.len();
    out.extend_from_slice(content);
    open.close(&mut out, from).unwrap();
    out
}

fn whole(bytes: &[u8]) -> Frame {
    match decode(bytes, 8 << 20) {
        Ok(Decoded::Frame(frame)) => frame,
        Ok(_) => panic!("not a whole frame: {bytes:02x?}"),
        Err(ProtocolError(why)) => panic!("{why}: {bytes:02x?}"),
    }
}

fn error_of(bytes: &[u8]) -> ProtocolError {
    match decode(bytes, 1 << 20) {
        Err(error) => error,
        Ok(_) => panic!("taken: {bytes:02x?}"),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

#[test]
fn frames_of_every_version_decode_to_what_was_encoded() {
    for framing in framings() {
        let bytes = request(framing, b"Ccontent");
        let frame = whole(&bytes);
        assert_eq!(
            (frame.len, frame.id, frame.kind),
            (bytes.len(), 0x0102_0304, Kind::Request)
        );
        assert_eq!((frame.meta.timeout_ms, frame.meta.one_way), (3000, false));
        let hint = Hint::from_bits(frame.meta.hint);
        assert_eq!((hint.framing(), hint.codec()), (framing, HESSIAN));
        assert_eq!(
            (hint.library(), hint.is_foreign()),
            (rialto_hessian::Library::Sofa4, false)
        );
        let parts = Parts::of(&bytes);
        assert_eq!(
            (parts.class, parts.content, parts.timeout),
            (CLASS, &b"Ccontent"[..], 3000)
        );
        assert_eq!(header::get(parts.header, "service"), Some(&b"a.B:1.0"[..]));

        let bytes = response(framing, 0x12, b"O");
        let frame = whole(&bytes);
        assert_eq!(
            (frame.id, frame.kind, frame.meta.status),
            (7, Kind::Response, Status::Failed)
        );
        assert_eq!(
            (Parts::of(&bytes).status, Parts::of(&bytes).content),
            (0x12, &b"O"[..])
        );
    }
}

#[test]
fn every_partial_frame_waits_for_more() {
    for framing in framings() {
        for bytes in [
            request(framing, b"0123456789"),
            response(framing, 0, b"0123456789"),
        ] {
            for n in 0..bytes.len() {
                let Ok(Decoded::More(need)) = decode(&bytes[..n], 1 << 10) else {
                    panic!("cut at {n}")
                };
                assert!(need == 0 || need == bytes.len(), "cut at {n}: {need}");
            }
            assert_eq!(whole(&[&bytes[..], b"next"].concat()).len, bytes.len());
        }
    }
}

#[test]
fn lengths_are_checked_when_only_the_fixed_part_is_there() {
    for framing in framings() {
        let bytes = request(framing, b"Cx");
        let lengths = if framing.is_v2() { 16 } else { 14 };
        let fixed = &bytes[..lengths + 8];
        let mut lying = fixed.to_vec();
        lying[lengths + 4] = 0x80;
        assert_eq!(error_of(&lying), BAD_CONTENT);
    }
}

#[test]
fn too_large_contents_are_refused_in_the_grammar_of_the_downstream() {
    for framing in framings() {
        let bytes = request(framing, b"C23456789");
        let content = bytes.len() - 9 - if framing.has_crc() { 4 } else { 0 };
        assert!(matches!(decode(&bytes[..content], 8), Ok(Decoded::More(need)) if need == content + 1));
        let Ok(Decoded::Refused(found)) = decode(&bytes[..=content], 8) else {
            panic!("taken")
        };
        assert_eq!(
            (found.len, found.id, found.kind),
            (bytes.len(), 0x0102_0304, Kind::Request)
        );
        assert_eq!(
            Hint::from_bits(found.hint).library(),
            rialto_hessian::Library::Sofa4
        );
        assert_eq!(Hint::from_bits(found.hint).framing(), framing);
        assert!(
            matches!(decode(&bytes, 9), Ok(Decoded::Frame(_))),
            "the limit itself is allowed"
        );
    }
}

#[test]
fn other_bytes_end_the_stream_at_the_first_wrong_one() {
    for (bytes, why) in [
        (&b"GET / HTTP/1.1"[..], NOT_BOLT),
        (&[0xda, 0xbb], NOT_BOLT),
        (&[13], NOT_BOLT),
        (&[0xff], NOT_BOLT),
        (&[2, 3], BAD_VERSION),
        (&[1, 3], BAD_TYPE),
        (&[2, 1, 9], BAD_TYPE),
    ] {
        assert_eq!(error_of(bytes), why, "{bytes:x?}");
    }
}

/// The refusal of a frame that is stepped over.
fn stepped_over(bytes: &[u8]) -> Refused {
    let Ok(Decoded::Refused(found)) = decode(bytes, 1 << 10) else {
        panic!("taken: {bytes:x?}")
    };
    found
}

#[test]
fn unknown_commands_fail_only_their_call() {
    for (kind, command) in [(1, 2), (0, 1), (2, 2), (1, 3), (0, 99), (1, 101)] {
        let mut bytes = if kind == 0 {
            response(Framing::V1, 0, b"content")
        } else {
            request(Framing::V1, b"content")
        };
        bytes[1] = kind;
        bytes[3] = command;
        let found = stepped_over(&bytes);
        let (want, id) = if kind == 0 {
            (Kind::Response, 7)
        } else {
            (Kind::Request, 0x0102_0304)
        };
        assert_eq!(
            (found.len, found.id, found.kind, found.one_way),
            (bytes.len(), id, want, kind == 2)
        );
        assert!(
            found.error.text.contains(&format!("command {command}")),
            "{}",
            found.error
        );
        // If a known command would exceed the limit, an unknown one cannot be stepped over either.
        assert_eq!(decode(&bytes, 3).err(), Some(BAD_COMMAND));
    }
}

#[test]
fn unknown_statuses_fail_only_their_call() {
    for framing in framings() {
        for status in [10, 15, 0x13, 77, 255, 0x1234, 0xffff] {
            let bytes = response(framing, status, b"O1");
            let found = stepped_over(&bytes);
            assert_eq!((found.len, found.kind), (bytes.len(), Kind::Response));
            let error = found.error;
            assert_eq!(error.kind, rialto_core::ErrorKind::Upstream);
            assert!(
                error.text.contains(&format!("status {status} (unlisted)")),
                "{error}"
            );
        }
        for status in (0..10).chain(0x10..0x13) {
            whole(&response(framing, status, b"O1"));
        }
    }
}

#[test]
fn classes_and_headers_too_long_for_java_fail_only_their_call() {
    for framing in framings() {
        for (class, header) in [(0x8000, 0), (0, 0x8000), (0xffff, 0xffff), (0x7fff, 0x8001)] {
            for (bytes, kind) in [
                (request(framing, b""), Kind::Request),
                (response(framing, 0, b""), Kind::Response),
            ] {
                let lengths = match (framing.is_v2(), kind) {
                    (false, Kind::Response) => 12,
                    (false, _) | (true, Kind::Response) => 14,
                    _ => 16,
                };
                let mut bytes = bytes[..lengths].to_vec();
                for len in [class, header] {
                    bytes.extend_from_slice(&(len as u16).to_be_bytes());
                }
                bytes.extend_from_slice(&2_u32.to_be_bytes());
                let fixed = bytes.len();
                bytes.resize(fixed + class + header, b'x');
                bytes.extend_from_slice(b"Cx");
                bytes.extend_from_slice(if framing.has_crc() { &[0; 4] } else { &[] });
                let found = stepped_over(&bytes);
                assert_eq!((found.len, found.kind), (bytes.len(), kind));
                assert!(found.error.text.contains("room for 32767"), "{}", found.error);
                let content = fixed + class + header;
                if kind == Kind::Request {
                    let cut = decode(&bytes[..content], 1 << 10);
                    assert!(matches!(cut, Ok(Decoded::More(need)) if need == content + 1));
                    let library = Hint::from_bits(found.hint).library();
                    assert_eq!(library, rialto_hessian::Library::Sofa4);
                }
            }
        }
    }
}

#[test]
fn kinds_follow_command_and_type() {
    for (kind, command, want) in [
        (1, 1, Kind::Request),
        (2, 1, Kind::Request),
        (1, 0, Kind::Heartbeat),
        (2, 0, Kind::HeartbeatAck),
        (1, 100, Kind::Drain),
        (2, 100, Kind::Drain),
    ] {
        let mut bytes = request(Framing::V1, b"");
        (bytes[1], bytes[3]) = (kind, command);
        let frame = whole(&bytes);
        assert_eq!(
            (frame.kind, frame.meta.one_way),
            (want, kind == 2),
            "{kind} {command}"
        );
    }
    let mut bytes = response(Framing::V1, 0, b"");
    bytes[3] = 0;
    assert_eq!(whole(&bytes).kind, Kind::HeartbeatAck);
}

#[test]
fn timeouts_below_one_count_as_absent() {
    for (timeout, want) in [
        (-1_i32, 0),
        (0, 0),
        (i32::MIN, 0),
        (1, 1),
        (i32::MAX, i32::MAX as u32),
    ] {
        let mut bytes = request(Framing::V1, b"");
        bytes[10..14].copy_from_slice(&timeout.to_be_bytes());
        assert_eq!(whole(&bytes).meta.timeout_ms, want);
    }
}

/// The frame of wire section 1.3, with a checksum that other code computed.
#[test]
fn heartbeats_match_known_bytes() {
    let mut out = vec![];
    put_heartbeat(&mut out, Framing::V1, 7);
    assert_eq!(
        out,
        unhex(
            "010100000100000007 01ffffffff0000000000000000"
                .replace(' ', "")
                .as_str()
        )
    );
    assert_eq!(whole(&out).kind, Kind::Heartbeat);
    out.clear();
    put_heartbeat(&mut out, Framing::v2(true, true), 7);
    assert_eq!(
        out,
        unhex("020201000001000000070101ffffffff000000000000000008143f27")
    );
    assert_eq!(whole(&out).kind, Kind::Heartbeat);
}

#[test]
fn acknowledgements_repeat_version_and_id_without_a_checksum() {
    for (framing, want) in [
        (Framing::V1, "0100000001000000ff0100000000000000000000"),
        (
            Framing::v2(false, false),
            "020100000001000000ff01000000000000000000000000",
        ),
        (
            Framing::v2(true, true),
            "020200000001000000ff01000000000000000000000000",
        ),
    ] {
        let mut heartbeat = vec![];
        put_heartbeat(&mut heartbeat, framing, 0xff);
        let mut out = vec![];
        acknowledge(&heartbeat, &mut out);
        let want = unhex(want);
        assert_eq!(out, want[..if framing.is_v2() { 22 } else { 20 }]);
        assert_eq!(whole(&out).kind, Kind::HeartbeatAck);
    }
}

#[test]
fn writing_an_id_renews_the_checksum() {
    for framing in framings() {
        let mut bytes = request(framing, b"content");
        set_id(&mut bytes, 0xfedc_ba98);
        assert_eq!(whole(&bytes).id, 0xfedc_ba98);
        let mut bytes = response(framing, 0, b"content");
        set_id(&mut bytes, 1);
        assert_eq!(whole(&bytes).id, 1);
    }
}

#[test]
fn one_wrong_bit_breaks_the_checksum() {
    let bytes = request(Framing::v2(true, true), b"content");
    for at in [30, 80, bytes.len() - 5, bytes.len() - 1] {
        let mut broken = bytes.clone();
        broken[at] ^= 4;
        assert_eq!(error_of(&broken), BAD_CRC, "{at}");
    }
    let mut first = bytes.clone();
    first[1] = 1;
    assert!(
        matches!(decode(&first, 1 << 10), Ok(Decoded::Frame(f)) if f.len == bytes.len() - 4),
        "the first command set has no seal, whatever its switch says"
    );
}

#[test]
fn headers_beyond_the_limit_are_not_written() {
    let mut out = vec![];
    let open = Open::request(&mut out, Framing::V1, 1, HESSIAN, false, -1, CLASS);
    let from = out.len();
    out.resize(from + header::MAX + 1, 0);
    assert_eq!(
        open.end_header(&mut out, from),
        Err(TooLong {
            len: header::MAX + 1,
            max: header::MAX
        })
    );
    out.pop();
    assert_eq!(open.end_header(&mut out, from), Ok(()));
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    let seeds: Vec<_> = framings()
        .iter()
        .flat_map(|f| [request(*f, b"O1"), response(*f, 0, b"O1")])
        .collect();
    for seed in &seeds {
        for at in 0..seed.len().min(40) {
            for value in [0, 1, 2, 0x7f, 0x80, 0xff] {
                let mut bytes = seed.clone();
                bytes[at] = value;
                drop(decode(&bytes, 64));
                let parts = Parts::of(&bytes);
                assert!(parts.header.len() + parts.content.len() <= bytes.len());
                set_id(&mut bytes, 3);
            }
        }
    }
}
