//! Values that occur in several places.
use std::collections::HashMap;
use std::rc::Rc;

use rialto_values::{Allowance, Limits, Sink, Token, ValueError};

use super::frame::{Frame, Step};
use super::{Core, Target, unknown_number};
use crate::code;
use crate::copy::Copy;
use crate::emit::{Emitter, Numbering};
use crate::index::Index;
use crate::input::Input;
use crate::path::push_name;
use crate::skip::skip_value;
use crate::string::put_text;
use crate::symbol::Symbols;
use rialto_values::{Text, text};

/// A list, map or object that was begun.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) document: u32,
    /// The position of its class name or first byte.
    pub(super) start: usize,
    /// The position after it; `None` while it is open.
    pub(super) end: Option<usize>,
    /// The target that contains it.
    pub(super) parent: u32,
    pub(super) step: Step,
    /// The length of the path to it; `None` if there is no path.
    pub(super) path_len: Option<usize>,
    /// Whether a path to it or through it was written.
    pub(super) on_path: bool,
}

/// The earlier documents of which something was written again.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    documents: HashMap<usize, Rc<Past>>,
    /// The number of containers and names passed so far in the search for repeated values.
    passed: usize,
    /// The remaining allowance for names in repeated values.
    names: Option<Allowance>,
}

/// The most containers and names passed: finding one container takes a step for each container and name of
/// its document.
const PASSED_MAX: usize = 1 << 26;

/// A document with its symbols and containers.
#[derive(Debug)]
struct Past {
    bytes: Vec<u8>,
    symbols: Symbols,
    index: Index,
}

impl Past {
    fn new(bytes: &[u8], limits: &Limits) -> Result<Self, ValueError> {
        let mut symbols = Symbols::default();
        skip_value(&mut Input::new(bytes), &mut symbols, limits.depth)?;
        let index = Index::new(Input::new(bytes), Symbols::default(), limits)?;
        Ok(Past {
            bytes: bytes.to_vec(),
            symbols,
            index,
        })
    }
}

impl Earlier {
    fn pay(&mut self, containers: usize) -> Result<(), ValueError> {
        self.passed += containers;
        if self.passed > PASSED_MAX {
            return Err(repeats());
        }
        Ok(())
    }
}

impl Core {
    /// Writes a target again. Returns the target that replaces it from now on, if another one does.
    pub(super) fn reference(&mut self, target: u32) -> Result<Option<u32>, ValueError> {
        if let Some(Frame::MaybeEnum { .. }) = self.open.last()
            && let Some(Frame::MaybeEnum { target, class, .. }) = self.open.pop()
        {
            self.begin_bean(&class, target)?;
        }
        match &self.targets[target as usize] {
            Target::Value(value) => {
                let value = value.clone();
                self.write_value(value)?;
                Ok(None)
            }
            Target::Container(container) => {
                let (document, start, end) = (container.document as usize, container.start, container.end);
                let elsewhere = self.open.is_empty() || document + 1 != self.documents.len();
                match end {
                    Some(end) if elsewhere => self.repeat_from(document, start, end).map(Some),
                    _ => self.refer(target, start, end).map(|()| None),
                }
            }
            Target::None => Err(no_form("a part of a value that is written as a whole")),
        }
    }

    fn refer(&mut self, target: u32, start: usize, end: Option<usize>) -> Result<(), ValueError> {
        self.check_room(0)?;
        if self.open.last().is_some_and(Frame::accepts_reference)
            && let Some(path) = self.path(target)
        {
            self.keep_names(target);
            let mut cesu8 = Vec::with_capacity(path.len());
            let units = text::encode(&path, &mut cesu8);
            self.begin_value(None)?;
            self.out.push(code::REFERENCE);
            put_text(Text::from_checked(&cesu8, units), &mut self.out);
            return self.end_value();
        }
        match end {
            Some(end) => {
                self.take_repeat(end - start)?;
                self.check_room(end - start)?;
                self.begin_value(None)?;
                self.out.extend_from_within(start..end);
                self.end_value()
            }
            None if self.open.last().is_some_and(Frame::at_cause) => self.token(Token::Null).map(drop),
            None => Err(no_form(
                "a cycle through a place that fastjson2's reference paths do not reach",
            )),
        }
    }

