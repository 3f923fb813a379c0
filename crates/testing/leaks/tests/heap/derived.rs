//! Secrets that are derived and never exported: the keys of headers and of messages.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use waxseal_core::SessionSet;
use waxseal_leaks::layout::{Fields, Kind};
use waxseal_leaks::secrets::Secrets;
use zeroize::Zeroizing;

fn hmac(key: &[u8], input: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(input);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The state of SHA-256 before it processes its first block (FIPS 180-4).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The state of SHA-256 after HMAC's first block, the padded key, as it lies in memory. `pad` is
/// 0x36 for the inner hash of HMAC and 0x5c for the outer.
fn hash_state(key: &[u8; 32], pad: u8) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([pad; 64]);
    for (to, from) in block.iter_mut().zip(key) {
        *to ^= from;
    }
    let mut state = START;
    compress256(&mut state, &[*block]);
    let mut bytes = Zeroizing::new([0; 32]);
    for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *to = word.to_ne_bytes();
    }
    bytes
}

/// Adds what is derived from a header key: the encryption key, the MAC key, and the two hash states
/// that the MAC starts from.
pub(super) fn add_header_keys(secrets: &mut Secrets, whose: &str, header_key: &[u8]) {
    let encryption = hmac(header_key, b"waxseal/2/core/header-encryption-key");
    let mac = hmac(header_key, b"waxseal/2/core/header-authentication-key");
    secrets.add(&format!("header encryption key of {whose}"), &*encryption);
    secrets.add(&format!("header MAC key of {whose}"), &*mac);
    add_mac_states(secrets, &format!("header MAC of {whose}"), &mac);
}

/// Adds the two hash states from which HMAC starts under a key. Whoever has them makes the same
/// MACs as with the key.
pub(super) fn add_mac_states(secrets: &mut Secrets, which: &str, key: &[u8; 32]) {
    for (name, pad) in [("inner", 0x36), ("outer", 0x5c)] {
        secrets.add(&format!("{name} state of {which}"), &*hash_state(key, pad));
    }
}

/// The two keys, one from each ratchet, from which the key of the next sent message is derived.
pub(super) struct NextMessage {
    seed: Zeroizing<[u8; 32]>,
    post_quantum: Zeroizing<[u8; 32]>,
}

impl NextMessage {
    /// Derives the two keys from an export of the selected session. Returns `None` if the next
    /// message begins a chain, or if the session has received nothing yet.
    pub(super) fn of(sessions: &SessionSet) -> Option<Self> {
        let export = sessions.export();
        let fields = Fields::of_sessions(&export);
        // The selected session comes last in an export. The first of its two chain keys is that of
        // the sending chain. Of its post-quantum keys, the root key comes first and the key of the
        // sending chain second.
        let start = root(&fields);
        let of_kind = |kind| {
            let fields = fields[start..].iter();
            fields.filter(move |(of, _)| *of == kind)
        };
        let mut chains = of_kind(Kind::ChainKey);
        let (Some((_, sending)), Some(_)) = (chains.next(), chains.next()) else {
            return None;
        };
        let (_, post_quantum) = of_kind(Kind::PostQuantumKey).nth(1).unwrap();
        Some(Self {
            seed: hmac(&export[sending.clone()], &[1]),
            post_quantum: hmac(&export[post_quantum.clone()], &[1]),
        })
    }

