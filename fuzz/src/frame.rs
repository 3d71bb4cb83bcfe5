//! Frames: corrected where random bytes are hardly ever right, and decoded.
use rialto_core::framed::{Codec, Decoded, Frame, Kind};
use rialto_core::message::{Message, ProtoId};
use rialto_core::session::{Role, Settings};
use rialto_protocols::bolt::Bolt;
use rialto_protocols::{BOLT, DUBBO};

/// The id of mended frames.
pub(crate) const ID: u64 = 5;

/// A whole frame and its facts.
pub(crate) struct Decoding<'a> {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) msg: Message<'a>,
}

/// The codec of an idle connection.
pub(crate) fn codec<C: Codec>(role: Role, variant: u32) -> C {
    C::new(
        role,
        &Settings {
            variant,
            ..Settings::default()
        },
    )
}

/// The frame that these bytes are, if they are exactly one.
pub(crate) fn decode<C: Codec>(bytes: &[u8]) -> Option<Decoding<'_>> {
    match codec::<C>(Role::Client, 0).decode(bytes) {
        Ok(Decoded::Frame(Frame { len, id, kind, meta })) if len == bytes.len() => {
            let msg = Message { meta, bytes };
            Some(Decoding { kind, id, msg })
        }
        _ => None,
    }
}

/// A frame that Rialto wrote, which must be valid.
pub(crate) fn written<C: Codec>(bytes: &[u8], kind: Kind, id: u64) -> Message<'_> {
    let found = decode::<C>(bytes).unwrap_or_else(|| panic!("not one whole frame: {bytes:x?}"));
    assert_eq!((found.kind, found.id), (kind, id), "{bytes:x?}");
    found.msg
}

/// The protocol of a frame; anything that is not Dubbo2 is tried as Bolt.
pub(crate) fn protocol(bytes: &[u8]) -> ProtoId {
    if bytes.first() == Some(&0xda) { DUBBO } else { BOLT }
}

/// Sets the outermost length to the number of bytes, and corrects the checksum.
pub(crate) fn mend(bytes: &mut [u8]) {
    if protocol(bytes) == DUBBO {
        let body = bytes.len().saturating_sub(16) as u32;
        if let Some(place) = bytes.get_mut(12..16) {
            place.copy_from_slice(&body.to_be_bytes());
        }
    } else {
        mend_bolt(bytes);
    }
}

fn mend_bolt(bytes: &mut [u8]) {
    // v2 has one more byte before the type and one more after the codec.
    let (kind, second) = match bytes {
        [1, kind, ..] => (*kind, 0),
        [2, _, kind, ..] => (*kind, 2),
        _ => return,
    };
    let lengths = second + if kind == 0 { 12 } else { 14 };
    let Some(&[a, b, c, d]) = bytes.get(lengths..lengths + 4).and_then(|l| l.first_chunk()) else {
        return;
    };
    let has_crc = second > 0 && bytes[1] == 2 && bytes[11] & 1 != 0;
    let before = usize::from(u16::from_be_bytes([a, b])) + usize::from(u16::from_be_bytes([c, d]));
    let fixed = lengths + 8 + if has_crc { 4 } else { 0 };
    if let Some(content) = bytes.len().checked_sub(fixed + before) {
        bytes[lengths + 4..lengths + 8].copy_from_slice(&(content as u32).to_be_bytes());
        Bolt::set_id(bytes, ID);
    }
}
