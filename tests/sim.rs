//! A seeded simulation of a whole worker between downstreams and hosts of both protocols, over in-memory links that
//! split, delay, stall and break. Every call must end exactly once, with its own answer or a readable error;
//! nothing may be executed twice; nothing may be left behind. The same seed gives the same run.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test crate: nothing uses it, and it may stop at a surprise"
)]
mod sim {
    mod attempts;
    mod filters;
    pub mod fleet;
    mod isolation;
    pub mod net;
    mod on_demand;
    mod parts;
    pub mod peer;
    pub mod protocols;
    mod reserved;
    mod scripted;
    pub mod stage;
    pub mod stream_stories;
    mod streams;
    pub mod toy;
    pub mod toy_peer;
}

use sim::fleet::{Connections, Faults, Fleet};

const SEEDS: u64 = 60;

fn run(faults: Faults, seeds: u64) -> Totals {
    run_with(Connections::Shared, faults, seeds)
}

fn run_with(connections: Connections, faults: Faults, seeds: u64) -> Totals {
    let mut totals = Totals::default();
    for seed in 0..seeds {
        let mut fleet = Fleet::with(connections, seed, faults);
        fleet.run(400);
        let end = fleet.finish();
        assert_eq!(end.unanswered, 0, "seed {seed}: calls without an end");
        assert_eq!(end.wrong, 0, "seed {seed}: calls that got another's answer");
        assert_eq!(end.twice_answered, 0, "seed {seed}: calls that ended twice");
        assert_eq!(
            end.twice_executed, 0,
            "seed {seed}: calls that were executed twice"
        );
        assert_eq!(
            (end.held, end.in_flight),
            (0, 0),
            "seed {seed}: exchanges left behind"
        );
        assert!(
            connections == Connections::Shared || end.mixed == 0,
            "seed {seed}: {} connections carried calls of several downstreams",
            end.mixed
        );
        totals.mixed += end.mixed;
        totals.good += end.good;
        totals.failed += end.failed;
    }
    totals
}

#[derive(Default, Debug)]
struct Totals {
    good: usize,
    failed: usize,
    mixed: usize,
}

#[test]
fn without_faults_every_call_succeeds() {
    let totals = run(Faults::NONE, SEEDS);
    assert!(totals.good > 10_000, "{totals:?}");
    assert_eq!(totals.failed, 0);
}

#[test]
fn slow_hosts_time_calls_out_and_late_answers_reach_nobody() {
    let totals = run(
        Faults {
            slow: 0.1,
            duplicate: 0.1,
            ..Faults::NONE
        },
        SEEDS,
    );
    assert!(totals.failed > 100 && totals.good > 5000, "{totals:?}");
}

#[test]
fn hosts_that_die_fail_only_their_own_calls() {
    let totals = run(
        Faults {
            kill_host: 0.02,
            refuse_dial: 0.2,
            ..Faults::NONE
        },
        SEEDS,
    );
    assert!(totals.failed > 10 && totals.good > 5000, "{totals:?}");
}

#[test]
fn downstreams_that_die_leave_nothing_behind() {
    let totals = run(
        Faults {
            kill_downstream: 0.05,
            slow: 0.05,
            ..Faults::NONE
        },
        SEEDS,
    );
    assert!(totals.good > 5000, "{totals:?}");
}

#[test]
fn hosts_that_lie_are_cut_off() {
    let totals = run(
        Faults {
            garbage: 0.01,
            stray: 0.1,
            ..Faults::NONE
        },
        SEEDS,
    );
    assert!(totals.good > 5000, "{totals:?}");
}

const ALL: Faults = Faults {
    slow: 0.05,
    duplicate: 0.05,
    kill_host: 0.01,
    refuse_dial: 0.1,
    kill_downstream: 0.02,
    garbage: 0.003,
    stray: 0.05,
    stall: 0.02,
    read_only: 0.01,
    churn: 0.1,
    exhaust: 0.005,
    burst: 0.002,
};

#[test]
fn endpoints_that_come_and_go_lose_no_call() {
    let churn = Faults {
        churn: 0.3,
        ..Faults::NONE
    };
    let totals = run(churn, SEEDS);
    assert!(totals.good > 10_000, "{totals:?}");
    assert_eq!(totals.failed, 0);
}

#[test]
fn several_large_calls_wait_for_one_dial() {
    let bursts = Faults {
        burst: 0.02,
        refuse_dial: 0.3,
        kill_host: 0.02,
        ..Faults::NONE
    };
    let totals = run(bursts, SEEDS);
    assert!(totals.good > 5000, "{totals:?}");
}

#[test]
fn a_process_without_descriptors_goes_on_with_the_connections_that_it_has() {
    let exhausted = Faults {
        exhaust: 0.05,
        kill_host: 0.02,
        ..Faults::NONE
    };
    let totals = run(exhausted, SEEDS);
    assert!(totals.good > 5000 && totals.failed > 10, "{totals:?}");
}

#[test]
fn everything_at_once() {
    let totals = run(ALL, SEEDS * 2);
    assert!(totals.good > 5000 && totals.failed > 100, "{totals:?}");
    assert!(totals.mixed > 100, "{totals:?}");
}

#[test]
fn reserved_connections_carry_calls_of_one_downstream_whatever_happens() {
    let totals = run_with(Connections::PerDownstream, Faults::NONE, SEEDS);
    assert_eq!(totals.failed, 0);
    let totals = run_with(Connections::PerDownstream, ALL, SEEDS * 2);
    assert!(totals.good > 5000 && totals.failed > 100, "{totals:?}");
}

#[test]
fn calls_that_are_tried_again_and_copied_end_once_with_their_own_response() {
    let (mut good, mut repeated) = (0, 0);
    for seed in 0..SEEDS * 2 {
        let mut fleet = Fleet::repeating(seed, ALL);
        fleet.run(400);
        let end = fleet.finish();
        assert_eq!(
            (end.unanswered, end.wrong, end.twice_answered),
            (0, 0, 0),
            "seed {seed}: {end:?}"
        );
        assert_eq!((end.held, end.in_flight), (0, 0), "seed {seed}: {end:?}");
        good += end.good;
        repeated += end.twice_executed;
    }
    assert!(good > 5000 && repeated > 1000, "{good} good, {repeated} repeated");
}

#[test]
fn a_process_goes_on_after_its_milliseconds_outgrew_32_bits() {
    let faults = Faults {
        slow: 0.1,
        refuse_dial: 0.1,
        ..Faults::NONE
    };
    for seed in 0..10 {
        let mut fleet = Fleet::after(seed, faults, (u64::from(u32::MAX) - 200) * 1000);
        fleet.run(400);
        let end = fleet.finish();
        assert_eq!(
            (end.unanswered, end.wrong, end.held),
            (0, 0, 0),
            "seed {seed}: {end:?}"
        );
        assert!(end.good > 100, "seed {seed}: {end:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let all = Faults {
        slow: 0.1,
        kill_host: 0.02,
        stall: 0.05,
        ..Faults::NONE
    };
    let trace = |seed| {
        let mut fleet = Fleet::new(seed, all);
        fleet.run(300);
        let end = fleet.finish();
        (end.good, end.failed, end.bytes)
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}
