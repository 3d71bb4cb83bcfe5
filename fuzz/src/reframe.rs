//! Edits of requests. The first byte of the input chooses the edits, the second a Bolt upstream; the rest is
//! a frame of either protocol.
use crate::frame::{ID, codec, decode, mend, protocol, written};
use crate::values::{comparable, tokens};
use rialto_core::call::NeutralCall;
use rialto_core::framed::{Codec, Kind};
use rialto_core::message::{Edits, Head, Message};
use rialto_core::session::Role;
use rialto_core::{CallError, ErrorKind};
use rialto_protocols::BOLT;
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use rialto_values::OwnedToken;

const SET: [(&str, &str); 2] = [("k1", "grün"), ("x-new", "1")];
const REMOVED: &str = "plain";

/// An edited request shows the edits, and is otherwise unchanged.
pub fn edit(data: &[u8]) {
    let Some((&[choice, variant], frame)) = data.split_first_chunk() else {
        return;
    };
    let mut frame = frame.to_vec();
    mend(&mut frame);
    if protocol(&frame) == BOLT {
        change::<Bolt>(&frame, &edits(choice), u32::from(variant) % 3);
    } else {
        change::<Dubbo>(&frame, &edits(choice), 0);
    }
}

fn edits(choice: u8) -> Edits {
    let on = |bit: u8| choice & 1 << bit != 0;
    let mut edits = Edits {
        service: on(0).then(|| "com.acme.Other".into()),
        version: on(1).then(|| "2.0".into()),
        group: on(2).then(|| "red".into()),
        method: on(3).then(|| "renamed".into()),
        timeout_ms: on(4).then_some(250),
        ..Edits::default()
    };
    for (key, value) in SET.iter().take(usize::from(on(5)) + usize::from(on(6))) {
        edits.set(key, value);
    }
    if on(7) {
        edits.remove(REMOVED);
    }
    edits
}

fn change<C: Codec>(frame: &[u8], edits: &Edits, variant: u32) {
    let Some(found) = decode::<C>(frame).filter(|f| f.kind == Kind::Request) else {
        return;
    };
    let msg = found.msg;
    let mut out = b"before".to_vec();
    match codec::<C>(Role::Client, variant).reframe(&mut out, ID + 1, &msg, None, edits) {
        Ok(()) => {}
        Err(e) => return assert!(e.kind == ErrorKind::BadRequest && e.text.len() > 10, "{e:?}"),
    }
    let out = &out[6..];
    let after = written::<C>(out, Kind::Request, ID + 1);
    assert_eq!(after.meta.one_way, msg.meta.one_way);
    if edits.is_empty() && variant == 0 {
        let mut same = frame.to_vec();
        C::set_id(&mut same, ID + 1);
        assert!(out == same, "changed without a change");
    }
    if let Ok(head) = msg.head() {
        let new = after.head().unwrap_or_else(|e| panic!("its head is lost: {e}"));
        same_head::<C>(&msg, &head, &after, &new, edits);
    }
    same_call(msg.meta.reader.call(&msg), after.meta.reader.call(&after));
}

fn same_head<C: Codec>(
    before: &Message<'_>,
    head: &Head<'_>,
    after: &Message<'_>,
    new: &Head<'_>,
    edits: &Edits,
) {
    // SOFARPC providers know no service without a version, so a new name always has one.
    let renames = edits.service.is_some() || edits.version.is_some() || edits.group.is_some();
    let old_version: &[u8] = match head.version {
        b"" if renames && C::PROTO == BOLT => b"1.0",
        version => version,
    };
    for (what, old, now, edit) in [
        ("service", head.service, new.service, &edits.service),
        ("version", old_version, new.version, &edits.version),
        ("group", head.group, new.group, &edits.group),
        ("method", head.method, new.method, &edits.method),
        ("application", head.application, new.application, &None),
    ] {
        // When an unreadable part changes, what follows it may become visible.
        if C::PROTO == BOLT && matches!(what, "method" | "application") && old.is_empty() {
            continue;
        }
        let want = edit
            .as_ref()
            .map_or(String::from_utf8_lossy(old), |e| e.as_ref().into());
        assert_eq!(String::from_utf8_lossy(now), want, "{what} after {edits:?}");
    }
    assert_eq!(new.echo, head.echo && edits.method.is_none());
    let attachment = |msg: &Message<'_>, head, key| {
        let found = msg.meta.reader.attachment(msg, head, key);
        found.map(|v| String::from_utf8_lossy(&v).into_owned())
    };
    for (key, value) in &edits.set {
        assert_eq!(
            attachment(after, new, key).as_deref(),
            Some(&**value),
            "{key} was set"
        );
    }
    for key in &edits.remove {
        assert_eq!(attachment(after, new, key), None, "{key} was removed");
    }
    for key in ["k2", "x-user", "rpc_trace_context.sofaTraceId", "input", "utf8"] {
        assert_eq!(
            attachment(after, new, key),
            attachment(before, head, key),
            "{key} was left"
        );
    }
}

/// The fields of SOFARPC's request that edits change. A request may be of any class that has them.
const EDITED: [&str; 3] = ["targetServiceUniqueName", "methodName", "requestProps"];

/// What the edits do not name stays the same.
fn same_call(before: Result<NeutralCall<'_>, CallError>, after: Result<NeutralCall<'_>, CallError>) {
    let Ok(before) = before else { return };
    let after = after.unwrap_or_else(|e| panic!("it cannot be understood any more: {e}"));
    assert_eq!(
        (
            &before.types[..],
            &before.trace,
            &before.application,
            before.one_way
        ),
        (&after.types[..], &after.trace, &after.application, after.one_way)
    );
    if let (Some(Ok(old)), Some(new)) = (tokens(&before.args), tokens(&after.args)) {
        let new = new.unwrap_or_else(|e| panic!("its arguments cannot be read any more: {e}"));
        if refers_to_edited(&old, &before) || refers_to_edited(&new, &after) {
            return;
        }
        let (old, new) = (comparable(old), comparable(new));
        assert!(old == new, "\n{old}\n{new}");
    }
}

/// Whether an argument may refer to the request that contains it or to the request's attachments, which show
/// the edits.
fn refers_to_edited(args: &[OwnedToken], call: &NeutralCall<'_>) -> bool {
    args.iter().any(|token| match token {
        OwnedToken::Object(class) => class.fields().iter().any(|f| EDITED.contains(&&**f)),
        OwnedToken::Text(text) => call.attachments.iter().any(|(key, _)| key.as_bytes() == text),
        _ => false,
    })
}
