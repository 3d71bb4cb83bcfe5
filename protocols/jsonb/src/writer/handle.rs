//! Objects that become scalars. All their fields are collected before anything is written.
use rialto_values::{Class, Token, ValueError};

use super::frame::Frame;
use super::value::{Part, Value, is_constant, unexpected_part};
use super::{Core, Target, put_symbol};
use crate::code;
use crate::handle::{Kind, kind};
use crate::skip::check_depth;

impl Core {
    /// Handles a token of an object that may be an enum constant.
    pub(super) fn maybe_enum(&mut self, token: Token<'_>) -> Result<Option<u32>, ValueError> {
        let Some(Frame::MaybeEnum { constant, .. }) = self.open.last_mut() else {
            return Ok(None);
        };
        match (token, &constant) {
            (Token::Text(text), None) if is_constant(text) => {
                *constant = Some(text.to_str().into_owned());
                return Ok(None);
            }
            (Token::End, Some(_)) => {}
            (_, Some(_)) => {
                return Err(ValueError::malformed(
                    "JSONB: an object with more values than fields",
                ));
            }
            (_, None) => {
                // It is a bean.
                if let Some(Frame::MaybeEnum { target, class, .. }) = self.open.pop() {
                    self.begin_bean(&class, target)?;
                }
                return self.token(token);
            }
        }
        if let Some(Frame::MaybeEnum {
            target,
            class,
            constant: Some(constant),
        }) = self.open.pop()
        {
            self.put_value(target, Value::constant(class, &constant))?;
        }
        Ok(None)
    }

    pub(super) fn begin_handle(&mut self, kind: Kind, class: &Class) -> Result<u32, ValueError> {
        check_depth(self.open.len(), self.limits.depth)?;
        let target = self.target(Target::None);
        self.open.push(Frame::Handle {
            target,
            kind,
            class: class.clone(),
            parts: Vec::new(),
        });
        Ok(target)
    }

    /// Collects the fields of an object that becomes a scalar.
    pub(super) fn inside_handle(&mut self, token: Token<'_>) -> Result<Option<u32>, ValueError> {
        let part = match (token, self.open.last_mut()) {
            (Token::Object(class), _) => match kind(class.name()) {
                Some(kind) => return self.begin_handle(kind, class).map(Some),
                None => return Err(unexpected_part(&format!("an object of {}", class.name()))),
            },
            (
                Token::List { .. },
                Some(Frame::Handle {
                    kind: Kind::BigInteger,
                    ..
                }),
            ) => {
                let target = self.target(Target::None);
                self.open.push(Frame::Words {
                    target,
                    words: Vec::new(),
                });
                return Ok(Some(target));
            }
            (Token::Int(word), Some(Frame::Words { words, .. })) => {
                words.push(word);
                return Ok(None);
            }
            (Token::End, _) => return self.end_handle().map(|()| None),
            (token, Some(Frame::Handle { .. })) => Part::scalar(token)?,
            _ => return Err(unexpected_part("a list of something else than ints")),
        };
        self.push_part(part)?;
        Ok(None)
    }

    fn push_part(&mut self, part: Part) -> Result<(), ValueError> {
        if let Some(Frame::Handle { class, parts, .. }) = self.open.last_mut() {
            if parts.len() == class.fields().len() {
                let text = format!(
                    "JSONB: an object of {} with more values than fields",
                    class.name()
                );
                return Err(ValueError::malformed(text));
            }
            parts.push(part);
        }
        Ok(())
    }

    fn end_handle(&mut self) -> Result<(), ValueError> {
        match self.open.pop() {
            Some(Frame::Words { words, .. }) => self.push_part(Part::Words(words)),
            Some(Frame::Handle {
                target,
                kind,
                class,
                parts,
            }) => {
                let value = Value::new(kind, &class, &parts)?;
                self.put_value(target, value)
            }
            _ => Ok(()),
        }
    }

    /// Writes a value, or passes it to the object that it is part of.
    fn put_value(&mut self, target: u32, value: Value) -> Result<(), ValueError> {
        self.targets[target as usize] = Target::Value(value.clone());
        self.write_value(value)
    }

    pub(super) fn write_value(&mut self, value: Value) -> Result<(), ValueError> {
        if let Some(Frame::Handle { .. }) = self.open.last() {
            return self.push_part(Part::Value(value));
        }
        if let Some(Frame::MaybeEnum { .. }) = self.open.last()
            && let Some(Frame::MaybeEnum { target, class, .. }) = self.open.pop()
        {
            self.begin_bean(&class, target)?;
        }
        self.begin_value(None)?;
        if let Some(class) = value.class() {
            self.out.push(code::TYPED);
            put_symbol(&class, &mut self.symbols, &mut self.out);
        }
        value.put(&mut self.out)?;
        self.end_value()
    }
}

/// The bean form of a `java.time` class that fastjson2 writes with its fields.
pub(super) fn time_bean(class: &Class) -> Class {
    let simple = class.name().rsplit('.').next().unwrap_or_default();
    let name = format!("java.time.{}", simple.strip_suffix("Handle").unwrap_or(simple));
    Class::new(name, class.fields().iter().cloned())
}
