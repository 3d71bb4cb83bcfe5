//! Tests with small messages that would become huge in another serialization, or keep a worker busy for a
//! long time: requests and responses between every two serializations.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do, by panicking"
)]

use proptest::prelude::*;
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::call::room_for;
use rialto_core::framed::{Codec, Framed};
use rialto_core::message::{Edits, Message, ProtoId};
use rialto_core::session::{Dispatch, Protocols, RespondTo, Response, Role, Session, Settings};
use rialto_core::slots::CallKey;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, WriteTables, Writer};
use rialto_protocols::bolt::{self, Bolt};
use rialto_protocols::dubbo::Dubbo;
use rialto_protocols::{All, BOLT, DUBBO};
use rialto_values::Class;
use std::time::{Duration, Instant};

/// Every operation takes less than this, even unoptimized and beside other tests; without bounds it would
/// take minutes.
const LONG: Duration = Duration::from_secs(60);
/// Room for a frame header and what a test adds around its message.
const AROUND: usize = 1024;
const HESSIAN: u32 = 2;
const JSONB: u32 = 23;

// ---- messages

fn dubbo(flags: u8, status: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xda, 0xbb, flags, status, 0, 0, 0, 0, 0, 0, 0, 5];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

/// A JSONB string.
fn string(s: &str) -> Vec<u8> {
    let mut out = vec![0x79, 0x48];
    out.extend_from_slice(&(s.len() as u32).to_be_bytes());
    out.extend_from_slice(s.as_bytes());
    out
}

fn documents<'d>(all: impl IntoIterator<Item = &'d [u8]>) -> Vec<u8> {
    let mut body = vec![];
    for document in all {
        body.extend_from_slice(&(document.len() as u32).to_be_bytes());
        body.extend_from_slice(document);
    }
    body
}

/// A fastjson2 request of `a.B#run(Map)` with this argument and these attachments.
fn jsonb_request(argument: &[u8], attachments: &[u8]) -> Vec<u8> {
    let front = ["2.0.2", "a.B", "0.0.0", "run", "Ljava/util/Map;"].map(string);
    let all = front.iter().map(|s| &s[..]).chain([argument, attachments]);
    dubbo(0xc0 | JSONB as u8, 0, &documents(all))
}

fn jsonb_response(value: &[u8]) -> Vec<u8> {
    dubbo(JSONB as u8, 20, &documents([&[0xbd, 1][..], value]))
}

fn hessian_response(value: &[u8]) -> Vec<u8> {
    dubbo(HESSIAN as u8, 20, &[&[0x91], value].concat())
}

/// A SOFARPC response in the final grammar.
fn bolt_response(put: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    const RESPONSE: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";
    let fields = ["isError", "errorMsg", "appResponse", "responseProps"];
    let content = hessian(Library::Sofa4, |w| {
        w.begin_object(&Class::new(RESPONSE, fields)).unwrap();
        w.write_bool(false).unwrap();
        w.write_null();
        put(w);
        w.write_null();
        w.end().unwrap();
    });
    let mut frame = vec![1, 0, 0, 2, 1, 0, 0, 0, 5, 1, 0, 0];
    frame.extend_from_slice(&(RESPONSE.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0]);
    frame.extend_from_slice(&(content.len() as u32).to_be_bytes());
    frame.extend_from_slice(RESPONSE.as_bytes());
    frame.extend_from_slice(&content);
    frame
}

fn hessian(library: Library, put: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let (mut out, mut tables) = (vec![], WriteTables::default());
    let mut w = Writer::new(&mut out, library, &mut tables);
    put(&mut w);
    w.finish().unwrap();
    out
}

fn message(frame: &[u8]) -> Message<'_> {
    let proto = if frame[0] == 0xda { DUBBO } else { BOLT };
    let reader = All::reader(proto).unwrap();
    reader.view(frame).expect("a whole frame")
}

// ---- hostile values

/// A map or list with a first entry and then `count` times the same entry.
fn jsonb_map(first: &[u8], entry: &[u8], count: usize) -> Vec<u8> {
    [&[0xa6][..], first, &entry.repeat(count), &[0xa5]].concat()
}

fn jsonb_list(first: &[u8], element: &[u8], count: usize) -> Vec<u8> {
    let len = (count as u32 + 1).to_be_bytes();
    [&[0xa4, 0x48][..], &len, first, &element.repeat(count)].concat()
}

/// Defines symbol 0, after this code.
fn symbol(code: u8, name: &str) -> Vec<u8> {
    [&[code][..], &string(name), &[0]].concat()
}

