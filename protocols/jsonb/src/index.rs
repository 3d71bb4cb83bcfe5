//! The first pass over a value with containers, which records the containers and their shapes.
//!
//! The token of an object names all its fields before the first value, and a reference names a position by
//! its path. The bytes, however, name each field just before its value, and contain no paths. Copying a value
//! therefore takes two passes: this one checks the grammar and records the containers, the second emits
//! tokens.
use std::borrow::Cow;
use std::collections::HashMap;

use rialto_values::{Allowance, Limits, ValueError};

use crate::code;
use crate::input::Input;
use crate::skip::{check_depth, skip_flat};
use crate::string::Str;
use crate::symbol::{Key, Symbols};

/// A container of the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// The position of its class name or first byte.
    pub(crate) start: u32,
    pub(crate) parent: u32,
    pub(crate) step: Step,
    /// Index into [`Index::shapes`], for an object in which all keys are symbols.
    pub(crate) shape: Option<u32>,
}

/// The step from a container to a container inside it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Root,
    Element(u32),
    /// Under a text key, or in a field.
    Named(Str),
    /// Under a key of another kind: the index of the entry, and the position of the key.
    Entry(u32, u32),
    /// Part of a key, which no path reaches.
    Key,
}

/// A class name, followed by the field names in wire order.
type Shape = Box<[Str]>;

/// What the first pass found.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The containers in the order of their first bytes.
    pub(crate) nodes: Vec<Node>,
    pub(crate) shapes: Vec<Shape>,
    /// The scalars in wire order, if they were asked for.
    scalars: Option<Vec<Node>>,
    by_shape: HashMap<Shape, u32>,
    /// The start and end of fields to skip. fastjson2 writes a field that refers to another value a second
    /// time, as null, and its readers resolve references last.
    pub(crate) shadows: HashMap<u32, u32>,
    /// The position after the value.
    pub(crate) end: usize,
}

/// Stands for the class name of an object without one.
pub(crate) const NO_CLASS: Str = Str {
    encoding: crate::string::Encoding::Latin1,
    start: 0,
    len: 0,
};

enum Open {
    Array {
        node: u32,
        next: u32,
        len: u32,
    },
    Object {
        node: u32,
        names_from: usize,
        symbols_only: bool,
        entries: u32,
        value_next: Option<Step>,
        /// The field before this one, if its value is a reference.
        referring: Option<Str>,
    },
}

impl Index {
    /// Indexes the value at `input`; `symbols` are those defined before it.
    pub(crate) fn new(input: Input<'_>, symbols: Symbols, limits: &Limits) -> Result<Self, ValueError> {
        Index::default().walk(input, symbols, limits)
    }

    fn walk(self, mut input: Input<'_>, symbols: Symbols, limits: &Limits) -> Result<Self, ValueError> {
        let mut pass = Pass {
            symbols,
            limits,
            open: Vec::new(),
            names: Vec::new(),
            index: self,
        };
        pass.value(&mut input, Step::Root)?;
        while !pass.open.is_empty() {
            pass.step(&mut input)?;
        }
        pass.index.end = input.pos();
        Ok(pass.index)
    }

    /// The containers by their position in another one.
    pub(crate) fn places<'a>(&self, doc: &'a [u8]) -> Result<Places<'a>, ValueError> {
        by_place(doc, self.nodes.iter().zip(0..self.nodes.len() as u32))
    }
}

/// Makes another pass that records the positions of scalars, because fastjson2 refers to some scalars, too.
pub(crate) fn scalars<'a>(
    input: Input<'a>,
    symbols: Symbols,
    limits: &Limits,
) -> Result<Places<'a>, ValueError> {
    let index = Index {
        scalars: Some(Vec::new()),
        ..Index::default()
    };
    let scalars = index.walk(input, symbols, limits)?.scalars.unwrap_or_default();
    by_place(input.doc(), scalars.iter().map(|node| (node, node.start)))
}

fn by_place<'a, 'n>(
    doc: &'a [u8],
    nodes: impl Iterator<Item = (&'n Node, u32)>,
) -> Result<Places<'a>, ValueError> {
    let mut places = HashMap::with_capacity(nodes.size_hint().0);
    let mut names = Allowance::of(doc.len());
    for (node, meaning) in nodes {
        match node.step {
            Step::Root | Step::Key => {}
            Step::Element(n) => {
                places.insert((node.parent, Place::Index(n)), meaning);
            }
            Step::Named(name) => {
                names.pay(name.len as usize)?;
                places.insert((node.parent, Place::Name(name.cesu8(doc)?)), meaning);
            }
            Step::Entry(n, key_at) => {
                places.entry((node.parent, Place::Index(n))).or_insert(meaning);
                if let Some(name) = key_name(doc, key_at) {
                    let name = Place::Name(Cow::Owned(name.into_bytes()));
                    places.entry((node.parent, name)).or_insert(meaning);
                }
            }
        }
    }
    Ok(places)
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place<'a> {
    Index(u32),
    /// A name in CESU-8.
    Name(Cow<'a, [u8]>),
}

/// Containers by their parent container and their place in it.
pub(crate) type Places<'a> = HashMap<(u32, Place<'a>), u32>;

