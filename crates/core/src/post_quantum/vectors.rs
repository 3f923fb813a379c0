//! Known answers of the post-quantum ratchet, in `tests/vectors/post_quantum.json`. See `vectors.rs` of the crate.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::chains::{Chains, Role};
use super::erasure::{Chunk, encode};
use super::kem::{Coin, KeySeed};
use super::secrets::EpochKey;
use super::*;
use crate::vectors::{check, hex};

/// Chunks of a part at its ends and beyond.
fn chunks<const N: usize>(part: &[Chunk; N]) -> Value {
    let last = u16::try_from(N).unwrap();
    let chunk = |index| json!({ "index": index, "chunk": hex(&encode(part, index)) });
    let indices = [0, last - 1, last, last + 1, 65_535];
    json!({ "part": hex(part.as_flattened()), "chunks": indices.map(chunk) })
}

/// The key that each direction's next message has.
fn next_keys(chains: &[Chains; 2]) -> Value {
    let [initiator, recipient] = chains.each_ref().map(|chains| {
        let (.., key, _) = chains.next_to_send();
        hex(key.as_bytes())
    });
    json!({ "from_initiator": initiator, "from_recipient": recipient })
}

#[test]
fn post_quantum_vectors() {
    let seed = PqSeed::from_bytes(&[0x11; 32]);
    let (key_seed, coin) = (
        KeySeed::from_bytes(&[0x22; 64]),
        Coin::from_bytes(&[0x33; 32]),
    );
    let (header, vector) = key_seed.public();
    let (_, secret) = coin.first(&header);
    let (first, second) = coin.both(&header, &vector).unwrap();
    let epoch_key = EpochKey::new(1, &secret);
    let before = Authenticator::new(&seed);
    let after = before.update(1, &epoch_key);
    let mut chains = [Role::Initiator, Role::Recipient].map(|role| Chains::new(role, &seed));
    let keys_0 = next_keys(&chains);
    for chains in &mut chains {
        chains.add_epoch(1, &epoch_key);
        chains.advance_sending();
    }
    check(
        "post_quantum.json",
        &json!({
            "comment": "One epoch from fixed secrets, and chunks of each part. See SPEC.md, “Post-quantum ratchet”.",
            "seed": hex(seed.as_bytes()),
            "key_seed": hex(key_seed.as_bytes()),
            "coin": hex(coin.as_bytes()),
            "key_header": hex(&header),
            "key_vector": chunks(&vector),
            "ct1": chunks(&first),
            "ct2": hex(second.as_flattened()),
            "shared_secret": hex(secret.as_bytes()),
            "epoch_1": {
                "header_mac": hex(&before.sign_header(1, &header)),
                "epoch_key": hex(epoch_key.as_bytes()),
                "ciphertext_mac": hex(&after.sign_ciphertext(1, &first, &second)),
            },
            "first_message_keys_of_epoch_0": keys_0,
            "first_message_keys_of_epoch_1": next_keys(&chains),
            "erasure_code_of_five": chunks(&[0, 1, 2, 3, 4].map(|i| [i; 32])),
            "erasure_code_of_three": chunks(&[0xff, 0x80, 0x01].map(|i| [i; 32])),
        }),
    );
}
