//! An officer's key, and what officers sign.

use core::fmt;
use core::marker::PhantomData;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use waxseal_reporting::Timestamp;
use zeroize::Zeroizing;

use crate::codec::{Reader, put_medium};
use crate::format::{self, DecodeError, VERSION};
use crate::ids::OfficerId;
use crate::policy::{Policy, Roles};
use crate::{hash, labels};

/// Maximum length of what one act says, in bytes: a statement of reasons and the fields around it.
pub const MAX_ACT_BODY_LEN: usize = 8_192;
/// Maximum length of an encoded act, in bytes: the sum of its fields.
pub const MAX_ACT_LEN: usize = 1 + 1 + 32 + 8 + 2 + MAX_ACT_BODY_LEN + 64;

/// An officer's Ed25519 key. 32 secret bytes on the heap, wiped on drop.
///
/// It stays with the officer, on a token or in the officer's device. The desk sees signatures only.
#[derive(Clone)]
pub struct OfficerKey(Box<SigningKey>);

impl OfficerKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key of a stored seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed)))
    }

    /// The seed, to store it.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public key, which the policy lists.
    pub fn id(&self) -> OfficerId {
        OfficerId::from_bytes(self.0.verifying_key().to_bytes())
    }

    /// Signs a message that starts with a label of this crate.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for OfficerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfficerKey")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// The kinds of acts. The numbers 1 and 2 stand for the request and the approval of a grant. These
/// are signatures in the grant itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActKind {
    /// An officer denies a grant.
    GrantDenial,
    /// An officer decides a case.
    Decision,
    /// An officer decides an appeal.
    AppealDecision,
    /// An officer reviews the use of an emergency grant.
    EmergencyReview,
    /// An officer takes a case, or gives it to another one.
    Assignment,
    /// An officer answers an authority's request.
    LegalAnswer,
    /// An officer places or lifts a hold.
    Hold,
}

impl ActKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::GrantDenial,
        Self::Decision,
        Self::AppealDecision,
        Self::EmergencyReview,
        Self::Assignment,
        Self::LegalAnswer,
        Self::Hold,
    ];

    /// The number in the encoding.
    pub fn number(self) -> u8 {
        match self {
            Self::GrantDenial => 3,
            Self::Decision => 4,
            Self::AppealDecision => 5,
            Self::EmergencyReview => 6,
            Self::Assignment => 7,
            Self::LegalAnswer => 8,
            Self::Hold => 9,
        }
    }

    /// The role that the officer needs.
    pub fn role(self) -> Roles {
        match self {
            Self::GrantDenial => Roles::APPROVE,
            Self::Assignment => Roles::ASK,
            Self::Decision | Self::LegalAnswer | Self::Hold => Roles::DECIDE,
            Self::AppealDecision => Roles::APPEALS,
            Self::EmergencyReview => Roles::REVIEW,
        }
    }
}

/// What an officer can sign. Implemented by one type for each [`ActKind`].
pub trait Act: Sized + PartialEq {
    /// The kind.
    const KIND: ActKind;

    /// What the act says, as bytes: at most [`MAX_ACT_BODY_LEN`].
    fn encode(&self) -> Vec<u8>;

    /// Reads what [`encode`](Self::encode) writes, and refuses any other bytes.
    fn decode(body: &[u8]) -> Option<Self>;
}

/// An act with the signature of an officer, which is not verified yet.
///
/// ```text
/// 01 || kind u8 || officer 32 || at be64 || medium(body) || signature 64
/// signature = Ed25519("waxseal/desk/1/act" || medium(origin) || kind u8 || officer 32 || at be64
///     || medium(body))
/// ```
///
/// Only [`verify`](Self::verify) returns what the act says.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed<T> {
    officer: OfficerId,
    at: Timestamp,
    body: Vec<u8>,
    signature: [u8; 64],
    act: PhantomData<T>,
}

impl<T: Act> Signed<T> {
    /// The officer's step: signs an act for the desk of this log.
    ///
    /// # Errors
    /// [`DecodeError`] if the act is too long, or a field of it is out of bounds.
    pub fn sign(
        act: &T,
        origin: &str,
        key: &OfficerKey,
        at: Timestamp,
    ) -> Result<Self, DecodeError> {
        let body = act.encode();
        // A field that is too long for its length prefix would be read as others.
        if read_body::<T>(&body)? != *act {
            return Err(DecodeError::Malformed);
        }
        let (officer, fields) = (key.id(), fields::<T>(&key.id(), at, &body));
        Ok(Self {
            officer,
            at,
            signature: key.sign(&message(origin, &fields)),
            body,
            act: PhantomData,
        })
    }

    /// Checks that an officer of this policy with the act's role signed it for the policy's log.
    ///
    /// # Errors
    /// [`ActError`] if not.
    pub fn verify(&self, policy: &Policy) -> Result<T, ActError> {
        // CHK-167: the act is that of an officer of the policy, with the role that the kind needs.
        if !policy.has_roles(&self.officer, T::KIND.role()) {
            return Err(ActError::OtherOfficer);
        }
        let fields = fields::<T>(&self.officer, self.at, &self.body);
        let message = message(policy.origin(), &fields);
        // CHK-166: the officer signed exactly this act, for this log.
        if !hash::is_signed(self.officer.as_bytes(), &message, &self.signature) {
            return Err(ActError::NotSigned);
        }
        T::decode(&self.body).ok_or(ActError::NotSigned)
    }

    /// The officer who signed, unverified.
    pub fn officer(&self) -> &OfficerId {
        &self.officer
    }

    /// When the officer signed, by the officer's clock.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The signed act as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&fields::<T>(&self.officer, self.at, &self.body));
        out.extend_from_slice(&self.signature);
        out
    }

    /// Reads a signed act of this kind.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = format::versioned(bytes, MAX_ACT_LEN)?;
        let signed = Self::read(body).ok_or(DecodeError::Malformed)?;
        read_body::<T>(&signed.body)?;
        Ok(signed)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        // CHK-165: the act has the expected kind and is complete, and nothing follows.
        if reader.u8()? != T::KIND.number() {
            return None;
        }
        let signed = Self {
            officer: OfficerId::from_bytes(reader.array()?),
            at: Timestamp::from_millis(reader.u64()?),
            body: reader.medium()?.to_vec(),
            signature: reader.array()?,
            act: PhantomData,
        };
        reader.finish()?;
        Some(signed)
    }
}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("officer", &self.officer)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// Reads a body within its limit.
fn read_body<T: Act>(body: &[u8]) -> Result<T, DecodeError> {
    format::within(body, MAX_ACT_BODY_LEN)?;
    // CHK-165: the body is what an act of this kind can say.
    T::decode(body).ok_or(DecodeError::Malformed)
}

fn fields<T: Act>(officer: &OfficerId, at: Timestamp, body: &[u8]) -> Vec<u8> {
    let mut out = vec![T::KIND.number()];
    out.extend_from_slice(officer.as_bytes());
    out.extend_from_slice(&at.as_millis().to_be_bytes());
    put_medium(&mut out, body);
    out
}

fn message(origin: &str, fields: &[u8]) -> Vec<u8> {
    let mut message = labels::ACT.to_vec();
    put_medium(&mut message, origin.as_bytes());
    message.extend_from_slice(fields);
    message
}

/// Why an act is not that of an officer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// The policy has no officer with this key and the role that the act needs.
    #[error("no officer of the policy has this key and the role for it; ask one who has")]
    OtherOfficer,
    /// The officer did not sign this act for this log.
    #[error("the officer did not sign this; let the officer sign it again")]
    NotSigned,
}

#[cfg(test)]
mod tests;
