//! A small protocol that has streams, for the simulation only. It has what makes HTTP/2 hard: heads whose encoding
//! depends on all heads before them, two levels of windows, resets, refused streams, a farewell with the last stream
//! that was seen, and responses that last until the connection ends.
//!
//! Frame: length of the payload (4 bytes), kind, flags, stream (4 bytes), payload.
use super::peer::{one_text, text_of};
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::call::{NeutralCall, NeutralResponse, ReturnValue};
use rialto_core::message::{Head, Message, MessageReader, Meta, ProtoId, Status};
use rialto_core::session::{
    Dispatch, DrainScope, EndOfInput, Event, ProtocolError, RespondTo, Response, Role, Session, Step,
};
use rialto_core::slots::CallKey;
use rialto_core::stream::{Body, End, Part, StreamEvent};
use rialto_core::{CallError, ErrorKind};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

pub const TOY: ProtoId = ProtoId(77);

const HEADER: usize = 10;
const HEAD: u8 = 1;
const DATA: u8 = 2;
const RESET: u8 = 3;
const WINDOW: u8 = 4;
const GOAWAY: u8 = 5;
const PING: u8 = 6;
const PONG: u8 = 7;
const TRAILERS: u8 = 8;

const END: u8 = 1;
/// The response lasts until the connection ends.
const UNTIL_CLOSE: u8 = 2;

const REFUSED: u32 = 1;

/// What may be sent of one stream, and of all streams, without credit.
pub const STREAM_WINDOW: i64 = 4096;
pub const CONNECTION_WINDOW: i64 = 16_384;
/// Bodies are not written to an out-buffer with more bytes than this.
pub const OUT_MAX: usize = 8192;
const MAX_CALLS: u32 = 8;

/// One stream.
#[derive(Default)]
struct Stream {
    call: Option<CallKey>,
    window: i64,
    /// What waits for credit or room. The flag says whether its sender waits for a report.
    queue: VecDeque<(Vec<u8>, bool)>,
    /// The end that follows the queue: the status of a response.
    end: Option<Status>,
    head_sent: bool,
    local_closed: bool,
    remote_closed: bool,
    until_close: bool,
    /// Bytes that came and that nobody has given credit for.
    owed: u32,
}

enum News {
    Sent(CallKey, u32),
    Refused(CallKey),
    Drain,
}

pub struct Toy {
    role: Role,
    streams: BTreeMap<u32, Stream>,
    next_id: u32,
    last_seen: u32,
    window: i64,
    /// What the peer may still send.
    receive_window: i64,
    write_mask: u8,
    read_mask: u8,
    news: VecDeque<News>,
    kept: usize,
    completes: bool,
    /// Streams with a higher number are not processed any more.
    last_processed: u32,
}

fn mask(state: &mut u8, bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|b| *b ^= *state);
    *state = state.rotate_left(3).wrapping_add(bytes.len() as u8 | 1);
}

fn put(out: &mut OutBuf, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let mut head = [0; HEADER];
    head[..4].copy_from_slice(&(payload.len() as u32).to_be_bytes());
    (head[4], head[5]) = (kind, flags);
    head[6..].copy_from_slice(&stream.to_be_bytes());
    out.put(&head);
    out.put(payload);
}

struct Raw<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .map_or(0, |b| u32::from_be_bytes(b.try_into().unwrap()))
}

fn raw(input: &[u8]) -> Result<Option<Raw<'_>>, ProtocolError> {
    if input.len() < HEADER {
        return Ok(None);
    }
    let len = u32_at(input, 0) as usize;
    if len > 1 << 20 || input[4] == 0 || input[4] > TRAILERS {
        return Err(ProtocolError("no frame of the toy protocol"));
    }
    Ok(input.get(HEADER..HEADER + len).map(|payload| Raw {
        kind: input[4],
        flags: input[5],
        stream: u32_at(input, 6),
        payload,
    }))
}

/// The form that the reader understands: the length of the head, the head, the body.
fn put_message(scratch: &mut Vec<u8>, head: &[u8]) {
    scratch.clear();
    scratch.extend_from_slice(&(head.len() as u32).to_be_bytes());
    scratch.extend_from_slice(head);
}

fn parts_of<'a>(msg: &Message<'a>) -> (&'a [u8], &'a [u8]) {
    let len = u32_at(msg.bytes, 0) as usize;
    msg.bytes[4..].split_at(len)
}

