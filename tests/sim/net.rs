//! In-memory links under a worker: what epoll and sockets are in production.
use rialto_core::slots::ConnKey;
use rialto_core::transport::{Address, Reactor, Transport};
use rialto_core::worker::Ready;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

/// Two byte pipes. The worker is always side 0.
#[derive(Default)]
pub struct Link {
    pipes: [VecDeque<u8>; 2],
    closed: [bool; 2],
    capacity: usize,
    key: Option<ConnKey>,
    news: bool,
    wants_write: bool,
    /// The peer wrote although the worker had closed the link.
    came_late: bool,
    /// The peer writes no more, and still reads.
    half_closed: bool,
    /// The worker has said that it writes no more.
    ended: bool,
    connecting: bool,
    /// The peer does not read for now.
    pub stalled: bool,
    /// Who is dialed, for links that the worker opened.
    pub dialed: Option<Address>,
}

/// All links of a simulation.
pub struct Net {
    pub links: Vec<Link>,
    pub rng: fastrand::Rng,
    pub refuse_dial: f64,
    /// Addresses that never answer a dial.
    pub silent: Vec<String>,
    /// Addresses that refuse every dial, after some time.
    pub refusing: Vec<String>,
    /// The process has no descriptors left.
    pub exhausted: bool,
    /// Dials that were tried, whatever came of them.
    pub tried: usize,
    /// Reads of the worker give less than this.
    pub cut: usize,
    pub bytes: u64,
    fresh_dials: Vec<usize>,
}

pub type Shared = Rc<RefCell<Net>>;

pub struct End {
    net: Shared,
    link: usize,
}

pub struct SimReactor(pub Shared);

impl Net {
    pub fn new(seed: u64) -> Shared {
        let rng = fastrand::Rng::with_seed(seed);
        Rc::new(RefCell::new(Net {
            links: vec![],
            rng,
            refuse_dial: 0.0,
            silent: vec![],
            refusing: vec![],
            exhausted: false,
            tried: 0,
            cut: 3000,
            bytes: 0,
            fresh_dials: vec![],
        }))
    }

    pub fn connect(net: &Shared) -> (usize, End) {
        let mut n = net.borrow_mut();
        let capacity = n.rng.usize(1500..16_000);
        n.links.push(Link {
            capacity,
            ..Link::default()
        });
        let link = n.links.len() - 1;
        (
            link,
            End {
                net: Rc::clone(net),
                link,
            },
        )
    }

    /// Dials of the worker that nobody has looked at yet.
    pub fn take_dials(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.fresh_dials)
    }

    /// What the worker would be told by epoll.
    pub fn ready(&mut self) -> Vec<Ready> {
        let mut ready = vec![];
        for l in self.links.iter_mut().filter(|l| !l.closed[0]) {
            let Some(conn) = l.key else { continue };
            let connected = std::mem::take(&mut l.connecting);
            let room = l.pipes[1].len() < l.capacity;
            let writable = connected || (l.wants_write && (room || l.closed[1]));
            let readable = std::mem::take(&mut l.news);
            if readable || writable {
                ready.push(Ready {
                    conn,
                    readable,
                    writable,
                    closed: l.closed[1] || l.half_closed,
                });
            }
        }
        self.rng.shuffle(&mut ready);
        ready
    }

    /// Dials of a silent address that are under way fail after all.
    pub fn refuse_dials(&mut self, to: &str) {
        for l in &mut self.links {
            let is_there = l.dialed.as_ref().is_some_and(|address| address.to_string() == to);
            if is_there && !l.closed[0] {
                (l.connecting, l.closed[1]) = (true, true);
            }
        }
    }

    /// Dials of a silent address that are under way succeed after all.
    pub fn answer_dials(&mut self, to: &str) {
        self.silent.retain(|silent| silent != to);
        for (i, l) in self.links.iter_mut().enumerate() {
            let is_there = l.dialed.as_ref().is_some_and(|address| address.to_string() == to);
            if is_there && !l.closed[0] {
                l.connecting = true;
                self.fresh_dials.push(i);
            }
        }
    }

    /// The peer reads some of what the worker wrote.
    pub fn peer_read(&mut self, link: usize, most: usize) -> Vec<u8> {
        let l = &mut self.links[link];
        if l.stalled {
            return vec![];
        }
        let n = most.min(l.pipes[1].len());
        l.pipes[1].drain(..n).collect()
    }

    /// The peer writes; pipes towards the worker take anything, reads are cut short instead.
    pub fn peer_write(&mut self, link: usize, bytes: &[u8]) {
        let l = &mut self.links[link];
        l.came_late |= l.closed[0] && !bytes.is_empty();
        if !bytes.is_empty() && !l.closed[0] {
            l.pipes[0].extend(bytes);
            l.news = true;
        }
    }

    /// The peer writes no more, and still reads.
    pub fn peer_shutdown(&mut self, link: usize) {
        (self.links[link].half_closed, self.links[link].news) = (true, true);
    }

    /// The worker closed a link on which bytes had come that it did not read. A socket loses what it has sent then.
    pub fn was_reset(&self, link: usize) -> bool {
        let l = &self.links[link];
        l.closed[0] && (l.came_late || !l.pipes[0].is_empty())
    }

    pub fn is_closed_by_worker(&self, link: usize) -> bool {
        self.links[link].closed[0]
    }

    pub fn peer_close(&mut self, link: usize) {
        self.links[link].closed[1] = true;
        self.links[link].news = true;
    }

    /// Whether bytes are on their way anywhere.
    pub fn is_quiet(&self) -> bool {
        let open = |l: &&Link| l.closed == [false, false];
        self.links
            .iter()
            .filter(open)
            .all(|l| l.pipes.iter().all(VecDeque::is_empty))
    }

    /// The worker closed, and the peer has read everything.
    pub fn is_over(&self, link: usize) -> bool {
        let l = &self.links[link];
        l.closed[1] || ((l.closed[0] || l.ended) && l.pipes[1].is_empty())
    }
}

