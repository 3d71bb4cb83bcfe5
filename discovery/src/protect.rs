//! The layer between the sources of a cluster and the user of their lists.
use crate::guard::{Guard, Protection};
use crate::source::{Source, Standing, State, Updates, Watching};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

/// How long the loop sleeps if nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// The sources of one cluster as one source, whose lists are merged and checked.
pub struct Protected {
    sources: Vec<Box<dyn Source>>,
    protection: Protection,
}

/// Wraps a cluster's sources in the protection.
#[must_use]
pub fn protect(sources: Vec<Box<dyn Source>>, protection: Protection) -> Protected {
    Protected { sources, protection }
}

impl Source for Protected {
    fn describe(&self) -> String {
        let all: Vec<_> = self.sources.iter().map(|s| s.describe()).collect();
        all.join(", ")
    }

    fn watch(self: Box<Self>, updates: Arc<dyn Updates>) -> Watching {
        Box::pin(run(*self, updates))
    }
}

/// What each source published last and was not processed yet. A new list replaces the one before, so a source cannot fill
/// the inbox.
struct Inbox {
    news: Mutex<Vec<News>>,
    arrived: Notify,
}

#[derive(Clone, Default)]
struct News {
    state: Option<State>,
    standing: Option<Standing>,
}

/// The place into which one source publishes its lists.
struct Slot {
    index: usize,
    inbox: Arc<Inbox>,
    updates: Arc<dyn Updates>,
}

impl Updates for Slot {
    fn publish(&self, state: State) {
        self.tell(|news| news.state = Some(state));
    }

    fn fault(&self, text: String) {
        self.updates.fault(text);
    }

    fn stands(&self, standing: Standing) {
        self.tell(|news| news.standing = Some(standing));
    }
}

impl Slot {
    fn tell(&self, what: impl FnOnce(&mut News)) {
        let mut news = self.inbox.news.lock().unwrap_or_else(PoisonError::into_inner);
        what(&mut news[self.index]);
        self.inbox.arrived.notify_one();
    }
}

impl Inbox {
    fn take(&self) -> Vec<News> {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let none = vec![News::default(); news.len()];
        std::mem::replace(&mut *news, none)
    }
}

async fn run(this: Protected, updates: Arc<dyn Updates>) {
    let mut guard = Guard::new(this.sources.len(), this.protection);
    let inbox = Arc::new(Inbox {
        news: Mutex::new(vec![News::default(); this.sources.len()]),
        arrived: Notify::new(),
    });
    let mut tasks = JoinSet::new();
    let mut names = HashMap::new();
    for (index, source) in this.sources.into_iter().enumerate() {
        let name = source.describe();
        let slot = Slot {
            index,
            inbox: Arc::clone(&inbox),
            updates: Arc::clone(&updates),
        };
        names.insert(tasks.spawn(source.watch(Arc::new(slot))).id(), (index, name));
    }
    loop {
        for (source, news) in inbox.take().into_iter().enumerate() {
            if let Some(state) = news.state {
                let faults = guard.receive(source, state, Instant::now());
                faults.into_iter().for_each(|fault| updates.fault(fault));
            }
            if let Some(standing) = news.standing {
                guard.stands(source, standing);
            }
        }
        if let Some(state) = guard.take(Instant::now()) {
            updates.publish(state);
        }
        if let Some(standing) = guard.standing() {
            updates.stands(standing);
        }
        let until = guard.due().unwrap_or_else(|| Instant::now() + IDLE);
        if let Ok(Some(ended)) = tokio::time::timeout_at(until, next_event(&inbox, &mut tasks)).await {
            let (source, text) = source_ended(&names, &ended);
            updates.fault(text);
            if let Some(source) = source {
                guard.stands(source, Standing::Stale);
            }
        }
    }
}

