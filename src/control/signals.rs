//! What the system tells the process.
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something. While this exists, none of them ends the process by itself, and none is lost
/// between two questions.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// `TERM`, `INT`.
    End,
    /// `HUP`.
    Reload,
    /// `USR1`.
    ReopenLogs,
}

/// The signals that a running process takes as requests and one that does not take them yet dies of. Those that come
/// from now on are kept.
pub(super) struct Requests {
    hangup: Signal,
    user: Signal,
}

impl Requests {
    pub(super) fn new() -> io::Result<Requests> {
        Ok(Requests {
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }
}

impl Signals {
    pub(super) fn new(requests: Requests) -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: requests.hangup,
            user: requests.user,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
            _ = self.hangup.recv() => Told::Reload,
            _ = self.user.recv() => Told::ReopenLogs,
        }
    }

    /// Until the process is to end; what else was told is kept.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