/// The text by which paths name a key that is not a string: numbers and enum constants have one.
fn key_name(doc: &[u8], at: u32) -> Option<String> {
    let mut input = Input::new(doc);
    input.jump(at as usize);
    match input.peek().ok()? {
        code::TYPED => {
            input.byte("a key").ok()?;
            if !code::is_int(input.peek().ok()?) {
                input.string("a class name").ok()?;
            }
            input.int("a symbol").ok()?;
            Some(input.string("a key").ok()?.to_str(doc).ok()?.into_owned())
        }
        b if code::is_int(b) || (code::INT64..=code::INT64_ONE_LAST).contains(&b) => {
            input.long("a key").ok().map(|n| n.to_string())
        }
        code::TRUE => Some("true".to_owned()),
        code::FALSE => Some("false".to_owned()),
        _ => None,
    }
}

struct Pass<'l> {
    symbols: Symbols,
    limits: &'l Limits,
    open: Vec<Open>,
    /// The class and field names of the open objects.
    names: Vec<Str>,
    index: Index,
}

impl Pass<'_> {
    /// Continues in the innermost container.
    fn step(&mut self, input: &mut Input<'_>) -> Result<(), ValueError> {
        let step = match self.open.last_mut() {
            Some(Open::Array { next, len, .. }) if next == len => {
                self.open.pop();
                return Ok(());
            }
            Some(Open::Array { next, .. }) => {
                *next += 1;
                Step::Element(*next - 1)
            }
            Some(Open::Object {
                node,
                names_from,
                symbols_only,
                entries,
                value_next,
                referring,
            }) => match value_next.take() {
                Some(step) => step,
                None if input.peek()? == code::OBJECT_END => {
                    input.byte("an object")?;
                    let shape = symbols_only.then_some(*names_from);
                    let (node, names_from) = (*node, *names_from);
                    self.close_object(node, shape, names_from);
                    return Ok(());
                }
                None => {
                    *entries += 1;
                    let start = input.pos();
                    match self.symbols.key(input)? {
                        Key::Symbol(name) => {
                            let code = input.peek()?;
                            if code == code::NULL && referring.take() == Some(name) {
                                input.byte("null")?;
                                self.index.shadows.insert(start as u32, input.pos() as u32);
                                return Ok(());
                            }
                            *referring = (code == code::REFERENCE).then_some(name);
                            *value_next = Some(Step::Named(name));
                            self.names.push(name);
                            return Ok(());
                        }
                        Key::Text(name) => {
                            *symbols_only = false;
                            *value_next = Some(Step::Named(name));
                            return Ok(());
                        }
                        Key::Value => {
                            *symbols_only = false;
                            *value_next = Some(Step::Entry(*entries - 1, start as u32));
                            Step::Key
                        }
                    }
                }
            },
            None => return Ok(()),
        };
        self.value(input, step)
    }

    fn close_object(&mut self, node: u32, shape: Option<usize>, names_from: usize) {
        self.open.pop();
        if shape.is_some() {
            let names = &self.names[names_from..];
            let number = match self.index.by_shape.get(names) {
                Some(number) => *number,
                None => {
                    let number = self.index.shapes.len() as u32;
                    self.index.shapes.push(names.into());
                    self.index.by_shape.insert(names.into(), number);
                    number
                }
            };
            self.index.nodes[node as usize].shape = Some(number);
        }
        self.names.truncate(names_from);
    }

    fn value(&mut self, input: &mut Input<'_>, step: Step) -> Result<(), ValueError> {
        let (start, mut class) = (input.pos() as u32, NO_CLASS);
        if input.peek()? == code::TYPED {
            input.byte("a typed value")?;
            class = self.symbols.class(input)?;
            if matches!(input.peek()?, code::TYPED | code::REFERENCE) {
                return Err(input.malformed("a class name in front of a reference or another class name"));
            }
        }
        match input.peek()? {
            code::OBJECT => {
                let node = self.node(start, step)?;
                input.byte("an object")?;
                let names_from = self.names.len();
                self.names.push(class);
                self.open.push(Open::Object {
                    node,
                    names_from,
                    symbols_only: true,
                    entries: 0,
                    value_next: None,
                    referring: None,
                });
            }
            b if code::is_array(b) => {
                let node = self.node(start, step)?;
                let len = input.array_len()? as u32;
                self.open.push(Open::Array { node, next: 0, len });
            }
            b => {
                skip_flat(input)?;
                if b != code::REFERENCE {
                    self.scalar(start, step)?;
                }
            }
        }
        Ok(())
    }

    fn node(&mut self, start: u32, step: Step) -> Result<u32, ValueError> {
        check_depth(self.open.len(), self.limits.depth)?;
        let number = self.index.nodes.len();
        self.check_table(number, "lists, maps and objects")?;
        let parent = self.parent();
        self.index.nodes.push(Node {
            start,
            parent,
            step,
            shape: None,
        });
        Ok(number as u32)
    }

    fn scalar(&mut self, start: u32, step: Step) -> Result<(), ValueError> {
        let parent = self.parent();
        if let Some(scalars) = &mut self.index.scalars {
            scalars.push(Node {
                start,
                parent,
                step,
                shape: None,
            });
            let number = scalars.len();
            self.check_table(number, "values that a reference may lead to")?;
        }
        Ok(())
    }

    fn parent(&self) -> u32 {
        match self.open.last() {
            Some(Open::Array { node, .. } | Open::Object { node, .. }) => *node,
            None => 0,
        }
    }

    fn check_table(&self, number: usize, what: &str) -> Result<(), ValueError> {
        if number < self.limits.table as usize {
            return Ok(());
        }
        Err(ValueError::too_large(format!(
            "JSONB: more than {} {what} in one document",
            self.limits.table
        )))
    }
}
