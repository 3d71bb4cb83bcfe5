//! A filter that asks somebody about each call: worker threads on real sockets, and a server that decides, in this
//! process. No configuration names such a filter yet.
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, GREETER, PATIENCE, Request, Upstream, config, eventually,
};
use rialto::control::{Compiler, World};
use rialto_core::CallError;
use rialto_core::asking::{Answer, Decided, Decider, Finding, Inquiry, Question, Subject};
use rialto_core::control_plane::ControlPlane;
use rialto_core::directory::{Change, Directory, ListenerId};
use rialto_core::filter::{Filter, FilterFactory, RequestCx, Verdict};
use rialto_core::heartbeat::HeartbeatOutcome;
use rialto_core::runtime::{Layout, Runtime, bind};
use rialto_core::transport::Address;
use rialto_discovery::DiscoveredEndpoint;
use rialto_protocols::All;
use std::any::Any;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

/// Asks a server whether the calling application may call, and tells the provider the name that the server gave it.
struct Permission {
    server: Arc<Server>,
    /// What happens to calls when the server cannot be asked.
    without: Result<(), ErrorKind>,
}

impl FilterFactory for Permission {
    fn make(&self, _: Option<&dyn Filter>) -> Rc<dyn Filter> {
        Rc::new(Permission {
            server: Arc::clone(&self.server),
            without: self.without,
        })
    }
}

impl Filter for Permission {
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict {
        let facts = [cx.head.service, b"#", cx.head.method].concat();
        let to: Arc<dyn Decider> = Arc::clone(&self.server) as Arc<dyn Decider>;
        let facts = facts.into();
        Verdict::Ask(Inquiry { to, facts })
    }

    fn on_resume(&self, cx: &mut RequestCx<'_>, decision: Result<&[u8], &CallError>) -> Verdict {
        match decision {
            Ok(name) if name.starts_with(b"allow ") => {
                cx.edits.set("user", &String::from_utf8_lossy(&name[6..]));
                Verdict::Continue
            }
            Ok(_) => Verdict::Reject(CallError::new(ErrorKind::Denied, "the server denies this call")),
            Err(error) => match self.without {
                Ok(()) => Verdict::Continue,
                Err(kind) => Verdict::Reject(CallError::new(kind, error.text.clone())),
            },
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The connection to the server that decides, with a thread of its own: a question a line, a decision a line.
struct Server(Sender<(Box<[u8]>, Decided)>);

impl Decider for Server {
    fn decide(&self, facts: Box<[u8]>, decided: Decided) {
        self.0.send((facts, decided)).unwrap();
    }
}

impl Server {
    fn connect(to: SocketAddr) -> Arc<Self> {
        let (questions, asked) = channel::<(Box<[u8]>, Decided)>();
        std::thread::spawn(move || {
            for (facts, decided) in asked {
                let decision = ask(to, &facts).map_err(|e| {
                    CallError::new(
                        ErrorKind::Timeout,
                        format!("the server that decides cannot be asked: {e}"),
                    )
                });
                decided(decision);
            }
        });
        Arc::new(Server(questions))
    }
}

fn ask(to: SocketAddr, facts: &[u8]) -> io::Result<Box<[u8]>> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[facts, b"\n"].concat())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().as_bytes().into())
}

/// A server that allows the method `greet` only.
fn server() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let decision = match line.trim_end().ends_with("#greet") {
                true => "allow alice\n",
                false => "deny\n",
            };
            (&stream).write_all(decision.as_bytes()).unwrap();
        }
    });
    address
}

/// What the control plane does with such questions.
#[derive(Default)]
struct Control(OnceLock<Weak<Runtime>>);

