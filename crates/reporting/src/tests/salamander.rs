//! Tries the attack of DGRW18, "invisible salamanders": builds a ciphertext that opens under two
//! keys and shows that it is refused.
//!
//! Poly1305 is a polynomial over GF(2^130 - 5) plus a constant. With two known keys, one free block
//! must satisfy a linear equation. The arithmetic below solves it, so the attack here is real.

use std::io::Cursor;

use chacha20poly1305::aead::{Aead, KeyInit, Payload as AeadPayload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use crate::channel::associated_data;
use crate::file::{self, FileDescriptor, FileKey, FileTree, OpenFileError};
use crate::franking::FrankingKey;
use crate::tests::all::*;
use crate::tests::world::*;

/// A number below 2^192, least significant limb first.
type Number = [u64; 3];

const P: Number = [0xffff_ffff_ffff_fffb, u64::MAX, 3];

fn sub_p(a: Number) -> Number {
    let mut out = a;
    let mut borrow = false;
    for (limb, p) in out.iter_mut().zip(P) {
        let (x, b1) = limb.overflowing_sub(p);
        let (x, b2) = x.overflowing_sub(u64::from(borrow));
        (*limb, borrow) = (x, b1 || b2);
    }
    if borrow { a } else { out }
}

fn add(a: Number, b: Number) -> Number {
    let mut out = [0; 3];
    let mut carry = 0u128;
    for i in 0..3 {
        carry += u128::from(a[i]) + u128::from(b[i]);
        out[i] = carry as u64;
        carry >>= 64;
    }
    sub_p(out)
}

fn mul(a: Number, b: Number) -> Number {
    let mut out = [0; 3];
    for bit in (0..130).rev() {
        out = add(out, out);
        if b[bit / 64] >> (bit % 64) & 1 == 1 {
            out = add(out, a);
        }
    }
    out
}

fn pow(a: Number, exponent: Number) -> Number {
    let mut out = [1, 0, 0];
    for bit in (0..130).rev() {
        out = mul(out, out);
        if exponent[bit / 64] >> (bit % 64) & 1 == 1 {
            out = mul(out, a);
        }
    }
    out
}

fn neg(a: Number) -> Number {
    mul(a, [P[0] - 1, P[1], P[2]])
}

fn number(value: u128, top: u64) -> Number {
    [value as u64, (value >> 64) as u64, top]
}

/// The first 32 bytes of ChaCha20's block function (RFC 8439) at counter 0: Poly1305's `r || s`.
fn poly_key(key: &[u8; 32], nonce: &[u8; 12]) -> (Number, u128) {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut state = [0u32; 16];
    for (i, constant) in b"expand 32-byte k".chunks(4).enumerate() {
        state[i] = word(constant);
    }
    for (i, chunk) in key.chunks(4).enumerate() {
        state[4 + i] = word(chunk);
    }
    for (i, chunk) in nonce.chunks(4).enumerate() {
        state[13 + i] = word(chunk);
    }
    let start = state;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (x, y, z, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            state[x] = state[x].wrapping_add(state[y]);
            state[z] = (state[z] ^ state[x]).rotate_left(turn);
        }
    };
    for _ in 0..10 {
        for i in 0..4 {
            quarter(i, 4 + i, 8 + i, 12 + i);
        }
        for i in 0..4 {
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    let half = |at: usize| {
        let words = (0..4)
            .rev()
            .map(|i| state[at + i].wrapping_add(start[at + i]));
        words.fold(0u128, |value, word| value << 32 | u128::from(word))
    };
    let r = half(0) & 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;
    (number(r, 0), half(4))
}

/// Poly1305 of the AEAD's input before `s` is added, with the block at `skip` set to zero and
/// without its top bit. Also returns the power of `r` by which that block would be multiplied.
fn hash(r: Number, input: &[u8], skip: usize) -> (Number, Number) {
    let (mut sum, mut power) = ([0; 3], [0; 3]);
    for (i, block) in input.chunks(16).enumerate() {
        if i == skip {
            power = [1, 0, 0];
        } else {
            let value = u128::from_le_bytes(block.try_into().unwrap());
            sum = add(sum, number(value, 1));
        }
        sum = mul(sum, r);
        power = mul(power, r);
    }
    (sum, power)
}

fn crypt(key: [u8; 32], nonce: &Nonce, plaintext: &[u8]) -> Vec<u8> {
    let mut out = ChaCha20Poly1305::new(&key.into())
        .encrypt(nonce, plaintext)
        .unwrap();
    out.truncate(plaintext.len());
    out
}

/// A ciphertext with its tag that opens under both keys, or `None` if no block solves the equation
/// for this plaintext. Under the first key it opens to `plaintext`, except for the 16 bytes at
/// `free`.
fn salamander(
    keys: [[u8; 32]; 2],
    nonce: &Nonce,
    aad: &[u8],
    plaintext: &[u8],
    free: usize,
) -> Option<Vec<u8>> {
    let mut ciphertext = crypt(keys[0], nonce, plaintext);
    let mut input = aad.to_vec();
    input.resize(aad.len().next_multiple_of(16), 0);
    let skip = input.len() / 16 + free / 16;
    let start = input.len() + free;
    input.extend_from_slice(&ciphertext);
    assert_eq!((input.len() % 16, free % 16), (0, 0));
    input.extend_from_slice(&(aad.len() as u64).to_le_bytes());
    input.extend_from_slice(&(ciphertext.len() as u64).to_le_bytes());
    let [(r1, s1), (r2, s2)] = keys.map(|key| poly_key(&key, &(*nonce).into()));
    let ((c1, a1), (c2, a2)) = (hash(r1, &input, skip), hash(r2, &input, skip));
    // c1 + x a1 + s1 = c2 + x a2 + s2 modulo 2^128. Each multiple of 2^128 by which the two sides
    // may differ yields one x.
    let inverse = pow(add(a1, neg(a2)), [P[0] - 2, P[1], P[2]]);
    let difference = add(number(s2, 0), neg(number(s1, 0)));
    let constant = add(difference, add(c2, neg(c1)));
    for multiple in 0..4 {
        for shift in [[0, 0, multiple], neg([0, 0, multiple])] {
            let x = mul(add(constant, shift), inverse);
            if x[2] != 1 {
                continue;
            }
            let block = u128::from(x[0]) | u128::from(x[1]) << 64;
            input[start..start + 16].copy_from_slice(&block.to_le_bytes());
            ciphertext[free..free + 16].copy_from_slice(&block.to_le_bytes());
            for (r, s) in [(r1, s1), (r2, s2)] {
                let (sum, _) = hash(r, &input, usize::MAX);
                let tag = (u128::from(sum[0]) | u128::from(sum[1]) << 64).wrapping_add(s);
                let sealed = [ciphertext.as_slice(), &tag.to_le_bytes()].concat();
                if keys
                    .iter()
                    .all(|key| decrypt(*key, nonce, aad, &sealed).is_some())
                {
                    return Some(sealed);
                }
            }
        }
    }
    None
}

fn decrypt(key: [u8; 32], nonce: &Nonce, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let payload = AeadPayload { msg: sealed, aad };
    ChaCha20Poly1305::new(&key.into())
        .decrypt(nonce, payload)
        .ok()
}

#[test]
fn invisible_salamander_message_that_opens_under_two_keys_is_withheld() {
    let mut world = World::new(1);
    let keys = [[0x11; 32], [0x22; 32]];
    let nonce = ToyChannel::nonce(0);
    // The content has room for the free block. It is varied until the equation has a solution.
    let (sealed, tag) = (0..64)
        .find_map(|attempt| {
            let header = PayloadHeader::new(0, NOON);
            let content = Content::Application {
                kind: "x".into(),
                body: vec![attempt; 120],
            };
            let payload = Payload::new(header, content).unwrap();
            let franked = payload.franked(&FrankingKey::generate(&mut world.rng));
            let tag = world.tag(&franked);
            let aad = associated_data(&tag, &world.alice, &world.conversation());
            let sealed = salamander(keys, &nonce, &aad, franked.padded(), 128)?;
            Some((sealed, tag))
        })
        .expect("a ciphertext that opens under both keys");
    let aad = associated_data(&tag, &world.alice, &world.conversation());
    let opened = keys.map(|key| decrypt(key, &nonce, &aad, &sealed).expect("the channel opens it"));
    assert_ne!(opened[0], opened[1], "one ciphertext, two plaintexts");

    let audience = Audience::Direct(world.bob.account.clone());
    let claim = world
        .stamp_keys
        .stamp_tag(&tag, &world.alice, &audience, world.now)
        .unwrap();
    let envelope = Envelope::new(tag, [&0u64.to_be_bytes()[..], &sealed].concat());
    let delivery = deliver(&claim, envelope, &world.bob_key);
    let delivery = delivery.authenticate(&world.bob_key, &world.bob).unwrap();
    for key in keys {
        let mut channel = ToyChannel { key, next: 0 };
        // The free block depends on the tag, but also changes the content and so the tag. Therefore
        // neither of the two plaintexts can be shown.
        assert!(matches!(
            open(&mut channel, &delivery),
            Err(OpenError::Withheld(_))
        ));
    }
}

/// In the published attack, one ciphertext of an attachment was two pictures. Reports and
/// deduplication that used only the ciphertext were fooled.
#[test]
fn invisible_salamander_attachment_is_refused_as_the_second_picture() {
    let keys = [[0x33; 32], [0x44; 32]];
    let nonce = ToyChannel::nonce(0);
    let (sealed, first) = (0..64u8)
        .find_map(|attempt| {
            let picture = [attempt; 256];
            let sealed = salamander(keys, &nonce, b"", &picture, 64)?;
            let first = decrypt(keys[0], &nonce, b"", &sealed)?;
            Some((sealed, first))
        })
        .expect("a ciphertext that opens under both keys");
    let second = decrypt(keys[1], &nonce, b"", &sealed).unwrap();
    let key = AttachmentKey::from_bytes(keys[0]);
    let attachment = WholeFile::new("image/png", &first, &sealed, key, "blob").unwrap();
    assert_eq!(
        attachment.check_ciphertext(&sealed),
        Ok(()),
        "the ciphertext alone does not reveal the attack"
    );
    assert_eq!(attachment.check_plaintext(&first), Ok(()));
    assert_eq!(
        attachment.check_plaintext(&second),
        Err(AttachmentError::OtherBytes)
    );
}

/// The same attack on a file that is sealed in chunks: the forged ciphertext, in a blob with the
/// tag of either plaintext under either key.
#[test]
fn invisible_salamander_file_opens_under_neither_key() {
    let keys = [[0x55; 32], [0x66; 32]];
    let nonce = ToyChannel::nonce(0);
    let sealed = (0..64u8).find_map(|attempt| salamander(keys, &nonce, b"", &[attempt; 256], 64));
    let sealed = sealed.expect("a ciphertext that opens under both keys");
    let pictures = keys.map(|key| decrypt(key, &nonce, b"", &sealed).expect("the AEAD opens it"));
    assert_ne!(pictures[0], pictures[1], "one ciphertext, two pictures");

    let [first, second] = [0, 1].map(|of| {
        let (key, mut picture) = (FileKey::from_bytes(keys[of]), &pictures[of][..]);
        let tree = FileTree::of(&mut picture, 256, &key).unwrap();
        let shape = tree.shape();
        let file = FileDescriptor::new(shape, tree.root(), "image/png", "", "").unwrap();
        (file, tree)
    });
    assert!(first.0.root() != second.0.root());
    for (file, tree) in [&first, &second] {
        let blob = [&sealed[..256], tree.as_bytes()].concat();
        for key in keys {
            let (key, mut blob) = (FileKey::from_bytes(key), Cursor::new(&blob));
            let mut shown = Vec::new();
            let opened = file::open(file, &key, &mut blob, &mut shown);
            assert!(matches!(opened, Err(OpenFileError::Altered)));
            assert!(shown.is_empty());
        }
    }
}
