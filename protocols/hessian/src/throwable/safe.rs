//! Rewrites exceptions without the parts that readers of another protocol cannot handle.
use rialto_values::{Class, Limits, OwnedToken, Sink, Token, ValueError};

use super::{empty_stack_trace, is_throwable};

/// Emits values with every exception among them made safe: causes and suppressed exceptions are dropped from
/// class and object, stack traces become empty. If an object first occurs in a dropped part and a kept part
/// refers to it, it is emitted where it is first needed. The sink's stream must be at its start.
///
/// `emit` runs twice: dropped values are remembered only if something refers to them, which is rare.
///
/// # Errors
/// Those of `emit` and of the sink, and too many tokens to remember.
pub fn emit_safe<S: Sink + ?Sized>(
    sink: &mut S,
    emit: impl Fn(&mut dyn Sink) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let mut scan = Scan::default();
    emit(&mut scan)?;
    let mut safe = Safe {
        sink,
        numbers: vec![],
        next: 0,
        open: vec![],
        dropping: 0,
        memory: scan.refers.then(Memory::default),
    };
    emit(&mut safe)
}

/// The most tokens that are remembered.
const REMEMBERED_MAX: usize = 1 << 18;

/// An exception that is being walked: its original class, and the index of the next field.
#[derive(Debug)]
struct Throwable {
    class: Class,
    field: usize,
}

/// What happens to a value.
enum Fate {
    Keep,
    Drop,
    EmptyStackTrace,
}

/// What happens to the next value inside this container.
fn fate(open: &mut [Option<Throwable>]) -> Fate {
    let Some(Some(Throwable { class, field })) = open.last_mut() else {
        return Fate::Keep;
    };
    *field += 1;
    match class.fields().get(*field - 1).map(|name| &**name) {
        Some(name) if is_dropped(name) => Fate::Drop,
        Some("stackTrace") => Fate::EmptyStackTrace,
        _ => Fate::Keep,
    }
}

fn is_dropped(field: &str) -> bool {
    matches!(field, "cause" | "suppressedExceptions")
}

/// The exception that this token opens, if it opens one.
fn opened(token: Token<'_>) -> Option<Throwable> {
    match token {
        Token::Object(class) if is_throwable(class) => Some(Throwable {
            class: class.clone(),
            field: 0,
        }),
        _ => None,
    }
}

/// Finds out whether a kept part refers to a dropped one.
#[derive(Default)]
struct Scan {
    /// For each container, whether it is dropped.
    dropped: Vec<bool>,
    open: Vec<Option<Throwable>>,
    dropping: u32,
    refers: bool,
}

