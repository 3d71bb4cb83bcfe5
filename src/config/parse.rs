//! Parses YAML or JSON text into a [`Node`] tree.
//!
//! The YAML parser delivers events, also for JSON, which is a subset of YAML. This module expands aliases, merges
//! `<<`, replaces variables and finds duplicate keys. It has limits for all of these, because a file may be hostile.

use std::collections::{BTreeSet, HashMap};

use granit_parser::{Event, Parser, ScalarStyle, Span as Mark, Tag, options};
use rialto_config::Path;

use super::interpolate::interpolate;
use super::report::Finding;
use super::source::Span;
use super::substitutions::Replaced;
use super::tree::{Entry, Item, Node, Scalar, Value};

/// The largest file that is parsed, in bytes.
pub(super) const LARGEST_FILE: usize = 64 << 20;
/// The most values of a document. Each use of an alias counts all its values, because a few lines of aliases can
/// stand for billions.
const MOST_NODES: usize = 1 << 20;
/// How deep lists and objects can be nested.
const DEEPEST: usize = 64;

/// A parsed document and its mistakes so far. There is no tree if the text could not be parsed.
pub(super) struct Document {
    pub(super) root: Option<Node>,
    pub(super) findings: Vec<Finding>,
    /// Scalars whose variables were replaced.
    pub(super) replaced: Vec<Replaced>,
}

/// Parses a text. `env` returns the values of variables.
pub(super) fn parse(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Document {
    let options =
        options! { flow_nesting_limit: DEEPEST, block_nesting_limit: DEEPEST, emit_comments: false };
    let mut builder = Builder {
        text,
        events: Parser::new_from_str_with_options(text, options),
        env,
        anchors: HashMap::new(),
        nodes: 0,
        last: 0..0,
        open: Vec::new(),
        findings: Vec::new(),
        replaced: Vec::new(),
    };
    let root = match builder.document() {
        Ok(root) => root,
        Err(fatal) => {
            builder.findings.push(*fatal);
            None
        }
    };
    Document {
        root,
        findings: builder.findings,
        replaced: builder.replaced,
    }
}

struct Builder<'a> {
    text: &'a str,
    events: Parser<'a, granit_parser::StrInput<'a>>,
    env: &'a dyn Fn(&str) -> Option<String>,
    anchors: HashMap<usize, Anchored>,
    nodes: usize,
    last: Span,
    /// The starts of the lists and objects that are still open.
    open: Vec<usize>,
    findings: Vec<Finding>,
    replaced: Vec<Replaced>,
}

/// The value of an anchor, and how many values it contains.
struct Anchored {
    node: Node,
    size: usize,
}

