//! Tests of the whole protocol against recorded frames of stock peers in `tests/corpus/dubbo`.
use super::*;
use hint::Generic;
use rialto_core::ErrorKind;
use rialto_core::call::{ReturnValue, Values};
use rialto_core::framed::{Frame, Kind};
use rialto_values::{OwnedToken, Recorder};

mod edits;
mod errors;
mod generic_calls;
mod hostile;
mod plain;
mod requests;
mod responses;
mod session;

/// A case of the corpus.
struct Case {
    name: &'static str,
    /// The method that the consumer called; empty if the case is not a call.
    method: &'static str,
    requests: Vec<Vec<u8>>,
    responses: Vec<Vec<u8>>,
}

const V33: &str = include_str!("../../tests/corpus/dubbo/3.3.txt");
const V32: &str = include_str!("../../tests/corpus/dubbo/3.2.txt");
const V27: &str = include_str!("../../tests/corpus/dubbo/2.7.txt");
const JSONB: &str = include_str!("../../tests/corpus/dubbo/3.3-fastjson2.txt");
const HANDMADE_33: &str = include_str!("../../tests/corpus/dubbo/handmade-3.3.txt");
const HANDMADE_27: &str = include_str!("../../tests/corpus/dubbo/handmade-2.7.txt");

const STOCK: [&str; 4] = [V33, V32, V27, JSONB];

fn cases(file: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = vec![];
    for line in file.lines() {
        match line.split_once(' ') {
            Some(("##", title)) => {
                let (name, method) = title.split_once(' ').unwrap_or((title, ""));
                cases.push(Case {
                    name,
                    method,
                    requests: vec![],
                    responses: vec![],
                });
            }
            Some((">", hex)) => cases.last_mut().unwrap().requests.push(unhex(hex)),
            Some(("<", hex)) => cases.last_mut().unwrap().responses.push(unhex(hex)),
            _ => panic!("what is this line: {line}"),
        }
    }
    assert!(cases.len() > 80, "only {} cases", cases.len());
    cases
}

fn case(file: &'static str, name: &str) -> Case {
    cases(file)
        .into_iter()
        .find(|c| c.name == name)
        .unwrap_or_else(|| panic!("no case {name}"))
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn codec(role: Role) -> Dubbo {
    Dubbo::new(role, &Settings::default())
}

fn frame_of(bytes: &[u8]) -> Frame {
    match codec(Role::Server).decode(bytes).unwrap() {
        Decoded::Frame(frame) => frame,
        _ => panic!("no whole frame"),
    }
}

fn message(bytes: &[u8]) -> Message<'_> {
    reader().view(bytes).expect("a whole frame")
}

/// All calls of a file, with the names of their cases and methods.
fn calls(file: &'static str) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    cases(file)
        .into_iter()
        .flat_map(|c| c.requests.into_iter().map(move |r| (c.name, c.method, r)))
        .filter(|(.., r)| frame_of(r).kind == Kind::Request)
        .collect()
}

fn head(bytes: &[u8]) -> Head<'_> {
    reader().head(&message(bytes)).unwrap()
}

/// The tokens of values, without what [`plain`] removes.
fn tokens(values: &Values<'_>) -> Vec<OwnedToken> {
    let mut recorder = Recorder::default();
    values.emit(&mut recorder).unwrap_or_else(|e| panic!("{e}"));
    recorder.tokens.into_iter().map(plain).collect()
}

/// The token without what may differ between two encodings of one value: announced lengths, and the bits of a
/// NaN.
fn plain(token: OwnedToken) -> OwnedToken {
    match token {
        OwnedToken::List { class, .. } => OwnedToken::List { class, len: None },
        OwnedToken::Double(v) if v.is_nan() => text("NaN"),
        other => other,
    }
}

fn text(s: &str) -> OwnedToken {
    OwnedToken::Text(s.as_bytes().to_vec())
}

/// A call encoded for a provider.
fn request(call: &NeutralCall<'_>) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Client).request(&mut out, 7, call).unwrap();
    out
}

/// The response as it is written for a consumer with this hint.
fn response_for(hint: u32, response: &NeutralResponse<'_>) -> Result<Vec<u8>, CallError> {
    let mut out = vec![];
    codec(Role::Server).outcome(&mut out, RespondTo { id: 9, hint }, response)?;
    Ok(out)
}

fn value_of(bytes: &[u8]) -> Vec<OwnedToken> {
    match reader().outcome(&message(bytes)).unwrap().reply {
        ReturnValue::Value(values) => tokens(&values),
        other => panic!("no value: {other:?}"),
    }
}
