//! Writes documents.
mod duplicate;
mod frame;
mod handle;
mod reference;
mod value;

use std::collections::HashMap;

use rialto_values::{Class, Limits, Sink, Text, Token, ValueError};

use crate::code;
use crate::handle::{Kind, kind};
use crate::names;
use crate::output::{put_array, put_binary, put_date, put_double, put_int, put_long};
use crate::skip::check_depth;
use crate::string::{put_name, put_text};
use duplicate::check_paths;
use frame::{Frame, Spot, Step};
use reference::{Container, Earlier};
use value::Value;

/// Turns a token stream into documents, one for each value of the stream.
///
/// # Choices
///
/// * Objects and maps have their class, as do lists other than `java.util.ArrayList`. Private collections of
///   the JDK that readers refuse become plain lists, or the usual sets and maps.
/// * Field names and class names are numbered (symbols), as by stock peers.
/// * An object whose only field is `name`, with a text that looks like an enum constant (upper-case ASCII
///   letters, digits and `_`, beginning with a letter), is written as an enum constant, because the token
///   stream does not distinguish it from a bean. Any other single `name` makes a bean.
/// * Throwables are written without the class of their `suppressedExceptions`; a `cause` that refers to the
///   throwable itself or to one around it becomes null.
/// * Shared containers become references if fastjson2 can follow them, and otherwise they are written again:
///   from another document (argument) of the stream, as an element of an `Object[]` or of a list that it
///   rebuilds after reading, and below a map key that its paths cannot express. If that would never end, in a
///   cycle, it is an error. So is a reference through a name that occurs again in its map or object, because
///   the path would mean another value.
#[derive(Debug)]
pub struct Writer {
    core: Core,
    /// For each container of the stream, the index of its target.
    numbers: Vec<u32>,
}

/// The writer without the numbering of the stream.
#[derive(Debug)]
struct Core {
    out: Vec<u8>,
    /// Whether each document follows its length.
    framed: bool,
    limits: Limits,
    /// The start (after the length) and end of each document.
    documents: Vec<(usize, usize)>,
    symbols: HashMap<Box<str>, i32>,
    open: Vec<Frame>,
    targets: Vec<Target>,
    /// The positions in this document of containers that paths find by a name.
    named: Vec<usize>,
    /// How many bytes of repeated values may still be written.
    repeat_left: usize,
    /// Tokens are refused once `out` is longer than this.
    end: usize,
    earlier: Earlier,
}

/// What a container of the stream became.
#[derive(Debug)]
enum Target {
    /// Undecided, or part of a value that can only be repeated as a whole.
    None,
    Container(Container),
    Value(Value),
}

/// The most bytes of repeated values in a body, Dubbo's payload limit.
const REPEAT_LIMIT: usize = 8 * 1024 * 1024;

impl Writer {
    /// Appends documents, each after its length, to the bytes in `out`.
    #[must_use]
    pub fn framed(out: Vec<u8>, limits: &Limits) -> Self {
        Writer {
            core: Core::new(out, true, limits),
            numbers: Vec::new(),
        }
    }

    /// Refuses tokens once there are more than `end` bytes, including those present at the start. The last
    /// accepted token may go beyond it.
    #[must_use]
    pub fn up_to(mut self, end: usize) -> Self {
        self.core.end = end;
        self
    }

    /// Writes a single document.
    #[must_use]
    pub fn bare(limits: &Limits) -> Self {
        Writer {
            core: Core::new(Vec::new(), false, limits),
            numbers: Vec::new(),
        }
    }

    /// The number of complete documents.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.core.documents.len() - usize::from(!self.core.open.is_empty())
    }

    /// The written bytes.
    ///
    /// # Errors
    /// Those of [`Writer::check`].
    pub fn finish(self) -> Result<Vec<u8>, ValueError> {
        self.check()?;
        Ok(self.core.out)
    }

    /// The bytes written so far, even if a document is incomplete.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.core.out
    }

    /// Checks that the documents are complete.
    ///
    /// # Errors
    /// The stream ends inside a value, or is empty although a document was expected.
    pub fn check(&self) -> Result<(), ValueError> {
        if !self.core.open.is_empty() {
            return Err(ValueError::malformed(
                "JSONB: the token stream ends inside a value",
            ));
        }
        if !self.core.framed && self.core.documents.is_empty() {
            return Err(ValueError::malformed("JSONB: the token stream is empty"));
        }
        Ok(())
    }
}

impl Sink for Writer {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        match token {
            Token::Ref(number) => match self.numbers.get(number as usize) {
                Some(&target) => {
                    if let Some(moved) = self.core.reference(target)? {
                        self.numbers[number as usize] = moved;
                    }
                    Ok(())
                }
                None => Err(unknown_number(number)),
            },
            token => {
                if let Some(target) = self.core.token(token)? {
                    self.numbers.push(target);
                }
                Ok(())
            }
        }
    }
}

#[cold]
fn unknown_number(number: u32) -> ValueError {
    ValueError::malformed(format!(
        "JSONB: the token stream refers to container {number}, which was not begun"
    ))
}

