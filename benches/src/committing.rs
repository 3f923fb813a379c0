//! Ways to encrypt so that the ciphertext is a commitment to the message. Compares Waxseal's
//! franking with the textbook's constructions, built from the same crates, and with plain
//! ChaCha20-Poly1305, which commits to nothing. (Grubbs, Lu, Ristenpart 2017)
//!
//! Every scheme encrypts with a key that serves one message. The textbook's schemes and plain
//! ChaCha20-Poly1305 also authenticate a header of 64 bytes. A franked message has associated data
//! of its own instead.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::Cursor;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hmac::{Hmac, Mac};
use rand::Rng as _;
use rand_core::CryptoRng;
use sha2::Sha256;
use waxseal_reporting::Audience;
use waxseal_reporting::file::{self, FileDescriptor, FileKey, FileShape};
use waxseal_reporting::limits::MAX_PAYLOAD_LEN;
use waxseal_reporting::message::{FileAttachment, Payload, PayloadHeader};
use waxseal_reporting::recipient::{OpeningChannel, open_unstamped};
use waxseal_reporting::relay::Envelope;
use waxseal_reporting::sender::{SealingChannel, seal};
use waxseal_world::{NOW, address};
use zeroize::Zeroizing;

use crate::clock::time;
use crate::measure::Effort;
use crate::results::{Contestant, Results};

/// Lengths of the content in `compare`, in bytes.
pub const SIZES: [usize; 4] = [64, 1_024, 65_000, 1 << 20];

/// The header that is authenticated with the content. It is not sent.
const HEADER: [u8; 64] = [3; 64];
const KEY: [u8; 32] = [5; 32];
const NONCE: [u8; 12] = [0; 12];

/// A way to encrypt, with or without a commitment.
pub struct Scheme {
    pub system: &'static str,
    pub variant: &'static str,
    commit: fn(&[u8]) -> Committed,
    verify: fn(&Committed) -> bool,
}

/// A ciphertext and its commitment.
pub struct Committed {
    commitment: [u8; 32],
    /// The tag that the scheme CEP (committing encrypt-and-PRF) adds to its ciphertext.
    tag: [u8; 32],
    ciphertext: Vec<u8>,
    /// For content that is sent as a file: the message that describes the file and carries the
    /// commitment.
    envelope: Option<(Envelope, FileAttachment)>,
}

impl Committed {
    fn new(commitment: [u8; 32], ciphertext: Vec<u8>) -> Self {
        Self {
            commitment,
            tag: [0; 32],
            ciphertext,
            envelope: None,
        }
    }
}

/// All schemes.
pub const SCHEMES: [Scheme; 5] = [
    Scheme {
        system: "chacha20poly1305",
        variant: "plain",
        commit: |content| Committed::new([0; 32], aead_seal(&HEADER, content.to_vec())),
        verify: |sealed| aead_open(&HEADER, &sealed.ciphertext).is_some(),
    },
    Scheme {
        system: "chacha20poly1305",
        variant: "cte1",
        commit: |content| commit_then_encrypt(content, |_| HEADER.to_vec()),
        verify: |sealed| verify_committed(sealed, HEADER.to_vec()),
    },
    Scheme {
        system: "chacha20poly1305",
        variant: "cte2",
        commit: |content| commit_then_encrypt(content, |commitment| commitment.to_vec()),
        verify: |sealed| verify_committed(sealed, sealed.commitment.to_vec()),
    },
    Scheme {
        system: "chacha20",
        variant: "cep",
        commit: cep_seal,
        verify: cep_verify,
    },
    Scheme {
        system: "waxseal-reporting",
        variant: "franked",
        commit: franked_seal,
        verify: franked_verify,
    },
];

impl Scheme {
    /// Encrypts the content and, unless the scheme is `plain`, commits to it.
    #[must_use]
    pub fn commit(&self, content: &[u8]) -> Committed {
        (self.commit)(content)
    }

    /// Returns whether the ciphertext decrypts and, unless the scheme is `plain`, fits the
    /// commitment.
    #[must_use]
    pub fn verify(&self, committed: &Committed) -> bool {
        (self.verify)(committed)
    }
}

