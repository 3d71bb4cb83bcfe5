//! What an answer must know of its request, in 32 bits: framing, serialization, Hessian grammar, and whether
//! the caller is SOFARPC at all.
use rialto_hessian::Library;

/// Bits of the serialization id.
const CODEC: u32 = 0xff;
/// Where the bits of the framing begin.
const FRAMING: u32 = 8;
const FINAL: u32 = 1 << 11;
const FOREIGN: u32 = 1 << 12;

/// The hint of Bolt messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hint(u32);

/// The version of a frame (wire section 1.1). No connection mixes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Framing(u8);

impl Framing {
    /// What SOFARPC speaks.
    pub(crate) const V1: Framing = Framing(0);

    const V2: u8 = 1;
    /// The second version of the command set, which may carry checksums.
    const SECOND: u8 = 1 << 1;
    const CRC: u8 = 1 << 2;

    /// A frame of protocol version 2.
    #[inline]
    pub(crate) fn v2(second: bool, crc: bool) -> Self {
        let second_bits = if second { Framing::SECOND } else { 0 };
        Framing(Framing::V2 | second_bits | if second && crc { Framing::CRC } else { 0 })
    }

    #[inline]
    pub(crate) fn is_v2(self) -> bool {
        self.0 & Framing::V2 != 0
    }

    /// Whether the command set is the second one.
    pub(crate) fn is_second(self) -> bool {
        self.0 & Framing::SECOND != 0
    }

    /// Whether a checksum ends the frame.
    #[inline]
    pub(crate) fn has_crc(self) -> bool {
        self.0 & Framing::CRC != 0
    }

    /// The same version without a checksum.
    #[must_use]
    pub(crate) fn without_crc(self) -> Self {
        Framing(self.0 & !Framing::CRC)
    }

    /// Whether a caller that speaks `self` takes an answer of that framing. Checksums may be missing: stock
    /// providers leave them out of some answers.
    #[inline]
    pub(crate) fn forwards_as_is(self, answer: Framing) -> bool {
        answer == self || answer == self.without_crc()
    }
}

impl Hint {
    /// What the frame tells.
    #[inline]
    pub(crate) fn new(framing: Framing, codec: u8) -> Self {
        Hint(u32::from(codec) | u32::from(framing.0) << FRAMING)
    }

    /// The bits that are kept with a call.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Hint(bits)
    }

    /// The framing.
    #[inline]
    pub(crate) fn framing(self) -> Framing {
        Framing((self.0 >> FRAMING) as u8 & 7)
    }

    /// The serialization id.
    #[inline]
    pub(crate) fn codec(self) -> u8 {
        (self.0 & CODEC) as u8
    }

    /// The Hessian library of the peer; draft where nothing told.
    #[inline]
    pub(crate) fn library(self) -> Library {
        if self.0 & FINAL == 0 {
            Library::Sofa3
        } else {
            Library::Sofa4
        }
    }

    /// Whether the frame's class is none of SOFARPC's.
    pub(crate) fn is_foreign(self) -> bool {
        self.0 & FOREIGN != 0
    }

    /// Adds what the first byte of Hessian content tells (wire, finding 1).
    #[inline]
    #[must_use]
    pub(crate) fn with_content(self, first: Option<&u8>) -> Self {
        if first == Some(&b'C') {
            Hint(self.0 | FINAL)
        } else {
            self
        }
    }

    /// Adds that the class is none of SOFARPC's.
    #[inline]
    #[must_use]
    pub(crate) fn with_foreign(self, foreign: bool) -> Self {
        if foreign { Hint(self.0 | FOREIGN) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_touch_each_other() {
        for framing in [
            Framing::V1,
            Framing::v2(false, true),
            Framing::v2(true, false),
            Framing::v2(true, true),
        ] {
            let hint = Hint::new(framing, 0xff)
                .with_content(Some(&b'C'))
                .with_foreign(true);
            let again = Hint::from_bits(hint.bits());
            assert_eq!(
                (again.framing(), again.codec(), again.library()),
                (framing, 0xff, Library::Sofa4)
            );
            assert!(again.is_foreign());
        }
        let plain = Hint::new(Framing::V1, 1)
            .with_content(Some(&b'O'))
            .with_foreign(false);
        assert_eq!((plain.library(), plain.is_foreign()), (Library::Sofa3, false));
    }

    #[test]
    fn checksums_need_the_second_command_set_and_may_be_missing_in_answers() {
        let crc = Framing::v2(true, true);
        assert!(!Framing::v2(false, true).has_crc());
        assert!(crc.forwards_as_is(crc) && crc.forwards_as_is(crc.without_crc()));
        assert!(
            !crc.without_crc().forwards_as_is(crc)
                && !Framing::V1.forwards_as_is(crc)
                && !crc.forwards_as_is(Framing::v2(false, false))
        );
    }
}
