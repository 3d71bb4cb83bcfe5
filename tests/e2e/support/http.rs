//! An HTTP client for the admin pages, which closes after each request.
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

    /// A request for another host, or with a browser's headers.
    pub(crate) fn ask(&self, method: &str, path: &str, host: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
            return (code, without_chunks(body));
        }
        (code, body.to_owned())
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

fn without_chunks(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((len, rest)) = body.split_once("\r\n") {
        let len = usize::from_str_radix(len.trim(), 16).unwrap();
        whole.push_str(&rest[..len]);
        body = rest.get(len + 2..).unwrap_or_default();
    }
    whole
}
