//! A Java process that is read line by line.
use anyhow::{Context, bail};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many lines of standard error are kept, to be shown if something fails.
const KEPT: usize = 20;

/// A peer. Dropping it ends the process.
pub(super) struct Process {
    child: Child,
    name: String,
    lines: Receiver<String>,
    complaints: Arc<Mutex<VecDeque<String>>>,
}

impl Process {
    pub(super) fn start(mut command: Command, name: &str) -> anyhow::Result<Process> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let (tx, lines) = channel();
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&complaints);
        follow(child.stdout.take(), move |line| tx.send(line).is_ok())?;
        follow(child.stderr.take(), move |line| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
            true
        })?;
        Ok(Process {
            child,
            name: name.into(),
            lines,
            complaints,
        })
    }

    /// Waits for the next line of its output.
    pub(super) fn line(&mut self, within: Duration) -> anyhow::Result<String> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("{} said nothing for {} s", self.name, within.as_secs()),
            Err(RecvTimeoutError::Disconnected) => {
                let code = self.child.wait()?;
                let kept = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
                let kept: Vec<_> = kept.iter().map(String::as_str).collect();
                bail!("{} ended early ({code}):\n{}", self.name, kept.join("\n"))
            }
        }
    }
}

fn follow(
    from: Option<impl Read + Send + 'static>,
    mut on: impl FnMut(String) -> bool + Send + 'static,
) -> anyhow::Result<()> {
    let from = from.context("the process has no output")?;
    thread::Builder::new().name("java-output".into()).spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if !on(line) {
                return;
            }
        }
    })?;
    Ok(())
}

impl Drop for Process {
    /// Ends the peer. Providers end when their standard input is closed; other processes are killed.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_millis(20)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
