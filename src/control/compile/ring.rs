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

#[cfg(test)]
mod tests {
    use super::*;

    /// Another release has to give the same, because processes of both run side by side for a while.
    #[test]
    fn ranks_stay_what_they_are() {
        let ranks = ["10.0.0.1:20880", "10.0.0.2:20880", "[fd00::1]:20880"]
            .map(|address| rank(&Address::Tcp(address.parse().unwrap())));
        assert_eq!(
            ranks,
            [
                3_703_645_711_936_153_827,
                13_927_143_375_848_074_503,
                6_061_568_257_875_248_077
            ]
        );
        let path = std::path::Path::new("/run/a.sock");
        assert_eq!(rank(&Address::Unix(path.into())), 5_760_873_142_899_319_890);
    }
}
