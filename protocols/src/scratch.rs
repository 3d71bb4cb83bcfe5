//! Memory that a thread reuses from message to message, so that reading and writing allocate nothing.
use rialto_hessian::{Copier, ReadTables, WriteTables};
use rialto_values::Limits;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Limits for values that are only skipped, copied or forwarded. Skipping needs little memory per level, so
/// such calls may be as deep as the stack of any Java peer allows. Bridged values have the limits of their
/// route instead.
pub(crate) const WALK: Limits = Limits {
    depth: 4096,
    tokens: 9_000_000,
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

/// Runs `work` with a copier that is reset for a new stream.
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

/// Lends the thread's memory to `work`. A nested use, such as reading a value while reading another, gets its
/// own.
fn with<S: Default, T>(of: &'static LocalKey<RefCell<S>>, work: impl FnOnce(&mut S) -> T) -> T {
    of.with(|cell| match cell.try_borrow_mut() {
        Ok(mut kept) => work(&mut kept),
        Err(_) => work(&mut S::default()),
    })
}
