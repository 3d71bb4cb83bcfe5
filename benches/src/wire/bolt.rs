//! SOFA Bolt version 1 with draft-Hessian content (wire sections 1.1 to 1.6).

use std::sync::LazyLock;

use super::hessian::{Grammar, Reader, write_string, write_text};
use super::{Frame, MAX_FRAME, METHOD, SERVICE, WireError};

/// The first byte of every version 1 frame.
pub const MAGIC: u8 = 1;

const REQUEST_HEAD: usize = 22;
const RESPONSE_HEAD: usize = 20;
const REQUEST_CLASS: &str = "com.alipay.sofa.rpc.core.request.SofaRequest";
const RESPONSE_CLASS: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";
const TYPE_RESPONSE: u8 = 0;
const TYPE_ONE_WAY: u8 = 2;
const COMMAND_HEARTBEAT: u8 = 0;
const STATUS_DESERIALIZATION: u16 = 0x12;
const TIMEOUT_MS: u32 = 3000;

/// The lengths of the three variable parts, from a complete fixed header.
struct Parts {
    head: usize,
    class: usize,
    header: usize,
    content: usize,
}

impl Parts {
    /// The parts of a frame; `None` while the fixed header is incomplete.
    #[inline]
    fn of(bytes: &[u8]) -> Option<Self> {
        let response = *bytes.get(1)? == TYPE_RESPONSE;
        let head = if response { RESPONSE_HEAD } else { REQUEST_HEAD };
        let lengths = bytes.get(head - 8..head)?;
        Some(Self {
            head,
            class: usize::from(u16::from_be_bytes([lengths[0], lengths[1]])),
            header: usize::from(u16::from_be_bytes([lengths[2], lengths[3]])),
            content: u32::from_be_bytes([lengths[4], lengths[5], lengths[6], lengths[7]]) as usize,
        })
    }

    fn len(&self) -> usize {
        self.head + self.class + self.header + self.content
    }

    fn content<'a>(&self, frame: &'a [u8]) -> Result<&'a [u8], WireError> {
        let start = self.head + self.class + self.header;
        frame
            .get(start..start + self.content)
            .ok_or(WireError::Truncated("the Bolt content"))
    }
}

/// The first frame in `bytes`, or `None` while it is incomplete.
#[inline]
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>, WireError> {
    match bytes.first() {
        None => return Ok(None),
        Some(&MAGIC) => {}
        Some(&other) => return Err(WireError::UnknownProtocol(other)),
    }
    let Some(parts) = Parts::of(bytes) else {
        return Ok(None);
    };
    let len = parts.len();
    if len > MAX_FRAME {
        return Err(WireError::TooLong(len));
    }
    if bytes.len() < len {
        return Ok(None);
    }
    let id = u64::from(u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]));
    Ok(Some(Frame {
        len,
        id,
        request: bytes[1] != TYPE_RESPONSE,
    }))
}

/// Writes the low 32 bits of `id` into a frame.
#[inline]
pub fn set_id(frame: &mut [u8], id: u64) {
    frame[5..9].copy_from_slice(&(id as u32).to_be_bytes());
}

/// Writes how long the caller waits into a frame, in milliseconds.
pub fn set_timeout(frame: &mut [u8], millis: u32) {
    frame[10..14].copy_from_slice(&millis.to_be_bytes());
}

