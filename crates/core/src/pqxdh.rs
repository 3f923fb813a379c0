//! PQXDH: the key agreement of a new session. It protects messages recorded today from a quantum
//! computer of the future.
//!
//! A handshake yields what the initiator sends, the secrets that the ratchets start from, and two
//! hashes by which later messages are tied to the handshake. (PQXDH, revision 3)

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use rand_core::CryptoRng;

use crate::bundle::PreKeyBundle;
use crate::dh::{DhKeyPair, DhOutput, DhPublicKey};
use crate::error::{DecodeError, NonContributory};
use crate::header_key::HeaderKey;
use crate::identity::{IdentityCertificate, IdentityKey, IdentityKeyPair};
use crate::kdf::{self, RootKey};
use crate::kem::{KEM_PUBLIC_KEY_LEN, KemCiphertext, KemSecret};
use crate::post_quantum::PqSeed;
use crate::prekeys::{OneTimeSet, SignedSet};
use crate::{labels, wire};

/// The initiator's part of the key agreement, which is sent with its first messages.
pub(crate) struct Handshake {
    pub(crate) identity: IdentityKey,
    pub(crate) certificate: IdentityCertificate,
    pub(crate) base_key: DhPublicKey,
    pub(crate) signed_prekey_id: u32,
    pub(crate) one_time_prekey_id: Option<u32>,
    pub(crate) kem_ciphertext: Box<KemCiphertext>,
}

/// A hash of everything that a handshake carries, 32 bytes. It identifies the handshake that a
/// session came from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HandshakeDigest(pub(crate) [u8; 32]);

/// A hash of everything public that both sides put into the key agreement, 32 bytes. It is in the
/// associated data of every message and replaces `AD` of PQXDH.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionAd(pub(crate) [u8; 32]);

impl SessionAd {
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest of the handshake that people compare in part.
    pub(crate) fn session_digest(&self) -> [u8; 32] {
        // SHA-256(label || session associated data)
        let hash = Sha256::new_with_prefix(labels::SESSION_DIGEST);
        hash.chain_update(self.0).finalize().into()
    }
}

/// The secrets that the two ratchets start from.
pub(crate) struct AgreedSecrets {
    pub(crate) root: RootKey,
    /// Header key of the initiator's first chain.
    pub(crate) initiator_header: HeaderKey,
    /// Header key of the recipient's first chain.
    pub(crate) recipient_header: HeaderKey,
    /// The secret from which the post-quantum ratchet starts.
    pub(crate) post_quantum: PqSeed,
}

/// The result of a handshake, which is the same on both sides.
pub(crate) struct Agreed {
    pub(crate) secret: AgreedSecrets,
    pub(crate) ad: SessionAd,
    pub(crate) digest: HandshakeDigest,
}

/// Carries out the initiator's side.
pub(crate) fn initiate(
    identity: &IdentityKeyPair,
    bundle: &PreKeyBundle,
    rng: &mut impl CryptoRng,
) -> Result<(Handshake, Agreed), NonContributory> {
    let base = DhKeyPair::generate(rng);
    let (kem_public, one_time) = match &bundle.one_time {
        Some(part) => (&part.kem, Some((part.id, &part.prekey))),
        None => (&bundle.signed.last_resort, None),
    };
    // Makes a secret for the recipient's ML-KEM prekey, and the ciphertext that carries it:
    // (CT, SS) = Encaps(KEM prekey)
    let (ciphertext, kem_secret) = kem_public.encapsulate(rng);
    // Combines our identity key IK_A and base key EK_A with the recipient's identity key IK_B and
    // prekeys SPK_B and OPK_B. Without a one-time prekey OPK_B, there is no DH4.
    // DH1 = DH(IK_A, SPK_B), DH2 = DH(EK_A, IK_B), DH3 = DH(EK_A, SPK_B), DH4 = DH(EK_A, OPK_B)
    let dh1 = identity.dh().diffie_hellman(&bundle.signed.prekey)?;
    let dh2 = base.diffie_hellman(bundle.identity.dh())?;
    let dh3 = base.diffie_hellman(&bundle.signed.prekey)?;
    let dh4 = one_time
        .map(|(_, prekey)| base.diffie_hellman(prekey))
        .transpose()?;
    let handshake = Handshake {
        identity: *identity.public(),
        certificate: *identity.certificate(),
        base_key: *base.public(),
        signed_prekey_id: bundle.signed.id,
        one_time_prekey_id: one_time.map(|(id, _)| id),
        kem_ciphertext: Box::new(ciphertext),
    };
    let digest = handshake.digest();
    let ad = session_ad(
        &digest,
        &bundle.identity,
        &bundle.signed.prekey,
        one_time.map(|(_, key)| key),
        kem_public.as_bytes(),
    );
    Ok((
        handshake,
        Agreed {
            secret: derive(&dh1, &dh2, &dh3, dh4.as_ref(), &kem_secret),
            ad,
            digest,
        },
    ))
}

