//! The access policy: who may open content, for what, how often and for how long.

use core::fmt;

use waxseal_log::entry::{PolicyDigest, Purpose};

use crate::codec::{Reader, count16, put_long, put_medium, put_short};
use crate::format::{self, DecodeError, VERSION};
use crate::ids::OfficerId;
use crate::{hash, labels};

/// Maximum length of an encoded policy, in bytes. Bounds what a vault parses.
pub const MAX_POLICY_LEN: usize = 65_536;
/// Maximum number of officers in a policy.
pub const MAX_OFFICERS: usize = 1_000;
/// Maximum length of the policy's text, in bytes: eight pages.
pub const MAX_POLICY_TEXT_LEN: usize = 16_384;
/// Maximum length of a log's origin, in bytes. `waxseal-log` has the same limit.
pub const MAX_ORIGIN_LEN: usize = 255;
/// Maximum number of openings that a rule may allow for one grant.
pub const MAX_OPENINGS: u16 = 100;
/// Maximum number of hours that a rule may allow for one grant: 30 days.
pub const MAX_HOURS: u16 = 720;
/// Maximum number of hours until an emergency grant is reviewed: three days.
pub const MAX_REVIEW_HOURS: u16 = 72;

/// What an officer may do: a set of roles, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// May ask for a grant.
    pub const ASK: Self = Self(1);
    /// May approve or deny a grant that another officer asked for.
    pub const APPROVE: Self = Self(2);
    /// May decide cases.
    pub const DECIDE: Self = Self(4);
    /// May decide appeals.
    pub const APPEALS: Self = Self(8);
    /// May review emergency grants.
    pub const REVIEW: Self = Self(16);

    const ALL: u8 = 31;

    /// All roles of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every role of `other` is in this set.
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits; `None` if one of them is no role.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }
}

/// One officer of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Officer {
    /// The officer's public key.
    pub id: OfficerId,
    /// The officer's name in the provider's own books: 1 to 255 bytes of UTF-8 without control
    /// characters.
    pub name: String,
    /// What the officer may do.
    pub roles: Roles,
}

/// What a policy allows for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether content is opened for this purpose at all.
    pub allowed: bool,
    /// Whether a second officer must approve each grant.
    pub two_persons: bool,
    /// Maximum number of openings of one grant, 1 to 100.
    pub max_openings: u16,
    /// Maximum lifetime of one grant in hours, 1 to 720.
    pub max_hours: u16,
    /// Hours until a grant must be reviewed. 0 for none; only an emergency has a review.
    pub review_hours: u16,
}

impl Rule {
    /// A rule that allows nothing.
    pub const FORBIDDEN: Self = Self {
        allowed: false,
        two_persons: true,
        max_openings: 1,
        max_hours: 1,
        review_hours: 0,
    };

    fn is_in_bounds(&self) -> bool {
        (1..=MAX_OPENINGS).contains(&self.max_openings) && (1..=MAX_HOURS).contains(&self.max_hours)
    }

    /// Whether the rule is strict enough for its purpose.
    fn suits(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::LegalRequest | Purpose::QualityAudit | Purpose::Identify => {
                self.two_persons && self.review_hours == 0
            }
            Purpose::Emergency => {
                self.review_hours <= MAX_REVIEW_HOURS && (self.two_persons || self.review_hours > 0)
            }
            Purpose::UserReport | Purpose::Appeal | Purpose::ChildSafety => self.review_hours == 0,
        }
    }
}

/// The number of purposes, each of which has a rule.
const PURPOSES: usize = 7;

/// What a [`Policy`] is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTerms {
    /// Version, which ascends with each policy.
    pub version: u32,
    /// Origin of the log in which the policy is published.
    pub origin: String,
    /// The officers. [`Policy::new`] sorts them by their keys.
    pub officers: Vec<Officer>,
    /// The rules for the purposes 1 to 7, in this order.
    pub rules: [Rule; PURPOSES],
    /// Days in which a side may appeal.
    pub appeal_days: u16,
    /// The policy in words.
    pub text: String,
}

/// A policy: a document that names the officers and says what they may open.
///
/// The policy key signs its digest, and the entry `policy_published` puts it in force. Every grant
/// names the digest. The document itself may be public.
///
/// ```text
/// 01 || version be32 || medium(origin)
///   || officers: count be16, each key 32 || short(name) || roles u8
///   || rules: seven, each allowed u8 || two persons u8 || openings be16 || hours be16
///        || review hours be16
///   || appeal days be16 || long(text)
/// digest = SHA-256("waxseal/desk/1/policy" || document)
/// ```
///
/// # Size
/// At most 65,536 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    terms: PolicyTerms,
    bytes: Vec<u8>,
    digest: PolicyDigest,
}

impl Policy {
    /// Makes a policy.
    ///
    /// # Errors
    /// [`PolicyError`] if a field is out of bounds, an officer is named twice, or a rule is too lax
    /// for its purpose.
    pub fn new(mut terms: PolicyTerms) -> Result<Self, PolicyError> {
        terms.officers.sort_by_key(|officer| officer.id);
        let policy = Self::decode(&encode(&terms))?;
        // A field that is too long for its length prefix would be read as others.
        if policy.terms != terms {
            return Err(DecodeError::Malformed.into());
        }
        Ok(policy)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] as for [`new`](Self::new), or if the bytes are not a policy.
    pub fn decode(bytes: &[u8]) -> Result<Self, PolicyError> {
        let body = format::versioned(bytes, MAX_POLICY_LEN)?;
        let terms = read(body).ok_or(DecodeError::Malformed)?;
        for officer in &terms.officers {
            // CHK-163: an officer's key is an Ed25519 key in its one encoding, and not of small
            // order.
            if !hash::is_key(officer.id.as_bytes()) {
                return Err(PolicyError::OfficerKey);
            }
        }
        for (purpose, rule) in Purpose::ALL.iter().zip(&terms.rules) {
            // CHK-164: legal requests, audits and names need two persons. An emergency needs a
            // second person or a review. No other purpose has a review.
            if !rule.suits(*purpose) {
                return Err(PolicyError::Rule { purpose: *purpose });
            }
        }
        Ok(Self {
            terms,
            digest: PolicyDigest::from_bytes(hash::digest(labels::POLICY, &[bytes])),
            bytes: bytes.to_vec(),
        })
    }

