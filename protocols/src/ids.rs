//! The numbers by which the core tells protocols apart.
use rialto_core::message::ProtoId;

/// SOFA Bolt, v1 and v2.
pub const BOLT: ProtoId = ProtoId(1);
/// Dubbo2.
pub const DUBBO: ProtoId = ProtoId(2);
/// A connection whose protocol is not detected yet.
pub(crate) const DETECTING: ProtoId = ProtoId(0);