impl Core {
    fn new(out: Vec<u8>, framed: bool, limits: &Limits) -> Self {
        Core {
            out,
            framed,
            limits: *limits,
            documents: Vec::new(),
            symbols: HashMap::new(),
            open: Vec::new(),
            targets: Vec::new(),
            named: Vec::new(),
            repeat_left: REPEAT_LIMIT,
            end: usize::MAX,
            earlier: Earlier::default(),
        }
    }

    /// Handles any token but a reference. Returns the target of a container that it begins.
    fn token(&mut self, token: Token<'_>) -> Result<Option<u32>, ValueError> {
        self.check_room(0)?;
        if let Some(Frame::MaybeEnum { .. }) = self.open.last() {
            return self.maybe_enum(token);
        }
        if let Some(Frame::Handle { .. } | Frame::Words { .. }) = self.open.last() {
            return self.inside_handle(token);
        }
        match token {
            Token::List { class, len } => self.begin_list(class, len).map(Some),
            Token::Map { class } => self.begin_map(class).map(Some),
            Token::Object(class) => self.begin_object(class).map(Some),
            Token::End => self.end().map(|()| None),
            scalar => {
                self.scalar(scalar)?;
                Ok(None)
            }
        }
    }

    /// Checks that `len` more bytes may be written.
    fn check_room(&self, len: usize) -> Result<(), ValueError> {
        if self.out.len() + len > self.end {
            return Err(ValueError::no_room());
        }
        Ok(())
    }

    fn scalar(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        self.begin_value(match token {
            Token::Text(v) => Some(v),
            _ => None,
        })?;
        let out = &mut self.out;
        match token {
            Token::Bool(v) => out.push(if v { code::TRUE } else { code::FALSE }),
            Token::Int(v) => put_int(v, out),
            Token::Long(v) => put_long(v, out),
            Token::Double(v) => put_double(v, out),
            Token::Date(v) => put_date(v, out),
            Token::Text(v) => put_text(v, out),
            Token::Binary(v) => put_binary(v, out),
            _ => out.push(code::NULL),
        }
        self.end_value()
    }

    /// Prepares the innermost container for its next value; `key` is the value if it is a text.
    fn begin_value(&mut self, key: Option<Text<'_>>) -> Result<(), ValueError> {
        let Some(frame) = self.open.last_mut() else {
            return self.begin_document();
        };
        match frame {
            Frame::List { count, .. } => *count += 1,
            Frame::Map {
                value_next,
                key: kept,
                ..
            } => {
                *value_next = !*value_next;
                if *value_next {
                    kept.clear();
                    if let Some(text) = key {
                        kept.push_str(&text.to_str());
                    }
                }
            }
            Frame::Object { class, next, .. } => {
                let Some(field) = class.fields().get(*next) else {
                    let text = format!(
                        "JSONB: an object of {} with more values than fields",
                        class.name()
                    );
                    return Err(ValueError::malformed(text));
                };
                *next += 1;
                let name = match &**field {
                    "declaringClass" if class.name() == names::STACK_TRACE_ELEMENT => "className",
                    name => name,
                };
                self.out.push(code::SYMBOL);
                put_symbol(name, &mut self.symbols, &mut self.out);
            }
            Frame::Handle { .. } | Frame::Words { .. } | Frame::MaybeEnum { .. } => {}
        }
        Ok(())
    }

    fn begin_document(&mut self) -> Result<(), ValueError> {
        if !self.framed && !self.documents.is_empty() {
            return Err(ValueError::malformed(
                "JSONB: a second value for a single document",
            ));
        }
        if self.framed {
            self.out.extend_from_slice(&[0; 4]);
        }
        self.symbols.clear();
        self.documents.push((self.out.len(), 0));
        Ok(())
    }

    /// Closes the document if the value just written was its root.
    fn end_value(&mut self) -> Result<(), ValueError> {
        let end = self.out.len();
        let (true, Some((start, document_end))) = (self.open.is_empty(), self.documents.last_mut()) else {
            return Ok(());
        };
        *document_end = end;
        let Ok(len) = i32::try_from(end - *start) else {
            return Err(ValueError::too_large(format!(
                "a JSONB document of {} bytes",
                end - *start
            )));
        };
        if !self.named.is_empty() {
            self.named.sort_unstable();
            check_paths(&self.out[*start..], &self.named)?;
            self.named.clear();
        }
        if self.framed {
            self.out[*start - 4..*start].copy_from_slice(&len.to_be_bytes());
        }
        Ok(())
    }

    fn begin_list(&mut self, class: Option<&str>, len: Option<u32>) -> Result<u32, ValueError> {
        let class = class.and_then(names::collection);
        let suppressed = self.open.last().is_some_and(Frame::at_suppressed);
        let target = self.begin_container(class.filter(|_| !suppressed))?;
        let patch = match len {
            Some(len) => {
                put_array(len, &mut self.out);
                None
            }
            None => {
                self.out.extend_from_slice(&[code::ARRAY, code::INT, 0, 0, 0, 0]);
                Some(self.out.len() - 4)
            }
        };
        let spot = Spot::list(class, suppressed);
        self.open.push(Frame::List {
            target,
            count: 0,
            len,
            patch,
            spot,
        });
        Ok(target)
    }

