//! Tests that the fast paths for stock contents give the same results as the full readers.
use super::*;
use call::Facts;

#[test]
fn requests() {
    for (file, _) in PEERS {
        let mut plain = 0;
        for case in load(file) {
            for request in &case.requests {
                let parts = Parts::of(request);
                if !parts.is_sofa_request() || parts.codec != HESSIAN {
                    continue;
                }
                let (mut short, mut long) = (NeutralCall::default(), NeutralCall::default());
                let mut facts = Facts::of_header(&parts, &mut short).unwrap();
                if facts.take_stock(parts.content).unwrap() {
                    let walked = Facts::walk(&parts, &mut long).unwrap();
                    assert_eq!(
                        format!("{facts:?}"),
                        format!("{walked:?}"),
                        "{file} {}",
                        case.name
                    );
                    plain += 1;
                }
            }
        }
        assert!(plain > 10, "{plain} plain requests of {file}");
    }
}

#[test]
fn responses() {
    let mut plain = 0;
    for (file, _) in PEERS {
        for case in load(file) {
            for bytes in &case.responses {
                let parts = Parts::of(bytes);
                if let Some(reply) = read_response::plain(&parts) {
                    let walked = read_response::walk(&parts).unwrap();
                    assert!(walked.attachments.is_empty());
                    assert_eq!(
                        format!("{reply:?}"),
                        format!("{:?}", walked.reply),
                        "{file} {}",
                        case.name
                    );
                    plain += 1;
                }
            }
        }
    }
    assert!(plain > 20, "{plain} plain responses");
}

/// A request built from cached pieces equals one that is built from scratch.
#[test]
fn requests_are_written_the_same_each_time() {
    let mut written = vec![];
    for round in 0..2 {
        let mut all = vec![];
        for case in PEERS.into_iter().flat_map(|(file, _)| load(file)) {
            for request in &case.requests {
                let Ok(call) = reader().call(&message(request)) else {
                    continue;
                };
                for variant in [DRAFT, FINAL] {
                    let write = || {
                        let mut out = vec![];
                        let written = codec(Role::Client, variant).request(&mut out, 1, &call);
                        written.map(|()| out).map_err(|e| e.to_string())
                    };
                    all.push(write());
                    assert_eq!(all.last(), Some(&write()), "{} {round}", case.name);
                }
            }
        }
        written.push(all);
    }
    assert!(written[0].iter().flatten().count() > 100 && written[0] == written[1]);
}