/// One long key, whose number is then repeated.
fn jsonb_keys(name: usize, count: usize) -> Vec<u8> {
    let first = [symbol(0x7f, &"k".repeat(name)), vec![1]].concat();
    // The first key is not a symbol, so that the value is read as a map.
    jsonb_map(&[b"\x4aa\x01", &first[..]].concat(), &[0x7f, 0, 1], count)
}

/// One long class name, whose number is then used for empty maps, lists, beans and scalars.
fn jsonb_classes(name: usize, count: usize) -> [Vec<u8>; 4] {
    [
        &[0xa6, 0xa5][..],
        &[0x94],
        &[0xa6, 0x7f, 1, 1, 0xa5],
        &[0x4a, b'A'],
    ]
    .map(|value| {
        let class = |code| symbol(code, &format!("a.{}Map", "C".repeat(name)));
        let field = b"\xa6\x7f\x4af\x01\x01\xa5";
        let first = [
            &class(0x92)[..],
            if value[0] == 0xa6 && value.len() > 2 {
                field
            } else {
                value
            },
        ]
        .concat();
        jsonb_list(&first, &[&[0x92, 0][..], value].concat(), count)
    })
}

/// Objects of one byte each, of a class with a long name or long field names.
fn hessian_objects(library: Library, class: &Class, count: usize) -> Vec<u8> {
    hessian(library, |w| objects(w, class, count))
}

fn objects(w: &mut Writer<'_>, class: &Class, count: usize) {
    w.begin_list(None, Some(count as u32)).unwrap();
    for _ in 0..count {
        w.begin_object(class).unwrap();
        class.fields().iter().for_each(|_| w.write_null());
        w.end().unwrap();
    }
    w.end().unwrap();
}

/// A map with long keys that is then referred to.
fn references(w: &mut Writer<'_>, key: usize, count: usize) {
    w.begin_list(None, Some(count as u32 + 1)).unwrap();
    for _ in 0..4 {
        w.begin_map(None).unwrap();
        w.write_str(&"k".repeat(key));
    }
    let target = w.next_index();
    w.begin_map(None).unwrap();
    (0..5).for_each(|_| w.end().unwrap());
    (0..count).for_each(|_| w.write_ref(target));
    w.end().unwrap();
}

/// Maps with a long type that is written once.
fn types(w: &mut Writer<'_>, name: usize, count: usize) {
    let class = format!("a.{}", "C".repeat(name));
    w.begin_list(None, Some(count as u32)).unwrap();
    for _ in 0..count {
        w.begin_map(Some(&class)).unwrap();
        w.end().unwrap();
    }
    w.end().unwrap();
}

// ---- results

/// Checks the length of the output and the time it took against the length of the input.
fn check_size_and_time(
    what: &str,
    received: usize,
    out: &OutBuf,
    result: &Result<(), CallError>,
    began: Instant,
) {
    let took = began.elapsed();
    assert!(took < LONG, "{what}: {received} bytes took {took:?}");
    let most = room_for(received).min(8 << 20) + AROUND;
    assert!(out.len() <= most, "{what}: {received} bytes became {}", out.len());
    if let Err(e) = result {
        assert!(e.text.len() < 1000, "{what}: {e}");
    }
}

fn written_request<C: Codec>(
    what: &str,
    frame: &[u8],
    variant: u32,
    edits: Option<&Edits>,
) -> Result<usize, CallError> {
    let settings = Settings {
        variant,
        max_sent: Some(8 << 20),
        ..Settings::default()
    };
    let (mut out, began) = (OutBuf::default(), Instant::now());
    let msg = message(frame);
    let head = msg.meta.reader.head(&msg).ok();
    let dispatch = Dispatch {
        edits,
        head: head.as_ref(),
        bridge: &Bridge::default(),
        deadline_ms: u64::MAX,
        now_ms: 0,
    };
    let mut session = Framed::<C>::new(Role::Client, &settings);
    let result = session.request(&mut out, CallKey::from_bits(7), &msg, &dispatch);
    let result = result.map(|_| ());
    check_size_and_time(what, frame.len(), &out, &result, began);
    if let Err(e) = &result {
        assert_eq!(e.kind, ErrorKind::BadRequest, "{what}: {e}");
        assert!(out.is_empty(), "{what}: some of it is left");
    }
    result.map(|()| out.len())
}

fn written_response<C: Codec>(what: &str, frame: &[u8], hint: u32) -> Result<usize, CallError> {
    let settings = Settings {
        max_sent: Some(8 << 20),
        ..Settings::default()
    };
    let (mut out, began) = (OutBuf::default(), Instant::now());
    let to = RespondTo { id: 9, hint };
    let answer = Response::Message(message(frame));
    let result = Framed::<C>::new(Role::Server, &settings).respond(&mut out, to, &answer, &Bridge::default());
    check_size_and_time(what, frame.len(), &out, &result, began);
    if result.is_err() {
        assert!(out.len() < AROUND, "{what}: an error of {} bytes", out.len());
    }
    result.map(|()| out.len())
}

