//! Memory that a thread reuses from message to message, so that reading and writing one allocates nothing.
use rialto_hessian::{Copier, ReadTables, WriteTables};
use rialto_values::Limits;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Stepping over a value needs no more room per level than its header, so calls that are passed on may be as deep
/// as any Java peer's stack allows. What is translated is bounded by the rules of its route.
pub(crate) const WALK: Limits = Limits {
    depth: 4096,
    tokens: 4_000_000,
    table: 1_000_000,
};

thread_local! {
    static READ: RefCell<ReadTables> = RefCell::default();
    static COPY: RefCell<Copier> = RefCell::default();
    static WRITE: RefCell<WriteTables> = RefCell::default();
}

/// Runs `work` with tables for reading a Hessian stream.
pub(crate) fn with_read_tables<T>(work: impl FnOnce(&mut ReadTables) -> T) -> T {
    with(&READ, work)
}

/// Runs `work` with a copier whose stream starts anew.
pub(crate) fn with_copier<T>(work: impl FnOnce(&mut Copier) -> T) -> T {
    with(&COPY, |copier| {
        copier.clear();
        work(copier)
    })
}

/// Runs `work` with tables for writing a Hessian stream.
pub(crate) fn with_write_tables<T>(work: impl FnOnce(&mut WriteTables) -> T) -> T {
    with(&WRITE, work)
}

/// A use inside of another one (a value that is read while one is read) gets memory of its own.
fn with<S: Default, T>(of: &'static LocalKey<RefCell<S>>, work: impl FnOnce(&mut S) -> T) -> T {
    of.with(|cell| match cell.try_borrow_mut() {
        Ok(mut kept) => work(&mut kept),
        Err(_) => work(&mut S::default()),
    })
}