/// Carries out the recipient's side. The caller has already found the prekeys that the handshake
/// names, and has checked its certificate and base key.
pub(crate) fn accept(
    identity: &IdentityKeyPair,
    signed: &SignedSet,
    one_time: Option<&OneTimeSet>,
    handshake: &Handshake,
) -> Result<Agreed, NonContributory> {
    let one_time_prekey = one_time.map(|set| set.prekey.key_pair());
    let kem_seed = one_time.map_or(&signed.last_resort, |set| &set.kem);
    // Recovers the secret from the initiator's ciphertext: SS = Decaps(CT)
    let (kem_public, kem_secret) = kem_seed.decapsulate(&handshake.kem_ciphertext);
    // The same results as on the initiator's side, from the other half of each key pair.
    let dh1 = signed.prekey.diffie_hellman(handshake.identity.dh())?;
    let dh2 = identity.dh().diffie_hellman(&handshake.base_key)?;
    let dh3 = signed.prekey.diffie_hellman(&handshake.base_key)?;
    let dh4 = one_time_prekey
        .as_ref()
        .map(|prekey| prekey.diffie_hellman(&handshake.base_key))
        .transpose()?;
    let digest = handshake.digest();
    let one_time_public = one_time_prekey.as_ref().map(DhKeyPair::public);
    let ad = session_ad(
        &digest,
        identity.public(),
        signed.prekey.public(),
        one_time_public,
        kem_public.as_bytes(),
    );
    Ok(Agreed {
        secret: derive(&dh1, &dh2, &dh3, dh4.as_ref(), &kem_secret),
        ad,
        digest,
    })
}

/// Derives the root key, the header keys of initiator and recipient, and the seed of the
/// post-quantum ratchet.
fn derive(
    dh1: &DhOutput,
    dh2: &DhOutput,
    dh3: &DhOutput,
    dh4: Option<&DhOutput>,
    kem: &KemSecret,
) -> AgreedSecrets {
    // All agreed secrets together are the input of HKDF:
    // IKM = 0xFF^32 || DH1 || DH2 || DH3 [|| DH4] || SS
    // The length of IKM shows whether DH4 is part of it.
    let mut ikm = Zeroizing::new(Vec::with_capacity(6 * 32));
    ikm.extend_from_slice(&[0xff; 32]);
    for dh in [Some(dh1), Some(dh2), Some(dh3), dh4].into_iter().flatten() {
        ikm.extend_from_slice(dh.as_bytes());
    }
    ikm.extend_from_slice(kem.as_bytes());
    let output = kdf::hkdf::<96>(&[0; 32], &ikm, labels::PQXDH);
    let post_quantum = kdf::hkdf(&[0; 32], &ikm, labels::PQXDH_POST_QUANTUM);
    AgreedSecrets {
        root: RootKey::from_bytes(&kdf::block32(output.as_ref(), 0)),
        initiator_header: HeaderKey::from_bytes(&kdf::block32(output.as_ref(), 1)),
        recipient_header: HeaderKey::from_bytes(&kdf::block32(output.as_ref(), 2)),
        post_quantum: PqSeed::from_bytes(&post_quantum),
    }
}

/// Hashes the recipient's side of the transcript, together with the digest of the initiator's side.
fn session_ad(
    digest: &HandshakeDigest,
    recipient: &IdentityKey,
    signed_prekey: &DhPublicKey,
    one_time_prekey: Option<&DhPublicKey>,
    kem_public: &[u8; KEM_PUBLIC_KEY_LEN],
) -> SessionAd {
    // label || digest || IK_B || SPK_B || (0, or 1 || OPK_B) || KEM prekey
    let mut hash = Sha256::new();
    hash.update(labels::SESSION_AD);
    hash.update(digest.0);
    hash.update(recipient.to_bytes());
    hash.update(signed_prekey.as_bytes());
    match one_time_prekey {
        None => hash.update([0]),
        Some(prekey) => {
            hash.update([1]);
            hash.update(prekey.as_bytes());
        }
    }
    hash.update(kem_public);
    SessionAd(hash.finalize().into())
}

impl Handshake {
    pub(crate) fn digest(&self) -> HandshakeDigest {
        // Hashes all that the handshake carries; of the prekey sets, it carries the numbers:
        // label || IK_A || certificate || EK_A || signed set || (0, or 1 || one-time set) || CT
        let mut hash = Sha256::new();
        hash.update(labels::HANDSHAKE_DIGEST);
        hash.update(self.identity.to_bytes());
        hash.update(self.certificate.to_bytes());
        hash.update(self.base_key.as_bytes());
        hash.update(self.signed_prekey_id.to_be_bytes());
        match self.one_time_prekey_id {
            None => hash.update([0]),
            Some(id) => {
                hash.update([1]);
                hash.update(id.to_be_bytes());
            }
        }
        hash.update(self.kem_ciphertext.as_bytes());
        HandshakeDigest(hash.finalize().into())
    }

    pub(crate) fn from_wire(wire: wire::Handshake) -> Result<Self, DecodeError> {
        Ok(Self {
            identity: IdentityKey::from_bytes(&wire.identity)?,
            certificate: IdentityCertificate::from_bytes(wire::array(&wire.certificate)?),
            base_key: DhPublicKey::from_bytes(wire::array(&wire.base_key)?)?,
            signed_prekey_id: wire.signed_prekey_id,
            one_time_prekey_id: wire.one_time_prekey_id,
            kem_ciphertext: Box::new(KemCiphertext::from_bytes(wire::array(
                &wire.kem_ciphertext,
            )?)),
        })
    }

    pub(crate) fn to_wire(&self) -> wire::Handshake {
        wire::Handshake {
            identity: self.identity.to_bytes().to_vec(),
            certificate: self.certificate.to_bytes().to_vec(),
            base_key: self.base_key.as_bytes().to_vec(),
            signed_prekey_id: self.signed_prekey_id,
            one_time_prekey_id: self.one_time_prekey_id,
            kem_ciphertext: self.kem_ciphertext.as_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