/// A message of the toy protocol as its reader understands it.
pub fn message<'a>(scratch: &'a mut Vec<u8>, head: &str, body: &[u8], follows: bool) -> Message<'a> {
    put_message(scratch, head.as_bytes());
    scratch.extend_from_slice(body);
    Message {
        meta: meta(if follows { Body::Follows } else { Body::Whole }, Status::Ok),
        bytes: scratch,
    }
}

/// The body of a message.
pub fn body_of<'a>(msg: &Message<'a>) -> &'a [u8] {
    parts_of(msg).1
}

fn meta(body: Body, status: Status) -> Meta {
    Meta {
        proto: TOY,
        reader: &Reader,
        hint: 0,
        timeout_ms: 0,
        status,
        one_way: false,
        body,
    }
}

fn status_byte(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Exception => 1,
        Status::Failed => 2,
    }
}

fn status_of(byte: Option<&u8>) -> Status {
    match byte {
        Some(0) => Status::Ok,
        Some(1) => Status::Exception,
        _ => Status::Failed,
    }
}

impl Toy {
    pub fn new(role: Role) -> Self {
        Toy {
            role,
            streams: BTreeMap::new(),
            next_id: 1,
            last_seen: 0,
            window: CONNECTION_WINDOW,
            receive_window: CONNECTION_WINDOW,
            write_mask: 0x5a,
            read_mask: 0x5a,
            news: VecDeque::new(),
            kept: 0,
            completes: false,
            last_processed: u32::MAX,
        }
    }

    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    fn put_head(&mut self, out: &mut OutBuf, stream: u32, flags: u8, head: &[u8]) {
        let mut head = head.to_vec();
        mask(&mut self.write_mask, &mut head);
        put(out, HEAD, flags, stream, &head);
    }

    /// Writes what windows and the out-buffer allow. Returns the bytes whose sender waits for no report.
    fn pump(&mut self, out: &mut OutBuf, id: u32) -> u32 {
        let Some(stream) = self.streams.get_mut(&id) else {
            return 0;
        };
        let mut reported = 0;
        while let Some((bytes, is_part)) = stream.queue.front_mut() {
            let most = stream.window.min(self.window).max(0) as usize;
            let n = most.min(bytes.len()).min(1000);
            if n == 0 && !bytes.is_empty() || out.len() >= OUT_MAX {
                break;
            }
            put(out, DATA, 0, id, &bytes[..n]);
            bytes.drain(..n);
            (stream.window, self.window) = (stream.window - n as i64, self.window - n as i64);
            self.kept -= n;
            reported += if *is_part { n as u32 } else { 0 };
            if bytes.is_empty() {
                stream.queue.pop_front();
            }
        }
        if stream.queue.is_empty()
            && let Some(status) = stream.end.take()
        {
            put(out, TRAILERS, END, id, &[status_byte(status)]);
            self.close_local(out, id);
        }
        reported
    }

    /// Our side of the stream has ended.
    fn close_local(&mut self, out: &mut OutBuf, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.local_closed = true;
        // A server that has responded does not need the rest of the request, and drops it.
        if self.role == Role::Server {
            stream.call = None;
        }
        self.forget_if_over(out, id);
    }

    fn close_remote(&mut self, out: &mut OutBuf, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        stream.remote_closed = true;
        // The response is complete, and nobody needs the rest of the request.
        if self.role == Role::Client && stream.end.is_some() {
            put(out, RESET, 0, id, &2u32.to_be_bytes());
            self.forget(out, id);
        }
        self.forget_if_over(out, id);
    }

    fn forget_if_over(&mut self, out: &mut OutBuf, id: u32) {
        if let Some(stream) = self.streams.get(&id)
            && stream.local_closed
            && stream.remote_closed
        {
            // Credit for the last bytes is still to come, for the connection only.
            let owed = stream.owed;
            self.streams.remove(&id);
            self.return_credit(out, owed);
        }
    }

    fn forget(&mut self, out: &mut OutBuf, id: u32) -> Option<Stream> {
        let stream = self.streams.remove(&id)?;
        self.kept -= stream.queue.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
        self.return_credit(out, stream.owed);
        Some(stream)
    }

    fn return_credit(&mut self, out: &mut OutBuf, bytes: u32) {
        if bytes > 0 {
            self.receive_window += i64::from(bytes);
            put(out, WINDOW, 0, 0, &bytes.to_be_bytes());
        }
    }

