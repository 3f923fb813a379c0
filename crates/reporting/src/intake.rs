//! Accepts reports at the provider's intake: checks that a participant reports messages that passed
//! through the relay, without reading them.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::address::{AccountId, DeviceAddress};
use crate::codec::{Reader, len8, put_long};
use crate::conversation::{Audience, ConversationId};
use crate::delivery::DeliveryKey;
use crate::labels;
use crate::mac;
use crate::openings::MAX_REPORTED;
use crate::rejection::Rejection;
use crate::report::{MAX_REPORT_LEN, Report, is_participant};
use crate::secret::Secret;
use crate::stamp::Claim;
use crate::stamp_keys::StampKeys;
use crate::timestamp::Timestamp;
use crate::wire::{self, DecodeError, VERSION};

/// Maximum length of an encoded accepted report, in bytes: the longest report and the fields around
/// it. Longer input is refused before it is parsed.
pub const MAX_ACCEPTED_LEN: usize = 1 + 8 + 4 + 4 + MAX_REPORT_LEN + 32;

/// The value by which an account's second report of the same message is recognised. 32 bytes.
///
/// `SHA-256("waxseal/1/nullifier" || tag 32 || sender || len u8 || reporter's account)`
///
/// It covers the reporter, so that no one, and least of all the sender, can use up another
/// participant's report of the same message. It does not cover the stamp: a relay that keeps no
/// records stamps a repeated envelope again, yet it is the same message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nullifier([u8; 32]);

impl Nullifier {
    /// The nullifier of a report of this claim by this account.
    pub fn new(claim: &Claim, reporter: &AccountId) -> Self {
        let mut hash = Sha256::new_with_prefix(labels::NULLIFIER);
        let sender = &claim.context.sender;
        hash.update(claim.tag.as_bytes());
        hash.update([len8(sender.account.as_bytes())]);
        hash.update(sender.account.as_bytes());
        hash.update(sender.device.0.to_be_bytes());
        hash.update([len8(reporter.as_bytes())]);
        hash.update(reporter.as_bytes());
        Self(hash.finalize().into())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Nullifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nullifier(..)")
    }
}

/// The provider's records that the intake looks up.
///
/// A closure `FnMut(&Nullifier) -> bool` implements it without groups, so every report about a
/// group is refused.
pub trait IntakeRecords {
    /// Whether a report with this nullifier was accepted before. Called last, after all other
    /// checks passed.
    ///
    /// Store [`AcceptedReport::nullifiers`] in the same transaction as the report. If
    /// [`review`](crate::reviewer::review) rejects the report, delete the nullifiers that it added,
    /// since a rejected report reported nothing.
    fn was_reported(&mut self, nullifier: &Nullifier) -> bool;

    /// Whether the reporter is, or at that time was, a member of the group. Called for genuine
    /// stamps only.
    fn is_member(
        &mut self,
        group: &ConversationId,
        reporter: &DeviceAddress,
        at: Timestamp,
    ) -> bool;
}

impl<F: FnMut(&Nullifier) -> bool> IntakeRecords for F {
    fn was_reported(&mut self, nullifier: &Nullifier) -> bool {
        self(nullifier)
    }

    fn is_member(&mut self, _: &ConversationId, _: &DeviceAddress, _: Timestamp) -> bool {
        false
    }
}

/// Checks that the report is from the device it names, and checks its claims, the relay's
/// statements about the reported messages.
///
/// `reporter_key` is the delivery key of [`Report::reporter`]. If this reporter reported some of
/// the messages before, the report is accepted and those messages are marked.
///
/// Does not check that the report can be opened. Reject it beforehand if
/// [`Report::moderation_key`] is not in use, so that the app fetches the current key and seals
/// again.
///
/// # Errors
/// [`Rejection`] for the first check that fails.
pub fn accept(
    report: Report,
    stamp_keys: &StampKeys,
    reporter_key: &DeliveryKey,
    now: Timestamp,
    records: &mut impl IntakeRecords,
) -> Result<AcceptedReport, Rejection> {
    // CHK-74: the report is from the device it names.
    if !report.is_from_reporter(reporter_key) {
        return Err(Rejection::NotFromReporter);
    }
    let claims = report.claims();
    for (index, (earlier, later)) in claims.iter().zip(claims.iter().skip(1)).enumerate() {
        // CHK-76: claims ascend strictly by accepted time and tag, and no tag occurs twice, even
        // under another stamp: a message that was stamped twice is still one message.
        let mut before = claims.iter().take(index.saturating_add(1));
        if earlier.order() >= later.order() || before.any(|claim| claim.tag == later.tag) {
            return Err(Rejection::ClaimsOutOfOrder);
        }
        // CHK-77: all claims belong to one conversation.
        if earlier.conversation() != later.conversation() {
            return Err(Rejection::SeveralConversations);
        }
    }
    let mut epochs = stamp_keys.epochs();
    for (index, claim) in claims.iter().enumerate() {
        // CHK-79: every claim's stamp is genuine (checks 68 to 71).
        epochs
            .verify(claim, now)
            .map_err(|cause| Rejection::Stamp {
                claim: index,
                cause,
            })?;
        // CHK-78: the reporter is a participant: the sender, the recipient or a member of the
        // group. The stamp is checked first, so the records are never queried about invented
        // claims.
        let is_member = match &claim.context.audience {
            Audience::Group(group) => {
                records.is_member(group, report.reporter(), claim.context.accepted_at)
            }
            Audience::Direct(_) => true,
        };
        if !is_member || !is_participant(report.reporter(), claim) {
            return Err(Rejection::NotAParticipant);
        }
    }
    // CHK-80: at least one of the messages was not reported by this reporter before.
    let reporter = &report.reporter().account;
    let repeated = claims
        .iter()
        .map(|claim| records.was_reported(&Nullifier::new(claim, reporter)));
    let repeated: Vec<bool> = repeated.collect();
    if repeated.iter().all(|repeated| *repeated) {
        return Err(Rejection::AlreadyReported);
    }
    Ok(AcceptedReport {
        report,
        accepted_at: now,
        repeated,
    })
}

