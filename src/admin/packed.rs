//! Compresses pages with gzip while they are written.
use axum::http::{HeaderMap, HeaderValue, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt;
use std::io::{self, Write};

/// Compresses what is written to it into a page.
pub(super) struct Packed<'a, W: Write>(GzEncoder<&'a mut W>);

impl<'a, W: Write> Packed<'a, W> {
    pub(super) fn new(page: &'a mut W) -> Self {
        // metrics are so repetitive that a higher level saves little and costs much more time
        Packed(GzEncoder::new(page, Compression::fast()))
    }

    pub(super) fn end(self) -> io::Result<()> {
        self.0.finish().map(|_| ())
    }
}

impl<W: Write> fmt::Write for Packed<'_, W> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.write_all(s.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Whether the client's `Accept-Encoding` contains gzip.
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = accepted
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let is_wanted = quality.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0));
        is_wanted && (name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip"))
    })
}

/// Adds the headers that announce gzip.
pub(super) fn tell(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;
    use std::io::Read;

    #[test]
    fn gzip_is_sent_to_those_who_accept_it() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
            is_accepted(&headers)
        };
        for yes in ["gzip", "deflate, GZIP;q=0.5", "x-gzip ; q=1"] {
            assert!(of(yes), "{yes}");
        }
        for no in ["", "identity", "gzip;q=0", "gzip;q=x", "deflate, br"] {
            assert!(!of(no), "{no}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        let mut page = vec![];
        let mut packed = Packed::new(&mut page);
        for i in 0..10_000 {
            writeln!(packed, "rialto_calls_total{{method=\"m{i}\"}} {i}").unwrap();
        }
        packed.end().unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*page)
            .read_to_string(&mut text)
            .unwrap();
        assert!(text.ends_with("m9999\"} 9999\n") && page.len() * 4 < text.len());
    }
}
