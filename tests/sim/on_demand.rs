//! Stories of calls to services of a registry: the worker asks where the service is, and goes on when it is told.
use super::peer::{Found, Proto};
use super::scripted::LISTENER;
use super::stage::Stage;
use rialto_core::asking::{Answer, Finding, Question, ServiceName, Subject, Ticket};
use rialto_core::directory::ClusterId;
use rialto_core::{CallError, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};

fn stage() -> Stage {
    Stage::new(&format!(
        "{LISTENER}routes: [ {{ name: r, to: [ {{ registry: reg }} ] }} ]\n\
         registries: [ {{ name: reg, directory: /none }} ]\n"
    ))
}

/// The only question that the worker has.
fn question(stage: &mut Stage) -> Question {
    let mut all = stage.worker.take_questions();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The service that a question is about.
fn service(question: &Question) -> &ServiceName {
    match &question.about {
        Subject::Service(wanted) => &wanted.service,
        Subject::Decision(_) => panic!("no filter asks here"),
    }
}

fn tell(stage: &mut Stage, ticket: Ticket, result: Result<ClusterId, CallError>) {
    let result = result.map(Finding::Cluster);
    stage.worker.answer(&Answer { ticket, result });
    stage.pass(10);
}

fn dialed(stage: &mut Stage) -> usize {
    let [(upstream, _)] = stage.dialed(Proto::Bolt)[..] else {
        panic!("one dial")
    };
    upstream
}

#[test]
fn calls_wait_for_the_registry_and_ask_once() {
    let mut stage = stage();
    let downstream = stage.downstream();
    (0..5).for_each(|id| stage.call(downstream, id, "a.Service", b"early"));
    stage.pass(50);
    let asked = question(&mut stage);
    assert_eq!(
        (&*service(&asked).registry, &*service(&asked).service),
        ("reg", "a.Service")
    );
    assert_eq!(stage.worker.in_flight(), 5);

    let cluster = stage.found("reg/a.Service", &[11]);
    tell(&mut stage, asked.ticket, Ok(cluster));
    let upstream = dialed(&mut stage);
    assert_eq!(stage.serve(upstream), 5);
    assert_eq!(stage.answers(downstream).len(), 5);

    // From now on it is known, for all methods and downstreams.
    let other = stage.downstream();
    stage.call(other, 9, "a.Service", b"later");
    stage.pass(0);
    assert_eq!(stage.serve(upstream), 1);
    assert_eq!(stage.answers(other), [(9, Ok(5))]);
    assert!(stage.worker.take_questions().is_empty());
    stage.call(other, 10, "another.Service", b"x");
    stage.pass(0);
    assert_eq!(&*service(&question(&mut stage)).service, "another.Service");
}

#[test]
fn a_refusal_fails_the_calls_and_the_next_one_asks_again() {
    let mut stage = stage();
    let downstream = stage.downstream();
    for round in 0..3 {
        stage.call(downstream, round, "a.Service", b"x");
        stage.pass(0);
        let asked = question(&mut stage);
        let error = CallError::new(ErrorKind::NoService, "registry reg has no service a.Service");
        tell(&mut stage, asked.ticket, Err(error));
        let [(id, Err(text))] = &stage.answers(downstream)[..] else {
            panic!("one error")
        };
        assert!(
            *id == round && text.contains("registry reg has no service"),
            "{text}"
        );
    }
    assert_eq!(stage.worker.held_calls(), 0);
}

/// Answers that come twice, late, or with a ticket that nobody has, reach no call.
#[test]
fn an_answer_reaches_only_the_calls_of_its_question() {
    let mut stage = stage();
    let downstream = stage.downstream();
    let a = stage.found("reg/a", &[11]);
    stage.call(downstream, 1, "a.Service", b"x");
    stage.pass(0);
    let first = question(&mut stage).ticket;
    stage.pass(1100);
    assert!(
        matches!(stage.answers(downstream)[..], [(1, Err(_))]),
        "its time is over"
    );
    // The question stays open: its answer still tells where the service is, and the call that ended stays ended.
    stage.call(downstream, 2, "b.Service", b"x");
    stage.pass(0);
    let second = question(&mut stage).ticket;
    assert_ne!(first, second);
    for _ in 0..2 {
        tell(&mut stage, first, Ok(a));
    }
    assert_eq!(stage.answers(downstream), []);
    let b = stage.found("reg/b", &[12]);
    tell(&mut stage, second, Ok(b));
    let upstream = dialed(&mut stage);
    assert_eq!(stage.serve(upstream), 1);
    assert_eq!(stage.answers(downstream), [(2, Ok(1))]);
}

#[test]
fn what_waits_is_bounded_in_number_bytes_and_time() {
    let mut stage = stage();
    let downstream = stage.downstream();
    let big = vec![b'x'; 1 << 20];
    (0..40).for_each(|id| stage.call_within(downstream, id, "a.Service", &big, 60_000, false));
    stage.pass(9000);
    let refused = stage.answers(downstream);
    assert!((20..=30).contains(&refused.len()), "{} refused", refused.len());
    assert!(refused.iter().all(|(_, answer)| answer.is_err()));
    let waiting = stage.worker.in_flight();
    assert_eq!(waiting, 40 - refused.len());
    stage.pass(11_000);
    let given_up = stage.answers(downstream);
    assert_eq!((given_up.len(), stage.worker.in_flight()), (waiting, 0));
    assert!(given_up.iter().all(|(_, answer)| answer.is_err()));
    // Thousands of invented names leave nothing behind.
    for id in 0..5000 {
        stage.call(downstream, id, &format!("invented.S{id}"), b"x");
    }
    stage.pass(200);
    assert!(stage.worker.take_questions().len() <= 256 + 1);
    let other = stage.downstream();
    stage.call(other, 1, "a.Real", b"x");
    stage.pass(0);
    assert_eq!(&*service(&question(&mut stage)).service, "a.Real");
    stage.pass(12_000);
    assert_eq!(stage.worker.held_calls(), 0);
    assert_eq!(stage.answers(downstream).len(), 5000);
}

#[test]
fn a_downstream_that_goes_leaves_nothing_waiting() {
    let mut stage = stage();
    let downstream = stage.downstream();
    stage.call_within(downstream, 1, "a.Service", b"x", 60_000, false);
    stage.call_within(downstream, 2, "a.Service", b"y", 60_000, true);
    stage.pass(0);
    let asked = question(&mut stage);
    stage.net.borrow_mut().peer_close(downstream);
    stage.pass(50);
    // Nobody waits for a response to a one-way call, so that it goes on.
    assert_eq!(stage.worker.held_calls(), 1);
    let cluster = stage.found("reg/a", &[11]);
    tell(&mut stage, asked.ticket, Ok(cluster));
    let upstream = dialed(&mut stage);
    assert!(matches!(
        &stage.received(upstream)[..],
        [Found::Request { one_way: true, .. }]
    ));
    assert_eq!(stage.worker.held_calls(), 0);
}

/// A service that is removed because nobody called it is asked for again; a call that is still at it goes on.
#[test]
fn a_service_that_was_removed_is_asked_for_again() {
    let mut stage = stage();
    let downstream = stage.downstream();
    stage.call_within(downstream, 1, "a.Service", b"long", 60_000, false);
    stage.pass(0);
    let asked = question(&mut stage);
    let cluster = stage.found("reg/a", &[11]);
    tell(&mut stage, asked.ticket, Ok(cluster));
    let old = dialed(&mut stage);
    let calls = stage.worker.uses().calls;
    assert_eq!(calls, [(cluster, 1)]);
    let [Found::Request { to, .. }] = stage.received(old)[..] else {
        panic!("the call")
    };
    stage.gone(&[cluster]);
    stage.pass(100);
    stage.call(downstream, 2, "a.Service", b"again");
    stage.pass(0);
    let asked = question(&mut stage);
    stage.answer(old, to, b"done");
    assert_eq!(stage.answers(downstream), [(1, Ok(4))]);
    let next = stage.found("reg/a", &[12]);
    tell(&mut stage, asked.ticket, Ok(next));
    let new = dialed(&mut stage);
    assert_eq!(stage.serve(new), 1);
    assert_eq!(stage.answers(downstream), [(2, Ok(5))]);
}

/// Services come and go while calls run; answers come late, twice, as refusals or never.
#[test]
fn every_call_ends_once_and_at_its_own_service() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut stage = stage();
        let downstreams = [stage.downstream(), stage.downstream()];
        let mut open: Vec<Question> = vec![];
        let mut told: Vec<Answer> = vec![];
        let mut there: BTreeMap<u16, ClusterId> = BTreeMap::new();
        let mut upstreams: Vec<(usize, String)> = vec![];
        let mut due: BTreeSet<(usize, u32)> = BTreeSet::new();
        let mut good = 0;
        for step in 0..600_u32 {
            if step < 500 {
                let downstream = downstreams[rng.usize(..2)];
                let service = rng.u16(..6);
                let text = format!("127.0.0.1:{}", 11 + service);
                stage.call_within(
                    downstream,
                    step,
                    &format!("s.S{service}"),
                    text.as_bytes(),
                    2000,
                    false,
                );
                due.insert((downstream, step));
            }
            stage.pass(rng.u64(..60));
            open.extend(stage.worker.take_questions());
            if !open.is_empty() && rng.u8(..3) > 0 {
                let question = open.swap_remove(rng.usize(..open.len()));
                let ticket = question.ticket;
                let number: u16 = service(&question)
                    .service
                    .trim_start_matches("s.S")
                    .parse()
                    .unwrap();
                let result = if rng.u8(..4) == 0 {
                    Err(CallError::new(ErrorKind::NoService, "no such service"))
                } else {
                    let cluster = stage.found(&format!("reg/{number}"), &[11 + number]);
                    there.insert(number, cluster);
                    Ok(cluster)
                };
                let result = result.map(Finding::Cluster);
                told.push(Answer { ticket, result });
                stage.worker.answer(told.last().unwrap());
            }
            if rng.u8(..10) == 0 {
                // Once more, although its cluster may be gone: nobody waits for it.
                told.iter().for_each(|answer| stage.worker.answer(answer));
                told.clear();
            }
            if rng.u8(..20) == 0
                && let Some(number) = there.keys().copied().nth(rng.usize(..6))
                && let Some(cluster) = there.remove(&number)
            {
                stage.gone(&[cluster]);
            }
            upstreams.extend(stage.dialed(Proto::Bolt));
            for (upstream, address) in upstreams.clone() {
                for found in stage.received_in(1, upstream) {
                    let Found::Request { to, text, .. } = found else {
                        continue;
                    };
                    assert_eq!(
                        String::from_utf8_lossy(&text),
                        address,
                        "seed {seed}: at another service"
                    );
                    stage.answer(upstream, to, &text);
                }
            }
            for downstream in downstreams {
                for (id, answer) in stage.answers(downstream) {
                    assert!(
                        due.remove(&(downstream, id)),
                        "seed {seed}: call {id} ended twice"
                    );
                    good += usize::from(answer.is_ok());
                }
            }
        }
        stage.pass(15_000);
        for downstream in downstreams {
            for (id, _) in stage.answers(downstream) {
                assert!(
                    due.remove(&(downstream, id)),
                    "seed {seed}: call {id} ended twice"
                );
            }
        }
        assert_eq!(due, BTreeSet::new(), "seed {seed}: calls without an end");
        assert!(good > 200, "seed {seed}: {good} good calls");
    }
}
