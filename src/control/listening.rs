//! Which sockets listen. A change is planned first, new sockets bound, so that a configuration that asks for a
//! taken port is refused before anything has happened.
use crate::address::resolve;
use anyhow::Context;
use rialto_core::config::{Address, Listener};
use rialto_core::directory::{Compiler, ListenerId};
use rialto_core::runtime::{Bound, Runtime, bind};
use rialto_core::transport;
use std::collections::HashMap;

/// The listening sockets, by listener.
#[derive(Default)]
pub(super) struct Listening {
    open: HashMap<ListenerId, Open>,
}

struct Open {
    name: String,
    asked: Address,
    bound: transport::Address,
    /// For a listener that takes the address over.
    socket: Bound,
}

/// A change that can be carried out.
pub(super) struct Plan {
    add: Vec<(ListenerId, Open, Bound)>,
    remove: Vec<ListenerId>,
}

impl Listening {
    /// Binds what is new in the configuration.
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

    /// Listens no longer on what is gone; connections are not touched. To be done before the workers forget the
    /// listeners: a connection that is accepted for a listener that they do not know is closed. Sockets that are taken over keep
    /// their downstreams waiting meanwhile.
    pub(super) fn let_go(&mut self, plan: &mut Plan, runtime: &Runtime) {
        for id in plan.remove.drain(..) {
            runtime.unlisten(id);
            let gone = self.open.remove(&id);
            if let Some(open) = gone.filter(|o| plan.add.iter().all(|(_, new, _)| new.bound != o.bound)) {
                open.unlink();
            }
        }
    }

    /// Listens on what is new; the workers know the listeners by now.
    pub(super) fn take_up(&mut self, plan: Plan, runtime: &Runtime) {
        for (id, open, socket) in plan.add {
            runtime.listen(id, socket);
            self.open.insert(id, open);
        }
    }

    /// Where each listener listens really.
    pub(super) fn addresses(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .open
            .values()
            .map(|o| (o.name.clone(), o.bound.to_string()))
            .collect();
        all.sort();
        all
    }

    /// Lets go of the sockets, and removes what they left in the file system.
    pub(super) fn close(&mut self) {
        for (_, open) in self.open.drain() {
            open.unlink();
        }
    }
}

impl Open {
    fn unlink(&self) {
        if let transport::Address::Unix(path) = &self.bound {
            // a newer process may have replaced or removed it
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A socket for an address: that of a listener which does not need it any more, so that listeners can be renamed and
/// can exchange their addresses, or else a new one.
fn listen(address: &Address, free: &mut Vec<&Open>) -> anyhow::Result<Bound> {
    if let Some(at) = free.iter().position(|o| o.asked == *address) {
        return Ok(free.swap_remove(at).socket.try_clone()?);
    }
    Ok(bind(&resolve(address)?)?)
}
