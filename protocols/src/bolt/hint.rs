//! What a response must know of its request, in 32 bits: framing, serialization, Hessian grammar, and whether
//! the downstream is a SOFARPC consumer.
use rialto_hessian::Library;

/// The bits of the serialization id.
const CODEC: u32 = 0xff;
/// Position of the lowest framing bit.
const FRAMING: u32 = 8;
const FINAL: u32 = 1 << 11;
const FOREIGN: u32 = 1 << 12;

/// The hint of Bolt messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hint(u32);

/// The framing of a message: protocol version, command set and checksum (wire section 1.1). A connection uses
/// only one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Framing(u8);

impl Framing {
    /// Version 1, which SOFARPC uses.
    pub(crate) const V1: Framing = Framing(0);

    const V2: u8 = 1;
    /// Bit of the second command set of v2, which may carry checksums.
    const SECOND: u8 = 1 << 1;
    const CRC: u8 = 1 << 2;

    /// A v2 frame. Checksums exist only in the second command set.
    #[inline]
    pub(crate) fn v2(second: bool, crc: bool) -> Self {
        let second_bits = if second { Framing::SECOND } else { 0 };
        Framing(Framing::V2 | second_bits | if second && crc { Framing::CRC } else { 0 })
    }

    #[inline]
    pub(crate) fn is_v2(self) -> bool {
        self.0 & Framing::V2 != 0
    }

    /// Whether the frame uses the second command set of v2.
    pub(crate) fn is_second(self) -> bool {
        self.0 & Framing::SECOND != 0
    }

    /// Whether a checksum ends the frame.
    #[inline]
    pub(crate) fn has_crc(self) -> bool {
        self.0 & Framing::CRC != 0
    }

    /// The same framing without a checksum.
    #[must_use]
    pub(crate) fn without_crc(self) -> Self {
        Framing(self.0 & !Framing::CRC)
    }

    /// Whether a downstream with the framing `self` accepts a response in that framing. A missing checksum is
    /// accepted, because stock providers omit it in some responses.
    #[inline]
    pub(crate) fn forwards_as_is(self, response: Framing) -> bool {
        response == self || response == self.without_crc()
    }
}

impl Hint {
    /// The hint that a frame's fixed part gives.
    #[inline]
    pub(crate) fn new(framing: Framing, codec: u8) -> Self {
        Hint(u32::from(codec) | u32::from(framing.0) << FRAMING)
    }

    /// The bits, for storing the hint with a call.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Hint(bits)
    }

    /// The framing of the message.
    #[inline]
    pub(crate) fn framing(self) -> Framing {
        Framing((self.0 >> FRAMING) as u8 & 7)
    }

    /// The serialization id of the message.
    #[inline]
    pub(crate) fn codec(self) -> u8 {
        (self.0 & CODEC) as u8
    }

    /// The Hessian library of the peer; the draft's unless the content showed the final grammar.
    #[inline]
    pub(crate) fn library(self) -> Library {
        if self.0 & FINAL == 0 {
            Library::Sofa3
        } else {
            Library::Sofa4
        }
    }

    /// Whether the class of the frame is not one of SOFARPC's.
    pub(crate) fn is_foreign(self) -> bool {
        self.0 & FOREIGN != 0
    }

    /// Adds the Hessian grammar, which the first byte of the content shows (wire section 1.6).
    #[inline]
    #[must_use]
    pub(crate) fn with_content(self, first: Option<&u8>) -> Self {
        if first == Some(&b'C') {
            Hint(self.0 | FINAL)
        } else {
            self
        }
    }

    /// Adds whether the class is not one of SOFARPC's.
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
    fn parts_do_not_overlap() {
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
    fn checksums_need_the_second_command_set_and_may_be_missing_in_responses() {
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