impl ControlPlane for Control {
    fn ask(&self, worker: usize, question: Question) -> bool {
        let Subject::Decision(inquiry) = question.about else {
            return false;
        };
        let runtime = self.0.get().expect("it runs").clone();
        let ticket = question.ticket;
        let decided = move |result: Result<Box<[u8]>, CallError>| {
            if let Some(runtime) = runtime.upgrade() {
                let result = result.map(Finding::Decision);
                runtime.answer(worker, Answer { ticket, result });
            }
        };
        inquiry.to.decide(inquiry.facts, Box::new(decided));
        true
    }

    fn ended(&self, _: HeartbeatOutcome) {}
}

/// A gateway in this process whose listener has this filter. Returns the address of the listener.
fn start(upstream: SocketAddr, filter: Permission) -> (Arc<Runtime>, SocketAddr) {
    let config: rialto_config::Config = serde_json::from_value(config::<Dubbo>(&[upstream])).unwrap();
    let found = |_: &rialto_config::Cluster| {
        vec![DiscoveredEndpoint {
            address: Address::Tcp(upstream),
            name: upstream.to_string().into(),
            weight: 1,
            metadata: Default::default(),
            protocol: None,
        }]
    };
    let world = World {
        endpoints: &found,
        workers: 2,
        now: Instant::now(),
        uses: &[],
    };
    // The compiler is gone then, so that nobody else has the parts.
    let mut change: Change = Compiler::default().configure(&config, &world);
    let listener = change.listeners[0].1.as_mut().and_then(Arc::get_mut);
    listener.expect("a new part").filters = Box::new([Arc::new(filter)]);
    let mut directory = Directory::default();
    directory.apply(&change);
    let (log, _) = std::sync::mpsc::sync_channel(1);
    let control = Arc::new(Control::default());
    let layout = Layout {
        workers: 2,
        pin: false,
        descriptors: 1024,
        log,
        control: Arc::clone(&control) as Arc<dyn ControlPlane>,
    };
    let runtime = Arc::new(Runtime::start::<All>(&layout, &directory).unwrap());
    control.0.set(Arc::downgrade(&runtime)).unwrap();
    let bound = bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).unwrap();
    let Address::Tcp(entry) = bound.address().unwrap() else {
        panic!("a TCP address")
    };
    runtime.listen(ListenerId(0), bound);
    (runtime, entry)
}

#[test]
fn a_server_decides_about_each_call_and_tells_the_provider_who_calls() {
    let provider = Upstream::<Dubbo>::greeting("hello");
    let filter = Permission {
        server: Server::connect(server()),
        without: Err(ErrorKind::Denied),
    };
    let (runtime, entry) = start(provider.address, filter);
    let mut downstream = Downstream::<Bolt>::connect(entry);
    for _ in 0..20 {
        assert_eq!(
            downstream.value(&Request::new(GREETER, "1.0", "greet")),
            "Hello, nobody"
        );
        let error = downstream.error(&Request::new(GREETER, "1.0", "delete"));
        assert!(error.text.contains("the server denies this call"), "{error}");
    }
    let arrived = provider.seen();
    assert_eq!(arrived.len(), 20);
    assert!(
        arrived
            .iter()
            .all(|a| a.request().attachment("user") == Some("alice"))
    );
    eventually("no call in flight", || (runtime.in_flight() == 0).then_some(()));
}

#[test]
fn calls_go_on_or_fail_as_the_filter_says_when_the_server_is_gone() {
    let gone = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    for (without, passes) in [(Ok(()), true), (Err(ErrorKind::Denied), false)] {
        let provider = Upstream::<Dubbo>::greeting("hello");
        let filter = Permission {
            server: Server::connect(gone),
            without,
        };
        let (_runtime, entry) = start(provider.address, filter);
        let mut downstream = Downstream::<Bolt>::connect(entry);
        let request = Request::new(GREETER, "1.0", "greet");
        if passes {
            assert_eq!(downstream.value(&request), "Hello, nobody");
        } else {
            let error = downstream.error(&request);
            assert!(
                error.text.contains("the server that decides cannot be asked"),
                "{error}"
            );
        }
    }
}