    fn begin_map(&mut self, class: Option<&str>) -> Result<u32, ValueError> {
        let class = class.and_then(names::map);
        let target = self.begin_container(class)?;
        self.out.push(code::OBJECT);
        self.open.push(Frame::Map {
            target,
            value_next: false,
            key: String::new(),
            spot: Spot::map(class),
        });
        Ok(target)
    }

    fn begin_object(&mut self, class: &Class) -> Result<u32, ValueError> {
        let class = match kind(class.name()) {
            Some(Kind::Year | Kind::YearMonth | Kind::MonthDay) => &handle::time_bean(class),
            Some(kind) => return self.begin_handle(kind, class),
            None if class.name().starts_with(rialto_values::handle::PACKAGE) => {
                let text = format!("JSONB has no form for an object of {}", class.name());
                return Err(ValueError::unsupported(text));
            }
            None => class,
        };
        if class.fields().len() == 1 && &*class.fields()[0] == "name" {
            let target = self.target(Target::None);
            self.open.push(Frame::MaybeEnum {
                target,
                class: class.clone(),
                constant: None,
            });
            return Ok(target);
        }
        let target = self.target(Target::None);
        self.begin_bean(class, target)?;
        Ok(target)
    }

    fn begin_bean(&mut self, class: &Class, target: u32) -> Result<(), ValueError> {
        self.begin_container_at(Some(class.name()), target)?;
        self.out.push(code::OBJECT);
        let throwable = class.field("stackTrace").is_some() && class.field("detailMessage").is_some();
        self.open.push(Frame::Object {
            target,
            class: class.clone(),
            next: 0,
            throwable,
        });
        Ok(())
    }

    fn begin_container(&mut self, class: Option<&str>) -> Result<u32, ValueError> {
        let target = self.target(Target::None);
        self.begin_container_at(class, target)?;
        Ok(target)
    }

    fn begin_container_at(&mut self, class: Option<&str>, target: u32) -> Result<(), ValueError> {
        check_depth(self.open.len(), self.limits.depth)?;
        self.begin_value(None)?;
        let (parent, step) = match self.open.last() {
            Some(frame) => (frame.target(), frame.step()),
            None => (0, Step::Root),
        };
        let path_len = match (&step, &self.targets[parent as usize]) {
            (Step::Root, _) => Some(1),
            (step, Target::Container(c)) => c.path_len.and_then(|len| step.path_len_behind(len)),
            _ => None,
        };
        let document = self.documents.len() as u32 - 1;
        let container = Container {
            document,
            start: self.out.len(),
            end: None,
            parent,
            step,
            path_len,
            on_path: false,
        };
        self.targets[target as usize] = Target::Container(container);
        if let Some(class) = class {
            self.out.push(code::TYPED);
            put_symbol(&names::to_wire(class), &mut self.symbols, &mut self.out);
        }
        Ok(())
    }

    fn target(&mut self, target: Target) -> u32 {
        self.targets.push(target);
        self.targets.len() as u32 - 1
    }

    /// Closes the innermost list, map or object.
    fn end(&mut self) -> Result<(), ValueError> {
        let Some(frame) = self.open.pop() else {
            return Err(ValueError::malformed(
                "JSONB: the token stream ends a container that was not begun",
            ));
        };
        match &frame {
            Frame::List {
                count,
                len: Some(len),
                ..
            } if count != len => {
                let text = format!("JSONB: a list said to hold {len} values held {count}");
                return Err(ValueError::malformed(text));
            }
            Frame::List {
                count,
                patch: Some(at),
                ..
            } => {
                self.out[*at..*at + 4].copy_from_slice(&count.to_be_bytes());
            }
            Frame::Map { value_next: true, .. } => {
                return Err(ValueError::malformed("JSONB: a map whose last key has no value"));
            }
            Frame::Object { class, next, .. } if *next != class.fields().len() => {
                let text = format!(
                    "JSONB: an object of {} with {next} values for {} fields",
                    class.name(),
                    class.fields().len()
                );
                return Err(ValueError::malformed(text));
            }
            Frame::Map { .. } | Frame::Object { .. } => self.out.push(code::OBJECT_END),
            _ => {}
        }
        let end = self.out.len();
        if let Target::Container(container) = &mut self.targets[frame.target() as usize] {
            container.end = Some(end);
        }
        self.end_value()
    }
}

/// Appends a name with a new number, or the number that it already has.
fn put_symbol(name: &str, symbols: &mut HashMap<Box<str>, i32>, out: &mut Vec<u8>) {
    if let Some(number) = symbols.get(name) {
        return put_int(*number, out);
    }
    let number = symbols.len() as i32;
    put_name(name, out);
    put_int(number, out);
    symbols.insert(name.into(), number);
}