/// A report whose origin and claims the intake verified. Its openings, which show the messages'
/// content, are still sealed.
///
/// [`accept`] makes it from a [`Report`]. It waits in the reviewers' queue, encoded under the
/// [`AcceptanceKey`], until [`review`](crate::reviewer::review) opens it and turns it into a
/// [`VerifiedReport`](crate::reviewer::VerifiedReport). `review` accepts nothing else and needs no
/// stamp keys.
pub struct AcceptedReport {
    report: Report,
    accepted_at: Timestamp,
    repeated: Vec<bool>,
}

impl AcceptedReport {
    /// The report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// When the intake accepted it.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// For each claim, whether this reporter reported its message before.
    pub fn repeated(&self) -> &[bool] {
        &self.repeated
    }

    /// The nullifiers to store, so that a second report of the same messages is recognised.
    pub fn nullifiers(&self) -> impl Iterator<Item = Nullifier> {
        let reporter = &self.report.reporter().account;
        self.report
            .claims()
            .iter()
            .map(|claim| Nullifier::new(claim, reporter))
    }

    /// The report as bytes for the reviewers' queue.
    ///
    /// ```text
    /// 01 || accepted be64 || repeated be32 (bit i: claim i) || len be32 || report || MAC 32
    /// MAC = HMAC-SHA-256(K_acceptance, "waxseal/1/acceptance-mac" || all before it)
    /// ```
    pub fn encode(&self, key: &AcceptanceKey) -> Vec<u8> {
        let report = self.report.encode();
        let mut out = Vec::with_capacity(report.len().saturating_add(1 + 8 + 4 + 4 + 32));
        out.push(VERSION);
        out.extend_from_slice(&self.accepted_at.as_millis().to_be_bytes());
        let repeated = self
            .repeated
            .iter()
            .rev()
            .fold(0u32, |bits, bit| (bits << 1) | u32::from(*bit));
        out.extend_from_slice(&repeated.to_be_bytes());
        put_long(&mut out, &report);
        let mac = mac::hmac(key.0.as_bytes(), &[labels::ACCEPTANCE, &out]);
        out.extend_from_slice(&mac);
        out
    }

    /// Reads an accepted report from the queue.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an accepted report, or their MAC was not made with this
    /// key.
    pub fn decode(bytes: &[u8], key: &AcceptanceKey) -> Result<Self, DecodeError> {
        wire::versioned(bytes, MAX_ACCEPTED_LEN)?;
        let (accepted, mac) = bytes
            .split_last_chunk::<32>()
            .ok_or(DecodeError::Malformed)?;
        // CHK-81: the intake accepted exactly these bytes.
        if !mac::verify(key.0.as_bytes(), &[labels::ACCEPTANCE, accepted], mac) {
            return Err(DecodeError::Malformed);
        }
        let mut reader = Reader::new(accepted);
        let (accepted_at, repeated, report) =
            Self::read(&mut reader).ok_or(DecodeError::Malformed)?;
        reader.finish().ok_or(DecodeError::Malformed)?;
        let report = Report::decode(report)?;
        let repeated =
            (0..report.claims().len().min(MAX_REPORTED)).map(|claim| (repeated >> claim) & 1 == 1);
        Ok(Self {
            accepted_at,
            repeated: repeated.collect(),
            report,
        })
    }

    fn read<'a>(reader: &mut Reader<'a>) -> Option<(Timestamp, u32, &'a [u8])> {
        reader.u8()?;
        Some((
            Timestamp::from_millis(reader.u64()?),
            reader.u32()?,
            reader.long()?,
        ))
    }
}

impl fmt::Debug for AcceptedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedReport")
            .field("accepted_at", &self.accepted_at)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// The key that the intake shares with the reviewers' side, 32 bytes. The reviewers' side uses it
/// to check that the intake accepted a report.
///
/// It makes a MAC rather than a signature, so that a leaked queue proves nothing to outsiders.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct AcceptanceKey(Secret);

impl AcceptanceKey {
    /// Draws a key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The 32 bytes, for storage.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.0.as_bytes())
    }
}

impl fmt::Debug for AcceptanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptanceKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
