//! Tests with damaged contents and headers: reading them gives a value or an error, never a panic, and never
//! allocates more than the bytes justify.
use super::*;
use rialto_hessian::{WriteTables, Writer};
use rialto_values::{Class, Sink, Token, ValueError};

struct Sinkhole;

impl Sink for Sinkhole {
    fn token(&mut self, _: Token<'_>) -> Result<(), ValueError> {
        Ok(())
    }
}

/// Does everything with a frame that the proxy can do with it.
fn exercise(bytes: &[u8]) {
    let Some(msg) = reader().view(bytes) else { return };
    if let Ok(head) = reader().head(&msg) {
        reader().attachment(&msg, &head, "k1");
    }
    if let Ok(call) = reader().call(&msg) {
        call.args.emit(&mut Sinkhole).ok();
        codec(Role::Client, FINAL).request(&mut vec![], 1, &call).ok();
    }
    let mut edits = Edits::default();
    edits.set("k1", "v");
    edits.method = Some("m".into());
    edits.service = Some("a.B".into());
    for variant in [ANY_GRAMMAR, FINAL] {
        codec(Role::Client, variant)
            .reframe(&mut vec![], 1, &msg, None, &edits)
            .ok();
    }
    if let Ok(NeutralResponse {
        reply: ReturnValue::Value(value),
        ..
    }) = reader().outcome(&msg)
    {
        value.emit(&mut Sinkhole).ok();
    }
    let to = RespondTo {
        id: 1,
        hint: Hint::new(Framing::V1, HESSIAN).with_content(Some(&b'C')).bits(),
    };
    codec(Role::Server, ANY_GRAMMAR)
        .reframe(&mut vec![], 1, &msg, Some(to), &Edits::default())
        .ok();
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![];
    for (file, names) in [
        (
            "sofa-5.13.2",
            &["baggage", "shared-args", "no-such-method", "throw-npe"][..],
        ),
        ("sofa-5.13.2-hessian4", &["baggage", "shared-args"][..]),
        ("sofa-5.4.8", &["baggage"][..]),
    ] {
        for name in names {
            let case = case(file, name);
            seeds.extend(case.requests);
            seeds.extend(case.responses);
        }
    }
    seeds
}

#[test]
fn contents_and_headers_cut_anywhere() {
    for seed in seeds() {
        let parts = Parts::of(&seed);
        for n in 0..parts.content.len().min(500) {
            exercise(&rebuilt_like(&seed, parts.header, &parts.content[..n]));
        }
        for n in 0..parts.header.len() {
            exercise(&rebuilt_like(&seed, &parts.header[..n], parts.content));
        }
    }
}

#[test]
fn wrong_bytes_anywhere() {
    for mut seed in seeds() {
        let content = seed.len() - Parts::of(&seed).content.len();
        for at in (0..70).chain(content..seed.len().min(content + 400)) {
            let old = seed[at];
            for value in [0x00, 0x4a, 0x56, 0x7a, 0xff, old ^ 1] {
                seed[at] = value;
                exercise(&seed);
            }
            seed[at] = old;
        }
    }
}

/// A frame of the same direction with other parts.
fn rebuilt_like(seed: &[u8], header: &[u8], content: &[u8]) -> Vec<u8> {
    let parts = Parts::of(seed);
    if message(seed).meta.status == Status::Ok && parts.is_sofa_request() {
        return rebuilt(&parts, header, content);
    }
    let mut out = vec![];
    let open = frame::Open::response(&mut out, parts.framing, 5, parts.codec, parts.status, parts.class);
    let from = out.len();
    out.extend_from_slice(header);
    open.end_header(&mut out, from).unwrap();
    let from = out.len();
    out.extend_from_slice(content);
    open.close(&mut out, from).unwrap();
    out
}

#[test]
fn more_attachments_than_the_limit_are_refused() {
    let case = case("sofa-5.4.8", "string-first");
    let parts = Parts::of(case.request());
    let mut block = vec![];
    for n in 0..2000 {
        header::put(&mut block, &n.to_string(), "");
    }
    let error = refusal(&rebuilt(&parts, &block, parts.content));
    assert!(error.text.contains("more than 1024 attachments"), "{error}");
}

#[test]
fn a_malformed_header_block_is_refused() {
    let case = case("sofa-5.13.2", "string-first");
    let parts = Parts::of(case.request());
    let bytes = rebuilt(&parts, &parts.header[..parts.header.len() - 1], parts.content);
    let error = reader().head(&message(&bytes)).unwrap_err();
    assert!(error.text.contains("header block"), "{error}");
    assert!(refusal(&bytes).text.contains("header block"));
}

