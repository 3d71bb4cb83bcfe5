//! A peer that speaks the toy protocol, driven by hand. It reads as slowly as it is told.
use super::toy::{Toy, body_of, message};
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::message::Status;
use rialto_core::session::{Dispatch, Event, RespondTo, Response, Role, Session};
use rialto_core::slots::CallKey;
use rialto_core::stream::{End, Part, StreamEvent};
use rialto_core::{CallError, ErrorKind};
use std::collections::BTreeMap;

pub struct ToyPeer {
    pub session: Toy,
    out: OutBuf,
    input: Vec<u8>,
    pub streams: BTreeMap<u32, PeerStream>,
    next_key: u32,
}

/// A call as the peer sees it, by the key that its session was given.
#[derive(Default)]
pub struct PeerStream {
    /// The session's number of it.
    pub id: u64,
    pub head: String,
    pub received: Vec<u8>,
    /// Bytes that were received and for which no credit was given yet.
    pub uncredited: u32,
    pub is_complete: bool,
    pub status: Option<Status>,
    pub failed: Option<CallError>,
    pub was_refused: bool,
}

fn part<'a>(data: &'a [u8], last: bool) -> Part<'a> {
    Part {
        proto: super::toy::TOY,
        data,
        end: last.then_some(End {
            status: Status::Ok,
            trailers: &[],
        }),
        is_frame: false,
    }
}

impl ToyPeer {
    pub fn new(role: Role) -> Self {
        ToyPeer {
            session: Toy::new(role),
            out: OutBuf::default(),
            input: vec![],
            streams: BTreeMap::new(),
            next_key: 0,
        }
    }

    /// Begins a call. Its body ends here unless more follows.
    pub fn call(&mut self, service: &str, method: &str, timeout_ms: u32, body: &[u8], follows: bool) -> u32 {
        let (mut scratch, no_rules) = (vec![], Bridge::default());
        let head = format!("{service}\0{method}\0{timeout_ms}");
        let msg = message(&mut scratch, &head, body, follows);
        let dispatch = Dispatch {
            edits: None,
            head: None,
            bridge: &no_rules,
            deadline_ms: u64::MAX,
            now_ms: 0,
        };
        let key = self.next_key;
        self.next_key += 1;
        let id = self
            .session
            .request(&mut self.out, CallKey::from_bits(key), &msg, &dispatch)
            .expect("can be said");
        let stream = PeerStream {
            id: id.into(),
            ..PeerStream::default()
        };
        self.streams.insert(key, stream);
        key
    }

    /// Sends more of a body, of a request or of a response.
    pub fn send(&mut self, key: u32, data: &[u8], last: bool) {
        let id = self.streams[&key].id;
        self.session.part(&mut self.out, id, &part(data, last));
    }

    pub fn respond(&mut self, key: u32, body: &[u8], follows: bool) {
        let mut scratch = vec![];
        let msg = message(&mut scratch, "", body, follows);
        let to = RespondTo {
            id: self.streams[&key].id,
            hint: 0,
        };
        self.session
            .respond(&mut self.out, to, &Response::Message(msg), &Bridge::default())
            .expect("can be said");
    }

    pub fn reset(&mut self, key: u32) {
        let id = self.streams[&key].id;
        self.session.reset(&mut self.out, id, ErrorKind::Cancelled);
        self.streams.remove(&key);
    }

    pub fn refuse(&mut self, key: u32) {
        let id = self.streams[&key].id;
        self.session.refuse(&mut self.out, id as u32);
        self.streams.remove(&key);
    }

    pub fn with(&mut self, words: impl FnOnce(&mut Toy, &mut OutBuf)) {
        words(&mut self.session, &mut self.out);
    }

    /// Gives credit for what a call has received.
    pub fn read(&mut self, key: u32) {
        if let Some(stream) = self.streams.get_mut(&key) {
            let bytes = std::mem::take(&mut stream.uncredited);
            self.session.credit(&mut self.out, stream.id, bytes);
        }
    }

    /// Takes bytes. Returns what is to be sent.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let (mut at, mut scratch) = (0, vec![]);
        loop {
            let step = self
                .session
                .next(&input[at..], &mut scratch, &mut self.out)
                .expect("the proxy talks sense");
            at += step.used;
            match step.event {
                Event::More(_) => break,
                Event::Request { id, msg } => {
                    let key = id as u32;
                    let head = msg.head().expect("a head");
                    let head = [head.service, b"#", head.method].concat();
                    let stream = PeerStream {
                        id,
                        head: String::from_utf8(head).expect("ascii"),
                        received: body_of(&msg).to_vec(),
                        is_complete: msg.meta.body != rialto_core::stream::Body::Follows,
                        ..PeerStream::default()
                    };
                    self.streams.insert(key, stream);
                    self.session.bind(id, CallKey::from_bits(key));
                }
                Event::Response {
                    call,
                    response: Response::Message(msg),
                } => {
                    if let Some(stream) = self.streams.get_mut(&call.bits()) {
                        stream.received.extend_from_slice(body_of(&msg));
                        stream.is_complete = msg.meta.body != rialto_core::stream::Body::Follows;
                        stream.status = Some(msg.meta.status);
                    }
                }
                Event::Stream(call, event) => {
                    let Some(stream) = self.streams.get_mut(&call.bits()) else {
                        continue;
                    };
                    match event {
                        StreamEvent::Part(part) => {
                            stream.received.extend_from_slice(part.data);
                            stream.uncredited += part.data.len() as u32;
                            if let Some(end) = part.end {
                                stream.is_complete = true;
                                if end.status != Status::Ok {
                                    stream.status = Some(end.status);
                                }
                            }
                        }
                        StreamEvent::Reset(error) => stream.failed = Some(error),
                        StreamEvent::Refused => stream.was_refused = true,
                        StreamEvent::Sent(_) => {}
                    }
                }
                Event::Handled | Event::Drain(_) => {}
                _ => panic!("something unexpected of the proxy"),
            }
        }
        self.input = input[at..].to_vec();
        self.flush()
    }

    pub fn flush(&mut self) -> Vec<u8> {
        let bytes = self.out.unsent().to_vec();
        self.out.advance(bytes.len());
        bytes
    }
}
