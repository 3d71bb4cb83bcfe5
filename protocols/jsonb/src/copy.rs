//! The second pass over a value, which emits its tokens.
use std::collections::HashMap;

use rialto_values::{Allowance, Class, Limits, Token, ValueError, check_name};

use crate::code;
use crate::emit::{Emitter, Expect};
use crate::index::{Index, NO_CLASS, Node, Places, scalars};
use crate::input::Input;
use crate::names;
use crate::path::{self, Found};
use crate::scalar::Scalar;
use crate::skip::skip_value;
use crate::string::Str;
use crate::symbol::{Key, Symbols};

const STACK_TRACE: &str = "[java.lang.StackTraceElement";
const NOT_EMITTED: u32 = u32::MAX;

/// How many bytes of scalars the references of one document may repeat: at most `REPEAT_LIMIT`, and otherwise
/// `REPEAT_FREE` plus `REPEAT_EACH` per byte of the document.
const REPEAT_LIMIT: usize = 8 << 20;
const REPEAT_FREE: usize = 64 << 10;
const REPEAT_EACH: usize = 8;

/// A new definition costs this many times its length, because it is stored with all its names.
const DEFINITION: usize = 8;
/// Up to this number of class names are searched one by one.
const FEW: usize = 16;

/// The rest of an open container.
enum Frame {
    Array {
        node: u32,
        left: usize,
        element: Option<u32>,
    },
    Object {
        node: u32,
        class: Class,
        next: usize,
    },
    Map {
        node: u32,
        value_next: bool,
    },
}

/// The target of a reference.
#[derive(Clone, Copy)]
enum Meaning {
    Container(u32),
    /// The position of the scalar.
    Scalar(u32),
}

/// Emits the value that [`Index`] describes.
pub(crate) struct Copy<'a, 'i, 's> {
    input: Input<'a>,
    symbols: Symbols,
    index: &'i Index,
    out: Emitter<'s>,
    open: Vec<Frame>,
    next_node: u32,
    /// For each container of the document, its number in the token stream.
    numbers: Vec<u32>,
    places: Option<Places<'a>>,
    scalars: Option<Places<'a>>,
    previous: Option<Meaning>,
    /// The position where the indexed value starts, and the symbols defined before it.
    origin: (Input<'a>, Symbols),
    limits: Limits,
    /// The bytes of scalars that may still be repeated.
    repeat_left: usize,
    classes: HashMap<(u32, Option<u32>), Class>,
    /// Classes that were declared for values, such as the element types of arrays.
    declared: Vec<Box<str>>,
    /// The index of each declared class, once there are more than a few.
    declared_at: HashMap<Box<str>, u32>,
    scratch: Vec<u8>,
    /// Whether a reference to a container that was not emitted is followed at once.
    part: bool,
    /// Where to continue after such a container, once this number of containers is open again: position and
    /// next node.
    returns: Vec<(usize, usize, u32)>,
}

impl<'a, 'i, 's> Copy<'a, 'i, 's> {
    pub(crate) fn new(
        input: Input<'a>,
        symbols: Symbols,
        index: &'i Index,
        out: Emitter<'s>,
        limits: &Limits,
    ) -> Self {
        let origin = (input, symbols.clone());
        Copy {
            input,
            symbols,
            index,
            out,
            open: Vec::new(),
            next_node: 0,
            numbers: vec![NOT_EMITTED; index.nodes.len()],
            places: None,
            scalars: None,
            previous: None,
            origin,
            limits: *limits,
            repeat_left: REPEAT_LIMIT.min(REPEAT_FREE + REPEAT_EACH * input.doc().len()),
            classes: HashMap::new(),
            declared: Vec::new(),
            declared_at: HashMap::new(),
            scratch: Vec::new(),
            part: false,
            returns: Vec::new(),
        }
    }

    /// Emits the value and returns the symbols.
    pub(crate) fn run(mut self, declared: Option<&str>) -> Result<Symbols, ValueError> {
        self.copy(declared)?;
        Ok(self.symbols)
    }

