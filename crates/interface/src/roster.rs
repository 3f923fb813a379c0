//! The JSON bodies about rosters and the devices that they list.
//!
//! Rosters are bytes here: a relay and a client read them with `waxseal-roster`.

use serde::{Deserialize, Serialize};

use crate::b64;
use crate::message::{b64_list, b64_option};

/// Maximum length in bytes of a signed roster. The longest has 1,867 bytes: eight devices and four
/// managers, of an account whose name has 128 bytes.
pub const MAX_ROSTER_LEN: usize = 2_048;

/// Maximum number of devices that one request for prekeys names. A roster lists at most this many.
pub const MAX_DEVICES_ASKED: usize = 8;

/// `POST /v1/bundles`: asks for an account's roster, and for prekeys of its devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskBundles {
    /// The account's name. It may be the account of the device that asks.
    pub name: String,
    /// The numbers of the devices whose prekeys are wanted, at most [`MAX_DEVICES_ASKED`]. If the
    /// list is empty, all devices of the account. The relay leaves out the device that asks, and
    /// numbers that the roster does not list.
    #[serde(default)]
    pub devices: Vec<u32>,
}

/// The answer to [`AskBundles`]: the newest roster of an account, and prekeys of its devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundles {
    /// The newest signed roster, encoded.
    #[serde(with = "b64")]
    pub roster: Vec<u8>,
    /// The prekeys of the devices that were asked for. Leaves out devices that have published none
    /// yet.
    pub devices: Vec<DeviceBundle>,
}

/// The prekeys that start a session with one device.
///
/// # Security
/// They are unverified. A client takes them only if the identity in the base is the one that the
/// roster lists for this device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBundle {
    /// The device's number within the account.
    pub device: u32,
    /// The base bundle that the device uploaded last.
    #[serde(with = "b64")]
    pub base: Vec<u8>,
    /// A one-time part that no one else gets. `None` if there are none left, or if the relay holds
    /// them back.
    #[serde(with = "b64_option")]
    pub one_time: Option<Vec<u8>>,
    /// Whether the device has one-time parts and the relay holds them back: the account that asks
    /// has taken too many of them, or all accounts together have.
    #[serde(default)]
    pub held_back: bool,
}

/// What an [`ErrorBody`](crate::ErrorBody) says with
/// [`ErrorCode::Mismatch`](crate::ErrorCode::Mismatch): what the sender of a message needs to send
/// it to exactly the devices that both accounts have now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// The newest signed rosters, encoded, of those accounts whose version in the message is
    /// another: none, the recipient's, the sender's, or both. Each names its account.
    #[serde(with = "b64_list")]
    pub rosters: Vec<Vec<u8>>,
    /// The prekeys of the devices that the message should go to and does not. Leaves out devices
    /// that have published none yet.
    pub bundles: Vec<TargetBundle>,
}

/// The prekeys of a device to which a message should go and does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetBundle {
    /// The name of the device's account: the recipient's, or the sender's own.
    pub name: String,
    /// The device and its prekeys.
    #[serde(flatten)]
    pub bundle: DeviceBundle,
}

/// What an [`ErrorBody`](crate::ErrorBody) says with
/// [`ErrorCode::RosterConflict`](crate::ErrorCode::RosterConflict), and with
/// [`ErrorCode::AccountTaken`](crate::ErrorCode::AccountTaken) if the device is missing from the
/// account's roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterConflict {
    /// The newest signed roster of the account, encoded.
    #[serde(with = "b64")]
    pub roster: Vec<u8>,
}
