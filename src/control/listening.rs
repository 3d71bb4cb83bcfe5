//! The listening sockets. A change is planned first, which binds the new sockets, so that a configuration with an
//! address in use is refused before anything has changed.
use super::Compiler;
use crate::address::resolve;
use anyhow::Context;
use rialto_config::{Address, Listener};
use rialto_core::directory::ListenerId;
use rialto_core::runtime::{Bound, Runtime, bind};
use rialto_core::transport;
use std::collections::HashMap;

/// The sockets of all listeners.
#[derive(Default)]
pub(super) struct Listening {
    open: HashMap<ListenerId, Open>,
}

struct Open {
    name: String,
    asked: Address,
    bound: transport::Address,
    /// A copy of the socket, which a renamed listener with the same address takes over.
    socket: Bound,
}

/// A change of listeners whose new sockets are bound already.
pub(super) struct Plan {
    add: Vec<(ListenerId, Open, Bound)>,
    remove: Vec<ListenerId>,
}

impl Listening {
    /// Binds the sockets of new listeners, and of listeners whose address has changed.
    pub(super) fn plan(&self, listeners: &[Listener], compiler: &mut Compiler) -> anyhow::Result<Plan> {
        let (stay, new): (Vec<_>, Vec<_>) = listeners
            .iter()
            .map(|l| (compiler.listener_id(&l.name), l))
            .partition(|(id, l)| self.open.get(id).is_some_and(|o| o.asked == l.address));
        let mut remove: Vec<_> = self.open.keys().copied().collect();
        remove.retain(|r| stay.iter().all(|(id, _)| id != r));
        let mut free: Vec<_> = remove.iter().filter_map(|id| self.open.get(id)).collect();
        let mut add = vec![];
        for (id, l) in new {
            let socket = listen(&l.address, &mut free)
                .with_context(|| format!("listener {}: cannot listen on {}", l.name, l.address))?;
            let open = Open {
                name: l.name.clone(),
                asked: l.address.clone(),
                bound: socket.address()?,
                socket: socket.try_clone()?,
            };
            add.push((id, open, socket));
        }
        Ok(Plan { add, remove })
    }

    /// Stops listening for the removed listeners, and leaves their connections open. This must happen before the
    /// workers forget the listeners, because a worker closes a connection that is accepted for a listener it does not
    /// know. On sockets that another listener takes over, new connections wait meanwhile.
    pub(super) fn close_removed(&mut self, plan: &mut Plan, runtime: &Runtime) {
        for id in plan.remove.drain(..) {
            runtime.unlisten(id);
            let gone = self.open.remove(&id);
            if let Some(open) = gone.filter(|o| plan.add.iter().all(|(_, new, _)| new.bound != o.bound)) {
                open.unlink();
            }
        }
    }

    /// Starts listening for the new listeners. The workers must know these by now.
    pub(super) fn open_added(&mut self, plan: Plan, runtime: &Runtime) {
        for (id, open, socket) in plan.add {
            runtime.listen(id, socket);
            self.open.insert(id, open);
        }
    }

    /// The name of each listener and the address that it is bound to.
    pub(super) fn addresses(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .open
            .values()
            .map(|o| (o.name.clone(), o.bound.to_string()))
            .collect();
        all.sort();
        all
    }

    /// Closes all sockets and removes the files of Unix sockets.
    pub(super) fn close(&mut self) {
        for (_, open) in self.open.drain() {
            open.unlink();
        }
    }
}

impl Open {
    fn unlink(&self) {
        if let transport::Address::Unix(path) = &self.bound {
            // a newer process may already have replaced or removed it
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The socket for an address. If another listener gives up this address in the same change, its socket is used, so
/// that listeners can be renamed and can exchange addresses. Otherwise a new one is bound.
fn listen(address: &Address, free: &mut Vec<&Open>) -> anyhow::Result<Bound> {
    if let Some(at) = free.iter().position(|o| o.asked == *address) {
        return Ok(free.swap_remove(at).socket.try_clone()?);
    }
    Ok(bind(&resolve(address)?)?)
}
