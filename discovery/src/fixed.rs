//! A source of the endpoints that the configuration lists.
use crate::resolve::{REFRESH, Resolver, has_names};
use crate::source::{Source, Standing, Updates, Watching};
use rialto_config::Endpoint;
use std::sync::Arc;

/// The endpoints of the configuration. Host names among them are resolved again every 30 s.
pub struct StaticSource {
    endpoints: Vec<Endpoint>,
    resolver: Resolver,
}

impl StaticSource {
    /// A source of these endpoints.
    #[must_use]
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        StaticSource {
            endpoints,
            resolver: Resolver::system(),
        }
    }
}

impl Source for StaticSource {
    fn describe(&self) -> String {
        match self.endpoints.len() {
            1 => "1 configured endpoint".to_owned(),
            n => format!("{n} configured endpoints"),
        }
    }

    fn watch(mut self: Box<Self>, updates: Arc<dyn Updates>) -> Watching {
        Box::pin(async move {
            let mut last = None;
            loop {
                let (state, faults) = self.resolver.resolve(&self.endpoints).await;
                let standing = match faults.is_empty() {
                    _ if !has_names(&self.endpoints) => Standing::Fixed,
                    true => Standing::Current,
                    false => Standing::Stale,
                };
                faults.into_iter().for_each(|fault| updates.fault(fault));
                if last.as_ref() != Some(&state) {
                    updates.publish(state.clone());
                    last = Some(state);
                }
                updates.stands(standing);
                if !has_names(&self.endpoints) {
                    return std::future::pending().await;
                }
                tokio::time::sleep(REFRESH).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Record, discovered, endpoint};
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn names_are_resolved_again_and_only_changes_are_published() {
        let lookups = Arc::new(AtomicU32::new(0));
        let resolver = Resolver::new({
            let lookups = Arc::clone(&lookups);
            move |_, _| {
                let n = lookups.fetch_add(1, Ordering::Relaxed);
                let host = if n < 3 { "10.0.0.1:1" } else { "10.0.0.2:1" };
                Ok(vec![host.parse().unwrap()])
            }
        });
        let source = Box::new(StaticSource {
            endpoints: vec![endpoint("greeter:1", 1)],
            resolver,
        });
        let record = Arc::new(Record::default());
        let begin = Instant::now();
        let task = tokio::spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
        assert_eq!(
            record.state().await[0].address,
            discovered("10.0.0.1:1", 1).address
        );
        assert_eq!(
            record.state().await[0].address,
            discovered("10.0.0.2:1", 1).address
        );
        assert_eq!(
            (begin.elapsed(), lookups.load(Ordering::Relaxed)),
            (3 * REFRESH, 4)
        );
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn an_unresolved_name_does_not_hold_the_others_up() {
        let source = Box::new(StaticSource {
            endpoints: vec![endpoint("nowhere:1", 1), endpoint("10.0.0.1:1", 1)],
            resolver: Resolver::new(|_, _| Err(std::io::Error::other("no such host"))),
        });
        let record = Arc::new(Record::default());
        let task = tokio::spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
        assert!(record.fault().await.contains("host name nowhere"));
        assert_eq!(record.state().await, [discovered("10.0.0.1:1", 1)]);
        record.stands_as(Standing::Stale).await;
        // It is reported again in the next round.
        assert!(record.fault().await.contains("host name nowhere"));
        task.abort();
    }
}
