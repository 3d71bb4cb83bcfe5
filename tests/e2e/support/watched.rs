//! A value that threads change and a test waits for.
use super::PATIENCE;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Default)]
pub(crate) struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.read());
        self.changed.notify_all();
        result
    }

    /// The value now. If a thread failed while it held the lock, the value is still shown.
    pub(crate) fn read(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `find` finds something. Fails with `vain` if that takes too long, or `is_over` says that nothing will
    /// come any more.
    pub(crate) fn wait<R>(
        &self,
        find: impl Fn(&T) -> Option<R>,
        is_over: impl Fn(&T) -> bool,
        vain: impl Fn(&T) -> String,
    ) -> R {
        let until = Instant::now() + PATIENCE;
        let mut value = self.read();
        loop {
            if let Some(found) = find(&value) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !is_over(&value), "{}", vain(&value));
            let woken = self.changed.wait_timeout(value, left);
            value = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
