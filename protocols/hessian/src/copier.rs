//! Copies values of a stream as neutral tokens.
mod special;

use rialto_values::{Allowance, Sink, Text, Token, ValueError};

use crate::Reader;
use crate::first_byte::FirstByte;
use crate::names::{self, Form};
use crate::reader::{Left, Mark, scalars::Piece};
use crate::tables;

/// Copies values of one source stream into one stream of tokens.
///
/// It remembers the number of each emitted container across values, so a reference to one of them stays a
/// reference. A reference to a container outside the copied values, for example from an argument into the
/// request's properties, is replaced by a copy, once. No container is emitted twice, so shared values cannot
/// multiply.
///
/// Reuse a copier for further streams after [`Copier::clear`], which keeps its memory.
#[derive(Debug, Default)]
pub struct Copier {
    /// For each container of the source, its number in the token stream, [`UNSEEN`] or [`AROUND`].
    numbers: Vec<u32>,
    next: u32,
    tokens: u32,
    open: Vec<Open>,
    /// The remaining allowance for names; `None` until the stream uses one.
    names: Option<Allowance>,
}

const UNSEEN: u32 = u32::MAX;
/// Marks a container that the user of the copier is inside of.
const AROUND: u32 = u32::MAX - 1;

/// A container that is being copied.
#[derive(Clone, Copy, Debug)]
enum Open {
    /// A container that ends with a token.
    Container(Left),
    /// The target of a reference. After it, the reader returns to the position after the reference.
    Detour(Mark),
}

impl Reader<'_, '_> {
    /// Emits the next value as a token stream of its own. To copy several values, or to reuse memory, use a
    /// [`Copier`].
    ///
    /// # Errors
    /// Those of [`Copier::copy`].
    pub fn copy_value<S: Sink + ?Sized>(&mut self, sink: &mut S) -> Result<(), ValueError> {
        Copier::default().copy(self, sink)
    }
}

impl Copier {
    /// Forgets the stream: the next value starts a new one, in the source and in the token stream.
    pub fn clear(&mut self) {
        tables::empty(&mut self.numbers);
        tables::empty(&mut self.open);
        self.next = 0;
        self.tokens = 0;
        self.names = None;
    }

