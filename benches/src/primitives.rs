//! Measures the primitives on this machine, with the crates, versions and features that the library
//! uses.

use std::hint::black_box;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Tag};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use libcrux_ml_kem::mlkem768::incremental::{
    COMPRESSED_KEYPAIR_LEN, decapsulate_compressed_key, encaps_state_len, encapsulate1,
    encapsulate2, generate_key_pair_compressed, validate_pk_bytes,
};
use libcrux_ml_kem::mlkem1024;
use rand::Rng as _;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::clock::time;
use crate::measure::{Cost, Effort, Run, interleave};

/// Typical lengths in bytes: a header, what its MAC covers, and a body's associated data.
const HEADER: usize = 83;
const HEADER_MAC_INPUT: usize = 156;
const BODY_AD: usize = 130;

/// Body sizes that `compare` uses: names of the seal and open primitives, and the length. Each text
/// size appears twice: unfranked, then franked and padded.
pub const BODIES: [(&str, &str, usize); 6] = [
    ("AEAD seal 64", "AEAD open 64", 64),
    ("AEAD seal 192", "AEAD open 192", 192),
    ("AEAD seal 1024", "AEAD open 1024", 1_024),
    ("AEAD seal 1152", "AEAD open 1152", 1_152),
    ("AEAD seal 65536", "AEAD open 65536", 65_536),
    ("AEAD seal 67584", "AEAD open 67584", 67_584),
];

/// Measures all primitives in turn. Returns the name and the cost of each.
#[must_use]
pub fn measure(effort: Effort) -> Vec<(&'static str, Cost)> {
    let mut primitives = public_key();
    primitives.extend(kem());
    primitives.extend(symmetric());
    eprintln!("primitives");
    let (names, mut runs): (Vec<_>, Vec<_>) = primitives.into_iter().unzip();
    let effort = Effort {
        per_group: effort.per_group * 4,
        ..effort
    };
    names
        .into_iter()
        .zip(interleave(&mut runs, effort))
        .collect()
}

type Primitive = (&'static str, Run<'static>);

/// A primitive that needs no preparation.
fn primitive<T>(name: &'static str, mut work: impl FnMut() -> T + 'static) -> Primitive {
    let run = move |repeats| {
        time(|| {
            for _ in 0..repeats {
                black_box(work());
            }
        })
    };
    (name, Box::new(run))
}

fn public_key() -> Vec<Primitive> {
    let mut rng = rand::rng();
    let secret = StaticSecret::random_from_rng(&mut rng);
    let theirs = PublicKey::from(&StaticSecret::random_from_rng(&mut rng));
    let base = secret.clone();
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let signing = SigningKey::from_bytes(&seed);
    let (short, set) = (vec![1; 68], vec![1; 1_650]);
    let verifying = signing.verifying_key();
    let encoded = verifying.to_bytes();
    let (short_signature, set_signature) = (signing.sign(&short), signing.sign(&set));
    let (message, for_set) = (short.clone(), set.clone());
    let point = MontgomeryPoint(theirs.to_bytes());
    vec![
        primitive("X25519", move || secret.diffie_hellman(&theirs)),
        primitive("X25519 of the base point", move || PublicKey::from(&base)),
        primitive("X25519 key in the prime-order group", move || {
            point
                .to_edwards(0)
                .is_some_and(|point| point.is_torsion_free())
        }),
        primitive("Ed25519 sign", move || signing.sign(&message)),
        primitive("Ed25519 key decode", move || {
            VerifyingKey::from_bytes(&encoded)
        }),
        primitive("Ed25519 verify 68", move || {
            verifying.verify_strict(&short, &short_signature)
        }),
        primitive("Ed25519 verify 1650", move || {
            verifying.verify_strict(&for_set, &set_signature)
        }),
    ]
}

fn kem() -> Vec<Primitive> {
    let large = mlkem1024::generate_key_pair([1; 64]);
    let (ciphertext, _) = mlkem1024::encapsulate(large.public_key(), [2; 32]);
    let (validate, encapsulate) = (large.public_key().clone(), large.public_key().clone());

    let mut key = [0; COMPRESSED_KEYPAIR_LEN];
    generate_key_pair_compressed([1; 64], &mut key);
    let mut vector = [0; 1_152];
    let mut header = [0; 64];
    vector.copy_from_slice(&key[1_152..2_304]);
    header.copy_from_slice(&key[2_304..2_368]);
    let mut state = [0; encaps_state_len()];
    let mut secret = [0; 32];
    let first = encapsulate1(&header, [2; 32], &mut state, &mut secret).expect("lengths fit");
    let second = encapsulate2(&state, &vector);
    vec![
        primitive("ML-KEM-1024 generate", || {
            mlkem1024::generate_key_pair([1; 64])
        }),
        primitive("ML-KEM-1024 validate", move || {
            mlkem1024::validate_public_key(&validate)
        }),
        primitive("ML-KEM-1024 encapsulate", move || {
            mlkem1024::encapsulate(&encapsulate, [2; 32])
        }),
        primitive("ML-KEM-1024 decapsulate", move || {
            mlkem1024::decapsulate(large.private_key(), &ciphertext)
        }),
        primitive("ML-KEM-768 generate", || {
            let mut key = [0; COMPRESSED_KEYPAIR_LEN];
            generate_key_pair_compressed([1; 64], &mut key);
            key
        }),
        primitive("ML-KEM-768 encapsulate, both parts", move || {
            let (mut state, mut secret) = ([0; encaps_state_len()], [0; 32]);
            let first = encapsulate1(&header, [2; 32], &mut state, &mut secret);
            let valid = validate_pk_bytes(&header, &vector).is_ok();
            (valid, first.is_ok(), encapsulate2(&state, &vector).value)
        }),
        primitive("ML-KEM-768 decapsulate", move || {
            decapsulate_compressed_key(&key, &first, &second)
        }),
    ]
}

