//! The bytes that devices sign to prove who they are.
//!
//! Each field of a context is preceded by its length (4 bytes, big-endian), so no two lists of
//! fields give the same bytes.

use sha2::{Digest, Sha256};
use waxseal_reporting::DeviceAddress;

/// `Client::prove_account` puts this label before the context. An identity key signs nothing else
/// that begins with this label.
const ACCOUNT_PROOF: &[u8] = b"waxseal/1/core/account-proof";

const REGISTER: &[u8] = b"waxseal/1/relay/register";
const SESSION: &[u8] = b"waxseal/1/relay/session";
const LEAVE: &[u8] = b"waxseal/1/relay/leave";

/// The bytes that a device's identity key signs and the relay verifies:
/// `"waxseal/1/core/account-proof" || context`.
pub fn account_proof_input(context: &[u8]) -> Vec<u8> {
    [ACCOUNT_PROOF, context].concat()
}

/// The context of the proof that registers a device: a label, relay key, challenge, account,
/// device, identity, and the SHA-256 hash of the sealed delivery key.
pub fn register_context(
    relay_key: &[u8; 32],
    challenge: &[u8],
    me: &DeviceAddress,
    identity: &[u8; 64],
    sealed_delivery_key: &[u8],
) -> Vec<u8> {
    let digest = Sha256::digest(sealed_delivery_key);
    length_prefixed(&[
        REGISTER,
        relay_key,
        challenge,
        me.account.as_str().as_bytes(),
        &me.device.0.to_be_bytes(),
        identity,
        &digest,
    ])
}

/// The context of the proof that signs a device in: a label, relay key, challenge, account and
/// device.
pub fn session_context(relay_key: &[u8; 32], challenge: &[u8], me: &DeviceAddress) -> Vec<u8> {
    device_context(SESSION, relay_key, challenge, me)
}

/// The context of the proof with which a device leaves its account: a label, relay key, challenge,
/// account and device.
pub fn leave_context(relay_key: &[u8; 32], challenge: &[u8], me: &DeviceAddress) -> Vec<u8> {
    device_context(LEAVE, relay_key, challenge, me)
}

fn device_context(
    label: &[u8],
    relay_key: &[u8; 32],
    challenge: &[u8],
    me: &DeviceAddress,
) -> Vec<u8> {
    length_prefixed(&[
        label,
        relay_key,
        challenge,
        me.account.as_str().as_bytes(),
        &me.device.0.to_be_bytes(),
    ])
}

/// Concatenates the fields, each preceded by its length as be32. All that an identity or the relay
/// signs is encoded like this, with a label as its first field.
pub fn length_prefixed(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};
    use waxseal_reporting::{AccountId, DeviceId};

    #[test]
    fn the_relay_verifies_the_account_proofs_of_the_core_vectors_and_only_those() {
        let file = include_str!("../../core/tests/vectors/keys.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        let mut tried = 0;
        for vector in vectors {
            if vector["operation"] != "verify_account_proof" {
                continue;
            }
            let bytes = |name: &str| -> Vec<u8> {
                let hex = vector["input"][name].as_str().unwrap().as_bytes();
                let digits = hex.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
                digits
                    .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                    .collect()
            };
            let key = VerifyingKey::from_bytes(bytes("identity").first_chunk().unwrap());
            let proof = Signature::from_slice(&bytes("proof"));
            let input = account_proof_input(&bytes("context"));
            let verified = key.and_then(|key| key.verify_strict(&input, &proof?));
            assert_eq!(
                verified.is_ok(),
                vector.get("must_fail").is_none(),
                "{vector}"
            );
            tried += 1;
        }
        assert!(tried > 3);
    }

    #[test]
    fn proofs_for_different_things_never_sign_the_same_bytes() {
        let device = |name, id| DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(id));
        let (relay, other) = (&[1; 32], &[2; 32]);
        let all = [
            register_context(relay, b"c", &device("al", 1), &[3; 64], b"k"),
            register_context(relay, b"c", &device("al", 1), &[4; 64], b"k"),
            register_context(relay, b"c", &device("al", 1), &[3; 64], b"l"),
            session_context(relay, b"c", &device("al", 1)),
            session_context(other, b"c", &device("al", 1)),
            session_context(relay, b"d", &device("al", 1)),
            session_context(relay, b"ca", &device("l", 1)),
            session_context(relay, b"c", &device("al", 2)),
            leave_context(relay, b"c", &device("al", 1)),
            leave_context(relay, b"c", &device("al", 2)),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|earlier| earlier != one), "{i}");
        }
    }
}