    /// Writes a value of an earlier document again, because names and references of documents are
    /// independent.
    fn repeat_from(&mut self, document: usize, start: usize, end: usize) -> Result<u32, ValueError> {
        self.take_repeat(end - start)?;
        self.check_room(end - start)?;
        let (from, to) = self.documents[document];
        let past = match self.earlier.documents.get(&document) {
            Some(past) => Rc::clone(past),
            None => {
                let past = Rc::new(Past::new(&self.out[from..to], &self.limits)?);
                self.earlier.documents.insert(document, Rc::clone(&past));
                past
            }
        };
        let Past {
            bytes,
            symbols,
            index,
        } = &*past;
        self.earlier.pay(index.nodes.len() + symbols.len())?;
        let names = self
            .earlier
            .names
            .unwrap_or_else(|| Allowance::of(self.out.len()));
        let mut numbering = Numbering::new(&self.limits);
        let first = self.targets.len() as u32;
        let limits = self.limits;
        let mut again = Again {
            core: self,
            numbers: Vec::new(),
        };
        let out = Emitter {
            sink: &mut again,
            numbering: &mut numbering,
            names,
        };
        let names =
            Copy::new(Input::new(bytes), symbols.clone(), index, out, &limits).run_part(start - from)?;
        self.earlier.names = Some(names);
        Ok(first)
    }

    fn take_repeat(&mut self, len: usize) -> Result<(), ValueError> {
        let Some(left) = self.repeat_left.checked_sub(len) else {
            return Err(repeats());
        };
        self.repeat_left = left;
        Ok(())
    }

    /// Records the names on the path to a target, to be checked when the document ends.
    fn keep_names(&mut self, target: u32) {
        let document = self.documents.last().map_or(0, |(start, _)| *start);
        let mut at = target;
        while let Target::Container(container) = &mut self.targets[at as usize]
            && container.step != Step::Root
            && !container.on_path
        {
            container.on_path = true;
            if container.step.name().is_some() {
                self.named.push(container.start - document);
            }
            at = container.parent;
        }
    }

    fn path(&self, target: u32) -> Option<String> {
        match &self.targets[target as usize] {
            Target::Container(container) => container.path_len?,
            _ => return None,
        };
        let mut steps = Vec::new();
        let mut at = target;
        loop {
            let Target::Container(container) = &self.targets[at as usize] else {
                return None;
            };
            if container.step == Step::Root {
                break;
            }
            steps.push(&container.step);
            at = container.parent;
        }
        let mut path = "$".to_owned();
        for step in steps.into_iter().rev() {
            match step {
                Step::Element(n) => path.push_str(&format!("[{n}]")),
                step => push_name(step.name()?, &mut path),
            }
        }
        Some(path)
    }
}

/// Receives the tokens of a repeated value, which have their own numbering.
struct Again<'c> {
    core: &'c mut Core,
    numbers: Vec<u32>,
}

impl Sink for Again<'_> {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        let Token::Ref(number) = token else {
            self.numbers.extend(self.core.token(token)?);
            return Ok(());
        };
        let target = *self
            .numbers
            .get(number as usize)
            .ok_or_else(|| unknown_number(number))?;
        self.core.reference(target).map(drop)
    }
}

#[cold]
fn repeats() -> ValueError {
    ValueError::too_large("JSONB: shared values would have to be written again too often")
}

#[cold]
fn no_form(what: &str) -> ValueError {
    ValueError::unsupported(format!("JSONB has no form for a second use of {what}"))
}
