//! Converts big integers and decimals between bytes and Java's text form.
use rialto_values::ValueError;

/// The longest big integer that is converted, in bytes, because conversion takes quadratic time.
pub(crate) const MAX_BYTES: usize = 4096;
const MAX_DIGITS: usize = 9800;
const CHUNK: u64 = 1_000_000_000;

/// A sign and a magnitude in 32-bit limbs, least significant first, without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Big {
    negative: bool,
    limbs: Vec<u32>,
}

impl Big {
    /// Converts from two's complement, most significant byte first; no bytes mean zero.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, ValueError> {
        if bytes.len() > MAX_BYTES {
            return Err(too_long(bytes.len()));
        }
        let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
        let mut limbs: Vec<u32> = bytes
            .rchunks(4)
            .map(|chunk| {
                chunk
                    .iter()
                    .fold(if negative { u32::MAX } else { 0 }, |n, b| n << 8 | u32::from(*b))
            })
            .collect();
        if negative {
            negate(&mut limbs);
        }
        Ok(Big::new(negative, limbs))
    }

    /// Converts from Java's `signum` and `mag` (most significant word first).
    pub(crate) fn from_words(signum: i32, words: &[i32]) -> Option<Self> {
        let big = Big::new(signum < 0, words.iter().rev().map(|w| *w as u32).collect());
        (big.signum() == signum.signum() && words.len() * 4 <= MAX_BYTES).then_some(big)
    }

    fn new(negative: bool, mut limbs: Vec<u32>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Big {
            negative: negative && !limbs.is_empty(),
            limbs,
        }
    }

    pub(crate) fn signum(&self) -> i32 {
        match (self.limbs.is_empty(), self.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    /// Java's `mag`.
    pub(crate) fn words(&self) -> impl ExactSizeIterator<Item = i32> {
        self.limbs.iter().rev().map(|w| *w as i32)
    }

    /// The value, if it fits 64 bits.
    pub(crate) fn to_long(&self) -> Option<i64> {
        let magnitude = match self.limbs[..] {
            [] => 0,
            [low] => i128::from(low),
            [low, high] => i128::from(high) << 32 | i128::from(low),
            _ => return None,
        };
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// Two's complement, most significant byte first, in as few bytes as possible.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut limbs = self.limbs.clone();
        limbs.push(0);
        if self.negative {
            negate(&mut limbs);
        }
        let bytes: Vec<u8> = limbs.iter().rev().flat_map(|w| w.to_be_bytes()).collect();
        let redundant = bytes
            .windows(2)
            .take_while(|w| matches!((w[0], w[1] & 0x80), (0, 0) | (0xff, 0x80)))
            .count();
        bytes[redundant..].to_vec()
    }

    /// The decimal digits of the magnitude.
    fn digits(&self) -> String {
        let mut limbs = self.limbs.clone();
        let mut chunks = Vec::new();
        while !limbs.is_empty() {
            let mut rest = 0_u64;
            for limb in limbs.iter_mut().rev() {
                let n = rest << 32 | u64::from(*limb);
                *limb = (n / CHUNK) as u32;
                rest = n % CHUNK;
            }
            while limbs.last() == Some(&0) {
                limbs.pop();
            }
            chunks.push(rest);
        }
        let mut digits = chunks.pop().unwrap_or(0).to_string();
        chunks
            .iter()
            .rev()
            .for_each(|chunk| digits.push_str(&format!("{chunk:09}")));
        digits
    }

    /// Converts from a sign and decimal digits.
    fn from_digits(negative: bool, digits: &[u8]) -> Self {
        let mut limbs: Vec<u32> = Vec::new();
        for chunk in digits.chunks(9) {
            let mut carry = chunk.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0'));
            let factor = 10_u64.pow(chunk.len() as u32);
            for limb in &mut limbs {
                let n = u64::from(*limb) * factor + carry;
                *limb = n as u32;
                carry = n >> 32;
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
        }
        Big::new(negative, limbs)
    }
}

fn negate(limbs: &mut [u32]) {
    let mut carry = true;
    for limb in limbs {
        (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
    }
}

#[cold]
fn too_long(len: usize) -> ValueError {
    ValueError::too_large(format!("a big number of {len} bytes (the limit is {MAX_BYTES})"))
}

/// The text that `java.math.BigDecimal.toString()` returns.
pub(crate) fn decimal_text(unscaled: &Big, scale: i32) -> String {
    let sign = if unscaled.negative { "-" } else { "" };
    let digits = unscaled.digits();
    let adjusted = digits.len() as i64 - 1 - i64::from(scale);
    if scale == 0 {
        format!("{sign}{digits}")
    } else if scale > 0 && adjusted >= -6 {
        let scale = scale as usize;
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        format!("{sign}{whole}.{fraction}")
    } else {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}E{adjusted:+}")
    }
}

/// Parses what the constructor `java.math.BigDecimal(String)` accepts; `None` for anything else.
pub(crate) fn parse_decimal(text: &str) -> Option<(Big, i32)> {
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole.as_bytes(), fraction.as_bytes()].concat();
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let scale = i32::try_from((fraction.len() as i64).checked_sub(exponent)?).ok()?;
    Some((Big::from_digits(negative, &digits), scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_print_like_java() {
        for (unscaled, scale, text) in [
            (12340, 3, "12.340"),
            (-1, 3, "-0.001"),
            (1, -300, "1E+300"),
            (1, 300, "1E-300"),
            (123, -5, "1.23E+7"),
            (0, 2, "0.00"),
            (5, 6, "0.000005"),
            (5, 7, "5E-7"),
            (0, 7, "0E-7"),
            (100, 0, "100"),
            (10, -1, "1.0E+2"),
        ] {
            let big = Big::from_bytes(&i64::to_be_bytes(unscaled)).unwrap();
            assert_eq!(decimal_text(&big, scale), text);
            assert_eq!(parse_decimal(text), Some((big, scale)), "{text}");
        }
        assert_eq!(parse_decimal(".5").unwrap().1, 1);
        for bad in ["", "-", ".", "1x", "1E", "0x1", "1E99999999999", "NaN", "1 "] {
            assert_eq!(parse_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn conversion_of_very_long_numbers_is_refused() {
        assert!(Big::from_bytes(&[1; MAX_BYTES + 1]).is_err());
        assert_eq!(parse_decimal(&"9".repeat(MAX_DIGITS + 1)), None);
        assert_eq!(
            decimal_text(&Big::from_bytes(&[0x7f; MAX_BYTES]).unwrap(), 0).len(),
            9864
        );
    }

    proptest! {
        #[test]
        fn bytes_words_and_text_agree(bytes in proptest::collection::vec(any::<u8>(), 0..40), scale in any::<i16>()) {
            let big = Big::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&Big::from_bytes(&big.to_bytes()).unwrap(), &big);
            let words: Vec<i32> = big.words().collect();
            prop_assert_eq!(Big::from_words(big.signum(), &words), Some(big.clone()));
            let scale = i32::from(scale);
            prop_assert_eq!(parse_decimal(&decimal_text(&big, scale)), Some((big.clone(), scale)));
            let bytes = big.to_bytes();
            if bytes.len() <= 8 {
                let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
                let mut wide = [sign; 8];
                wide[8 - bytes.len()..].copy_from_slice(&bytes);
                prop_assert_eq!(big.to_long(), Some(i64::from_be_bytes(wide)));
            } else {
                prop_assert_eq!(big.to_long(), None);
            }
        }
    }
}
