//! A reporter with a modified client, written from the specification of `waxseal-reporting` and not
//! from its code.
//!
//! The forger can set every field of a report. All MACs and seals that a real reporter could
//! compute are correct.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeS, Serializable};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use waxseal::reporting::reporter::ModerationPublicKey;
use waxseal::{DeliveryKey, DeviceAddress, Evidence};

/// What a report claims about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgedClaim {
    /// The message's tag.
    pub tag: [u8; 32],
    /// The encoded stamp context.
    pub context: Vec<u8>,
    /// The stamp over the tag and the context.
    pub stamp: [u8; 32],
}

/// What a report shows of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgedOpening {
    /// The format of the message: 2.
    pub format: u8,
    /// What the tag names: `sender || conversation`.
    pub origin: Vec<u8>,
    /// `k_root`, the key of the tag's MAC.
    pub root_key: [u8; 32],
    /// The commitments `c_i`, one for each part.
    pub commitments: Vec<[u8; 32]>,
    /// Which parts are shown: bit i stands for part i.
    pub shown: u32,
    /// For each part, whether it is shown or not: the key `k_i` of its commitment, and its bytes.
    pub parts: Vec<([u8; 32], Vec<u8>)>,
}

/// The fields of a report before it is sealed.
///
/// [`Forgery::of`] fills them in honestly. The caller then changes any of them, and
/// [`Forgery::seal`] makes a report of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// The device that the report names as its sender.
    pub reporter: DeviceAddress,
    /// The number of the reason for the report.
    pub reason: u8,
    /// The reporter's note.
    pub note: Vec<u8>,
    /// The claims, which are not encrypted.
    pub claims: Vec<ForgedClaim>,
    /// The openings, which are sealed for the reviewers.
    pub openings: Vec<ForgedOpening>,
}

impl Forgery {
    /// Fills in an honest report of these messages that shows all of their parts.
    pub fn of<'a>(
        reporter: &DeviceAddress,
        evidence: impl IntoIterator<Item = &'a Evidence>,
    ) -> Self {
        let messages = evidence.into_iter().map(open);
        let (claims, openings) = messages.unzip();
        Self {
            reporter: reporter.clone(),
            reason: 1,
            note: Vec::new(),
            claims,
            openings,
        }
    }

    /// Seals the report and authenticates it with `key`, which need not be the reporter's delivery
    /// key.
    pub fn seal(
        &self,
        key: &DeliveryKey,
        moderation: &ModerationPublicKey,
        rng: &mut impl CryptoRng,
    ) -> Vec<u8> {
        let claims = self.claims();
        let public = moderation.encode();
        // The fingerprint says for which moderation key the report is sealed:
        // fingerprint = SHA-256("waxseal/1/moderation-key" || public key 1,216)
        let mut fingerprint = Sha256::new_with_prefix(b"waxseal/1/moderation-key");
        fingerprint.update(&public[1..]);
        let public = <XWing as Kem>::PublicKey::from_bytes(&public[1..]).unwrap();
        let (encapsulated, sealed) =
            hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeS::Base,
                &public,
                b"waxseal/2/report-openings",
                &padded(self.openings()),
                &claims,
                rng,
            )
            .unwrap();
        let sections = [
            claims,
            fingerprint.finalize().to_vec(),
            encapsulated.to_bytes().to_vec(),
            sealed,
        ];
        // The MAC with the delivery key covers all sections and shows which device reports:
        // reporter MAC = HMAC(K_delivery, label || long(claims) || long(fingerprint)
        // || long(encapsulated key) || long(sealed openings)), where long(x) = length u32 || x
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*key.to_bytes()).unwrap();
        mac.update(b"waxseal/2/reporter-mac");
        for section in &sections {
            mac.update(&long(section));
        }
        let mac = mac.finalize().into_bytes().to_vec();
        let mut report = vec![2];
        for (number, section) in (1..).zip(sections.iter().chain([&mac])) {
            put_field(&mut report, number, section);
        }
        report
    }

    /// Encodes the reporter's address and the claims, the section that is not encrypted.
    fn claims(&self) -> Vec<u8> {
        // The layout of this section is
        // claims = reporter (length u8 || account || device be32) || count u8 || count x claim
        let mut out = vec![self.reporter.account.as_str().len() as u8];
        out.extend(self.reporter.account.as_str().as_bytes());
        out.extend(self.reporter.device.0.to_be_bytes());
        out.push(self.claims.len() as u8);
        for claim in &self.claims {
            // The layout of each claim is tag 32 || length u16 || stamp context || stamp 32
            out.extend(claim.tag);
            out.extend((claim.context.len() as u16).to_be_bytes());
            out.extend(&claim.context);
            out.extend(claim.stamp);
        }
        out
    }

    /// Encodes the reason, the note and the openings, the section that is then sealed.
    fn openings(&self) -> Vec<u8> {
        // The layout of this section is
        // openings = reason u8 || length u16 || note || count u8 || count x opening
        let mut out = vec![self.reason];
        out.extend((self.note.len() as u16).to_be_bytes());
        out.extend(&self.note);
        out.push(self.openings.len() as u8);
        for opening in &self.openings {
            // opening = format u8 || n u8 || k_root 32 || n x c_i 32 || shown be32
            // || for each shown part, in ascending order: k_i 32 || length u32 || part_i
            out.push(opening.format);
            out.push(opening.commitments.len() as u8);
            out.extend(opening.root_key);
            out.extend(opening.commitments.iter().flatten());
            out.extend(opening.shown.to_be_bytes());
            for (index, (key, part)) in opening.parts.iter().enumerate() {
                let set = u32::try_from(index)
                    .ok()
                    .and_then(|index| opening.shown.checked_shr(index));
                if set.is_some_and(|set| set & 1 == 1) {
                    out.extend(key);
                    out.extend(long(part));
                }
            }
        }
        out
    }
}