fn symmetric() -> Vec<Primitive> {
    type HmacSha256 = Hmac<Sha256>;
    let (short, long) = ([3; 30], [7; 4_096]);
    let kept = HmacSha256::new(&[5; 64].into());
    let mut primitives = vec![
        primitive("random 32", || {
            let mut bytes = [0; 32];
            rand::rng().fill_bytes(&mut bytes);
            bytes
        }),
        primitive("SHA-256 4096", move || Sha256::digest(long)),
        primitive("HMAC 30, fresh key", move || {
            let mut mac = HmacSha256::new(black_box(&[5; 64].into()));
            mac.update(&short);
            mac.finalize()
        }),
        primitive("HMAC 30, kept key", move || {
            let mut mac = kept.clone();
            mac.update(&short);
            mac.finalize()
        }),
        primitive("chain step: two HMACs of one key", || {
            let mac = HmacSha256::new(black_box(&[5; 64].into()));
            let finish = |mut mac: HmacSha256, input: u8| {
                mac.update(&[input]);
                mac.finalize().into_bytes()
            };
            (finish(mac.clone(), 1), finish(mac, 2))
        }),
    ];
    primitives.extend([hkdf::<32>("HKDF 32"), hkdf::<44>("HKDF 44")]);
    primitives.extend([hkdf::<64>("HKDF 64"), hkdf::<96>("HKDF 96")]);
    primitives.extend(header());
    for (sealing, opening, len) in BODIES {
        primitives.push(seal(sealing, len, BODY_AD));
        primitives.push(open(opening, len, BODY_AD));
    }
    primitives
}

fn hkdf<const N: usize>(name: &'static str) -> Primitive {
    primitive(name, || {
        let mut output = [0; N];
        Hkdf::<Sha256>::new(Some(black_box(&[5; 32])), &[6; 32])
            .expand(b"waxseal/1/core/root-step", &mut output)
            .expect("short enough");
        output
    })
}

/// ChaCha20 and HMAC of a header, with keys that are kept. Opening checks the MAC first.
fn header() -> [Primitive; 3] {
    let kept = Hmac::<Sha256>::new(&[5; 64].into());
    let mac = move || {
        let mut mac = kept.clone();
        mac.update(black_box(&[3; HEADER_MAC_INPUT]));
        mac.finalize()
    };
    let encrypt = || {
        let mut header = [7; HEADER];
        ChaCha20::new(black_box(&[5; 32].into()), &[0; 12].into()).apply_keystream(&mut header);
        header
    };
    let (mac_of_sealed, mac_of_opened) = (mac.clone(), mac.clone());
    [
        primitive("header MAC, kept key", mac),
        primitive("header seal", move || (encrypt(), mac_of_sealed())),
        primitive("header open", move || (mac_of_opened(), encrypt())),
    ]
}

/// Encrypts in place, with a key that serves once.
fn seal(name: &'static str, len: usize, ad_len: usize) -> Primitive {
    let (mut buffer, ad) = (vec![7; len], vec![3; ad_len]);
    primitive(name, move || {
        let cipher = ChaCha20Poly1305::new(black_box(&[5; 32].into()));
        cipher.encrypt_inout_detached(&[0; 12].into(), &ad, buffer.as_mut_slice().into())
    })
}

/// Decrypts in place. Each repetition first copies the ciphertext back into the buffer, so the cost
/// includes that copy.
fn open(name: &'static str, len: usize, ad_len: usize) -> Primitive {
    let (mut buffer, ad) = (vec![7; len], vec![3; ad_len]);
    let cipher = ChaCha20Poly1305::new(&[5; 32].into());
    let tag: Tag = cipher
        .encrypt_inout_detached(&[0; 12].into(), &ad, buffer.as_mut_slice().into())
        .expect("short enough");
    let sealed = buffer.clone();
    primitive(name, move || {
        buffer.copy_from_slice(&sealed);
        let cipher = ChaCha20Poly1305::new(black_box(&[5; 32].into()));
        cipher
            .decrypt_inout_detached(&[0; 12].into(), &ad, buffer.as_mut_slice().into(), &tag)
            .expect("genuine")
    })
}
