//! What the relay stamps: a message for which its device asked.

use crate::address::DeviceAddress;
use crate::conversation::Audience;
use crate::franking::FrankingTag;

/// What a device asked the relay to stamp, with the device's MAC checked.
///
/// Only this crate implements it. [`StampKeys::stamp`](crate::relay::StampKeys::stamp) takes it.
#[expect(private_bounds, reason = "no other crate may implement it")]
pub trait AuthenticRequest: Sealed {
    /// The franking tag to stamp.
    fn tag(&self) -> &FrankingTag;

    /// The sending device.
    fn sender(&self) -> &DeviceAddress;

    /// Whom the message is for.
    fn audience(&self) -> &Audience;
}

/// Keeps other crates from implementing a trait.
pub(crate) trait Sealed {}
