//! Names a report without showing it: its digest, its number in the log, and the detail of the
//! entry that says it arrived.
//!
//! This crate does not know what is in a report. It sees sealed bytes.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use crate::codec::Reader;
use crate::entry::{Day, Detail, DetailTooLong, Number};
use crate::labels;

/// Digest of a sealed report. 32 bytes.
///
/// ```text
/// SHA-256("waxseal/log/1/report" || sealed report)
/// ```
///
/// The sealed report is without its reporter MAC, as `Report::without_mac` of `waxseal-reporting`
/// has it: the MAC is made again for each delivery key.
///
/// Reporter and provider know it. The log shows it to no one else: it appears in salted details.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportDigest([u8; 32]);

impl ReportDigest {
    /// Digests a sealed report.
    pub fn of(sealed_report: &[u8]) -> Self {
        let digest = Sha256::new_with_prefix(labels::REPORT).chain_update(sealed_report);
        Self(digest.finalize().into())
    }

    /// The digest with these bytes, as the client stored it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The number that all entries about this report have.
    ///
    /// ```text
    /// SHA-256("waxseal/log/1/number" || report digest), the first 16 bytes
    /// ```
    ///
    /// It looks random to everyone who does not have the sealed report. The reporter and the vault
    /// compute it, so an opening cannot be logged under the number of another report.
    pub fn number(&self) -> Number {
        let digest: [u8; 32] = Sha256::new_with_prefix(labels::NUMBER)
            .chain_update(self.0)
            .finalize()
            .into();
        let mut number = [0; 16];
        number
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        Number::from_bytes(number)
    }
}

impl fmt::Debug for ReportDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReportDigest(..)")
    }
}

/// Detail of the entries `report_received` and `report_rejected`. 40 bytes.
///
/// ```text
/// report digest 32 || accepted be64 (ms)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportDetail {
    /// The report.
    pub report: ReportDigest,
    /// When the intake answered, in milliseconds since the Unix epoch.
    pub accepted_at_ms: u64,
}

impl ReportDetail {
    /// Encodes the detail under a new salt.
    ///
    /// # Errors
    /// Never: the detail has a fixed length within the limit.
    pub fn encode(&self, rng: &mut impl CryptoRng) -> Result<Detail, DetailTooLong> {
        let mut out = self.report.0.to_vec();
        out.extend_from_slice(&self.accepted_at_ms.to_be_bytes());
        Detail::new(out, rng)
    }

    /// Decodes the detail. `None` if it has another form.
    pub fn decode(detail: &Detail) -> Option<Self> {
        let mut reader = Reader::new(detail.bytes());
        let report = ReportDigest(reader.array()?);
        let accepted_at_ms = reader.u64()?;
        reader.finish()?;
        Some(Self {
            report,
            accepted_at_ms,
        })
    }

    /// The day on which the report was accepted.
    pub fn day(&self) -> Day {
        Day::of_ms(self.accepted_at_ms)
    }
}

#[cfg(test)]
mod tests;
