//! What a response must know of its request, in 32 bits: the serialization, whether the consumer understands
//! response attachments, and the form in which a generic call wants its return value.

/// The bits of the serialization id, known from the frame. The other bits are set when the head is read.
const SERIALIZATION: u32 = 0x1f;
const ATTACHMENTS: u32 = 1 << 5;
const GENERIC: u32 = 3 << 6;

/// The hint of Dubbo2 messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hint(u32);

/// The form of the arguments and the return value of a generic call (wire section 2.9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Generic {
    /// Not a generic call.
    No = 0,
    /// Objects are maps with an entry `class`, in both directions.
    Maps = 1,
    /// Arguments are such maps, but the return value is the object itself.
    Raw = 2,
    /// A form that is not bridged.
    Other = 3,
}

impl Hint {
    /// The hint that a frame's header gives.
    #[inline]
    pub(crate) fn of_frame(serialization: u8) -> Self {
        Hint(u32::from(serialization) & SERIALIZATION)
    }

    /// The hint with these bits.
    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Hint(bits)
    }

    /// The bits, for storing the hint with a call.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// The serialization id of the message.
    #[inline]
    pub(crate) fn serialization(self) -> u8 {
        (self.0 & SERIALIZATION) as u8
    }

    /// Whether the consumer understands result types with attachments.
    pub(crate) fn takes_attachments(self) -> bool {
        self.0 & ATTACHMENTS != 0
    }

    /// The form of a generic call.
    pub(crate) fn generic(self) -> Generic {
        match self.0 & GENERIC {
            0 => Generic::No,
            0x40 => Generic::Maps,
            0x80 => Generic::Raw,
            _ => Generic::Other,
        }
    }

    /// Adds whether the consumer's protocol version knows response attachments.
    #[must_use]
    pub(crate) fn with_version(self, version: &[u8]) -> Self {
        Hint(if knows_response_attachments(version) {
            self.0 | ATTACHMENTS
        } else {
            self.0 & !ATTACHMENTS
        })
    }

    /// Adds the form of a generic call.
    #[must_use]
    pub(crate) fn with_generic(self, generic: Generic) -> Self {
        Hint(self.0 & !GENERIC | (generic as u32) << 6)
    }
}

impl Generic {
    /// The form that the attachment `generic` of an `$invoke` names. Providers treat a missing one as `true`.
    pub(crate) fn of_attachment(value: &[u8]) -> Self {
        match value {
            b"" | b"true" => Generic::Maps,
            b"raw.return" => Generic::Raw,
            _ => Generic::Other,
        }
    }
}

/// Whether stock providers send response attachments to this version: the protocol versions 2.0.2 to 2.0.99.
/// Old consumers write the version of their jar into the same field (wire section 2.6).
fn knows_response_attachments(version: &[u8]) -> bool {
    matches!(
        version.strip_prefix(b"2.0."),
        Some([b'2'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_decide_as_stock_providers_do() {
        for (version, attaches) in [
            ("2.0.2", true),
            ("2.0.9", true),
            ("2.0.10", true),
            ("2.0.99", true),
            ("2.0.1", false),
            ("2.0.0", false),
            ("2.5.3", false),
            ("2.7.23", false),
            ("3.0.2.1", false),
            ("3.3.6", false),
            ("2.0.100", false),
            ("", false),
        ] {
            assert_eq!(
                Hint::of_frame(2)
                    .with_version(version.as_bytes())
                    .takes_attachments(),
                attaches,
                "{version}"
            );
        }
    }

    #[test]
    fn parts_do_not_overlap() {
        for generic in [Generic::No, Generic::Maps, Generic::Raw, Generic::Other] {
            let hint = Hint::of_frame(23).with_generic(generic).with_version(b"2.0.2");
            let again = Hint::from_bits(hint.bits());
            assert_eq!((again.serialization(), again.generic()), (23, generic));
            assert!(again.takes_attachments() && !again.with_version(b"2.6.2").takes_attachments());
        }
    }
}
