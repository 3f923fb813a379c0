//! Rows of the registers: legal requests, holds, policies, epochs of keys, and small values.

/// A legal request and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalRow {
    /// Identifier of the request.
    pub id: [u8; 16],
    /// Number of the request in the log.
    pub number: [u8; 16],
    /// Number of the basis, 1 to 6.
    pub basis: u8,
    /// Who asks, with the reference of the request.
    pub authority: String,
    /// What was asked for.
    pub asked: String,
    /// When it was received.
    pub received_at_ms: u64,
    /// Outcome: 1 produced, 2 partly, 3 refused, 4 not held. `None` if it still has to be answered.
    pub outcome: Option<u8>,
    /// Number of items that were produced.
    pub items: u32,
    /// What was produced.
    pub produced: Option<String>,
    /// What could not be produced because the provider does not have it.
    pub not_held: Option<String>,
    /// Key of the officer who answered.
    pub officer: Option<[u8; 32]>,
    /// When it was answered.
    pub answered_at_ms: Option<u64>,
}

/// A hold on a case: its content must not be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// Identifier of the hold.
    pub id: [u8; 16],
    /// Number of the hold in the log.
    pub number: [u8; 16],
    /// The case.
    pub case_id: [u8; 16],
    /// The legal request that demands the hold.
    pub legal_id: Option<[u8; 16]>,
    /// Why it was placed.
    pub statement: String,
    /// Key of the officer who placed it.
    pub officer: [u8; 32],
    /// When it was placed.
    pub placed_at_ms: u64,
    /// When it was lifted. `None` if it still applies.
    pub lifted_at_ms: Option<u64>,
}

/// A version of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// Version of the policy.
    pub version: u32,
    /// The policy document.
    pub document: Vec<u8>,
    /// Signature of the policy key.
    pub signature: [u8; 64],
    /// Index of the entry `policy_published`.
    pub log_index: u64,
    /// When it was published.
    pub published_at_ms: u64,
}

/// An epoch of a key: a period in which one key was in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEpochRow {
    /// Number of the kind of key, 1 to 7.
    pub key_kind: u8,
    /// Ordinal of the epoch.
    pub epoch: u64,
    /// The public key, or the identifier of a secret key.
    pub public: Vec<u8>,
    /// When the key was made.
    pub created_at_ms: u64,
    /// When the key was destroyed. `None` if it still exists.
    pub destroyed_at_ms: Option<u64>,
}

/// A small value under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaRow {
    /// The name.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}