impl ForgedOpening {
    /// Derives all keys from a franking key and commits to the parts, which may hold anything.
    /// Replaces the opening's keys and commitments, and returns the tag that fits them.
    pub fn commit(&mut self, franking_key: &[u8; 32]) -> [u8; 32] {
        self.root_key = expand(franking_key, b"waxseal/1/frank-root-key");
        self.commitments.clear();
        for (index, (key, part)) in (0u8..).zip(&mut self.parts) {
            *key = part_key(franking_key, index);
            self.commitments.push(commit(key, index, part));
        }
        // tag = HMAC(k_root, "waxseal/2/frank-tag" || sender || conversation
        //           || n u8 || c_0 || .. || c_(n-1))
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.root_key).unwrap();
        mac.update(b"waxseal/2/frank-tag");
        mac.update(&self.origin);
        mac.update(&[self.parts.len() as u8]);
        mac.update(self.commitments.as_flattened());
        mac.finalize().into_bytes().into()
    }
}

/// Makes the claim and the opening of a message from its evidence, which both its recipient and its
/// sender hold.
fn open(evidence: &Evidence) -> (ForgedClaim, ForgedOpening) {
    // evidence = 02 || claim || K_f 32 || n u8 || n x (length u32 || part)
    let bytes = evidence.encode();
    let (tag, rest) = bytes[1..].split_first_chunk().unwrap();
    let (len, rest) = rest.split_first_chunk().unwrap();
    let (context, rest) = rest.split_at(u16::from_be_bytes(*len).into());
    let (stamp, rest) = rest.split_first_chunk().unwrap();
    let (franking_key, rest) = rest.split_first_chunk::<32>().unwrap();
    let mut rest = &rest[1..];
    let mut parts = Vec::new();
    while let Some((len, more)) = rest.split_first_chunk() {
        let (part, more) = more.split_at(u32::from_be_bytes(*len) as usize);
        parts.push(([0; 32], part.to_vec()));
        rest = more;
    }
    let sender = evidence.sender();
    let mut origin = vec![sender.account.as_str().len() as u8];
    origin.extend(sender.account.as_str().as_bytes());
    origin.extend(sender.device.0.to_be_bytes());
    origin.extend(evidence.conversation().as_bytes());
    let mut opening = ForgedOpening {
        format: bytes[0],
        origin,
        root_key: [0; 32],
        commitments: Vec::new(),
        shown: (1 << parts.len()) - 1,
        parts,
    };
    assert_eq!(
        &opening.commit(franking_key),
        tag,
        "the tag is not computed as the specification says"
    );
    let claim = ForgedClaim {
        tag: *tag,
        context: context.to_vec(),
        stamp: *stamp,
    };
    (claim, opening)
}

/// Derives the key with which part number i is committed to:
/// `k_i = HKDF-Expand(K_f, "waxseal/1/frank-part-key" || i u8, 32)`
fn part_key(franking_key: &[u8; 32], index: u8) -> [u8; 32] {
    let label = [b"waxseal/1/frank-part-key", &[index][..]].concat();
    expand(franking_key, &label)
}

/// Commits to part number i:
/// `c_i = HMAC(k_i, "waxseal/1/frank-commit" || i u8 || long(part_i))`
fn commit(key: &[u8; 32], index: u8, part: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(b"waxseal/1/frank-commit");
    mac.update(&[index]);
    mac.update(&long(part));
    mac.finalize().into_bytes().into()
}

fn expand(key: &[u8; 32], info: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let expansion = Hkdf::<Sha256>::from_prk(key).unwrap();
    expansion.expand(info, &mut out).unwrap();
    out
}

/// Puts the length of bytes in front of them: `long(x) = length u32 || x`
fn long(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

/// Appends a length-delimited protobuf field.
pub(crate) fn put_field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend(bytes);
}

/// Pads with a byte 0x80 and then zeros (ISO/IEC 7816-4). The padded length is a multiple of 64
/// bytes, or above 1,024 bytes a Padmé length.
fn padded(mut content: Vec<u8>) -> Vec<u8> {
    content.push(0x80);
    let len = content.len();
    let block = if len <= 1_024 {
        64
    } else {
        let exponent = len.ilog2();
        1 << (exponent - (exponent.ilog2() + 1))
    };
    content.resize(len.next_multiple_of(block), 0);
    content
}
