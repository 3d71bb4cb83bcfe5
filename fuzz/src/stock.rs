//! Real consumers: the requests of stock peers in the tests of the protocols.
use rialto_core::message::ProtoId;
use rialto_core::session::Protocols;
use rialto_protocols::{All, BOLT};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A consumer that a response may be made for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Downstream {
    pub(crate) hint: u32,
    /// It has no classes, so it gets another response than others.
    pub(crate) is_generic: bool,
}

const BOLT_FILES: [&str; 3] = [
    include_str!("../../protocols/tests/corpus/bolt/provider.txt"),
    include_str!("../../protocols/tests/corpus/bolt/sofa-5.13.2.txt"),
    include_str!("../../protocols/tests/corpus/bolt/sofa-5.13.2-hessian4.txt"),
];
const DUBBO_FILES: [&str; 3] = [
    include_str!("../../protocols/tests/corpus/dubbo/3.3.txt"),
    include_str!("../../protocols/tests/corpus/dubbo/3.3-fastjson2.txt"),
    include_str!("../../protocols/tests/corpus/dubbo/handmade-2.7.txt"),
];

/// One consumer of each kind that was recorded.
pub(crate) fn downstreams(proto: ProtoId) -> &'static [Downstream] {
    static BOLT_CALLERS: LazyLock<Vec<Downstream>> = LazyLock::new(|| of_all(BOLT, &BOLT_FILES));
    static DUBBO_CALLERS: LazyLock<Vec<Downstream>> =
        LazyLock::new(|| of_all(rialto_protocols::DUBBO, &DUBBO_FILES));
    if proto == BOLT {
        &BOLT_CALLERS
    } else {
        &DUBBO_CALLERS
    }
}

/// The consumer that a byte of the input chooses.
pub(crate) fn downstream(proto: ProtoId, choice: u8) -> Downstream {
    let all = downstreams(proto);
    all[usize::from(choice) % all.len()]
}

fn of_all(proto: ProtoId, files: &[&str]) -> Vec<Downstream> {
    let reader = All::reader(proto).expect("a protocol of ours");
    let mut found = BTreeSet::new();
    for line in files.iter().flat_map(|file| file.lines()) {
        let Some(frame) = line.strip_prefix("> ").map(unhex) else {
            continue;
        };
        let Some(msg) = reader.view(&frame) else { continue };
        if let Ok(head) = reader.head(&msg)
            && !msg.meta.one_way
        {
            found.insert(Downstream {
                hint: head.hint,
                is_generic: frame.windows(7).any(|w| w == b"$invoke"),
            });
        }
    }
    assert!(found.len() > 3, "only {found:?}");
    found.into_iter().collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |d: u8| (d as char).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes()
        .chunks_exact(2)
        .map(|d| digit(d[0]) << 4 | digit(d[1]))
        .collect()
}
