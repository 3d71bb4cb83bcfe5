//! The admin pages, as a client that closes after each request sees them.
use super::{Json, PATIENCE};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

#[derive(Clone, Copy)]
pub(crate) struct Http(pub(crate) SocketAddr);

impl Http {
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str) -> (u16, String) {
        self.request("POST", path, "content-length: 0\r\n")
    }

    pub(crate) fn get_with(&self, path: &str, header: &str) -> (u16, String) {
        self.request("GET", path, &format!("{header}\r\n"))
    }

    /// A request for another host, or with headers of a browser.
    pub(crate) fn ask(&self, method: &str, path: &str, host: &str, headers: &str) -> (u16, String) {
        let (code, body) = self.bytes(method, path, host, headers);
        (code, String::from_utf8(body).unwrap())
    }

    /// Sends such a request and returns the body as bytes, because it may be compressed.
    pub(crate) fn bytes(&self, method: &str, path: &str, host: &str, headers: &str) -> (u16, Vec<u8>) {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n");
        let mut stream = self.send(&head);
        let mut whole = vec![];
        stream.read_to_end(&mut whole).unwrap();
        let at = whole.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let (head, body) = (std::str::from_utf8(&whole[..at]).unwrap(), &whole[at + 4..]);
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            return (code, dechunked(body));
        }
        (code, body.to_vec())
    }

    /// Sends bytes over a new connection and reads nothing.
    pub(crate) fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        stream
    }

    pub(crate) fn json(&self, path: &str) -> Json {
        let (code, body) = self.get(path);
        assert_eq!(code, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
    }

    fn request(&self, method: &str, path: &str, headers: &str) -> (u16, String) {
        self.ask(method, path, "localhost", headers)
    }
}

fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = vec![];
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap().trim(), 16).unwrap();
        let rest = &body[end + 2..];
        whole.extend_from_slice(&rest[..len]);
        body = rest.get(len + 2..).unwrap_or_default();
    }
    whole
}
