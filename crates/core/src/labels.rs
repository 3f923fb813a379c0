//! Labels, which separate each use of a key or hash from every other use.
//!
//! Each label names the version in which its derivation took its present form. A derivation that
//! changes takes a new label, so no two versions share an input. No label is a prefix of another,
//! so `label || fixed-width fields` is unambiguous across uses as well as within one.

/// Signature by the identity's Ed25519 key over its X25519 key.
pub(crate) const IDENTITY_CERTIFICATE: &[u8] = b"waxseal/1/core/identity-certificate";
/// Signature by the identity's Ed25519 key over a signed prekey set.
pub(crate) const SIGNED_PREKEYS: &[u8] = b"waxseal/1/core/signed-prekeys";
/// Signature by the identity's Ed25519 key over a one-time prekey set.
pub(crate) const ONE_TIME_PREKEYS: &[u8] = b"waxseal/1/core/one-time-prekeys";
/// Signature by the identity's Ed25519 key over a context that the application chooses, which says
/// that the identity belongs to an account.
pub(crate) const ACCOUNT_PROOF: &[u8] = b"waxseal/1/core/account-proof";
/// HKDF info of the handshake. It names curve, hash and KEM, as PQXDH requires.
pub(crate) const PQXDH: &[u8] = b"waxseal/1/core/pqxdh/X25519/SHA-256/ML-KEM-1024";
/// HKDF info of the secret that the handshake derives, from the same input, for the post-quantum
/// ratchet.
pub(crate) const PQXDH_POST_QUANTUM: &[u8] =
    b"waxseal/1/core/post-quantum-seed/X25519/SHA-256/ML-KEM-1024";
/// Hash of everything the initiator sends in the handshake.
pub(crate) const HANDSHAKE_DIGEST: &[u8] = b"waxseal/1/core/handshake-digest";
/// Hash of the whole handshake, which is in the associated data of every message.
pub(crate) const SESSION_AD: &[u8] = b"waxseal/1/core/session-associated-data";
/// HKDF info of a root step.
pub(crate) const ROOT_STEP: &[u8] = b"waxseal/1/core/root-step";
/// HKDF info of the first chains of the post-quantum ratchet. It names the KEM.
pub(crate) const PQ_START: &[u8] = b"waxseal/1/core/post-quantum-start/ML-KEM-768";
/// HKDF info of the key that an epoch of the post-quantum ratchet agrees on.
pub(crate) const PQ_EPOCH_KEY: &[u8] = b"waxseal/1/core/post-quantum-epoch-key";
/// HKDF info of the two chains of an epoch of the post-quantum ratchet.
pub(crate) const PQ_EPOCH_CHAINS: &[u8] = b"waxseal/1/core/post-quantum-epoch-chains";
/// HKDF info of the first authenticator, which makes the MACs of the post-quantum ratchet.
pub(crate) const PQ_AUTHENTICATOR_START: &[u8] = b"waxseal/1/core/post-quantum-first-authenticator";
/// HKDF info of each later authenticator, derived from the one before it and one more epoch's key.
pub(crate) const PQ_AUTHENTICATOR: &[u8] = b"waxseal/1/core/post-quantum-authenticator";
/// MAC over a key header, the part of a post-quantum ratchet's public key that is sent first.
pub(crate) const PQ_HEADER_MAC: &[u8] = b"waxseal/1/core/post-quantum-header-mac";
/// MAC over a ciphertext of the post-quantum ratchet.
pub(crate) const PQ_CIPHERTEXT_MAC: &[u8] = b"waxseal/1/core/post-quantum-ciphertext-mac";
/// HKDF info of the key and nonce that encrypt a message's body.
pub(crate) const MESSAGE_KEY: &[u8] = b"waxseal/2/core/message-key";
/// Derivation of the key that encrypts headers.
pub(crate) const HEADER_ENCRYPTION: &[u8] = b"waxseal/2/core/header-encryption-key";
/// Derivation of the key that authenticates headers.
pub(crate) const HEADER_AUTHENTICATION: &[u8] = b"waxseal/2/core/header-authentication-key";
/// MAC over an encrypted header.
pub(crate) const HEADER_MAC: &[u8] = b"waxseal/2/core/header-mac";
/// HKDF info of the key and nonce that encrypt a refusal.
pub(crate) const REFUSAL: &[u8] = b"waxseal/2/core/refusal";
/// Hash that names a session.
pub(crate) const SESSION_ID: &[u8] = b"waxseal/2/core/session-id";
/// HKDF info of the key that makes the marks of a device.
pub(crate) const MARK: &[u8] = b"waxseal/2/core/mark";
/// Signature by the identity's Ed25519 key over a context that names account, account key and
/// number, by which a device consents to be in an account's roster.
pub(crate) const DEVICE_PROOF: &[u8] = b"waxseal/2/core/device-proof";
/// Signature by the identity's Ed25519 key over a roster, the list of an account's devices.
pub(crate) const ROSTER: &[u8] = b"waxseal/2/core/roster";
/// Hash of the whole handshake, which people compare in part when they link a device.
pub(crate) const SESSION_DIGEST: &[u8] = b"waxseal/2/core/session-digest";
/// First hash of an account key's fingerprint in a safety number.
pub(crate) const FINGERPRINT_START: &[u8] = b"waxseal/2/core/fingerprint-start";
/// Each later hash of an account key's fingerprint in a safety number.
pub(crate) const FINGERPRINT_STEP: &[u8] = b"waxseal/2/core/fingerprint-step";
/// Hash that names a sender chain. It is in the associated data of each header and body on it.
pub(crate) const CHAIN_AD: &[u8] = b"waxseal/2/core/chain-associated-data";
/// HKDF info of the first keys of a sender chain.
pub(crate) const CHAIN_START: &[u8] = b"waxseal/2/core/chain-start";
/// HKDF info of the key and nonce that encrypt the body of a message on a sender chain.
pub(crate) const CHAIN_MESSAGE: &[u8] = b"waxseal/2/core/chain-message";
/// MAC over an encrypted header of a message on a sender chain.
pub(crate) const CHAIN_HEADER_MAC: &[u8] = b"waxseal/2/core/chain-header-mac";
/// Derivation of the key that a sender chain shares with one recipient.
pub(crate) const CHAIN_AUTH_KEY: &[u8] = b"waxseal/2/core/chain-auth-key";
/// MAC for one recipient over the body of a message on a sender chain.
pub(crate) const CHAIN_MAC: &[u8] = b"waxseal/2/core/chain-mac";
/// Associated data of a key slot, the message by which a recipient gets a sender chain.
pub(crate) const CHAIN_KEY_SLOT: &[u8] = b"waxseal/2/core/chain-key-slot";

