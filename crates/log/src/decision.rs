//! Details of decisions, notices and appeals: what their entries are about.
//!
//! A receipt discloses these details to the people they concern. The log shows only their digests.

use core::fmt;

use rand_core::CryptoRng;

use crate::codec::{Reader, put_medium, put_short};
use crate::entry::{Detail, DetailTooLong, Side};
use crate::limits::{MAX_RULE_LEN, MAX_STATEMENT_LEN};
use crate::merkle::TreeHash;

/// Detail of the entry `decision`. 159 to 4,014 bytes.
///
/// ```text
/// case 16 || officer commitment 32 || policy digest 32 || short(rule) || medium(statement)
/// || appeal until be64 (ms) || account commitment 32 || reports root 32 || reports count be32
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DecisionDetail {
    /// The case.
    pub case: [u8; 16],
    /// Commitment to the officer who decided.
    pub officer: [u8; 32],
    /// Digest of the policy in force.
    pub policy: [u8; 32],
    /// The rule that was applied. At most [`MAX_RULE_LEN`] bytes.
    pub rule: String,
    /// Statement of reasons. At most [`MAX_STATEMENT_LEN`] bytes.
    pub statement: String,
    /// The time until which an appeal is accepted, in milliseconds since the Unix epoch.
    pub appeal_until_ms: u64,
    /// Commitment to the account that the decision is about.
    pub account: [u8; 32],
    /// Root over the commitments to the reports of the case.
    pub reports_root: TreeHash,
    /// Number of reports of the case.
    pub reports_count: u32,
}

impl DecisionDetail {
    /// Encodes the detail under a new salt.
    ///
    /// # Errors
    /// [`DetailTooLong`] if the rule or the statement is too long. Shorten it.
    pub fn encode(&self, rng: &mut impl CryptoRng) -> Result<Detail, DetailTooLong> {
        if self.rule.len() > MAX_RULE_LEN || self.statement.len() > MAX_STATEMENT_LEN {
            return Err(DetailTooLong);
        }
        let mut out = self.case.to_vec();
        out.extend_from_slice(&self.officer);
        out.extend_from_slice(&self.policy);
        put_short(&mut out, self.rule.as_bytes());
        put_medium(&mut out, self.statement.as_bytes());
        out.extend_from_slice(&self.appeal_until_ms.to_be_bytes());
        out.extend_from_slice(&self.account);
        out.extend_from_slice(self.reports_root.as_bytes());
        out.extend_from_slice(&self.reports_count.to_be_bytes());
        Detail::new(out, rng)
    }

    /// Decodes the detail. `None` if it has another form.
    pub fn decode(detail: &Detail) -> Option<Self> {
        let mut reader = Reader::new(detail.bytes());
        let decoded = Self {
            case: reader.array()?,
            officer: reader.array()?,
            policy: reader.array()?,
            rule: text(reader.short()?, MAX_RULE_LEN)?,
            statement: text(reader.medium()?, MAX_STATEMENT_LEN)?,
            appeal_until_ms: reader.u64()?,
            account: reader.array()?,
            reports_root: TreeHash::from_bytes(reader.array()?),
            reports_count: reader.u32()?,
        };
        reader.finish()?;
        Some(decoded)
    }
}

impl fmt::Debug for DecisionDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("DecisionDetail");
        out.field("appeal_until_ms", &self.appeal_until_ms);
        out.field("reports_count", &self.reports_count)
            .finish_non_exhaustive()
    }
}

/// Detail of the entry `notice_sent`. 33 bytes.
///
/// ```text
/// leaf hash of the decision 32 || side u8
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoticeDetail {
    /// Leaf hash of the decision that the notice tells.
    pub decision: TreeHash,
    /// The side that got the notice.
    pub side: Side,
}

impl NoticeDetail {
    /// Encodes the detail under a new salt.
    ///
    /// # Errors
    /// Never: the detail has a fixed length within the limit.
    pub fn encode(&self, rng: &mut impl CryptoRng) -> Result<Detail, DetailTooLong> {
        let mut out = self.decision.as_bytes().to_vec();
        out.push(self.side.number());
        Detail::new(out, rng)
    }

    /// Decodes the detail. `None` if it has another form.
    pub fn decode(detail: &Detail) -> Option<Self> {
        let mut reader = Reader::new(detail.bytes());
        let decision = TreeHash::from_bytes(reader.array()?);
        let side = Side::from_number(reader.u8()?)?;
        reader.finish()?;
        Some(Self { decision, side })
    }
}

/// Detail of the entry `appeal_filed`. 64 bytes.
///
/// ```text
/// leaf hash of the decision 32 || SHA-256(text of the appeal) 32
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppealDetail {
    /// Leaf hash of the decision that the appeal is against.
    pub decision: TreeHash,
    /// SHA-256 of the text of the appeal.
    pub text_digest: [u8; 32],
}

impl AppealDetail {
    /// Encodes the detail under a new salt.
    ///
    /// # Errors
    /// Never: the detail has a fixed length within the limit.
    pub fn encode(&self, rng: &mut impl CryptoRng) -> Result<Detail, DetailTooLong> {
        let out = [*self.decision.as_bytes(), self.text_digest].concat();
        Detail::new(out, rng)
    }

    /// Decodes the detail. `None` if it has another form.
    pub fn decode(detail: &Detail) -> Option<Self> {
        let mut reader = Reader::new(detail.bytes());
        let decision = TreeHash::from_bytes(reader.array()?);
        let text_digest = reader.array()?;
        reader.finish()?;
        Some(Self {
            decision,
            text_digest,
        })
    }
}

/// Detail of the entry `appeal_decided`. 66 to 3,666 bytes.
///
/// ```text
/// leaf hash of the appeal 32 || medium(statement) || officer commitment 32
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AppealDecisionDetail {
    /// Leaf hash of the entry `appeal_filed`.
    pub appeal: TreeHash,
    /// Statement of reasons. At most [`MAX_STATEMENT_LEN`] bytes.
    pub statement: String,
    /// Commitment to the officer who decided the appeal.
    pub officer: [u8; 32],
}

impl AppealDecisionDetail {
    /// Encodes the detail under a new salt.
    ///
    /// # Errors
    /// [`DetailTooLong`] if the statement is too long. Shorten it.
    pub fn encode(&self, rng: &mut impl CryptoRng) -> Result<Detail, DetailTooLong> {
        if self.statement.len() > MAX_STATEMENT_LEN {
            return Err(DetailTooLong);
        }
        let mut out = self.appeal.as_bytes().to_vec();
        put_medium(&mut out, self.statement.as_bytes());
        out.extend_from_slice(&self.officer);
        Detail::new(out, rng)
    }

    /// Decodes the detail. `None` if it has another form.
    pub fn decode(detail: &Detail) -> Option<Self> {
        let mut reader = Reader::new(detail.bytes());
        let appeal = TreeHash::from_bytes(reader.array()?);
        let statement = text(reader.medium()?, MAX_STATEMENT_LEN)?;
        let officer = reader.array()?;
        reader.finish()?;
        Some(Self {
            appeal,
            statement,
            officer,
        })
    }
}

impl fmt::Debug for AppealDecisionDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppealDecisionDetail")
            .finish_non_exhaustive()
    }
}

/// UTF-8 of at most `max` bytes.
fn text(bytes: &[u8], max: usize) -> Option<String> {
    let bytes = Some(bytes).filter(|bytes| bytes.len() <= max)?;
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
