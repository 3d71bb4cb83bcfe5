//! Handing a running process over to its successor. Nothing is here yet.
//!
//! This crate is the place for what it takes to replace a `rialto` binary by a newer one without a failed call or a
//! closed connection:
//!
//! - the conversation between the old and the new process over a Unix socket: versions, readiness, acknowledgement;
//! - passing listening sockets, so that no downstream is refused in between;
//! - passing live connections between two frames, each with the state that its session wrote down, and relaying the
//!   answers of calls that were still in flight;
//! - draining what cannot move by the means of its own protocol;
//! - going back: whatever fails before the acknowledgement leaves the old process serving.
//!
//! It is empty because a hand-over that works in part is worse than none: until it is whole, a process is replaced by
//! draining it (`SIGTERM`; see `runtime.drain_timeout`). What it will need is already kept to elsewhere: sessions see
//! bytes and time only, so their state can be written down, and listeners keep their ids from snapshot to snapshot.
#![forbid(unsafe_code)]
