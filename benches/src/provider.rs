//! Measures the provider's work, which the other libraries do not have: stamping messages, and
//! accepting and reviewing reports.

use std::hint::black_box;

use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId, examine};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{AuthenticFanout, Claim, PostedFanout};
use waxseal_reporting::reporter::{Disclosure, Reason, Report, ReportDraft};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal_reporting::{Audience, DeviceAddress};

use waxseal_world::{NOW, Provider};

use crate::clock::time;
use crate::measure::{Effort, Run};
use crate::results::{Contestant, Results};
use crate::systems::{Franked, Pair};

/// The id under which every report waits.
const REPORT_ID: ReportId = ReportId::from_bytes([6; 16]);

/// Numbers of messages in a report.
pub const REPORTED: [usize; 3] = [1, 5, 30];

/// Adds the provider's rows to `compare`.
pub fn contests(results: &mut Results, effort: Effort) {
    let relay = Relay::new();
    let stamping = vec![
        contestant(
            "stamp",
            Box::new(|repeats| time(|| (0..repeats).for_each(|_| drop(black_box(relay.stamp()))))),
        ),
        contestant(
            "relay",
            Box::new(|repeats| time(|| (0..repeats).for_each(|_| drop(black_box(relay.relay()))))),
        ),
    ];
    results.contest("stamp", 64, effort, stamping);
    let claim = relay.stamp();
    let verifying = contestant(
        "verify",
        Box::new(|repeats| time(|| (0..repeats).for_each(|_| relay.verify(&claim)))),
    );
    results.contest("verify_stamp", 64, effort, vec![verifying]);

    for count in REPORTED {
        let reports = Reports::new(count);
        let report = reports.seal().encode();
        let accepted = reports.accept(&report).encode(&reports.acceptance);
        let size = count as u64;
        let sealing = contestant(
            "report",
            Box::new(|repeats| {
                time(|| (0..repeats).for_each(|_| drop(black_box(reports.seal().encode()))))
            }),
        );
        results.contest("report_seal", size, effort, vec![sealing]);
        let accepting = contestant(
            "report",
            Box::new(|repeats| {
                time(|| (0..repeats).for_each(|_| drop(black_box(reports.accept(&report)))))
            }),
        );
        results.contest("report_accept", size, effort, vec![accepting]);
        let reviewing = contestant(
            "report",
            Box::new(|repeats| time(|| (0..repeats).for_each(|_| reports.review(&accepted)))),
        );
        results.contest("report_review", size, effort, vec![reviewing]);
    }
}

fn contestant<'a>(variant: &'static str, run: Run<'a>) -> Contestant<'a> {
    Contestant {
        system: "waxseal-reporting",
        variant,
        run,
    }
}

/// A relay and a message of 64 bytes. No call changes either, so every call does the same work.
pub struct Relay {
    provider: Provider,
    addresses: [DeviceAddress; 2],
    envelope: Vec<u8>,
    authentic: AuthenticFanout,
}

impl Relay {
    /// A relay on the first day of its stamp keys.
    #[must_use]
    pub fn new() -> Self {
        let mut franked = Franked::talking();
        let envelope = franked.seal(0, &[7; 64]);
        let [alice, bob] = &franked.addresses;
        let audience = Audience::Direct(bob.account.clone());
        let posted = PostedFanout::decode(&envelope).expect("an envelope");
        let authentic = posted.authenticate(&franked.delivery_keys[0], alice, &audience, NOW);
        Self {
            authentic: authentic.expect("Alice posted it"),
            provider: franked.provider,
            addresses: franked.addresses,
            envelope,
        }
    }

    /// Stamps the message, and does nothing else.
    #[must_use]
    pub fn stamp(&self) -> Claim {
        let keys = &self.provider.stamp_keys;
        keys.stamp(&self.authentic, NOW)
            .expect("an epoch within reach")
    }

    /// Verifies a stamp.
    ///
    /// # Panics
    /// If the stamp is not genuine.
    pub fn verify(&self, claim: &Claim) {
        let keys = &self.provider.stamp_keys;
        keys.verify(claim, NOW).expect("a genuine stamp");
    }

    /// Does all that a relay does with a message: decodes it, checks the fanout MAC, stamps it, and
    /// makes the delivery and the receipt with their MACs. Returns (delivery, receipt).
    #[must_use]
    pub fn relay(&self) -> (Vec<u8>, Vec<u8>) {
        let [alice, bob] = &self.addresses;
        self.provider.relay_as(alice, bob, &self.envelope)
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

/// A recipient with messages to report, an intake and a reviewer. No call changes them, so every
/// call does the same work.
pub struct Reports {
    franked: Franked,
    evidence: Vec<Evidence>,
    /// The acceptance key, which authenticates what the intake hands to the vault.
    pub acceptance: AcceptanceKey,
    vault: Vault,
}

impl Reports {
    /// A recipient with `count` messages of 64 bytes.
    #[must_use]
    pub fn new(count: usize) -> Self {
        let mut franked = Franked::talking();
        let evidence = (0..count).map(|_| {
            let sealed = franked.seal(0, &[7; 64]);
            let delivery = franked.relay(0, sealed);
            franked
                .receive(1, &delivery)
                .expect("a genuine message opens")
        });
        let evidence = evidence.collect();
        let acceptance = AcceptanceKey::generate(&mut rand::rng());
        let moderation = ModerationKeyPair::generate(&mut rand::rng());
        Self {
            evidence,
            vault: Vault::new(moderation, acceptance.clone()),
            acceptance,
            franked,
        }
    }

    /// Does the reporter's step: seals a report of all messages.
    #[must_use]
    pub fn seal(&self) -> Report {
        let [_, bob] = &self.franked.addresses;
        let mut draft = ReportDraft::new(bob.clone(), Reason::Scam);
        for evidence in &self.evidence {
            draft.add(evidence, Disclosure::Whole).expect("fits");
        }
        let [_, key] = &self.franked.delivery_keys;
        draft
            .seal(key, self.vault.public_key(), &mut rand::rng())
            .expect("a draft with messages")
    }

    /// Does the intake's step: decodes and accepts a report.
    #[must_use]
    pub fn accept(&self, report: &[u8]) -> AcceptedReport {
        let report = Report::decode(report).expect("a report");
        let [_, key] = &self.franked.delivery_keys;
        let keys = &self.franked.provider.stamp_keys;
        let examined = examine(report, keys, key, NOW).expect("a genuine report");
        let known = vec![false; examined.nullifiers().len()];
        examined
            .accept(REPORT_ID, &known, &[])
            .expect("not reported before")
    }

    /// Does the steps of vault and reviewer: decodes an accepted report from the queue, decrypts it
    /// and verifies it.
    ///
    /// # Panics
    /// If the report is not genuine.
    pub fn review(&self, accepted: &[u8]) {
        let unsealed = self.vault.open(&REPORT_ID, accepted);
        let verified = review(unsealed.expect("an accepted report")).expect("a genuine report");
        assert_eq!(verified.messages().len(), self.evidence.len());
    }
}