/// Everything that a request may have to become.
fn requests(what: &str, frame: &[u8]) -> Vec<Result<usize, CallError>> {
    let mut edits = Edits::default();
    edits.set("tag", "gold");
    let mut all = vec![written_request::<Dubbo>(
        &format!("{what}, edited"),
        frame,
        0,
        Some(&edits),
    )];
    for variant in [bolt::DRAFT, bolt::FINAL] {
        all.push(written_request::<Bolt>(
            &format!("{what} to Bolt {variant}"),
            frame,
            variant,
            None,
        ));
    }
    all
}

/// The hints of all kinds of consumers: plain and generic Dubbo, and Bolt.
fn hints(proto: ProtoId) -> Vec<(String, u32)> {
    if proto == BOLT {
        let v1 = |library: Library| {
            let content = hessian(library, |w| w.write_null());
            let class = "com.alipay.sofa.rpc.core.request.SofaRequest";
            let mut frame = vec![1, 1, 0, 1, 1, 0, 0, 0, 5, 1, 0, 0, 0, 0];
            frame.extend_from_slice(&(class.len() as u16).to_be_bytes());
            frame.extend_from_slice(&[0, 0]);
            frame.extend_from_slice(&(content.len() as u32).to_be_bytes());
            frame.extend_from_slice(class.as_bytes());
            frame.extend_from_slice(&content);
            message(&frame).meta.hint
        };
        return vec![("SOFARPC".into(), v1(Library::Sofa3))];
    }
    let mut all = vec![];
    for serialization in [HESSIAN, JSONB] {
        for (name, generic) in [("plain", 0), ("generic", 1 << 6)] {
            // with response attachments
            all.push((
                format!("{name} {serialization}"),
                serialization | 1 << 5 | generic,
            ));
        }
    }
    all
}

/// Everything that a response may have to become.
fn responses(what: &str, frame: &[u8]) -> Vec<Result<usize, CallError>> {
    let mut all = vec![];
    for (name, hint) in hints(DUBBO) {
        all.push(written_response::<Dubbo>(
            &format!("{what} to {name}"),
            frame,
            hint,
        ));
    }
    for (name, hint) in hints(BOLT) {
        all.push(written_response::<Bolt>(
            &format!("{what} to {name}"),
            frame,
            hint,
        ));
    }
    all
}

fn refusals(all: &[Result<usize, CallError>]) -> usize {
    all.iter().filter(|result| result.is_err()).count()
}

#[test]
fn keys_that_are_numbered_do_not_become_gigabytes() {
    for (name, count) in [(70_000, 5_000), (4_000, 20_000), (300, 60_000)] {
        let bomb = jsonb_keys(name, count);
        let all = requests(&format!("keys of {name}"), &jsonb_request(&bomb, &[0xa6, 0xa5]));
        // Edited within the protocol, the argument is copied unchanged.
        assert_eq!((all[0].is_ok(), refusals(&all[1..])), (true, 2), "{all:?}");
        let all = responses(&format!("keys of {name}"), &jsonb_response(&bomb));
        assert!(refusals(&all) >= 3, "{all:?}");
    }
}

#[test]
fn attachments_with_numbered_keys_are_bounded() {
    for (name, count) in [(70_000, 5_000), (1000, 100_000)] {
        let attachments = jsonb_keys(name, count);
        let all = requests("attachments", &jsonb_request(&[0xa6, 0xa5], &attachments));
        assert_eq!(refusals(&all), 3, "{all:?}");
        let answer = dubbo(JSONB as u8, 20, &documents([&[0xbd, 4][..], &[1], &attachments]));
        responses("attachments", &answer);
    }
}

#[test]
fn classes_that_are_numbered_do_not_become_gigabytes() {
    for (name, count) in [(70_000, 2_000), (4_000, 5_000), (300, 20_000)] {
        for bomb in jsonb_classes(name, count) {
            requests("classes", &jsonb_request(&bomb, &[0xa6, 0xa5]));
            let all = responses("classes", &jsonb_response(&bomb));
            // The output for beans with the shortest names is in proportion.
            assert!(name == 300 || refusals(&all) >= 2, "{name}: {all:?}");
        }
    }
}

