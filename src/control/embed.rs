//! The control plane as a part of another process: the demo, tests.
use super::{Process, run_until};
use crate::config::Loaded;
use anyhow::{Context, anyhow};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A control plane in a thread of its own. It ends by the signals that end [`Process::run`], or when it is told.
pub struct Embedded {
    listening: Vec<(String, String)>,
    admin: Option<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Embedded {
    /// Serves a configuration; returns once calls are welcome.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub fn start(loaded: Loaded) -> anyhow::Result<Embedded> {
        let (stop, told) = oneshot::channel();
        let (started, serves) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || {
                let told = async {
                    // also ends when the other end was dropped
                    let _ = told.await;
                };
                run_until(Process::new()?, loaded, None, told, |shared| {
                    let _ = started.send((shared.listening(), shared.admin()));
                })
            })?;
        match serves.recv() {
            Ok((listening, admin)) => Ok(Embedded {
                listening,
                admin,
                stop,
                thread,
            }),
            Err(_) => {
                join(thread)?;
                Err(anyhow!("the control plane ended before it served"))
            }
        }
    }

    /// Where a listener of this name listens really.
    ///
    /// # Errors
    /// There is none.
    pub fn listener(&self, name: &str) -> anyhow::Result<&str> {
        let found = self.listening.iter().find(|(n, _)| n == name);
        found
            .map(|(_, address)| address.as_str())
            .with_context(|| format!("no listener {name}"))
    }

    /// Where the admin pages are; `None` if they are off.
    #[must_use]
    pub fn admin(&self) -> Option<&str> {
        self.admin.as_deref()
    }

    /// Waits until a signal has ended it.
    ///
    /// # Errors
    /// What it failed of.
    pub fn wait(self) -> anyhow::Result<()> {
        let Embedded { stop, thread, .. } = self;
        let ended = join(thread);
        drop(stop);
        ended
    }

    /// Lets calls in flight end, and ends it.
    ///
    /// # Errors
    /// What it failed of before.
    pub fn stop(self) -> anyhow::Result<()> {
        // fails if a signal was faster
        let _ = self.stop.send(());
        join(self.thread)
    }
}

fn join(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("the control plane panicked")))
}
