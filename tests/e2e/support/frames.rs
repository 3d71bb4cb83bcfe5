//! Hand-made frames.

pub(crate) const DUBBO_REQUEST: u8 = 0xc2;
pub(crate) const DUBBO_RESPONSE: u8 = 0x02;

/// A Dubbo2 frame with any flags, status and body.
pub(crate) fn dubbo(flags: u8, status: u8, id: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = dubbo_head(flags, status, id, body.len() as i32);
    frame.extend_from_slice(body);
    frame
}

/// The sixteen bytes before a body of any length.
pub(crate) fn dubbo_head(flags: u8, status: u8, id: u64, len: i32) -> Vec<u8> {
    let mut head = vec![0xda, 0xbb, flags, status];
    head.extend_from_slice(&id.to_be_bytes());
    head.extend_from_slice(&len.to_be_bytes());
    head
}

/// The id of a Dubbo2 frame.
pub(crate) fn dubbo_id(frame: &[u8]) -> u64 {
    u64::from_be_bytes(frame[4..12].try_into().unwrap())
}

/// The id of a Bolt v1 frame.
pub(crate) fn bolt_id(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[5..9].try_into().unwrap())
}

/// A Bolt v1 request.
pub(crate) fn bolt_request(
    id: u32,
    codec: u8,
    class: &str,
    header: &[(&str, &str)],
    content: &[u8],
) -> Vec<u8> {
    let mut block = vec![];
    for text in header.iter().flat_map(|(k, v)| [k, v]) {
        block.extend_from_slice(&(text.len() as u32).to_be_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    let mut frame = vec![1, 1, 0, 1, 1];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.push(codec);
    frame.extend_from_slice(&3000u32.to_be_bytes());
    put_lengths(&mut frame, class.len(), block.len(), content.len());
    frame.extend_from_slice(class.as_bytes());
    frame.extend_from_slice(&block);
    frame.extend_from_slice(content);
    frame
}

/// A Bolt v1 response.
pub(crate) fn bolt_response(id: u32, codec: u8, status: u16, class: &str, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 0, 2, 1];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.push(codec);
    frame.extend_from_slice(&status.to_be_bytes());
    put_lengths(&mut frame, class.len(), 0, content.len());
    frame.extend_from_slice(class.as_bytes());
    frame.extend_from_slice(content);
    frame
}

/// A Bolt v1 heartbeat.
pub(crate) fn bolt_heartbeat(id: u32) -> Vec<u8> {
    let mut frame = vec![1, 1, 0, 0, 1];
    frame.extend_from_slice(&id.to_be_bytes());
    frame.extend_from_slice(&[1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    frame
}

fn put_lengths(frame: &mut Vec<u8>, class: usize, header: usize, content: usize) {
    frame.extend_from_slice(&(class as u16).to_be_bytes());
    frame.extend_from_slice(&(header as u16).to_be_bytes());
    frame.extend_from_slice(&(content as u32).to_be_bytes());
}