#[test]
fn objects_for_generic_consumers_do_not_become_gigabytes() {
    let long = |len: usize| "C".repeat(len);
    for class in [
        Class::new(format!("a.{}", long(30_000)), [""; 0]),
        Class::new(format!("a.{}", long(4000)), [""; 0]),
        Class::new("a.B", [long(4000), long(3999)]),
        Class::new(format!("a.{}", long(200)), ["x"]),
    ] {
        let objects_of = |library| hessian_objects(library, &class, 30_000);
        let all = responses("objects", &hessian_response(&objects_of(Library::Lite)));
        assert!(refusals(&all) >= 2, "{all:?}");
        let all = responses("objects of Bolt", &bolt_response(|w| objects(w, &class, 30_000)));
        assert!(refusals(&all) >= 2, "{all:?}");
    }
}

#[test]
fn types_that_are_numbered_do_not_take_minutes() {
    for name in [30_000, 4_000, 300] {
        responses(
            "types",
            &hessian_response(&hessian(Library::Lite, |w| types(w, name, 50_000))),
        );
        responses("types of Bolt", &bolt_response(|w| types(w, name, 50_000)));
    }
}

/// fastjson2 uses paths for references, where Hessian uses numbers.
#[test]
fn references_do_not_become_gigabytes() {
    for key in [900, 300, 2000] {
        let all = responses(
            "references",
            &hessian_response(&hessian(Library::Lite, |w| references(w, key, 50_000))),
        );
        let written = &all[2];
        // If a path is too long, the short value itself is written instead.
        assert_eq!(written.is_ok(), key > 1000, "{key}: {written:?}");
        responses(
            "references of Bolt",
            &bolt_response(|w| references(w, key, 50_000)),
        );
    }
}

/// Honest values are large, but in proportion.
#[test]
fn lists_of_small_objects_with_long_names_are_accepted() {
    let class = Class::new(
        "com.acme.warehouse.inventory.model.StockKeepingUnit",
        ["identifier", "quantity"],
    );
    for count in [10, 1000, 20_000] {
        let all = responses(
            "stock",
            &hessian_response(&hessian_objects(Library::Lite, &class, count)),
        );
        assert_eq!(refusals(&all), 0, "{count}: {all:?}");
        let all = responses("stock of Bolt", &bolt_response(|w| objects(w, &class, count)));
        assert_eq!(refusals(&all), 0, "{count}: {all:?}");
    }
}

/// A part of a message, repeated.
fn pieces(all: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let piece = (0..all.len(), prop_oneof![1..4usize, 1..2000usize]);
    proptest::collection::vec(piece, 1..8).prop_map(|chosen| {
        chosen
            .into_iter()
            .flat_map(|(at, times)| all[at].repeat(times))
            .collect()
    })
}

/// Entries of a JSONB map, in which symbol 0 is a long key and symbol 1 a long class.
const ENTRIES: [&[u8]; 8] = [
    &[0x7f, 0, 1],
    &[0x7f, 0, 0x94],
    &[0x7f, 0, 0x92, 1, 0xa6, 0xa5],
    &[0x4a, b'b', 0x92, 1, 0xa6, 0x7f, 0, 1, 0xa5],
    &[0x7f, 0, 0x93, 0x4a, b'$'],
    &[0x7f, 0, 0x93, 0x4c, b'$', b'.', b'a'],
    &[0x4a, b'c', 0x92, 1, 0x4a, b'X'],
    &[0x7f, 0, 0xa6, 0x7f, 0, 0x95, 0x92, 1, 0x94, 0xa5],
];

/// Values of a list in Hessian's final grammar, after the definition of a long class and a map of it.
const VALUES: [&[u8]; 7] = [
    b"\x60N",
    b"M\x90Z",
    b"Q\x90",
    b"Q\x92",
    b"H\x60NNZ",
    b"W\x60NZ",
    b"\x7aN\x60N",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_fastjson2_input_stays_in_proportion(name in 1..3000usize, entries in pieces(&ENTRIES)) {
        let key = [symbol(0x7f, &"k".repeat(name)), vec![1]].concat();
        let class = [&b"\x4ax"[..], &symbol(0x92, &format!("a.{}", "C".repeat(name)))].concat();
        let class = [&class[..class.len() - 1], &[1, 0xa6, 0xa5]].concat();
        let map = [&b"\xa6\x4aa\x01"[..], &key, &class, &entries, &[0xa5]].concat();
        requests("an argument", &jsonb_request(&map, &[0xa6, 0xa5]));
        requests("attachments", &jsonb_request(&[0xa6, 0xa5], &map));
        responses("an answer", &jsonb_response(&map));
    }

    #[test]
    fn any_hessian_input_stays_in_proportion(name in 1..3000usize, values in pieces(&VALUES)) {
        let class = hessian(Library::Lite, |w| w.write_str(&format!("a.{}", "C".repeat(name))));
        let list = [&b"W"[..], b"C", &class, b"\x91\x01f\x60N", b"M", &class, b"Z", &values, b"Z"].concat();
        responses("an answer", &hessian_response(&list));
    }
}
