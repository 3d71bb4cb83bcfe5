//! Bounds the cost of names that a stream refers to by number.
use crate::ValueError;

/// The longest name of a class, type or field, in bytes. Java allows 65,535, but its compilers name files
/// after classes, so real names are far shorter.
pub const NAME_MAX: usize = 4096;

/// How many more bytes of names one stream may use. After its first use, a name takes a byte or two in the
/// stream, but every reader and writer processes all of it each time. Each use is therefore charged against
/// an allowance that depends on the length of the stream, so no stream costs more than a multiple of its
/// length.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: usize,
}

/// Bytes of names per byte of the stream. Lists of small objects with long names need 40, the most of all
/// honest streams.
const EACH: usize = 64;
/// Bytes of names that any stream may use.
const FREE: usize = 256 << 10;

impl Allowance {
    /// The allowance of a stream of `stream` bytes.
    #[must_use]
    pub fn of(stream: usize) -> Self {
        Allowance {
            left: stream.saturating_mul(EACH).saturating_add(FREE),
        }
    }

    /// Charges the use of names with this total length.
    ///
    /// # Errors
    /// `TooLarge` if the stream has used up its allowance.
    #[inline]
    pub fn pay(&mut self, bytes: usize) -> Result<(), ValueError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(spent()),
        }
    }
}

#[cold]
fn spent() -> ValueError {
    ValueError::too_large(
        "its class, field and key names are so long, and used so often, that they outweigh the message many times",
    )
}

/// Checks the length of a name in bytes.
///
/// # Errors
/// `TooLarge` above [`NAME_MAX`].
#[inline]
pub fn check_name(bytes: usize) -> Result<(), ValueError> {
    if bytes <= NAME_MAX {
        Ok(())
    } else {
        Err(long(bytes))
    }
}

#[cold]
fn long(bytes: usize) -> ValueError {
    ValueError::too_large(format!(
        "the name of a class, field or type takes {bytes} bytes, more than {NAME_MAX}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_charged_until_the_allowance_is_used_up() {
        let mut allowance = Allowance::of(10);
        assert!(allowance.pay(FREE + 10 * EACH).is_ok());
        assert!(allowance.pay(0).is_ok());
        assert!(allowance.pay(1).is_err());
        assert!(check_name(NAME_MAX).is_ok() && check_name(NAME_MAX + 1).is_err());
    }
}
