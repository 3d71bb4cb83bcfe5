//! The two text formats of Prometheus: classic and OpenMetrics. The library writes OpenMetrics. The classic format
//! differs only in its comment lines, so it is made from OpenMetrics. Clients get the classic format unless they ask
//! for OpenMetrics.
use axum::http::{HeaderMap, header};
use std::fmt::{self, Write};

/// A text format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `text/plain; version=0.0.4`.
    Classic,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

/// Turns OpenMetrics into the classic format, line by line.
pub(super) struct Classic<'a, W> {
    to: &'a mut W,
    line: String,
    /// The help of the current family. It is held back until the type is known, because only counters get `_total`
    /// added to their name.
    help: String,
}

impl Format {
    /// The format that a client prefers.
    pub(super) fn asked(headers: &HeaderMap) -> Format {
        let (mut open, mut classic) = (0.0_f32, 0.0_f32);
        let accepted = headers.get_all(header::ACCEPT).iter();
        for range in accepted
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality: f32 = parts
                .find_map(|p| p.strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match kind.as_str() {
                "application/openmetrics-text" => open = quality.max(open),
                "text/plain" | "text/*" => classic = quality.max(classic),
                _ => {}
            }
        }
        if open > 0.0 && open >= classic {
            Format::OpenMetrics
        } else {
            Format::Classic
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl<'a, W: Write> Classic<'a, W> {
    pub(super) fn new(to: &'a mut W) -> Self {
        Classic {
            to,
            line: String::new(),
            help: String::new(),
        }
    }

    fn end_line(&mut self) -> fmt::Result {
        let line = std::mem::take(&mut self.line);
        if let Some(help) = line.strip_prefix("# HELP ") {
            self.help = help.to_owned();
        } else if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap_or((family, "untyped"));
            let total = if kind == "counter" { "_total" } else { "" };
            let help = self.help.split_once(' ').map_or("", |(_, help)| help);
            writeln!(
                self.to,
                "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}"
            )?;
        } else if !line.starts_with('#') {
            self.to.write_str(&line)?;
            self.to.write_char('\n')?;
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Write for Classic<'_, W> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for part in s.split_inclusive('\n') {
            match part.strip_suffix('\n') {
                Some(last) => {
                    self.line.push_str(last);
                    self.end_line()?;
                }
                None => self.line.push_str(part),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_format() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Format::asked(&headers)
        };
        assert_eq!(Format::asked(&HeaderMap::new()), Format::Classic);
        for classic in [
            "*/*",
            "text/html",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=1.0.0;q=0.2, text/plain;version=0.0.4;q=0.3",
        ] {
            assert_eq!(of(classic), Format::Classic, "{classic}");
        }
        for open in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert_eq!(of(open), Format::OpenMetrics, "{open}");
        }
    }

    #[test]
    fn comments_are_those_of_the_format() {
        let mut text = String::new();
        let mut classic = Classic::new(&mut text);
        let open = "# HELP r_calls Calls.\n# TYPE r_calls counter\nr_calls_total{a=\"# \\n\"} 1\n\
            # HELP r_time_seconds T.\n# TYPE r_time_seconds histogram\n# UNIT r_time_seconds seconds\n\
            r_time_seconds_sum 2.0\n# EOF\n";
        for piece in open.as_bytes().chunks(7) {
            classic.write_str(std::str::from_utf8(piece).unwrap()).unwrap();
        }
        assert_eq!(
            text,
            "# HELP r_calls_total Calls.\n# TYPE r_calls_total counter\nr_calls_total{a=\"# \\n\"} 1\n\
            # HELP r_time_seconds T.\n# TYPE r_time_seconds histogram\nr_time_seconds_sum 2.0\n"
        );
    }
}
