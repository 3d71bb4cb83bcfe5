//! The order of endpoints in a large cluster, which decides which worker uses which (`core/src/directory/ring.rs`).
use rialto_core::transport::Address;
use std::net::IpAddr;

/// The place of an endpoint in the order. It follows from the address alone, so that lists in another order, and other
/// processes, give the same. Neighbours by address are not neighbours here: those of one machine or subnet often
/// fail together, and should be used by different workers.
pub(super) fn rank(address: &Address) -> u64 {
    match address {
        Address::Tcp(socket) => match socket.ip() {
            IpAddr::V4(ip) => mixed(u64::from(u32::from(ip)) << 16 | u64::from(socket.port())),
            IpAddr::V6(ip) => {
                let ip = u128::from(ip);
                let parts = [(ip >> 64) as u64, ip as u64, u64::from(socket.port())];
                parts.into_iter().fold(0, |all, part| mixed(all ^ part))
            }
        },
        Address::Unix(path) => {
            let bytes = path.as_os_str().as_encoded_bytes();
            (bytes.iter()).fold(0, |all, byte| mixed(all ^ u64::from(*byte)))
        }
    }
}

/// The output function of splitmix64. It gives different numbers for different ones.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