impl Sink for Scan {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if token == Token::End {
            match self.dropping {
                0 => drop(self.open.pop()),
                _ => self.dropping -= 1,
            }
            return Ok(());
        }
        let stays = self.dropping == 0 && matches!(fate(&mut self.open), Fate::Keep);
        match token {
            Token::Ref(number) => {
                self.refers |= stays && self.dropped.get(number as usize) == Some(&true);
            }
            token if token.opens() => {
                self.dropped.push(!stays);
                if stays {
                    self.open.push(opened(token));
                } else {
                    self.dropping += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Passes on the values that are kept.
#[derive(Debug)]
struct Safe<'s, S: Sink + ?Sized> {
    sink: &'s mut S,
    /// What happened to each container of the source.
    numbers: Vec<Number>,
    /// The number of the next container that is passed on.
    next: u32,
    open: Vec<Option<Throwable>>,
    /// The number of open containers inside a dropped value.
    dropping: u32,
    memory: Option<Memory>,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    /// Passed on under this number.
    Kept(u32),
    /// Dropped and not remembered, because nothing refers to it.
    Dropped,
    /// Dropped so far, and remembered at this index.
    Remembered(usize),
}

/// Dropped values, one after the other.
#[derive(Debug, Default)]
struct Memory {
    parts: Vec<Part>,
    /// Where the containers that are still open begin.
    open: Vec<usize>,
}

#[derive(Debug)]
struct Part {
    token: OwnedToken,
    /// For a container, its number in the source.
    number: u32,
    /// The index of the value after this one.
    end: usize,
}

impl Memory {
    fn take(&mut self, token: Token<'_>, number: usize) -> Result<(), ValueError> {
        if self.parts.len() == REMEMBERED_MAX {
            return Err(ValueError::unsupported(
                "an exception whose fields refer to objects in its causes, which are too large",
            ));
        }
        let at = self.parts.len();
        self.parts.push(Part {
            token: token.into(),
            number: number as u32,
            end: at + 1,
        });
        if token.opens() {
            self.open.push(at);
        } else if token == Token::End
            && let Some(begin) = self.open.pop()
        {
            self.parts[begin].end = at + 1;
        }
        Ok(())
    }
}

/// A remembered value that is being passed on.
struct Replay {
    at: usize,
    depth: u32,
}

impl<S: Sink + ?Sized> Safe<'_, S> {
    /// Drops a token, or remembers it.
    fn drop_token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        let number = self.numbers.len();
        if token.opens() {
            self.dropping += 1;
            self.numbers.push(match &self.memory {
                Some(memory) => Number::Remembered(memory.parts.len()),
                None => Number::Dropped,
            });
        } else if self.dropping == 0 {
            // Nothing can refer to a scalar.
            return Ok(());
        } else if token == Token::End {
            self.dropping -= 1;
        }
        match &mut self.memory {
            Some(memory) => memory.take(token, number),
            None => Ok(()),
        }
    }

    /// Passes a container on, under the next number.
    fn open(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        self.next += 1;
        let opened = opened(token);
        let class = opened.as_ref().map(|throwable| {
            let fields = throwable.class.fields().iter();
            Class::new(throwable.class.name(), fields.filter(|f| !is_dropped(f)).cloned())
        });
        self.open.push(opened);
        match &class {
            Some(class) => self.sink.token(Token::Object(class)),
            None => self.sink.token(token),
        }
    }

    fn reference(&mut self, number: u32) -> Result<(), ValueError> {
        match self.numbers.get(number as usize) {
            Some(Number::Kept(number)) => self.sink.token(Token::Ref(*number)),
            Some(Number::Dropped) => self.sink.token(Token::Null),
            Some(Number::Remembered(at)) => {
                let memory = self.memory.take().unwrap_or_default();
                let replayed = self.replay(&memory, *at);
                self.memory = Some(memory);
                replayed
            }
            None => Err(ValueError::malformed(format!(
                "token reference {number} names nothing before it"
            ))),
        }
    }

    /// Passes on the container that is remembered at this index, and those that it refers to.
    fn replay(&mut self, memory: &Memory, at: usize) -> Result<(), ValueError> {
        let mut replays = vec![Replay { at, depth: 0 }];
        while let Some(Replay { at, depth }) = replays.last_mut() {
            let Some(part) = memory.parts.get(*at) else {
                // The container is still open: it refers to itself from inside, but that part is dropped.
                return Err(ValueError::malformed("a reference to a value that does not end"));
            };
            let token = part.token.as_token();
            *at += 1;
            if token == Token::End {
                self.open.pop();
                self.sink.token(token)?;
                *depth -= 1;
                if *depth == 0 {
                    replays.pop();
                }
                continue;
            }
            let fate = match depth {
                0 => Fate::Keep,
                _ => fate(&mut self.open),
            };
            match (fate, token) {
                (Fate::Drop, _) => *at = part.end,
                (Fate::EmptyStackTrace, _) => {
                    *at = part.end;
                    self.next += 1;
                    empty_stack_trace(&mut *self.sink)?;
                }
                (Fate::Keep, Token::Ref(number)) => match self.numbers.get(number as usize) {
                    Some(&Number::Remembered(at)) => replays.push(Replay { at, depth: 0 }),
                    _ => self.reference(number)?,
                },
                (Fate::Keep, token) if token.opens() => match self.numbers[part.number as usize] {
                    Number::Kept(number) => {
                        *at = part.end;
                        self.sink.token(Token::Ref(number))?;
                    }
                    _ if self.open.len() >= Limits::default().depth as usize => {
                        return Err(ValueError::unsupported("an exception whose fields are too deep"));
                    }
                    _ => {
                        *depth += 1;
                        self.numbers[part.number as usize] = Number::Kept(self.next);
                        self.open(token)?;
                    }
                },
                (Fate::Keep, scalar) => self.sink.token(scalar)?,
            }
        }
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Safe<'_, S> {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if self.dropping > 0 {
            return self.drop_token(token);
        }
        if token == Token::End {
            self.open.pop();
            return self.sink.token(token);
        }
        match (fate(&mut self.open), token) {
            (Fate::Drop, token) => self.drop_token(token),
            (Fate::EmptyStackTrace, token) => {
                self.drop_token(token)?;
                self.next += 1;
                empty_stack_trace(&mut *self.sink)
            }
            (Fate::Keep, Token::Ref(number)) => self.reference(number),
            (Fate::Keep, token) if token.opens() => {
                self.numbers.push(Number::Kept(self.next));
                self.open(token)
            }
            (Fate::Keep, scalar) => self.sink.token(scalar),
        }
    }
}

#[cfg(test)]
mod tests;