/// The application after the method cannot be read, but the method is still known.
#[test]
fn a_method_before_an_unreadable_field_is_known() {
    let case = case("sofa-5.4.8", "string-first");
    let parts = Parts::of(case.request());
    let whole = head(case.request());
    assert_eq!(header::get(parts.header, keys::METHOD), None);
    let props = b"M\x03app";
    let at = parts.content.windows(props.len()).position(|w| w == props);
    let at = at.expect("the properties behind the names");
    for to in [at, at + 3] {
        let bytes = rebuilt(&parts, parts.header, &parts.content[..to]);
        let head = reader().head(&message(&bytes)).unwrap();
        assert_eq!((head.service, head.method), (whole.service, whole.method));
    }
    // Another class could repeat the method after the unreadable part, so the method is unknown.
    let (mut content, mut tables) = (vec![], WriteTables::default());
    let mut w = Writer::new(&mut content, Library::Sofa3, &mut tables);
    let fields = [keys::METHOD_NAME, keys::REQUEST_PROPS, keys::METHOD_NAME];
    w.begin_object(&Class::new(keys::REQUEST, fields)).unwrap();
    w.write_str("first");
    let bytes = rebuilt(&parts, parts.header, &content);
    assert_eq!(reader().head(&message(&bytes)).unwrap().method, b"");
}

/// Fields in another order, or repeated, give the route and the bridge the same names: the last value counts.
#[test]
fn a_head_and_a_call_name_the_same_method() {
    let case = case("sofa-5.4.8", "string-first");
    let parts = Parts::of(case.request());
    let (mut content, mut tables) = (vec![], WriteTables::default());
    let mut w = Writer::new(&mut content, Library::Sofa3, &mut tables);
    let fields = [
        keys::METHOD_NAME,
        keys::REQUEST_PROPS,
        keys::METHOD_NAME,
        keys::METHOD_ARG_SIGS,
    ];
    w.begin_object(&Class::new(keys::REQUEST, fields)).unwrap();
    w.write_str("first");
    w.begin_map(None).unwrap();
    for text in [keys::APP, "shop", "k", "v"] {
        w.write_str(text);
    }
    w.end().unwrap();
    w.write_str("last");
    w.begin_list(Some("[string"), Some(0)).unwrap();
    w.end().unwrap();
    w.end().unwrap();
    w.finish().unwrap();
    let bytes = rebuilt(&parts, parts.header, &content);
    let head = head(&bytes);
    assert_eq!((head.method, head.application), (&b"last"[..], &b"shop"[..]));
    assert_eq!(call(&bytes).method, "last");
}

/// If the header's `service` is present but blank, providers go by the content, whatever the other keys say.
#[test]
fn a_blank_service_cannot_bypass_routes() {
    let case = case("sofa-5.13.2", "string-first");
    let parts = Parts::of(case.request());
    let with = |pairs: &[(&str, &str)]| {
        let mut block = vec![];
        pairs.iter().for_each(|(k, v)| header::put(&mut block, k, v));
        rebuilt(&parts, &block, parts.content)
    };
    let target = (keys::TARGET_SERVICE, "a.Public:1.0");
    for blank in ["", " ", "\t\u{1f}\u{2003}"] {
        let bytes = with(&[(keys::SERVICE, blank), target]);
        let error = reader().head(&message(&bytes)).unwrap_err();
        assert!(error.text.contains("is blank"), "{error}");
    }
    // If the key is repeated, the last value counts, for providers and here.
    let bytes = with(&[(keys::SERVICE, "a.Public"), target, (keys::SERVICE, "")]);
    assert!(reader().head(&message(&bytes)).is_err());
    let bytes = with(&[target]);
    assert_eq!(head(&bytes).service, b"a.Public");
    let bytes = with(&[(keys::SERVICE, "中.Service"), target]);
    assert_eq!(head(&bytes).service, "中.Service".as_bytes());
}

/// Dubbo providers would take what precedes a slash for the group.
#[test]
fn a_service_with_a_slash_is_not_bridged() {
    let case = case("sofa-5.13.2", "string-first");
    let parts = Parts::of(case.request());
    let mut block = vec![];
    header::put(&mut block, keys::SERVICE, "gray/a.B:1.0");
    let error = refusal(&rebuilt(&parts, &block, parts.content));
    assert!(error.text.contains("`gray/a.B#"), "{error}");
    assert!(error.text.contains("a service with a slash"), "{error}");
    let mut call = call(case.request());
    call.service = "gray/a.B".into();
    let error = codec(Role::Client, ANY_GRAMMAR)
        .request(&mut vec![], 1, &call)
        .unwrap_err();
    assert!(error.text.contains("has a slash in its name"), "{error}");
}
