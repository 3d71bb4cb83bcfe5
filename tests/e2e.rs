//! End-to-end tests: the real binary as a process of its own, between consumers and providers that live in
//! the test and can misbehave. Each test has its own process and its own ports, so the tests run side by
//! side.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do, by panicking"
)]

mod e2e {
    mod support;

    mod admin;
    mod admin_access;
    mod asking;
    mod attempts;
    mod audit;
    mod bounds;
    mod bridging;
    mod commands;
    mod descriptors;
    mod downstreams;
    mod hostile;
    mod lifecycle;
    mod limits;
    mod memory;
    mod metrics;
    mod process_log;
    mod providers;
    mod registries;
    mod reload;
    mod routing;
    mod rules;
    mod timeouts;
    mod values;
}
