//! One thread that accepts for all listeners and gives each connection to the worker with the fewest. RPC
//! clients open few connections and keep them, so that distributing them by a hash would be uneven for hours.
use super::descriptors::Descriptors;
use super::epoll::{Socket, keep_alive};
use super::listen::Bound;
use super::thread::{Mail, Post};
use crate::directory::ListenerId;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const WAKE: Token = Token(usize::MAX);
/// The interval at which accepting is tried again after descriptors have run out.
const STARVED: Duration = Duration::from_millis(100);
/// The shortest time between two log lines about that.
const COMPLAINT: Duration = Duration::from_secs(1);

/// The handle of the acceptor's thread.
pub struct Acceptor {
    orders: Sender<Order>,
    waker: Arc<Waker>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Order {
    Add(ListenerId, Bound),
    Remove(ListenerId),
    Stop,
}

enum Listening {
    Tcp(mio::net::TcpListener),
    Unix(mio::net::UnixListener),
}

struct Loop {
    poll: Poll,
    orders: Receiver<Order>,
    listening: HashMap<ListenerId, Listening>,
    posts: Vec<Arc<Post>>,
    descriptors: Arc<Descriptors>,
    /// Listeners with connections that could not be accepted. Epoll will not report them again.
    starved: Vec<ListenerId>,
    /// The time of the last log line about missing descriptors.
    complained: Option<Instant>,
}

impl Acceptor {
    pub(super) fn spawn(posts: Vec<Arc<Post>>, descriptors: Arc<Descriptors>) -> io::Result<Acceptor> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (orders, rx) = channel();
        let state = Loop {
            poll,
            orders: rx,
            listening: HashMap::new(),
            posts,
            descriptors,
            starved: vec![],
            complained: None,
        };
        let thread = std::thread::Builder::new()
            .name("acceptor".into())
            .spawn(move || state.run())?;
        Ok(Acceptor {
            orders,
            waker,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) fn add(&self, id: ListenerId, bound: Bound) {
        self.order(Order::Add(id, bound));
    }

    pub(super) fn remove(&self, id: ListenerId) {
        self.order(Order::Remove(id));
    }

    pub(super) fn stop(&self) {
        self.order(Order::Stop);
    }

    pub(super) fn join(&self) {
        let thread = self.thread.lock().ok().and_then(|mut t| t.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn order(&self, order: Order) {
        // fails only after the thread was told to stop
        let _ = self.orders.send(order);
        let _ = self.waker.wake();
    }
}

impl Loop {
    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        loop {
            let wait = (!self.starved.is_empty()).then_some(STARVED);
            if let Err(e) = self.poll.poll(&mut events, wait)
                && e.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!("the acceptor cannot wait for connections: {e}");
                return;
            }
            for id in std::mem::take(&mut self.starved) {
                self.accept_all(id);
            }
            for event in &events {
                if event.token() != WAKE {
                    self.accept_all(ListenerId(event.token().0 as u32));
                }
            }
            while let Ok(order) = self.orders.try_recv() {
                match order {
                    Order::Add(id, bound) => self.add(id, bound),
                    Order::Remove(id) => self.remove(id),
                    Order::Stop => return, // dropping the sockets closes them
                }
            }
        }
    }

    fn add(&mut self, id: ListenerId, bound: Bound) {
        let mut listening = match bound {
            Bound::Tcp(l) => Listening::Tcp(mio::net::TcpListener::from_std(l)),
            Bound::Unix(l) => Listening::Unix(mio::net::UnixListener::from_std(l)),
        };
        let registry = self.poll.registry();
        let token = Token(id.index());
        let registered = match &mut listening {
            Listening::Tcp(l) => registry.register(l, token, Interest::READABLE),
            Listening::Unix(l) => registry.register(l, token, Interest::READABLE),
        };
        if let Err(e) = registered {
            tracing::error!("a listening socket cannot be watched: {e}");
        }
        self.listening.insert(id, listening);
        self.accept_all(id);
    }

    fn remove(&mut self, id: ListenerId) {
        let registry = self.poll.registry();
        // another descriptor of the socket may be in use, in which case closing this one would not end the
        // watch
        let _ = match self.listening.remove(&id) {
            Some(Listening::Tcp(mut l)) => registry.deregister(&mut l),
            Some(Listening::Unix(mut l)) => registry.deregister(&mut l),
            None => Ok(()),
        };
    }

    fn accept_all(&mut self, id: ListenerId) {
        while let Some(listening) = self.listening.get(&id) {
            match accept(listening) {
                Ok((socket, peer)) => self.hand_over(id, socket, peer),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if is_of_the_connection(&e) => {}
                Err(e) => {
                    if !self.starved.contains(&id) {
                        self.starved.push(id);
                    }
                    self.complain(format_args!("connections cannot be accepted for now: {e}"));
                    return;
                }
            }
        }
    }

    /// Gives a connection to a worker, or closes it if its descriptor is reserved for other uses.
    fn hand_over(&mut self, listener: ListenerId, socket: Socket, peer: Option<SocketAddr>) {
        let Some(post) = self.posts.iter().min_by_key(|p| p.connections()) else {
            return;
        };
        let number = usize::try_from(socket.as_raw_fd()).unwrap_or(usize::MAX);
        if number < self.descriptors.downstreams() {
            post.expect_connection();
            post.send(Mail::Accepted {
                socket,
                listener,
                peer,
            });
            return;
        }
        drop(socket);
        post.send(Mail::Refused(listener));
        let (limit, downstreams) = (self.descriptors.limit(), self.descriptors.downstreams());
        self.complain(format_args!(
            "connections are closed at once: {downstreams} of the {limit} files that this process may open are in use, and the \
             rest is kept for providers, admin pages and files; raise the limit (ulimit -n, LimitNOFILE)"
        ));
    }

    fn complain(&mut self, what: fmt::Arguments<'_>) {
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAINT) {
            self.complained = Some(Instant::now());
            tracing::warn!("{what}");
        }
    }
}

fn accept(listening: &Listening) -> io::Result<(Socket, Option<SocketAddr>)> {
    match listening {
        Listening::Tcp(l) => {
            let (stream, peer) = l.accept()?;
            let options = socket2::SockRef::from(&stream);
            // a connection that has already closed shows it at the first read
            let _ = options.set_tcp_nodelay(true);
            keep_alive(&options);
            Ok((Socket::Tcp(stream), Some(peer)))
        }
        Listening::Unix(l) => Ok((Socket::Unix(l.accept()?.0), None)),
    }
}

/// Whether only this connection failed before it was accepted, so that the next one can be accepted.
fn is_of_the_connection(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        e.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