    fn copy(&mut self, declared: Option<&str>) -> Result<(), ValueError> {
        let declared = declared.map(|class| self.declare(class)).transpose()?;
        self.value(declared)?;
        while !self.open.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    /// Emits only the container at this position, together with what it refers to. The symbols are those of
    /// the whole document. Returns the rest of the allowance for names.
    pub(crate) fn run_part(mut self, start: usize) -> Result<Allowance, ValueError> {
        self.part = true;
        self.next_node = self
            .index
            .nodes
            .partition_point(|node| (node.start as usize) < start) as u32;
        self.input.jump(start);
        self.copy(None)?;
        Ok(self.out.names)
    }

    /// Emits the next part of the innermost container.
    fn step(&mut self) -> Result<(), ValueError> {
        if let Some(end) = self.index.shadows.get(&(self.input.pos() as u32)) {
            self.input.jump(*end as usize);
        }
        match self.open.last_mut() {
            Some(Frame::Array { left: 0, .. }) => self.close(),
            Some(Frame::Array { left, element, .. }) => {
                *left -= 1;
                let element = *element;
                self.value(element)
            }
            Some(Frame::Object { class, next, .. }) => {
                let Some(field) = class.fields().get(*next) else {
                    self.input.byte("an object")?;
                    return self.close();
                };
                *next += 1;
                let stack_trace = &**field == "stackTrace";
                self.symbols.key(&mut self.input)?;
                let declared = stack_trace.then(|| self.declare(STACK_TRACE)).transpose()?;
                self.value(declared)
            }
            Some(Frame::Map { value_next, .. }) if *value_next => {
                *value_next = false;
                self.value(None)
            }
            Some(Frame::Map { value_next, .. }) => {
                if self.input.peek()? == code::OBJECT_END {
                    self.input.byte("an object")?;
                    return self.close();
                }
                *value_next = true;
                let key = self.symbols.key(&mut self.input)?;
                if let Key::Symbol(name) = key {
                    check_name(name.len as usize)?;
                    self.out.names.pay(name.len as usize)?;
                }
                match key {
                    Key::Symbol(name) | Key::Text(name) => {
                        let text = name.text(self.input.doc(), &mut self.scratch)?;
                        self.out.token(Token::Text(text))
                    }
                    Key::Value => self.value(None),
                }
            }
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), ValueError> {
        self.open.pop();
        if let Some(&(depth, pos, next_node)) = self.returns.last()
            && depth == self.open.len()
        {
            self.returns.pop();
            self.input.jump(pos);
            self.next_node = next_node;
        }
        self.out.token(Token::End)
    }

    fn value(&mut self, declared: Option<u32>) -> Result<(), ValueError> {
        if self.part && self.emitted_before()? {
            return Ok(());
        }
        let mut named = None;
        if self.input.peek()? == code::TYPED {
            self.input.byte("a typed value")?;
            let name: Str = self.symbols.class(&mut self.input)?;
            check_name(name.len as usize)?;
            named = Some(name.to_str(self.input.doc())?);
        }
        let named = named.as_deref().map(names::from_wire);
        let named = named.as_deref();
        match self.input.peek()? {
            code::OBJECT => self.object(named, declared),
            code::REFERENCE => self.reference(),
            b if code::is_array(b) => self.array(named, declared),
            _ => {
                self.out.names.pay(named.map_or(0, str::len))?;
                let value = Scalar::read(&mut self.input, &mut self.scratch)?;
                let expect = match (named, declared) {
                    (Some(class), _) => Expect::Named(class),
                    (None, Some(class)) => Expect::Declared(&self.declared[class as usize]),
                    (None, None) => Expect::Nothing,
                };
                self.out.scalar(value, expect)
            }
        }
    }

    /// If the next container was already emitted through a reference, skips it and emits a reference to it.
    fn emitted_before(&mut self) -> Result<bool, ValueError> {
        let here = |node: &Node| node.start as usize == self.input.pos();
        if !self.index.nodes.get(self.next_node as usize).is_some_and(here) {
            return Ok(false);
        }
        let number = self.numbers[self.next_node as usize];
        if number == NOT_EMITTED {
            return Ok(false);
        }
        skip_value(&mut self.input, &mut self.symbols, self.limits.depth)?;
        let end = self.input.pos();
        self.next_node = self
            .index
            .nodes
            .partition_point(|node| (node.start as usize) < end) as u32;
        self.out.token(Token::Ref(number))?;
        Ok(true)
    }

    fn node(&mut self) -> u32 {
        let node = self.next_node;
        self.next_node += 1;
        self.numbers[node as usize] = self.out.numbering.containers();
        node
    }

    fn array(&mut self, named: Option<&str>, declared: Option<u32>) -> Result<(), ValueError> {
        let node = self.node();
        let left = self.input.array_len()?;
        let declared = declared
            .map(|class| &self.declared[class as usize])
            .filter(|class| named.is_none() && class.starts_with('['))
            .cloned();
        let class = named
            .or(declared.as_deref())
            .filter(|class| *class != "java.util.ArrayList");
        let element = class
            .and_then(names::element_class)
            .map(|class| self.declare(class))
            .transpose()?;
        self.out.token(Token::List {
            class,
            len: Some(left as u32),
        })?;
        self.open.push(Frame::Array { node, left, element });
        Ok(())
    }

    fn object(&mut self, named: Option<&str>, declared: Option<u32>) -> Result<(), ValueError> {
        let node = self.node();
        self.input.byte("an object")?;
        let shape = self.index.nodes[node as usize].shape;
        let declared = declared.filter(|_| named.is_none());
        let class = match (named, declared) {
            (Some(class), _) => Some(class),
            (None, Some(class)) => {
                let class = &*self.declared[class as usize];
                shape
                    .filter(|n| can_be(class, &self.index.shapes[*n as usize]))
                    .map(|_| class)
            }
            (None, None) => None,
        };
        match (class, shape) {
            (Some(class), Some(shape)) if !names::is_map(class) => {
                let class = match self.classes.get(&(shape, declared)) {
                    Some(class) => class.clone(),
                    None => {
                        let weight = self.weight(class, shape)?;
                        self.out.names.pay(weight.saturating_mul(DEFINITION))?;
                        let class = self.class(class, shape)?;
                        self.classes.insert((shape, declared), class.clone());
                        class
                    }
                };
                self.out.token(Token::Object(&class))?;
                self.open.push(Frame::Object { node, class, next: 0 });
            }
            _ => {
                let class = named.filter(|class| *class != "java.util.HashMap");
                self.out.token(Token::Map { class })?;
                self.open.push(Frame::Map {
                    node,
                    value_next: false,
                });
            }
        }
        Ok(())
    }

    /// The length of all names of a class in bytes. None may be too long.
    fn weight(&self, name: &str, shape: u32) -> Result<usize, ValueError> {
        let mut weight = name.len();
        for field in &self.index.shapes[shape as usize][1..] {
            check_name(field.len as usize)?;
            weight += field.len as usize;
        }
        Ok(weight)
    }

    /// Builds the class of a shape. `java.time` beans get the name of their handle.
    fn class(&self, name: &str, shape: u32) -> Result<Class, ValueError> {
        let names = &self.index.shapes[shape as usize];
        debug_assert!(names[0] != NO_CLASS || !name.is_empty());
        let doc = self.input.doc();
        let fields: Vec<_> = names[1..]
            .iter()
            .map(|f| f.to_str(doc))
            .collect::<Result<_, _>>()?;
        let name = match name {
            "java.time.Year" | "java.time.YearMonth" | "java.time.MonthDay" => {
                format!(
                    "{}java8.{}Handle",
                    rialto_values::handle::PACKAGE,
                    &name["java.time.".len()..]
                )
            }
            name => name.to_owned(),
        };
        Ok(Class::new(name, fields))
    }

    /// Stores a declared class and returns its index.
    fn declare(&mut self, class: &str) -> Result<u32, ValueError> {
        // An `Optional` looks like a value of another type, and an empty one like null.
        if class.starts_with("java.util.Optional") {
            return Err(ValueError::unsupported(format!(
                "JSONB: a {class} is written as its value, or as null; send the value itself"
            )));
        }
        let known = if self.declared.len() <= FEW {
            self.declared
                .iter()
                .position(|c| **c == *class)
                .map(|at| at as u32)
        } else {
            self.declared_at.get(class).copied()
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let at = self.declared.len() as u32;
        self.declared.push(class.into());
        match self.declared.len() {
            0..=FEW => {}
            n if n == FEW + 1 => self.declared_at.extend(self.declared.iter().cloned().zip(0..)),
            _ => drop(self.declared_at.insert(class.into(), at)),
        }
        Ok(at)
    }

    fn reference(&mut self) -> Result<(), ValueError> {
        self.input.byte("a reference")?;
        let path = self.input.string("a reference")?.to_str(self.input.doc())?;
        let meaning = match (&*path, self.open.last()) {
            (
                "..",
                Some(Frame::Array { node, .. } | Frame::Object { node, .. } | Frame::Map { node, .. }),
            ) => Meaning::Container(*node),
            ("#-1", _) => self
                .previous
                .ok_or_else(|| path::unresolved(&path, "no reference stands before it"))?,
            _ => self.resolve(&path)?,
        };
        self.previous = Some(meaning);
        match meaning {
            Meaning::Container(node) => self.container_again(node, &path),
            Meaning::Scalar(start) => self.scalar_again(start as usize, &path),
        }
    }

    fn resolve(&mut self, path: &str) -> Result<Meaning, ValueError> {
        let doc = self.input.doc();
        let places = match &mut self.places {
            Some(places) => places,
            none => none.insert(self.index.places(doc)?),
        };
        let (node, place) = match path::resolve(path, places)? {
            Found::Container(node) => return Ok(Meaning::Container(node)),
            Found::Place(node, place) => (node, place),
        };
        let scalars = match &mut self.scalars {
            Some(scalars) => scalars,
            none => none.insert(scalars(self.origin.0, self.origin.1.clone(), &self.limits)?),
        };
        let start = scalars.get(&(node, place)).copied();
        start
            .map(Meaning::Scalar)
            .ok_or_else(|| path::unresolved(path, "nothing stands there"))
    }

    fn container_again(&mut self, node: u32, path: &str) -> Result<(), ValueError> {
        match self.numbers.get(node as usize) {
            Some(&number) if number != NOT_EMITTED => self.out.token(Token::Ref(number)),
            Some(_) if self.part => {
                self.returns
                    .push((self.open.len(), self.input.pos(), self.next_node));
                self.next_node = node;
                self.input.jump(self.index.nodes[node as usize].start as usize);
                self.value(None)
            }
            _ => Err(path::unresolved(path, "it leads to a place that comes later")),
        }
    }

    fn scalar_again(&mut self, start: usize, path: &str) -> Result<(), ValueError> {
        let back = self.input.pos();
        if start >= back {
            return Err(path::unresolved(path, "it leads to a place that comes later"));
        }
        self.input.jump(start);
        self.value(None)?;
        let len = self.input.pos() - start;
        let left = self.repeat_left.checked_sub(len);
        self.repeat_left =
            left.ok_or_else(|| path::unresolved(path, "too much is repeated by references"))?;
        self.input.jump(back);
        Ok(())
    }
}

/// Whether an object without a class can be of the declared class. fastjson2 omits the class only if it is
/// exactly the declared one, and never for maps, which are empty or have keys that are not symbols. The empty
/// name, as in the elements of `[`, is not a class.
fn can_be(class: &str, shape: &[Str]) -> bool {
    let jdk = class.starts_with("java.") && class != names::STACK_TRACE_ELEMENT;
    shape.len() > 1 && !jdk && !class.starts_with('[') && !matches!(class, "" | "object")
}