    fn enqueue(&mut self, id: u32, bytes: &[u8], is_part: bool) {
        if let Some(stream) = self.streams.get_mut(&id)
            && !bytes.is_empty()
        {
            stream.queue.push_back((bytes.to_vec(), is_part));
            self.kept += bytes.len();
        }
    }

    fn set_end(&mut self, id: u32, status: Status) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.end = Some(status);
        }
    }

    /// The frames behind a head, if they complete its message. Returns the bytes of the input that they take.
    fn folded(&self, id: u32, mut rest: &[u8], scratch: &mut Vec<u8>) -> Option<(usize, Status)> {
        let (before, whole) = (scratch.len(), rest.len());
        let mut left = self.receive_window.min(STREAM_WINDOW);
        while let Ok(Some(frame)) = raw(rest) {
            left -= frame.payload.len() as i64;
            if frame.stream != id || left < 0 {
                break;
            }
            rest = &rest[HEADER + frame.payload.len()..];
            match frame.kind {
                DATA => scratch.extend_from_slice(frame.payload),
                TRAILERS => return Some((whole - rest.len(), status_of(frame.payload.first()))),
                _ => break,
            }
            if frame.flags & END != 0 {
                return Some((whole - rest.len(), Status::Ok));
            }
        }
        scratch.truncate(before);
        None
    }

    fn on_head<'a>(
        &mut self,
        input: &'a [u8],
        frame: &Raw<'a>,
        scratch: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        let mut head = frame.payload.to_vec();
        mask(&mut self.read_mask, &mut head);
        let id = frame.stream;
        let mut used = HEADER + frame.payload.len();
        put_message(scratch, &head);
        let mut status = match self.role {
            Role::Server => Status::Ok,
            Role::Client => status_of(head.first()),
        };
        if self.role == Role::Server {
            if id <= self.last_seen {
                return Err(ProtocolError("a stream that was there before"));
            }
            self.last_seen = id;
            if id > self.last_processed {
                return Ok(Step {
                    used,
                    event: Event::Handled,
                });
            }
            let stream = Stream {
                window: STREAM_WINDOW,
                ..Stream::default()
            };
            self.streams.insert(id, stream);
        }
        let mut is_whole = frame.flags & END != 0;
        if !is_whole && frame.flags & UNTIL_CLOSE == 0 {
            let begin = scratch.len();
            if let Some((more, end)) = self.folded(id, &input[used..], scratch) {
                (used, is_whole) = (used + more, true);
                if self.role == Role::Client && status == Status::Ok {
                    status = end;
                }
                let bytes = (scratch.len() - begin) as u32;
                self.receive_window -= i64::from(bytes);
                self.return_credit(out, bytes);
            }
        }
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(Step {
                used,
                event: Event::Handled,
            });
        };
        stream.until_close = frame.flags & UNTIL_CLOSE != 0;
        let call = stream.call;
        if is_whole {
            self.close_remote(out, id);
        }
        let msg = Message {
            meta: meta(if is_whole { Body::Whole } else { Body::Follows }, status),
            bytes: scratch,
        };
        let event = match (self.role, call) {
            (Role::Server, _) => Event::Request { id: id.into(), msg },
            (Role::Client, Some(call)) => Event::Response {
                call,
                response: Response::Message(msg),
            },
            (Role::Client, None) => Event::Handled,
        };
        Ok(Step { used, event })
    }

    fn on_data<'a>(&mut self, frame: &Raw<'a>, out: &mut OutBuf) -> Result<Event<'a>, ProtocolError> {
        let (id, n) = (frame.stream, frame.payload.len() as u32);
        let is_data = frame.kind == DATA;
        if is_data {
            self.receive_window -= i64::from(n);
            if self.receive_window < 0 {
                return Err(ProtocolError("more than the window allows"));
            }
        }
        let Some(stream) = self.streams.get_mut(&id).filter(|s| !s.remote_closed) else {
            if is_data {
                self.return_credit(out, n);
            }
            return Ok(Event::Handled);
        };
        if is_data {
            stream.owed += n;
        }
        let end = (frame.flags & END != 0).then(|| End {
            status: match is_data {
                true => Status::Ok,
                false => status_of(frame.payload.first()),
            },
            trailers: if is_data { &[] } else { frame.payload },
        });
        let call = stream.call;
        if call.is_none() {
            let owed = std::mem::take(&mut stream.owed);
            self.return_credit(out, owed);
        }
        if end.is_some() {
            self.close_remote(out, id);
        }
        let part = Part {
            proto: TOY,
            data: if is_data { frame.payload } else { &[] },
            end,
            is_frame: true,
        };
        Ok(call.map_or(Event::Handled, |call| {
            Event::Stream(call, StreamEvent::Part(part))
        }))
    }

    fn on_reset<'a>(&mut self, id: u32, code: u32, out: &mut OutBuf) -> Event<'a> {
        let call = self.forget(out, id).and_then(|stream| stream.call);
        let event = match code {
            REFUSED => StreamEvent::Refused,
            code => {
                let text = format!("the stream was reset with code {code}");
                StreamEvent::Reset(CallError::new(ErrorKind::Upstream, text))
            }
        };
        call.map_or(Event::Handled, |call| Event::Stream(call, event))
    }

    fn on_goaway(&mut self, last: u32, out: &mut OutBuf) {
        // First, so that the calls below go elsewhere.
        self.news.push_back(News::Drain);
        let unseen: Vec<u32> = self.streams.range(last + 1..).map(|(id, _)| *id).collect();
        for id in unseen {
            let call = self.forget(out, id).and_then(|stream| stream.call);
            self.news.extend(call.map(News::Refused));
        }
    }

    /// Says that streams which the peer opens from now on, or whose number is higher, are not processed.
    pub fn goodbye(&mut self, out: &mut OutBuf, last: u32) {
        self.last_processed = last;
        put(out, GOAWAY, 0, 0, &last.to_be_bytes());
    }

    /// Forgets the streams that the peer was told are not processed.
    pub fn forget_unseen(&mut self, out: &mut OutBuf, last: u32) {
        let unseen: Vec<u32> = self.streams.range(last + 1..).map(|(id, _)| *id).collect();
        for id in unseen {
            self.forget(out, id);
        }
    }

    /// Refuses a stream that was not processed.
    pub fn refuse(&mut self, out: &mut OutBuf, id: u32) {
        put(out, RESET, 0, id, &REFUSED.to_be_bytes());
        self.forget(out, id);
    }

    /// Begins a response that lasts until the connection ends.
    pub fn respond_until_close(&mut self, out: &mut OutBuf, id: u32) {
        self.put_head(out, id, UNTIL_CLOSE, &[0]);
    }

    pub fn kept_bytes(&self) -> usize {
        self.kept
    }

    pub fn last_seen(&self) -> u32 {
        self.last_seen
    }
}