    /// The number that the next container will get in the token stream.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.next
    }

    /// Reserves the numbers of containers that were emitted into the same token stream without this copier.
    pub fn skip_numbers(&mut self, containers: u32) {
        self.next += containers;
    }

    /// Marks the container that the reader began last as one that is read by hand and replaced by another. A
    /// reference back to it is refused, because a full copy would include values that are still to come.
    pub fn stay_inside(&mut self, reader: &Reader<'_, '_>) {
        self.set_number(reader, AROUND);
    }

    /// Copies the next value of the reader to the sink.
    ///
    /// # Errors
    /// The value is not well-formed or exceeds a limit, or the sink refuses it. Reader and sink are then
    /// somewhere inside the value.
    pub fn copy<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
    ) -> Result<(), ValueError> {
        self.open.clear();
        self.value(reader, sink)?;
        while let Some(top) = self.open.last_mut() {
            let more = match top {
                Open::Container(left) => left.step(reader)?,
                Open::Detour(_) => false,
            };
            if more {
                self.value(reader, sink)?;
                continue;
            }
            match self.open.pop() {
                Some(Open::Detour(back)) => reader.seek(back),
                _ => self.emit(reader, sink, Token::End)?,
            }
        }
        Ok(())
    }

    /// Emits a scalar, or the begin token of a container.
    fn value<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
    ) -> Result<(), ValueError> {
        if let Some(bytes) = reader.cursor.short_ascii() {
            return self.emit(
                reader,
                sink,
                Token::Text(Text::from_checked(bytes, bytes.len() as u32)),
            );
        }
        let (at, first) = reader.first_byte_at()?;
        match first {
            FirstByte::Null => self.emit(reader, sink, Token::Null),
            FirstByte::Bool(value) => self.emit(reader, sink, Token::Bool(value)),
            FirstByte::Int(value) => self.emit(reader, sink, Token::Int(value)),
            FirstByte::Long(value) => self.emit(reader, sink, Token::Long(value)),
            FirstByte::Double(value) => self.emit(reader, sink, Token::Double(value)),
            FirstByte::Date(value) => self.emit(reader, sink, Token::Date(value)),
            FirstByte::Text { units, last } => {
                self.count(reader)?;
                match reader.text(units, last)? {
                    Piece::Whole(text) => sink.token(Token::Text(text)),
                    Piece::Joined(units) => {
                        sink.token(Token::Text(Text::from_checked(&reader.tables.joined, units)))
                    }
                }
            }
            FirstByte::Binary { len, last } => {
                self.count(reader)?;
                match reader.binary(len, last)? {
                    Piece::Whole(bytes) => sink.token(Token::Binary(bytes)),
                    Piece::Joined(_) => sink.token(Token::Binary(&reader.tables.joined)),
                }
            }
            FirstByte::List(form) => {
                let list = reader.list(at, form)?;
                if self.emitted_before(reader, sink, list.left)? {
                    return Ok(());
                }
                self.enter(reader, list.left)?;
                let class = reader.list_class(&list)?.filter(|name| !name.is_empty());
                self.pay(reader, class.as_deref().map_or(0, str::len))?;
                sink.token(Token::List {
                    class: class.as_deref(),
                    len: list.len,
                })
            }
            FirstByte::Map { typed } => {
                let (_, name) = reader.map(at, typed)?;
                let left = Left::Pairs { inside: false };
                if self.emitted_before(reader, sink, left)? {
                    return Ok(());
                }
                self.enter(reader, left)?;
                let class = name
                    .map(|index| reader.type_name(index))
                    .transpose()?
                    .filter(|name| !name.is_empty());
                let class = class.map(names::to_neutral_type);
                self.pay(reader, class.as_deref().map_or(0, str::len))?;
                sink.token(Token::Map {
                    class: class.as_deref(),
                })
            }
            FirstByte::Object(class) => self.object(reader, sink, at, class),
            FirstByte::Ref(index) => self.reference(reader, sink, index),
            FirstByte::Remote => Err(ValueError::unsupported(
                "a Hessian remote reference has no form elsewhere",
            )),
            FirstByte::End | FirstByte::Definition => {
                Err(reader.cursor.malformed("an end mark where a value should be"))
            }
        }
    }

    fn object<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
        at: usize,
        class: i32,
    ) -> Result<(), ValueError> {
        let (_, class) = reader.object(at, class)?;
        let left = Left::Exactly(reader.tables.classes[class as usize].values);
        if self.emitted_before(reader, sink, left)? {
            return Ok(());
        }
        let form = reader.tables.known(class, reader.stream, reader.library)?.form;
        if form != Form::Plain {
            return self.special(reader, sink, form, class);
        }
        self.enter(reader, left)?;
        let class = &reader.tables.known(class, reader.stream, reader.library)?.class;
        let names = self
            .names
            .get_or_insert_with(|| Allowance::of(reader.stream.len()));
        names.pay(class.weight())?;
        sink.token(Token::Object(class))
    }

    /// Emits a reference to a container that was emitted, or begins a detour to copy one that was not.
    fn reference<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
        index: i32,
    ) -> Result<(), ValueError> {
        let index = reader.earlier(index)?;
        match self.numbers.get(index as usize) {
            Some(&AROUND) => Err(ValueError::unsupported(
                "a Hessian reference to the object around it, which is not copied as it is",
            )),
            Some(&number) if number != UNSEEN => self.emit(reader, sink, Token::Ref(number)),
            _ => {
                if self.open.len() >= reader.limits.depth as usize {
                    return Err(reader.too_deep());
                }
                self.open.push(Open::Detour(reader.mark()));
                let target = reader.container(index)?;
                reader.seek(target);
                self.value(reader, sink)
            }
        }
    }

    /// Whether the container that was just numbered has already been emitted, in a detour. It then becomes a
    /// reference, and its content is skipped.
    fn emitted_before<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
        left: Left,
    ) -> Result<bool, ValueError> {
        match self.numbers.get(reader.next.value as usize - 1) {
            Some(&number) if number != UNSEEN => {
                self.emit(reader, sink, Token::Ref(number))?;
                reader.skip_rest(left)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Opens the container that the reader numbered last.
    #[inline]
    fn enter(&mut self, reader: &Reader<'_, '_>, left: Left) -> Result<(), ValueError> {
        self.count(reader)?;
        if self.open.len() >= reader.limits.depth as usize {
            return Err(reader.too_deep());
        }
        self.assign(reader);
        self.open.push(Open::Container(left));
        Ok(())
    }

    /// Gives the container that the reader numbered last the next number of the token stream.
    #[inline]
    fn assign(&mut self, reader: &Reader<'_, '_>) {
        self.set_number(reader, self.next);
        self.next += 1;
    }

    #[inline]
    fn set_number(&mut self, reader: &Reader<'_, '_>, number: u32) {
        let index = reader.next.value as usize - 1;
        if self.numbers.len() <= index {
            self.numbers.resize(index + 1, UNSEEN);
        }
        self.numbers[index] = number;
    }

    #[inline]
    fn emit<S: Sink + ?Sized>(
        &mut self,
        reader: &Reader<'_, '_>,
        sink: &mut S,
        token: Token<'_>,
    ) -> Result<(), ValueError> {
        self.count(reader)?;
        sink.token(token)
    }

    /// Charges the use of a name, which may be a mere number in the stream, against the allowance.
    #[inline]
    fn pay(&mut self, reader: &Reader<'_, '_>, bytes: usize) -> Result<(), ValueError> {
        let names = self
            .names
            .get_or_insert_with(|| Allowance::of(reader.stream.len()));
        names.pay(bytes)
    }

    #[inline]
    fn count(&mut self, reader: &Reader<'_, '_>) -> Result<(), ValueError> {
        self.tokens += 1;
        if self.tokens > reader.limits.tokens {
            return Err(ValueError::too_large(format!(
                "a Hessian stream of more than {} tokens",
                reader.limits.tokens
            )));
        }
        Ok(())
    }
}