    /// The document.
    pub fn encode(&self) -> &[u8] {
        &self.bytes
    }

    /// What the policy says.
    pub fn terms(&self) -> &PolicyTerms {
        &self.terms
    }

    /// The digest by which the log and every grant name the policy.
    pub fn digest(&self) -> PolicyDigest {
        self.digest
    }

    /// The version.
    pub fn version(&self) -> u32 {
        self.terms.version
    }

    /// Origin of the log in which the policy is published.
    pub fn origin(&self) -> &str {
        &self.terms.origin
    }

    /// The officer with this key.
    pub fn officer(&self, id: &OfficerId) -> Option<&Officer> {
        let officers = &self.terms.officers;
        let place = officers.binary_search_by_key(id, |officer| officer.id);
        officers.get(place.ok()?)
    }

    /// Whether the key is that of an officer with all these roles.
    pub fn has_roles(&self, id: &OfficerId, roles: Roles) -> bool {
        self.officer(id)
            .is_some_and(|officer| officer.roles.include(roles))
    }

    /// The rule for a purpose.
    pub fn rule(&self, purpose: Purpose) -> &Rule {
        let place = usize::from(purpose.number()).checked_sub(1);
        place
            .and_then(|place| self.terms.rules.get(place))
            .unwrap_or(&Rule::FORBIDDEN)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("version", &self.terms.version)
            .field("officers", &self.terms.officers.len())
            .finish_non_exhaustive()
    }
}

fn encode(terms: &PolicyTerms) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&terms.version.to_be_bytes());
    put_medium(&mut out, terms.origin.as_bytes());
    out.extend_from_slice(&count16(&terms.officers).to_be_bytes());
    for officer in &terms.officers {
        out.extend_from_slice(officer.id.as_bytes());
        put_short(&mut out, officer.name.as_bytes());
        out.push(officer.roles.bits());
    }
    for rule in &terms.rules {
        out.extend_from_slice(&[u8::from(rule.allowed), u8::from(rule.two_persons)]);
        for number in [rule.max_openings, rule.max_hours, rule.review_hours] {
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
    out.extend_from_slice(&terms.appeal_days.to_be_bytes());
    put_long(&mut out, terms.text.as_bytes());
    out
}

fn read(body: &[u8]) -> Option<PolicyTerms> {
    // CHK-162: the policy is complete and nothing follows: an origin, 1 to 1,000 officers in strict
    // order of their keys, names and roles that are known, rules and text in bounds.
    let mut reader = Reader::new(body);
    let version = reader.u32()?;
    let origin = read_origin(&mut reader)?;
    let count = usize::from(reader.u16()?);
    if !(1..=MAX_OFFICERS).contains(&count) {
        return None;
    }
    let mut officers: Vec<Officer> = Vec::new();
    for _ in 0..count {
        let officer = Officer {
            id: OfficerId::from_bytes(reader.array()?),
            name: read_name(reader.short()?)?,
            roles: Roles::from_bits(reader.u8()?)?,
        };
        if officers.last().is_some_and(|last| last.id >= officer.id) {
            return None;
        }
        officers.push(officer);
    }
    let mut rules = [Rule::FORBIDDEN; PURPOSES];
    for rule in &mut rules {
        *rule = Rule {
            allowed: reader.flag()?,
            two_persons: reader.flag()?,
            max_openings: reader.u16()?,
            max_hours: reader.u16()?,
            review_hours: reader.u16()?,
        };
        if !rule.is_in_bounds() {
            return None;
        }
    }
    let appeal_days = reader.u16()?;
    let text = reader.long()?;
    reader.finish()?;
    if text.len() > MAX_POLICY_TEXT_LEN {
        return None;
    }
    Some(PolicyTerms {
        version,
        origin,
        officers,
        rules,
        appeal_days,
        text: core::str::from_utf8(text).ok()?.to_owned(),
    })
}

/// Reads the origin of a log: 1 to 255 bytes of visible ASCII without `+`, like the name of a key.
pub(crate) fn read_origin(reader: &mut Reader<'_>) -> Option<String> {
    let origin = core::str::from_utf8(reader.medium()?).ok()?;
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b'+';
    ((1..=MAX_ORIGIN_LEN).contains(&origin.len()) && origin.bytes().all(is_name))
        .then(|| origin.to_owned())
}

fn read_name(bytes: &[u8]) -> Option<String> {
    let name = core::str::from_utf8(bytes).ok()?;
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// Why bytes or terms are not a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The bytes are not a policy, or a field is out of bounds.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// An officer's key is not an Ed25519 key. Correct it.
    #[error("an officer's key is not an Ed25519 key; correct it")]
    OfficerKey,
    /// The rule is too lax for its purpose. Ask for two persons, or in an emergency for a review.
    #[error("the rule for {purpose} is too lax; ask for two persons, or a review of an emergency")]
    Rule {
        /// The purpose.
        purpose: Purpose,
    },
}

#[cfg(test)]
mod tests;
