//! Which addresses count as one.

use std::net::{IpAddr, Ipv6Addr};

/// Reduces an IPv6 address to its /64 network, because a subscriber has a whole network and is to
/// count once.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        address => address,
    }
}