impl Transport for End {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let most = net.cut;
        let cut = net.rng.usize(1..most);
        let l = &mut net.links[self.link];
        if l.pipes[0].is_empty() {
            return if l.closed[1] || l.half_closed {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let n = cut.min(l.pipes[0].len()).min(buf.len());
        for (to, from) in buf.iter_mut().zip(l.pipes[0].drain(..n)) {
            *to = from;
        }
        l.news = true; // a short read of ours: there may be more
        Ok(n)
    }

    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut net = self.net.borrow_mut();
        let cut = net.rng.usize(1..4000);
        let l = &mut net.links[self.link];
        if l.closed[1] {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = l.capacity.saturating_sub(l.pipes[1].len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = cut.min(room).min(buf.len());
        l.pipes[1].extend(&buf[..n]);
        net.bytes += n as u64;
        Ok(n)
    }

    fn shutdown(&mut self) {
        self.net.borrow_mut().links[self.link].ended = true;
    }

    fn connected(&mut self) -> io::Result<()> {
        match self.net.borrow().links[self.link].closed[1] {
            true => Err(io::ErrorKind::ConnectionRefused.into()),
            false => Ok(()),
        }
    }
}

impl Reactor for SimReactor {
    type Transport = End;

    fn dial(&mut self, to: &Address, key: ConnKey) -> io::Result<End> {
        self.0.borrow_mut().tried += 1;
        if self.0.borrow().exhausted {
            const EMFILE: i32 = 24;
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let (link, end) = Net::connect(&self.0);
        let mut net = self.0.borrow_mut();
        let (odds, at_once) = (net.rng.f64(), net.rng.bool());
        let refusing = net.refusing.contains(&to.to_string());
        let refused = refusing || odds < net.refuse_dial;
        let silent = net.silent.contains(&to.to_string());
        if refused && at_once && !refusing {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let l = &mut net.links[link];
        (l.key, l.connecting, l.dialed) = (Some(key), !silent, Some(to.clone()));
        l.closed[1] = refused;
        if !refused && !silent {
            net.fresh_dials.push(link);
        }
        Ok(end)
    }

    fn watch(&mut self, end: &mut End, key: ConnKey) -> io::Result<()> {
        let mut net = self.0.borrow_mut();
        net.links[end.link].key = Some(key);
        net.links[end.link].news = true;
        Ok(())
    }

    fn want_write(&mut self, end: &mut End, _: ConnKey, on: bool) {
        self.0.borrow_mut().links[end.link].wants_write = on;
    }

    fn forget(&mut self, end: &mut End) {
        let mut net = self.0.borrow_mut();
        let l = &mut net.links[end.link];
        l.closed[0] = true;
        l.key = None;
    }
}
