//! The control plane inside another process, for the demo.
use super::{Process, run_until};
use crate::config::Loaded;
use anyhow::{Context, anyhow};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A control plane on its own thread. It ends by [`Embedded::stop`], or by the signals that end [`Process::run`].
pub struct Embedded {
    listening: Vec<(String, String)>,
    admin: Option<String>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Embedded {
    /// Starts the control plane, and returns once it serves.
    ///
    /// # Errors
    /// It cannot start.
    pub fn start(loaded: Loaded) -> anyhow::Result<Embedded> {
        let (stop, stopped) = oneshot::channel();
        let (started, serves) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || {
                let stopped = async {
                    // an error means that the sender was dropped, which ends it as well
                    let _ = stopped.await;
                };
                run_until(Process::new()?, loaded, None, stopped, |shared| {
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

    /// The address that the listener of this name is bound to.
    ///
    /// # Errors
    /// No listener has this name.
    pub fn listener(&self, name: &str) -> anyhow::Result<&str> {
        let found = self.listening.iter().find(|(n, _)| n == name);
        found
            .map(|(_, address)| address.as_str())
            .with_context(|| format!("no listener {name}"))
    }

    /// The address of the admin pages; `None` if they are off.
    #[must_use]
    pub fn admin(&self) -> Option<&str> {
        self.admin.as_deref()
    }

    /// Waits until a signal has ended it.
    ///
    /// # Errors
    /// It has failed.
    pub fn wait(self) -> anyhow::Result<()> {
        let Embedded { stop, thread, .. } = self;
        let ended = join(thread);
        drop(stop);
        ended
    }

    /// Drains and ends it.
    ///
    /// # Errors
    /// It had already failed.
    pub fn stop(self) -> anyhow::Result<()> {
        // fails if a signal has already ended it
        let _ = self.stop.send(());
        join(self.thread)
    }
}

fn join(thread: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<()> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("the control plane panicked")))
}