/// Adds the rows of all schemes to `compare`.
pub fn contests(results: &mut Results, effort: Effort, sizes: &[usize]) {
    for size in sizes {
        let content = vec![b'x'; *size];
        let contestants = |run: fn(&Scheme, &[u8], u32) -> std::time::Duration| {
            let content = &content;
            let contestant = move |scheme: &'static Scheme| Contestant {
                system: scheme.system,
                variant: scheme.variant,
                run: Box::new(move |repeats| run(scheme, content, repeats)),
            };
            static ALL: [Scheme; 5] = SCHEMES;
            ALL.iter().map(contestant).collect::<Vec<_>>()
        };
        let commit = contestants(|scheme, content, repeats| {
            time(|| (0..repeats).for_each(|_| drop(black_box(scheme.commit(content)))))
        });
        results.contest("commit", *size as u64, effort, commit);
        let verify = contestants(|scheme, content, repeats| {
            let committed = scheme.commit(content);
            time(|| (0..repeats).for_each(|_| assert!(scheme.verify(&committed))))
        });
        results.contest("verify", *size as u64, effort, verify);
    }
}

fn aead_seal(associated_data: &[u8], mut content: Vec<u8>) -> Vec<u8> {
    content.reserve_exact(16);
    ChaCha20Poly1305::new(&KEY.into())
        .encrypt_in_place(&NONCE.into(), associated_data, &mut content)
        .expect("short enough");
    content
}

fn aead_open(associated_data: &[u8], ciphertext: &[u8]) -> Option<Vec<u8>> {
    let mut content = ciphertext.to_vec();
    ChaCha20Poly1305::new(&KEY.into())
        .decrypt_in_place(&NONCE.into(), associated_data, &mut content)
        .ok()?;
    Some(content)
}

fn hmac(key: &[u8; 32], fields: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    fields.iter().for_each(|field| mac.update(field));
    mac
}

/// Encrypts by the schemes CtE1 and CtE2 (commit-then-encrypt). An HMAC of header and content is
/// the commitment, and its key is encrypted with the content. In CtE2 the commitment is the
/// associated data.
fn commit_then_encrypt(content: &[u8], ad: fn(&[u8; 32]) -> Vec<u8>) -> Committed {
    let mut opening = [0; 32];
    rand::rng().fill_bytes(&mut opening);
    let commitment = hmac(&opening, &[&HEADER, content])
        .finalize()
        .into_bytes()
        .into();
    let mut plaintext = Vec::with_capacity(content.len() + 32 + 16);
    plaintext.extend_from_slice(content);
    plaintext.extend_from_slice(&opening);
    Committed::new(commitment, aead_seal(&ad(&commitment), plaintext))
}

fn verify_committed(sealed: &Committed, ad: Vec<u8>) -> bool {
    let Some(plaintext) = aead_open(&ad, &sealed.ciphertext) else {
        return false;
    };
    let Some((content, opening)) = plaintext.split_last_chunk() else {
        return false;
    };
    let mac = hmac(opening, &[&HEADER, content]);
    mac.verify_slice(&sealed.commitment).is_ok()
}

/// Encrypts by the scheme CEP (committing encrypt-and-PRF). The stream cipher's output gives the
/// commitment key, the tag key and the pad for the content, so no key is sent.
fn cep_seal(content: &[u8]) -> Committed {
    let mut cipher = ChaCha20::new(&KEY.into(), &NONCE.into());
    let [commitment_key, tag_key] = cep_keys(&mut cipher);
    let commitment: [u8; 32] = hmac(&commitment_key, &[&HEADER, content])
        .finalize()
        .into_bytes()
        .into();
    let mut ciphertext = content.to_vec();
    cipher.apply_keystream(&mut ciphertext);
    Committed {
        tag: hmac(&tag_key, &[&commitment])
            .finalize()
            .into_bytes()
            .into(),
        ..Committed::new(commitment, ciphertext)
    }
}

