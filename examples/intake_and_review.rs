//! Shows the provider's side of a report. The intake verifies the report without reading it, then a
//! reviewer reads it.
//!
//! `cargo run --release --example intake_and_review`
//!
//! Intake and reviewer hold different keys. The intake holds stamp keys and cannot open a report;
//! the reviewer holds the moderation key and cannot make a stamp.

mod support {
    pub mod people;
    pub mod provider;
}

use std::collections::HashSet;
use std::error::Error;

use support::people;
use waxseal::{Content, Disclosure, Reason};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, IntakeRecords, Nullifier, accept};
use waxseal_reporting::relay::{DeliveryKey, StampKeys};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::reviewer::{ModerationKeyPair, review};
use waxseal_reporting::{ConversationId, DeviceAddress, Rejection, Timestamp};

/// Stands in for the intake's database, which remembers which messages were reported.
#[derive(Default)]
struct Records {
    reported: HashSet<Nullifier>,
}

impl IntakeRecords for Records {
    fn was_reported(&mut self, nullifier: &Nullifier) -> bool {
        self.reported.contains(nullifier)
    }

    fn is_member(&mut self, _: &ConversationId, _: &DeviceAddress, _: Timestamp) -> bool {
        false // this provider has no groups
    }
}

/// Verifies a report and returns bytes for the reviewers' queue.
fn take_in(
    report: &[u8],
    stamp_keys: &StampKeys,
    reporter_key: &DeliveryKey,
    acceptance: &AcceptanceKey,
    records: &mut Records,
    now: Timestamp,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let report = Report::decode(report)?;
    let accepted = accept(report, stamp_keys, reporter_key, now, records)?;
    records.reported.extend(accepted.nullifiers());
    Ok(accepted.encode(acceptance))
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let moderation = ModerationKeyPair::generate(rng);
    let acceptance = AcceptanceKey::generate(rng);
    let (provider, mut alice, mut bob) = people::alice_and_bob(rng)?;
    let bobs_key = provider.delivery_key(bob.me());
    let mut records = Records::default();

    // Bob reports a message, as in the example `report`.
    let text = "You have won! Send a fee of 50 to collect.";
    let message = people::exchange(&provider, &mut alice, &mut bob, text, rng)?;
    let alice_id = &alice.me().account;
    let draft = bob.draft_report(alice_id, Reason::Scam, [(message, Disclosure::Whole)])?;
    let report = bob.report(&draft, moderation.public_key(), rng)?.report;

    // The intake learns who reports whom, and when the messages were accepted. It does not learn
    // what they say.
    let keys = provider.stamp_keys();
    let mut intake = |report: &[u8]| {
        take_in(
            report,
            keys,
            &bobs_key,
            &acceptance,
            &mut records,
            people::now(),
        )
    };
    let queued = intake(&report)?;
    println!("accepted unread: {} bytes in the queue", queued.len());

    // The reviewer opens what the reporter chose to show.
    let verified = review(AcceptedReport::decode(&queued, &acceptance)?, &moderation)?;
    for message in verified.messages() {
        let content = message.content().and_then(Content::as_text);
        println!("{}: {content:?}", message.sender().account.as_str());
        assert_eq!(content, Some(text));
    }

    // A report counts once. A report that was altered on the way is refused.
    let again = intake(&report).expect_err("reported before");
    let rejection = again.downcast_ref::<Rejection>();
    assert_eq!(rejection, Some(&Rejection::AlreadyReported));
    let mut altered = report;
    *altered.last_mut().ok_or("not empty")? ^= 1;
    let refused = intake(&altered).expect_err("altered");
    println!("reported again: {again}");
    println!("altered: {refused}");
    Ok(())
}