/// A request for `echo(argument)` as a SOFARPC consumer writes it, and the offset of the argument in it.
pub fn request(argument: &[u8]) -> (Vec<u8>, usize) {
    let service = format!("{SERVICE}:1.0");
    let trace_id = "0a0fe8a31612345678901000112345";
    let mut header = Vec::new();
    for (key, value) in [
        ("service", service.as_str()),
        ("sofa_head_target_service", &service),
        ("sofa_head_method_name", METHOD),
        ("rpc_trace_context.sofaTraceId", trace_id),
        ("rpc_trace_context.sofaRpcId", "0"),
    ] {
        for text in [key, value] {
            header.extend_from_slice(&(text.len() as u32).to_be_bytes());
            header.extend_from_slice(text.as_bytes());
        }
    }
    let mut content = request_object(&service);
    let argument_at = REQUEST_HEAD + REQUEST_CLASS.len() + header.len() + content.len();
    write_string(Grammar::Draft, argument, &mut content);

    let mut frame = vec![MAGIC, 1, 0, 1, 1, 0, 0, 0, 0, 1];
    frame.extend_from_slice(&TIMEOUT_MS.to_be_bytes());
    frame.extend_from_slice(&(REQUEST_CLASS.len() as u16).to_be_bytes());
    frame.extend_from_slice(&(header.len() as u16).to_be_bytes());
    frame.extend_from_slice(&(content.len() as u32).to_be_bytes());
    frame.extend_from_slice(REQUEST_CLASS.as_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(&content);
    (frame, argument_at)
}

/// The `SofaRequest` object that precedes the arguments.
fn request_object(service: &str) -> Vec<u8> {
    let fields = [
        "targetAppName",
        "methodName",
        "targetServiceUniqueName",
        "requestProps",
        "methodArgSigs",
    ];
    let mut out = definition(REQUEST_CLASS, &fields);
    out.extend_from_slice(&[b'o', 0x90, b'N']);
    write_text(Grammar::Draft, METHOD, &mut out);
    write_text(Grammar::Draft, service, &mut out);
    out.push(b'M');
    for text in ["protocol", "bolt", "type", "sync", "app", "bench-consumer"] {
        write_text(Grammar::Draft, text, &mut out);
    }
    out.push(b'z');
    let list_type = "[string";
    out.extend_from_slice(&[b'V', b't', 0, list_type.len() as u8]);
    out.extend_from_slice(list_type.as_bytes());
    out.extend_from_slice(&[b'n', 1]);
    write_text(Grammar::Draft, "java.lang.String", &mut out);
    out.push(b'z');
    out
}

/// A class definition in the draft grammar.
fn definition(class: &str, fields: &[&str]) -> Vec<u8> {
    let mut out = vec![b'O', 0x90 + class.len().min(47) as u8];
    out.extend_from_slice(class.as_bytes());
    out.push(0x90 + fields.len() as u8);
    for field in fields {
        write_text(Grammar::Draft, field, &mut out);
    }
    out
}

/// Responds to a request frame; one-way calls get nothing.
pub fn respond(request: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let parts = Parts::of(request).ok_or(WireError::Truncated("the Bolt header"))?;
    if request[1] == TYPE_ONE_WAY {
        return Ok(());
    }
    if request[3] == COMMAND_HEARTBEAT {
        response_head(request, COMMAND_HEARTBEAT, 0, 0, 0, out);
        return Ok(());
    }
    let start = out.len();
    response_head(request, 2, 0, RESPONSE_CLASS.len(), 0, out);
    out.extend_from_slice(RESPONSE_CLASS.as_bytes());
    let content_at = out.len();
    if let Err(error) = echo(parts.content(request)?, out) {
        out.truncate(start);
        response_head(request, 2, STATUS_DESERIALIZATION, 0, 0, out);
        return Err(error);
    }
    let content = (out.len() - content_at) as u32;
    out[start + 16..start + 20].copy_from_slice(&content.to_be_bytes());
    Ok(())
}

fn response_head(request: &[u8], command: u8, status: u16, class: usize, content: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[MAGIC, TYPE_RESPONSE, 0, command, 1]);
    out.extend_from_slice(&request[5..9]);
    out.push(request[9]);
    out.extend_from_slice(&status.to_be_bytes());
    out.extend_from_slice(&(class as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&content.to_be_bytes());
}

/// Reads the first argument of a `SofaRequest` and writes the `SofaResponse` that returns it.
fn echo(content: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    static OBJECT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut head = definition(
            RESPONSE_CLASS,
            &["isError", "errorMsg", "appResponse", "responseProps"],
        );
        head.extend_from_slice(&[b'o', 0x90, b'F', b'N']);
        head
    });
    let mut reader = Reader::new(Grammar::Draft, content);
    reader.skip_draft()?;
    let argument_at = reader.position();
    reader.string(|_| {})?;
    out.extend_from_slice(&OBJECT);
    out.extend_from_slice(&content[argument_at..reader.position()]);
    out.push(b'N');
    Ok(())
}

/// Reads the result string of a successful response.
pub fn result<'a>(response: &'a [u8], mut piece: impl FnMut(&'a [u8])) -> Result<(), WireError> {
    let parts = Parts::of(response).ok_or(WireError::Truncated("the Bolt header"))?;
    let status = u16::from_be_bytes([response[10], response[11]]);
    if status != 0 {
        return Err(WireError::Failed(format!("Bolt status 0x{status:02x}")));
    }
    let mut reader = Reader::new(Grammar::Draft, parts.content(response)?);
    let class = reader.draft_object()?;
    let (mut is_error, mut message, mut has_result) = (false, None, false);
    reader.draft_fields(class, |reader, field| match field {
        b"isError" => {
            is_error = reader.peek()? != b'F';
            reader.skip_draft()
        }
        b"errorMsg" if is_error => {
            message = Some(reader.text()?);
            Ok(())
        }
        b"appResponse" if !is_error => {
            has_result = true;
            reader.string(&mut piece)
        }
        _ => reader.skip_draft(),
    })?;
    if is_error {
        let message = message.unwrap_or_else(|| "no text".into());
        return Err(WireError::Failed(format!("SofaResponse.isError, {message}")));
    }
    if has_result {
        Ok(())
    } else {
        Err(WireError::Failed("a SofaResponse without appResponse".into()))
    }
}