fn cep_verify(sealed: &Committed) -> bool {
    let mut cipher = ChaCha20::new(&KEY.into(), &NONCE.into());
    let [commitment_key, tag_key] = cep_keys(&mut cipher);
    let mut content = sealed.ciphertext.clone();
    cipher.apply_keystream(&mut content);
    let commitment = hmac(&commitment_key, &[&HEADER, &content]);
    let tag = hmac(&tag_key, &[&sealed.commitment]);
    commitment.verify_slice(&sealed.commitment).is_ok() && tag.verify_slice(&sealed.tag).is_ok()
}

fn cep_keys(cipher: &mut ChaCha20) -> [[u8; 32]; 2] {
    let mut keys = [[0; 32]; 2];
    keys.iter_mut().for_each(|key| cipher.apply_keystream(key));
    keys
}

/// A channel that encrypts with ChaCha20-Poly1305, as the other schemes do, and with a key that
/// serves one message.
struct OneMessage;

impl SealingChannel for OneMessage {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(aead_seal(associated_data, plaintext.to_vec()))
    }
}

impl OpeningChannel for OneMessage {
    type Error = Infallible;

    fn decrypt(
        &mut self,
        ciphertext: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Infallible> {
        let plaintext = aead_open(associated_data, ciphertext);
        Ok(Zeroizing::new(
            plaintext.expect("this bench forges nothing"),
        ))
    }
}

/// Sends content as a text if it fits a payload. Longer content is sealed as a file, and the
/// message describes the file.
fn franked_seal(content: &[u8]) -> Committed {
    let (alice, bob) = (address("alice"), address("bob"));
    let conversation = Audience::Direct(bob.account).conversation(&alice.account);
    let header = PayloadHeader::new(1, NOW);
    let is_text = content.len() + 128 <= MAX_PAYLOAD_LEN;
    let (payload, file) = if is_text {
        let text = String::from_utf8(content.to_vec()).expect("ASCII");
        (Payload::text(header, text), None)
    } else {
        let (key, size) = (FileKey::from_bytes(KEY), content.len() as u64);
        let shape = FileShape::new(size).expect("short enough");
        let mut ciphertext = Vec::with_capacity(content.len() / 8 * 9 + 65_536);
        let root = file::seal(&mut { content }, size, &key, &mut ciphertext);
        let root = root.expect("it is in memory");
        let file = FileDescriptor::new(shape, root, "image/jpeg", "1.jpg", "https://files/1");
        let file = FileAttachment::new(file.expect("within bounds"), key, None);
        let payload = Payload::with_attachments(
            header,
            waxseal_reporting::message::Content::Text(String::new()),
            vec![file.clone().into()],
        );
        (payload, Some((file, ciphertext)))
    };
    let payload = payload.expect("within the limits");
    let sealed = seal(
        &mut OneMessage,
        &alice,
        &conversation,
        &payload,
        &mut rand::rng(),
    )
    .expect("seals");
    let commitment = *sealed.envelope.tag().as_bytes();
    match file {
        None => Committed {
            envelope: None,
            ..Committed::new(commitment, sealed.envelope.encode())
        },
        Some((file, ciphertext)) => Committed {
            envelope: Some((sealed.envelope, file)),
            ..Committed::new(commitment, ciphertext)
        },
    }
}

fn franked_verify(sealed: &Committed) -> bool {
    let (alice, bob) = (address("alice"), address("bob"));
    let conversation = Audience::Direct(bob.account).conversation(&alice.account);
    let open = |envelope: &Envelope| {
        open_unstamped(&mut OneMessage, &alice, &conversation, envelope).is_ok()
    };
    match &sealed.envelope {
        None => Envelope::decode(&sealed.ciphertext).is_ok_and(|envelope| open(&envelope)),
        Some((envelope, file)) => {
            open(envelope) && {
                let (mut blob, mut content) = (Cursor::new(&sealed.ciphertext), Vec::new());
                file::open(file.descriptor(), file.key(), &mut blob, &mut content).is_ok()
            }
        }
    }
}