impl Session for Toy {
    fn proto(&self) -> ProtoId {
        TOY
    }

    fn next<'a>(
        &mut self,
        input: &'a [u8],
        scratch: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        if self.kept > 0 || self.streams.values().any(|s| s.end.is_some()) {
            let ids: Vec<u32> = self.streams.keys().copied().collect();
            for id in ids {
                let call = self.streams.get(&id).and_then(|s| s.call);
                let sent = self.pump(out, id);
                if let Some(call) = call.filter(|_| sent > 0) {
                    self.news.push_back(News::Sent(call, sent));
                }
            }
        }
        if let Some(news) = self.news.pop_front() {
            let event = match news {
                News::Sent(call, bytes) => Event::Stream(call, StreamEvent::Sent(bytes)),
                News::Refused(call) => Event::Stream(call, StreamEvent::Refused),
                News::Drain => Event::Drain(DrainScope::Connection),
            };
            return Ok(Step { used: 0, event });
        }
        if std::mem::take(&mut self.completes)
            && let Some((id, stream)) = self.streams.iter().find(|(_, s)| s.until_close)
        {
            let (id, call) = (*id, stream.call);
            self.close_remote(out, id);
            let end = Some(End {
                status: Status::Ok,
                trailers: &[],
            });
            let part = Part {
                proto: TOY,
                data: &[],
                end,
                is_frame: false,
            };
            let event = call.map_or(Event::Handled, |call| {
                Event::Stream(call, StreamEvent::Part(part))
            });
            return Ok(Step { used: 0, event });
        }
        let Some(frame) = raw(input)? else {
            let len = match input.len() {
                0..HEADER => 0,
                _ => HEADER + u32_at(input, 0) as usize,
            };
            return Ok(Step {
                used: 0,
                event: Event::More(len),
            });
        };
        let used = HEADER + frame.payload.len();
        let event = match frame.kind {
            HEAD => return self.on_head(input, &frame, scratch, out),
            DATA | TRAILERS => self.on_data(&frame, out)?,
            RESET => self.on_reset(frame.stream, u32_at(frame.payload, 0), out),
            WINDOW => {
                let credit = i64::from(u32_at(frame.payload, 0));
                match (frame.stream, self.streams.get_mut(&frame.stream)) {
                    (0, _) => self.window += credit,
                    (_, Some(stream)) => stream.window += credit,
                    _ => {}
                }
                Event::Handled
            }
            GOAWAY => {
                self.on_goaway(u32_at(frame.payload, 0), out);
                Event::Handled
            }
            PING => {
                put(out, PONG, 0, 0, &[]);
                Event::Handled
            }
            _ => Event::Handled,
        };
        Ok(Step { used, event })
    }

    fn forwards_as_is(&self, _: &Message<'_>, _: Option<RespondTo>) -> bool {
        false
    }

    fn request(
        &mut self,
        out: &mut OutBuf,
        call: CallKey,
        msg: &Message<'_>,
        _: &Dispatch<'_>,
    ) -> Result<u32, CallError> {
        let (head, body) = if msg.meta.proto == TOY {
            let (head, body) = parts_of(msg);
            (Cow::Borrowed(head), Cow::Borrowed(body))
        } else {
            let call = msg.meta.reader.call(msg)?;
            let head = format!("{}\0{}\0{}", call.service, call.method, call.timeout_ms);
            (Cow::Owned(head.into_bytes()), Cow::Owned(text_of(&call.args)))
        };
        let id = self.next_id;
        self.next_id += 2;
        let stream = Stream {
            call: Some(call),
            window: STREAM_WINDOW,
            head_sent: true,
            ..Stream::default()
        };
        self.streams.insert(id, stream);
        self.put_head(out, id, 0, &head);
        self.enqueue(id, &body, false);
        if msg.meta.body != Body::Follows {
            self.set_end(id, Status::Ok);
        }
        self.pump(out, id);
        Ok(id)
    }

    fn respond(
        &mut self,
        out: &mut OutBuf,
        to: RespondTo,
        response: &Response<'_>,
        _: &Bridge,
    ) -> Result<(), CallError> {
        let id = to.id as u32;
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        if std::mem::replace(&mut stream.head_sent, true) {
            self.reset(out, to.id, ErrorKind::Upstream);
            return Ok(());
        }
        let (status, body, follows) = match response {
            Response::Message(msg) if msg.meta.proto == TOY => {
                let follows = msg.meta.body == Body::Follows;
                (msg.meta.status, parts_of(msg).1.to_vec(), follows)
            }
            Response::Message(msg) => match msg.meta.reader.outcome(msg).map(|o| o.reply) {
                Ok(ReturnValue::Value(values)) => (Status::Ok, text_of(&values), false),
                Ok(other) => panic!("not a value: {other:?}"),
                Err(e) => (Status::Failed, e.text.into_owned().into_bytes(), false),
            },
            Response::NeutralResponse(_) => panic!("no echo calls here"),
            Response::Error(e) => (Status::Failed, e.text.clone().into_owned().into_bytes(), false),
        };
        self.put_head(out, id, 0, &[status_byte(status)]);
        self.enqueue(id, &body, false);
        if !follows {
            self.set_end(id, status);
        }
        self.pump(out, id);
        Ok(())
    }

    fn set_id(&self, frame: &mut [u8], id: u64) {
        frame[6..HEADER].copy_from_slice(&(id as u32).to_be_bytes());
    }

    fn heartbeat(&mut self, out: &mut OutBuf) {
        put(out, PING, 0, 0, &[]);
    }

    fn drain(&mut self, out: &mut OutBuf) {
        let last = self.last_seen;
        self.goodbye(out, last);
    }

    fn end_of_input(&mut self) -> EndOfInput {
        match self.role {
            Role::Server if self.streams.values().all(|s| s.remote_closed) => EndOfInput::HalfClosed,
            Role::Client if self.streams.values().any(|s| s.until_close) => {
                self.completes = true;
                EndOfInput::Completes
            }
            _ => EndOfInput::Gone,
        }
    }

    fn has_streams(&self) -> bool {
        true
    }

    fn bind(&mut self, stream: u64, call: CallKey) {
        if let Some(stream) = self.streams.get_mut(&(stream as u32)) {
            stream.call = Some(call);
        }
    }

    fn part(&mut self, out: &mut OutBuf, stream: u64, part: &Part<'_>) -> u32 {
        let id = stream as u32;
        let Some(known) = self.streams.get(&id).filter(|s| !s.local_closed) else {
            return part.data.len() as u32;
        };
        let was_empty = known.queue.is_empty();
        self.enqueue(id, part.data, true);
        if let Some(end) = &part.end {
            self.set_end(id, end.status);
        }
        // What waited before is reported by events.
        match was_empty {
            true => self.pump(out, id),
            false => 0,
        }
    }

    fn passes_part(&mut self, stream: u64, part: &Part<'_>) -> bool {
        let id = stream as u32;
        let n = part.data.len() as i64;
        let Some(known) = self.streams.get_mut(&id) else {
            return false;
        };
        let fits = known.window >= n && self.window >= n && known.queue.is_empty() && known.end.is_none();
        // The end of a stream may need more than its frame.
        if part.proto != TOY || !fits || part.is_last() || known.local_closed {
            return false;
        }
        (known.window, self.window) = (known.window - n, self.window - n);
        true
    }

    fn credit(&mut self, out: &mut OutBuf, stream: u64, bytes: u32) {
        let id = stream as u32;
        let Some(known) = self.streams.get_mut(&id).filter(|_| bytes > 0) else {
            return;
        };
        known.owed = known
            .owed
            .checked_sub(bytes)
            .expect("credit for what has come only");
        if !known.remote_closed {
            put(out, WINDOW, 0, id, &bytes.to_be_bytes());
        }
        self.return_credit(out, bytes);
    }

    fn reset(&mut self, out: &mut OutBuf, stream: u64, _: ErrorKind) {
        let id = stream as u32;
        if self.streams.contains_key(&id) {
            put(out, RESET, 0, id, &2u32.to_be_bytes());
            self.forget(out, id);
        }
    }

    fn kept(&self) -> usize {
        self.kept
    }

    fn max_calls(&self) -> u32 {
        MAX_CALLS
    }

    fn calls(&self, calls: &mut Vec<CallKey>) {
        calls.extend(self.streams.values().filter_map(|s| s.call));
    }
}