/// All labels of this file, for tests.
#[cfg(test)]
pub(crate) const ALL: &[&[u8]] = &[
    IDENTITY_CERTIFICATE,
    SIGNED_PREKEYS,
    ONE_TIME_PREKEYS,
    ACCOUNT_PROOF,
    PQXDH,
    PQXDH_POST_QUANTUM,
    HANDSHAKE_DIGEST,
    SESSION_AD,
    ROOT_STEP,
    PQ_START,
    PQ_EPOCH_KEY,
    PQ_EPOCH_CHAINS,
    PQ_AUTHENTICATOR_START,
    PQ_AUTHENTICATOR,
    PQ_HEADER_MAC,
    PQ_CIPHERTEXT_MAC,
    MESSAGE_KEY,
    HEADER_ENCRYPTION,
    HEADER_AUTHENTICATION,
    HEADER_MAC,
    REFUSAL,
    SESSION_ID,
    MARK,
    DEVICE_PROOF,
    ROSTER,
    SESSION_DIGEST,
    FINGERPRINT_START,
    FINGERPRINT_STEP,
    CHAIN_AD,
    CHAIN_START,
    CHAIN_MESSAGE,
    CHAIN_HEADER_MAC,
    CHAIN_AUTH_KEY,
    CHAIN_MAC,
    CHAIN_KEY_SLOT,
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn labels_are_versioned_and_none_is_a_prefix_of_another() {
        for (i, a) in ALL.iter().enumerate() {
            assert!(a.starts_with(b"waxseal/1/core/") || a.starts_with(b"waxseal/2/core/"));
            for (j, b) in ALL.iter().enumerate() {
                assert!(i == j || !b.starts_with(a), "{i} is a prefix of {j}");
            }
        }
    }

    #[test]
    fn derivations_that_changed_or_are_new_have_labels_of_version_2() {
        let of_version_2 = ALL.iter().filter(|label| label.starts_with(b"waxseal/2/"));
        let names = of_version_2.map(|label| &label["waxseal/2/core/".len()..]);
        let changed: [&[u8]; 19] = [
            b"message-key",
            b"header-encryption-key",
            b"header-authentication-key",
            b"header-mac",
            b"refusal",
            b"session-id",
            b"mark",
            b"device-proof",
            b"roster",
            b"session-digest",
            b"fingerprint-start",
            b"fingerprint-step",
            b"chain-associated-data",
            b"chain-start",
            b"chain-message",
            b"chain-header-mac",
            b"chain-auth-key",
            b"chain-mac",
            b"chain-key-slot",
        ];
        assert_eq!(names.collect::<Vec<_>>(), changed);
    }

    #[test]
    fn every_label_in_this_file_is_in_the_list() {
        let declared = include_str!("labels.rs")
            .lines()
            .filter(|line| line.starts_with("pub(crate) const") && line.contains(": &[u8] ="))
            .count();
        assert_eq!(declared, ALL.len());
    }
}
