//! Writes values in the grammar and spelling of one library.
//!
//! It chooses the same short forms as the stock Java writers (wire sections 3.1 to 3.3), with one exception:
//! negative zero keeps its sign.
mod containers;
pub mod raw;
mod scalars;
mod shapes;

use rialto_values::{Class, Sink, Text, Token, ValueError};

use crate::{Grammar, Library};
use containers::Open;
pub use shapes::WriteTables;

/// Appends one stream to a buffer.
///
/// There are two ways to write, and they can be mixed: the methods `write_*`, `begin_*` and `end` for the
/// parts that a codec knows, and tokens ([`Sink`]) for copied values. All containers share the numbering of
/// the stream; tokens refer to containers that came as tokens, by the numbers of their source.
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    library: Library,
    grammar: Grammar,
    /// The index of the next container.
    next: u32,
    tables: &'o mut WriteTables,
    /// The UUID that is being collected, to be written as text.
    uuid: Option<Uuid>,
    /// Tokens are refused once the buffer is longer than this.
    end: usize,
}

/// A UUID being converted into hessian-lite's form.
#[derive(Clone, Copy, Debug)]
struct Uuid {
    /// Whether the less significant half comes first.
    swapped: bool,
    halves: [i64; 2],
    seen: usize,
}

impl<'o> Writer<'o> {
    /// A writer of a new stream for `library`, after whatever the buffer contains.
    #[must_use]
    pub fn new(out: &'o mut Vec<u8>, library: Library, tables: &'o mut WriteTables) -> Self {
        tables.clear();
        Writer {
            out,
            library,
            grammar: library.grammar(),
            next: 0,
            tables,
            uuid: None,
            end: usize::MAX,
        }
    }

    /// Refuses tokens once the buffer is longer than `end`. The last accepted token may go beyond it.
    #[must_use]
    pub fn up_to(mut self, end: usize) -> Self {
        self.end = end;
        self
    }

    /// A writer that continues a stream whose beginning is already in the buffer. The beginning has
    /// `containers` containers, `classes` class definitions that nothing after them refers to, and names of
    /// these types, in this order.
    #[must_use]
    pub fn behind(
        out: &'o mut Vec<u8>,
        library: Library,
        tables: &'o mut WriteTables,
        containers: u32,
        classes: u32,
        types: &[&str],
    ) -> Self {
        let mut w = Writer::new(out, library, tables);
        w.next = containers;
        w.tables.skip(classes, types);
        w
    }

    /// The library that will read the stream.
    #[must_use]
    pub fn library(&self) -> Library {
        self.library
    }

    /// The index that the next container gets, for [`Writer::write_ref`].
    #[must_use]
    pub fn next_index(&self) -> u32 {
        self.next
    }

    /// Starts tokens of another source, which numbers its containers from 0 again.
    pub fn start_tokens(&mut self) {
        self.tables.numbers.clear();
    }

    /// Checks that every container was ended.
    ///
    /// # Errors
    /// `Malformed` if one is open.
    pub fn finish(self) -> Result<(), ValueError> {
        if self.tables.open.is_empty() {
            return Ok(());
        }
        Err(ValueError::malformed(format!(
            "{} Hessian containers were not ended",
            self.tables.open.len()
        )))
    }

    /// Records the index of a container that came as a token.
    #[inline]
    fn numbered(&mut self) {
        self.tables.numbers.push(self.next);
    }

    /// Takes the next token of a UUID that becomes `{value: string}`.
    fn uuid_token(&mut self, mut uuid: Uuid, token: Token<'_>) -> Result<(), ValueError> {
        let half = match token {
            Token::Long(half) => half,
            Token::Int(half) => half.into(),
            Token::End if uuid.seen == 2 => {
                self.uuid = None;
                self.write_text(uuid.text().as_text());
                return self.end();
            }
            _ => {
                return Err(ValueError::unsupported(
                    "a java.util.UUID that is not two long values",
                ));
            }
        };
        let half_field = uuid
            .halves
            .get_mut(uuid.seen)
            .ok_or_else(|| ValueError::malformed("a UUID of three values"))?;
        *half_field = half;
        uuid.seen += 1;
        self.uuid = Some(uuid);
        Ok(())
    }

    fn begin_uuid(&mut self, class: &Class) -> Result<(), ValueError> {
        let text = self.tables.uuid_class();
        self.begin_object(&text)?;
        let swapped = class.field(rialto_values::handle::UUID_FIELDS[1]) == Some(0);
        self.uuid = Some(Uuid {
            swapped,
            halves: [0; 2],
            seen: 0,
        });
        Ok(())
    }
}

impl Sink for Writer<'_> {
    #[inline]
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if self.out.len() > self.end {
            return Err(ValueError::no_room());
        }
        if let Some(uuid) = self.uuid {
            return self.uuid_token(uuid, token);
        }
        match token {
            Token::Null => self.write_null(),
            Token::Bool(value) => self.write_bool(value)?,
            Token::Int(value) => self.write_int(value),
            Token::Long(value) => self.write_long(value),
            Token::Double(value) => self.write_double(value),
            Token::Date(value) => self.write_date(value),
            Token::Text(value) => self.write_text(value),
            Token::Binary(value) => self.write_binary(value),
            Token::List { class, len } => {
                self.numbered();
                self.begin_list(class, len)?;
            }
            Token::Map { class } => {
                self.numbered();
                self.begin_map(class)?;
            }
            Token::Object(class) => {
                self.numbered();
                if self.library == Library::Lite && self.tables.is_uuid(class) {
                    return self.begin_uuid(class);
                }
                self.begin_object(class)?;
            }
            Token::Ref(number) => match self.tables.numbers.get(number as usize) {
                Some(&index) => self.write_ref(index),
                None => {
                    return Err(ValueError::malformed(format!(
                        "token reference {number} names nothing before it"
                    )));
                }
            },
            Token::End => self.end()?,
        }
        Ok(())
    }
}

/// A UUID in its usual text form.
struct UuidText([u8; 36]);

impl UuidText {
    fn as_text(&self) -> Text<'_> {
        Text::from_checked(&self.0, 36)
    }
}

impl Uuid {
    fn text(&self) -> UuidText {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let [most, least] = if self.swapped {
            [self.halves[1], self.halves[0]]
        } else {
            self.halves
        };
        let bits = u128::from(most as u64) << 64 | u128::from(least as u64);
        let (mut text, mut at) = ([b'-'; 36], 0);
        for nibble in 0..32 {
            if matches!(at, 8 | 13 | 18 | 23) {
                at += 1;
            }
            text[at] = DIGITS[(bits >> (124 - 4 * nibble)) as usize & 15];
            at += 1;
        }
        UuidText(text)
    }
}

impl Writer<'_> {
    /// Counts a value of the innermost container.
    #[inline]
    fn element(&mut self) {
        if let Some(Open { count, .. }) = self.tables.open.last_mut() {
            *count += 1;
        }
    }
}