/// Reads the messages of the toy protocol.
struct Reader;

impl MessageReader for Reader {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn read_head<'a>(&self, msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError> {
        let mut fields = parts_of(msg).0.split(|b| *b == 0);
        let bad = || CallError::new(ErrorKind::BadRequest, "not a head of the toy protocol");
        head.service = fields.next().filter(|s| !s.is_empty()).ok_or_else(bad)?;
        head.method = fields.next().ok_or_else(bad)?;
        let timeout = fields.next().and_then(|t| std::str::from_utf8(t).ok());
        head.timeout_ms = timeout.and_then(|t| t.parse().ok()).ok_or_else(bad)?;
        Ok(())
    }

    fn attachment<'a>(&self, _: &Message<'a>, _: &Head<'a>, _: &str) -> Option<Cow<'a, [u8]>> {
        None
    }

    fn view<'a>(&self, _: &'a [u8]) -> Option<Message<'a>> {
        panic!("encoded heads mean nothing on another connection")
    }

    fn read_call<'a>(
        &self,
        msg: &Message<'a>,
        _: Option<&Head<'a>>,
        call: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        let head = self.head(msg)?;
        let text = |b: &'a [u8]| Cow::Borrowed(std::str::from_utf8(b).expect("ascii"));
        call.service = text(head.service);
        call.method = text(head.method);
        call.version = Cow::Borrowed("1.0");
        call.types = [Cow::Borrowed("java.lang.String")].into_iter().collect();
        call.args = one_text(parts_of(msg).1);
        call.timeout_ms = head.timeout_ms;
        Ok(())
    }

    fn read_response<'a>(
        &self,
        msg: &Message<'a>,
        outcome: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError> {
        let (_, body) = parts_of(msg);
        if msg.meta.status != Status::Ok {
            let text = String::from_utf8_lossy(body).into_owned();
            return Err(CallError::new(ErrorKind::Upstream, text));
        }
        outcome.reply = ReturnValue::Value(one_text(body));
        Ok(())
    }
}

pub fn reader() -> &'static dyn MessageReader {
    &Reader
}
