//! Records of the courier: what it must still know after a restart.

/// The provider that the account is at, and the state of the prekeys there. Written when one of
/// them changes.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct CourierRecord {
    /// The pinned relay key, 32 bytes. Empty before the first contact with the provider.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) relay_key: Vec<u8>,
    /// The fingerprint of the moderation key that reports were last sealed to.
    #[prost(string, tag = "2")]
    pub(crate) moderation_fingerprint: String,
    /// Number of days during which a message can be reported. 0 if it is not known.
    #[prost(uint32, tag = "3")]
    pub(crate) verify_days: u32,
    /// When the signed prekeys were last replaced, in milliseconds.
    #[prost(uint64, tag = "4")]
    pub(crate) rotated_ms: u64,
    /// Whether the provider has every prekey of this device, as far as this device knows.
    #[prost(bool, tag = "5")]
    pub(crate) has_uploaded: bool,
    /// When the provider last got the signed prekeys, in milliseconds.
    #[prost(uint64, tag = "7")]
    pub(crate) uploaded_ms: u64,
    /// Whether the next upload replaces the one-time prekeys that the provider has, because this
    /// device cannot use them any more.
    #[prost(bool, tag = "6")]
    pub(crate) replaces: bool,
    /// The epoch of the newest roster of which this device knows that the provider has it. 0 if it
    /// knows of none.
    #[prost(uint32, tag = "8")]
    pub(crate) roster_epoch: u32,
    /// Its version.
    #[prost(uint32, tag = "9")]
    pub(crate) roster_version: u32,
    /// When sessions last started over because the provider dropped messages, in milliseconds.
    #[prost(uint64, tag = "10")]
    pub(crate) expired_ms: u64,
    /// The pinned keys of the log of the provider's desk, in their text form. Empty before the
    /// first contact with a desk.
    #[prost(string, tag = "11")]
    pub(crate) log_keys: String,
    /// Other keys that the provider shows and the application has not accepted, in their text form.
    #[prost(string, tag = "12")]
    pub(crate) other_log_keys: String,
    /// When the provider was last asked for the keys of its log, in milliseconds.
    #[prost(uint64, tag = "13")]
    pub(crate) keys_asked_ms: u64,
    /// The number of the newest notice of a decision that this device took.
    #[prost(uint64, tag = "14")]
    pub(crate) noticed: u64,
    /// When all notices were last gone through from the first one on, in milliseconds. 0 before.
    #[prost(uint64, tag = "15")]
    pub(crate) notices_read_ms: u64,
}

/// A delivery that did not open and was not acknowledged. It comes again on the next connection.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct KeptRecord {
    /// The number that the provider gave the delivery.
    #[prost(uint64, tag = "1")]
    pub(crate) number: u64,
    /// When its last day began, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub(crate) day_ms: u64,
    /// How often it came.
    #[prost(uint32, tag = "3")]
    pub(crate) times: u32,
    /// On how many further days it came. A clock that jumps counts as one day.
    #[prost(uint32, tag = "5")]
    pub(crate) days: u32,
    /// The sender that the provider names. Empty if the delivery does not authenticate.
    #[prost(string, tag = "4")]
    pub(crate) account: String,
}

quiet_debug!(CourierRecord, KeptRecord);
