//! The signals that the process handles.
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// All signals that the process handles. While this exists, none of them kills the process, and each is kept until it
/// is asked for.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

/// What a signal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// End the process (`TERM`, `INT`).
    End,
    /// Read the configuration again (`HUP`).
    Reload,
    /// Open the log files again (`USR1`).
    ReopenLogs,
}

/// The signals that would kill a process that does not catch them, although operators send them as requests. They are
/// caught before anything else is started.
pub(super) struct EarlySignals {
    hangup: Signal,
    user: Signal,
}

impl EarlySignals {
    pub(super) fn new() -> io::Result<EarlySignals> {
        Ok(EarlySignals {
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }
}

impl Signals {
    pub(super) fn new(early: EarlySignals) -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: early.hangup,
            user: early.user,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::End,
            _ = self.interrupt.recv() => Request::End,
            _ = self.hangup.recv() => Request::Reload,
            _ = self.user.recv() => Request::ReopenLogs,
        }
    }

    /// Waits for a signal to end the process. Other signals are kept.
    pub(super) async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
