//! Tests of the whole protocol against recorded frames of stock peers.
use super::*;
use frame::Parts;
use rialto_core::ErrorKind;
use rialto_core::call::{ReturnValue, Values};
use rialto_core::message::Status;
use rialto_values::{OwnedToken, Recorder};

mod calls;
mod corpus;
mod edits;
mod errors;
mod hostile;
mod plain;
mod responses;
mod sessions;

use corpus::{Case, case, load};

/// The corpus files of stock peers, and the Hessian library that each uses.
const PEERS: [(&str, Library); 4] = [
    ("sofa-5.13.2", Library::Sofa3),
    ("sofa-5.13.2-hessian4", Library::Sofa4),
    ("sofa-5.7.9", Library::Sofa3),
    ("sofa-5.4.8", Library::Sofa3),
];

fn codec(role: Role, variant: u32) -> Bolt {
    Bolt::new(
        role,
        &Settings {
            variant,
            ..Settings::default()
        },
    )
}

fn message(bytes: &[u8]) -> Message<'_> {
    reader().view(bytes).unwrap()
}

fn head<'a>(bytes: &'a [u8]) -> Head<'a> {
    reader().head(&message(bytes)).unwrap()
}

fn attachment(bytes: &[u8], key: &str) -> Option<String> {
    let found = reader().attachment(&message(bytes), &head(bytes), key)?;
    Some(String::from_utf8(found.into_owned()).unwrap())
}

fn call(bytes: &[u8]) -> NeutralCall<'_> {
    reader().call(&message(bytes)).unwrap()
}

fn refusal(bytes: &[u8]) -> CallError {
    reader().call(&message(bytes)).unwrap_err()
}

/// The tokens of values. A map of class `HashMap` and one without a class count as equal, because the draft
/// grammar must write the class where the first key could be read as one.
fn tokens(values: &Values<'_>) -> Vec<OwnedToken> {
    let mut recorder = Recorder::default();
    values.emit(&mut recorder).unwrap();
    for token in &mut recorder.tokens {
        if matches!(token, OwnedToken::Map { class: Some(class) } if **class == *"java.util.HashMap") {
            *token = OwnedToken::Map { class: None };
        }
    }
    recorder.tokens
}

/// Where the response to this request goes.
fn respond_to(request: &[u8]) -> RespondTo {
    RespondTo {
        id: 9,
        hint: head(request).hint,
    }
}

/// A call encoded for an upstream of that variant.
fn encoded(call: &NeutralCall<'_>, variant: u32) -> Vec<u8> {
    let mut out = vec![];
    codec(Role::Client, variant).request(&mut out, 1, call).unwrap();
    out
}

/// A captured request whose header and content are replaced.
fn rebuilt(parts: &Parts<'_>, header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    let open = frame::Open::request(&mut out, parts.framing, 5, parts.codec, false, 3000, parts.class);
    let from = out.len();
    out.extend_from_slice(header);
    open.end_header(&mut out, from).unwrap();
    let from = out.len();
    out.extend_from_slice(content);
    open.close(&mut out, from).unwrap();
    out
}