/// Waits for a list, or for the end of a source, which it returns.
async fn next_event(inbox: &Inbox, tasks: &mut JoinSet<()>) -> Option<Result<(Id, ()), JoinError>> {
    let mut arrived = pin!(inbox.arrived.notified());
    poll_fn(|cx| match tasks.poll_join_next_with_id(cx) {
        Poll::Ready(Some(ended)) => Poll::Ready(Some(ended)),
        _ => arrived.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Describes the end of a source. Sources never end by themselves, so this is a bug; it must be visible but
/// must not stop anything else.
fn source_ended(
    names: &HashMap<Id, (usize, String)>,
    ended: &Result<(Id, ()), JoinError>,
) -> (Option<usize>, String) {
    let (id, how) = match ended {
        Ok((id, ())) => (*id, "it ended".to_owned()),
        Err(error) => (error.id(), error.to_string()),
    };
    let source = names.get(&id);
    let name = source.map_or("a source", |(_, name)| name);
    let text =
        format!("{name} is no longer watched: {how}; its last list stays in use until Rialto is restarted");
    (source.map(|(index, _)| *index), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Record, discovered};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    /// A source that publishes what the test sends to it, and ends with the sender.
    struct Puppet(UnboundedReceiver<State>);

    use Standing::{Current, Stale};

    impl Source for Puppet {
        fn describe(&self) -> String {
            "a puppet".to_owned()
        }

        fn watch(mut self: Box<Self>, updates: Arc<dyn Updates>) -> Watching {
            Box::pin(async move {
                while let Some(state) = self.0.recv().await {
                    assert!(state.len() < 9, "more than a puppet can carry");
                    updates.publish(state);
                    updates.stands(Current);
                }
            })
        }
    }

    fn start(count: usize) -> (Vec<UnboundedSender<State>>, Arc<Record>, JoinSet<()>) {
        let (strings, puppets): (Vec<_>, Vec<_>) = (0..count).map(|_| unbounded_channel()).unzip();
        let sources = puppets
            .into_iter()
            .map(|p| Box::new(Puppet(p)) as Box<dyn Source>);
        let record = Arc::new(Record::default());
        let protected = protect(sources.collect(), Protection::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(Box::new(protected).watch(Arc::clone(&record) as Arc<dyn Updates>));
        (strings, record, tasks)
    }

    #[tokio::test(start_paused = true)]
    async fn bursts_become_one_list() {
        let (strings, record, _tasks) = start(1);
        strings[0].send(vec![discovered("10.0.0.1:1", 1)]).unwrap();
        assert_eq!(record.state().await, [discovered("10.0.0.1:1", 1)]);
        let begin = Instant::now();
        for n in 1..=5 {
            strings[0].send(vec![discovered("10.0.0.1:1", n + 1)]).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(record.state().await, [discovered("10.0.0.1:1", 6)]);
        assert_eq!(begin.elapsed(), Duration::from_millis(80 + 100));
        assert!(record.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_list_is_reported_and_not_published() {
        let (strings, record, _tasks) = start(1);
        strings[0].send(vec![discovered("10.0.0.1:1", 1)]).unwrap();
        record.state().await;
        strings[0].send(Vec::new()).unwrap();
        assert!(record.fault().await.contains("the list of endpoints is empty"));
        record.stands_as(Stale).await;
        tokio::time::sleep(Duration::from_secs(10_000)).await;
        assert!(record.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_ends_or_fails_is_reported_and_its_list_stays() {
        let (mut strings, record, _tasks) = start(2);
        strings[0].send(vec![discovered("10.0.0.1:1", 1)]).unwrap();
        record.state().await;
        drop(strings.remove(0));
        let fault = record.fault().await;
        assert!(
            fault.contains("a puppet is no longer watched: it ended"),
            "{fault}"
        );

        strings[0].send(vec![discovered("10.0.0.2:1", 1)]).unwrap();
        assert_eq!(record.state().await.len(), 2);
        record.stands_as(Stale).await;
        strings[0].send(vec![discovered("10.0.0.2:1", 1); 9]).unwrap();
        let fault = record.fault().await;
        assert!(fault.contains("more than a puppet can carry"), "{fault}");
    }

    #[tokio::test(start_paused = true)]
    async fn sources_are_dropped_with_the_protection() {
        let (strings, record, mut tasks) = start(1);
        strings[0].send(vec![discovered("10.0.0.1:1", 1)]).unwrap();
        record.state().await;
        tasks.abort_all();
        tasks.join_next().await;
        strings[0].closed().await;
    }
}
