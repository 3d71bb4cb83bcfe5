//! Which sockets listen. A change is planned first, new sockets bound, so that a configuration that asks for a
//! taken port is refused before anything has happened.
use anyhow::Context;
use rialto_core::config::{Address, Listener};
use rialto_core::runtime::{Bound, Runtime, bind};
use rialto_core::snapshot::{Compiler, ListenerId};
use rialto_core::transport;
use std::collections::HashMap;
use std::net::ToSocketAddrs;

/// The listening sockets, by listener.
#[derive(Default)]
pub(super) struct Listening {
    open: HashMap<ListenerId, Open>,
}

struct Open {
    name: String,
    asked: Address,
    bound: transport::Address,
}

/// A change that can be carried out.
pub(super) struct Plan {
    add: Vec<(ListenerId, Open, Bound)>,
    remove: Vec<ListenerId>,
}

impl Listening {
    /// Binds what is new in the configuration.
    pub(super) fn plan(&self, listeners: &[Listener], compiler: &mut Compiler) -> anyhow::Result<Plan> {
        let mut plan = Plan {
            add: vec![],
            remove: self.open.keys().copied().collect(),
        };
        for l in listeners {
            let id = compiler.listener_id(&l.name);
            if self.open.get(&id).is_some_and(|o| o.asked == l.address) {
                plan.remove.retain(|r| *r != id);
                continue;
            }
            let what = || format!("listener {}: cannot listen on {}", l.name, l.address);
            let socket = bind(&resolve(&l.address).with_context(what)?).with_context(what)?;
            let bound = socket.address()?;
            plan.add.push((
                id,
                Open {
                    name: l.name.clone(),
                    asked: l.address.clone(),
                    bound,
                },
                socket,
            ));
        }
        Ok(plan)
    }

    /// Listens on what is new and no longer on what is gone; connections are not touched.
    pub(super) fn carry_out(&mut self, plan: Plan, runtime: &Runtime) {
        for id in plan.remove {
            runtime.unlisten(id);
            if let Some(open) = self.open.remove(&id) {
                open.unlink();
            }
        }
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

    /// Removes what listening left in the file system.
    pub(super) fn close(&self) {
        self.open.values().for_each(Open::unlink);
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

/// The address to listen on; a name means the first address that the system finds for it.
pub(crate) fn resolve(address: &Address) -> anyhow::Result<transport::Address> {
    Ok(match address {
        Address::Socket(a) => transport::Address::Tcp(*a),
        Address::Unix(path) => transport::Address::Unix(path.as_path().into()),
        Address::Name { .. } => {
            let text = address.to_string();
            let found = text.to_socket_addrs()?.next();
            transport::Address::Tcp(found.with_context(|| format!("{text} has no address"))?)
        }
    })
}