    /// Adds both keys, and the key of `message` that is derived from them. `message` must carry no
    /// handshake; `after` is the state of the sessions after it was sent.
    pub(super) fn add(
        &self,
        secrets: &mut Secrets,
        whose: &str,
        after: &SessionSet,
        message: &[u8],
    ) {
        secrets.add(&format!("message seed of {whose}"), &*self.seed);
        secrets.add(
            &format!("post-quantum message key of {whose}"),
            &*self.post_quantum,
        );
        let export = after.export();
        let fields = Fields::of_sessions(&export);
        let start = root(&fields);
        let header_key = fields[start..]
            .iter()
            .find(|(kind, _)| *kind == Kind::HeaderKey);
        let header_key = &export[header_key.unwrap().1.clone()];
        // In the export, the session's associated data comes first, then the base key, the digest
        // (32 bytes each), a byte that says who started the session, and the root key.
        let ad = fields[start].1.start - 1 - 3 * 32;
        let encryption = hmac(header_key, b"waxseal/2/core/header-encryption-key");
        let tag = message.last_chunk::<16>().unwrap();
        let nonce: [u8; 12] = tag[..12].try_into().unwrap();
        // The message starts with the version, the header's field number and length, and then the
        // encrypted header.
        assert_eq!(message[..3], [2, 0x12, 99]);
        let mut header: [u8; 83] = message[3..86].try_into().unwrap();
        ChaCha20::new((&*encryption).into(), &nonce.into()).apply_keystream(&mut header);
        let ad = [&export[ad..ad + 32], &header, b"ad"].concat();
        let info = [b"waxseal/2/core/message-key", &*Sha256::digest(&ad)].concat();
        let mut key = Zeroizing::new([0; 44]);
        Hkdf::<Sha256>::new(Some(&*self.post_quantum), &*self.seed)
            .expand(&info, &mut *key)
            .unwrap();
        // Checks that the derived key is right: the message's text must decrypt with it.
        let text = super::conversation::TEXT;
        let body = &message[message.len() - 16 - text.len()..][..text.len()];
        assert!(opens(&key, body, text));
        secrets.add(&format!("message key of {whose}"), &key[..32]);
    }
}

/// Adds the keys of a message on a chain with slots, which are derived from the chain's key before
/// that message. `name` is the chain's context, owner and number, as the associated data has them.
pub(super) fn add_chain_message(
    secrets: &mut Secrets,
    name: &[u8],
    chain_key: &[u8],
    header_key: &[u8],
    body: &[u8],
    text: &[u8],
) {
    let seed = hmac(chain_key, &[1]);
    secrets.add("seed of a chain's message", &*seed);
    let mut ad = Sha256::digest([b"waxseal/2/core/chain-associated-data", name].concat()).to_vec();
    let encryption = hmac(header_key, b"waxseal/2/core/header-encryption-key");
    let nonce: [u8; 12] = body[body.len() - 16..][..12].try_into().unwrap();
    let mut header: [u8; 68] = body[1..69].try_into().unwrap();
    ChaCha20::new((&*encryption).into(), &nonce.into()).apply_keystream(&mut header);
    ad.extend_from_slice(&header);
    ad.extend_from_slice(b"ad");
    let info = [b"waxseal/2/core/chain-message", &*Sha256::digest(&ad)].concat();
    let mut key = Zeroizing::new([0; 44]);
    Hkdf::<Sha256>::new(Some(&[0; 32]), &*seed)
        .expand(&info, &mut *key)
        .unwrap();
    assert!(opens(&key, &body[85..body.len() - 16], text));
    secrets.add("key of a chain's message", &key[..32]);
}

/// Whether a ciphertext decrypts to `text` under this key and nonce. The text never lies on the
/// heap.
fn opens(key: &[u8; 44], ciphertext: &[u8], text: &[u8]) -> bool {
    let (key, nonce) = key.split_first_chunk::<32>().unwrap();
    let nonce: &[u8; 12] = nonce.try_into().unwrap();
    let mut stream = [0; 64 + 64];
    ChaCha20::new(key.into(), nonce.into()).apply_keystream(&mut stream);
    let opened = ciphertext.iter().zip(&stream[64..]).map(|(a, b)| a ^ b);
    opened.eq(text.iter().copied())
}

/// The index of the selected session's root key among the fields of an export.
fn root(fields: &[(Kind, core::ops::Range<usize>)]) -> usize {
    fields
        .iter()
        .rposition(|(kind, _)| *kind == Kind::Root)
        .unwrap()
}
