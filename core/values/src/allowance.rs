//! What the names of a stream may cost.
use crate::ValueError;

/// The most bytes of the name of a class, type or field. Java itself has room for 65,535, but its compilers name files
/// after classes, so none comes near this.
pub const NAME_MAX: usize = 4096;

/// What one stream may still spend on names that it gave once and then only numbers: a byte or two of it stand for a
/// name of any length, which every reader and writer looks at anew. So names are paid for by the length of the stream,
/// each time that they are used, and no stream costs more than a multiple of its length.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: usize,
}

/// For each byte of the stream. Lists of small objects with long names, which are the worst of honest streams, take 40.
const EACH: usize = 64;
/// For any stream.
const FREE: usize = 256 << 10;

impl Allowance {
    /// That of a stream of so many bytes.
    #[must_use]
    pub fn of(stream: usize) -> Self {
        Allowance {
            left: stream.saturating_mul(EACH).saturating_add(FREE),
        }
    }

    /// Pays for the use of names of so many bytes in all.
    ///
    /// # Errors
    /// `TooLarge` if the stream has used its names too often already.
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

/// Checks the length of a name.
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
    fn a_stream_pays_for_its_names_until_nothing_is_left() {
        let mut allowance = Allowance::of(10);
        assert!(allowance.pay(FREE + 10 * EACH).is_ok());
        assert!(allowance.pay(0).is_ok());
        assert!(allowance.pay(1).is_err());
        assert!(check_name(NAME_MAX).is_ok() && check_name(NAME_MAX + 1).is_err());
    }
}