/// A mistake after which parsing cannot continue. It is boxed because it is large and rare.
type Fatal = Box<Finding>;

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_none() => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, &Path::root())?);
                }
                Event::DocumentStart(..) => {
                    return Err(Box::new(
                        Finding::error("", span, "a second document begins here")
                            .hint("a configuration is a single document; remove the line ---"),
                    ));
                }
                _ => {}
            }
        }
        Ok(root)
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Fatal> {
        match self.events.next_event() {
            Some(Ok((event, mark))) => {
                self.last = self.span(&mark);
                match event {
                    Event::SequenceStart(..) | Event::MappingStart(..) => self.open.push(self.last.start),
                    Event::SequenceEnd | Event::MappingEnd => drop(self.open.pop()),
                    _ => {}
                }
                Ok((event, self.last.clone()))
            }
            Some(Err(error)) => {
                let at = offset(self.text, error.marker());
                if let Some(tab) = tab_near(self.text, at) {
                    return Err(Box::new(
                        Finding::error("", tab, "there is a tab in the indentation")
                            .hint("indent with spaces"),
                    ));
                }
                if let Some(finding) = self.unclosed(at, &error.info()) {
                    return Err(Box::new(finding));
                }
                let end = self.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
                Err(Box::new(
                    Finding::error("", at..end, error.info()).hint(self.syntax_hint(at)),
                ))
            }
            None => Ok((Event::StreamEnd, self.last.clone())),
        }
    }

    /// A hint at an unclosed bracket around the place of a syntax error.
    fn unclosed(&self, at: usize, what: &str) -> Option<Finding> {
        let begins = |start: &usize| self.text[*start..].starts_with(['[', '{']);
        let start = *self.open.iter().rev().find(|start| begins(start))?;
        let lines = self.text.get(start..at)?.matches('\n').count();
        if lines == 0 {
            return None;
        }
        let (open, close) = if self.text[start..].starts_with('[') {
            ('[', ']')
        } else {
            ('{', '}')
        };
        let line = self.text[..at].matches('\n').count() + 1;
        let finding = Finding::error(
            "",
            start..start + 1,
            format!("this {open} is not closed before line {line}: {what}"),
        );
        Some(finding.hint(format!("write {close} where it ends")))
    }

    fn syntax_hint(&self, at: usize) -> &'static str {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        if line.contains("]:") {
            "an address such as \"[::1]:20880\" must be in quotes, because [ begins a list"
        } else {
            SYNTAX_HINT
        }
    }

    fn span(&self, mark: &Mark) -> Span {
        let start = offset(self.text, &mark.start);
        start..offset(self.text, &mark.end).max(start)
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &Path) -> Result<Node, Fatal> {
        self.count(1, &span)?;
        let before = self.nodes;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, self.scalar(&text, style, tag.as_deref(), &span, path))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", &span, path);
                (anchor, self.list(path)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", &span, path);
                (anchor, self.map(path)?)
            }
            Event::Alias(id) => return self.alias(id, span, path),
            _ => {
                return Err(Box::new(Finding::error(
                    path.as_str(),
                    span,
                    "a value is missing here",
                )));
            }
        };
        let end = if matches!(value, Value::Scalar(_)) {
            span.end
        } else {
            self.last.end.max(span.start)
        };
        let node = Node {
            span: span.start..end,
            value,
        };
        if anchor != 0 {
            let size = self.nodes - before + 1;
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    size,
                },
            );
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, span: &Span) -> Result<(), Fatal> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MOST_NODES {
            return Err(Box::new(
                Finding::error(
                    "",
                    span.clone(),
                    format!("the document has more than {MOST_NODES} values"),
                )
                .hint("each use of an alias counts all of its values; split the configuration"),
            ));
        }
        Ok(())
    }

    /// The value of an alias. Its place stays where the anchor is, because that is the text to correct.
    fn alias(&mut self, id: usize, span: Span, path: &Path) -> Result<Node, Fatal> {
        let Some(size) = self.anchors.get(&id).map(|anchored| anchored.size) else {
            return Err(Box::new(
                Finding::error(
                    path.as_str(),
                    span,
                    "this alias stands for a value that it is part of",
                )
                .hint("an alias can only repeat a value that is complete"),
            ));
        };
        // It is counted before it is copied, because the copy costs the memory.
        self.count(size, &span)?;
        Ok(self.anchors[&id].node.clone())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
        path: &Path,
    ) -> Value {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        if !is_text {
            self.refuse_tag(tag, "str", span, path);
        }
        let plain = style == ScalarStyle::Plain && !is_text;
        match style {
            ScalarStyle::Plain | ScalarStyle::DoubleQuoted => match interpolate(text, self.env) {
                Ok(None) => Value::Scalar(Scalar {
                    text: text.to_owned(),
                    plain,
                }),
                // A replaced value may be a number although it is quoted, because JSON needs the quotes.
                Ok(Some(read)) => {
                    if !read.variables.is_empty() {
                        self.replaced.push(Replaced {
                            span: span.clone(),
                            written: text.to_owned(),
                            text: read.text.clone(),
                            variables: read.variables,
                        });
                    }
                    Value::Scalar(Scalar {
                        plain: plain || (!is_text && !read.text.is_empty()),
                        text: read.text,
                    })
                }
                Err(error) => {
                    let finding = Finding::error(path.as_str(), span.clone(), error.message).hint(error.hint);
                    self.findings.push(finding);
                    Value::Scalar(Scalar {
                        text: text.to_owned(),
                        plain: false,
                    })
                }
            },
            _ => {
                if text.contains("${") {
                    self.findings.push(Finding {
                        severity: rialto_config::Severity::Warning,
                        ..Finding::error(
                            path.as_str(),
                            span.clone(),
                            "\"${\" is not replaced in this kind of quotes",
                        )
                        .hint("use double quotes or none; write \"$${\" in double quotes to mean the text ${")
                    });
                }
                Value::Scalar(Scalar {
                    text: text.to_owned(),
                    plain: false,
                })
            }
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, allowed: &str, span: &Span, path: &Path) {
        if let Some(tag) = tag
            && !tag.is_yaml_core_schema_tag(allowed)
        {
            let message = format!("the tag {} has no meaning here", tag.original());
            self.findings
                .push(Finding::error(path.as_str(), span.clone(), message).hint("remove it"));
        }
    }

    fn list(&mut self, path: &Path) -> Result<Value, Fatal> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::List(items));
            }
            let index = items.len();
            let node = self.node(event, span, &path.index(index))?;
            items.push(Item { index, node });
        }
    }

    fn map(&mut self, path: &Path) -> Result<Value, Fatal> {
        let mut entries: Vec<Entry> = Vec::new();
        // a set in order has the same memory layout in each run, which keeps the counts of instructions stable
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, key_span) = self.next()?;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                _ => {
                    return Err(Box::new(
                        Finding::error(path.as_str(), key_span, "a key must be plain text").hint(SYNTAX_HINT),
                    ));
                }
            };
            let place = path.key(&key);
            let (event, span) = self.next()?;
            let node = self.node(event, span, &place)?;
            if key == "<<" {
                self.merge(node, &mut merged, &place);
            } else if !seen.insert(key.clone()) {
                let finding = Finding::error(
                    place.as_str(),
                    key_span,
                    format!("the key \"{key}\" is given twice"),
                );
                self.findings.push(finding.hint("keep one of them"));
            } else {
                entries.push(Entry { key, key_span, node });
            }
        }
        for entry in merged {
            if seen.insert(entry.key.clone()) {
                entries.push(entry);
            }
        }
        Ok(Value::Map(entries))
    }

    /// Adds the entries of `<<: *alias` or `<<: [*one, *other]`. If several have a key, the first one wins.
    fn merge(&mut self, node: Node, merged: &mut Vec<Entry>, path: &Path) {
        match node.value {
            Value::Map(entries) => merged.extend(entries),
            Value::List(items) if items.iter().all(|item| matches!(item.node.value, Value::Map(_))) => {
                for item in items {
                    self.merge(item.node, merged, path);
                }
            }
            _ => {
                let finding = Finding::error(path.as_str(), node.span, "only objects can be merged with <<");
                self.findings
                    .push(finding.hint("write <<: *name, where &name marks an object"));
            }
        }
    }
}

/// A tab in the indentation of the line of a syntax error or of the next one. Both are searched because the parser
/// reports the place where it began to read, not that of the error.
fn tab_near(text: &str, at: usize) -> Option<Span> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut line_start = start;
    for line in text[start..].split_inclusive('\n').take(2) {
        let content = line.trim_start_matches([' ', '\t']);
        let indentation = &line[..line.len() - content.len()];
        if let Some(tab) = indentation.find('\t').filter(|_| !content.trim().is_empty()) {
            return Some(line_start + tab..line_start + tab + 1);
        }
        line_start += line.len();
    }
    None
}

const SYNTAX_HINT: &str =
    "this is not well-formed YAML or JSON; check the indentation, brackets and quotes before this place";

fn offset(text: &str, marker: &granit_parser::Marker) -> usize {
    let mut offset = marker.byte_offset().unwrap_or(0).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
