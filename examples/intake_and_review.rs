//! Shows the provider's side of a report. The intake verifies the report without reading it, then a
//! reviewer reads it.
//!
//! `cargo run --release --example intake_and_review`
//!
//! The intake holds stamp keys and cannot open a report. The vault holds the moderation key and
//! cannot make a stamp. The reviewer holds no key.

mod support {
    pub mod people;
    pub mod provider;
}

use std::collections::HashSet;
use std::error::Error;

use support::people;
use waxseal::{Content, Disclosure, Reason};
use waxseal_reporting::intake::{AcceptError, AcceptanceKey, Nullifier, ReportId, examine};
use waxseal_reporting::relay::{DeliveryKey, StampKeys};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};
use waxseal_reporting::{Rejection, Timestamp};

/// Stands in for the intake's database, which remembers which messages were reported.
#[derive(Default)]
struct Records {
    reported: HashSet<Nullifier>,
}

/// Verifies a report and returns bytes for the reviewers' queue.
fn take_in(
    report: &[u8],
    id: ReportId,
    stamp_keys: &StampKeys,
    reporter_key: &DeliveryKey,
    acceptance: &AcceptanceKey,
    records: &mut Records,
    now: Timestamp,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let report = Report::decode(report)?;
    let examined = examine(report, stamp_keys, reporter_key, now)?;
    let nullifiers = examined.nullifiers();
    let known = nullifiers.iter().map(|one| records.reported.contains(one));
    let known: Vec<_> = known.collect();
    let members = vec![false; examined.memberships().len()]; // this provider has no groups
    let accepted = examined.accept(id, &known, &members)?;
    records.reported.extend(nullifiers);
    Ok(accepted.encode(acceptance))
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let acceptance = AcceptanceKey::generate(rng);
    let vault = Vault::new(ModerationKeyPair::generate(rng), acceptance.clone());
    let id = ReportId::generate(rng);
    let (mut provider, mut alice, mut bob) = people::alice_and_bob(rng)?;
    let bobs_key = provider.delivery_key(bob.me());
    let mut records = Records::default();

    // Bob reports a message, as in the example `report`.
    let text = "You have won! Send a fee of 50 to collect.";
    let message = people::exchange(&mut provider, &mut alice, &mut bob, text, rng)?;
    let alice_id = &alice.me().account;
    let draft = bob.draft_report(alice_id, Reason::Scam, [(message, Disclosure::Whole)])?;
    let report = bob.report(&draft, vault.public_key(), rng)?.report;

    // The intake learns who reports whom, and when the messages were accepted. It does not learn
    // what they say.
    let keys = provider.stamp_keys();
    let mut intake = |report: &[u8]| {
        take_in(
            report,
            id,
            keys,
            &bobs_key,
            &acceptance,
            &mut records,
            people::NOW,
        )
    };
    let queued = intake(&report)?;
    println!("accepted unread: {} bytes in the queue", queued.len());

    // The vault opens the seal, and the reviewer verifies what the reporter chose to show.
    let verified = review(vault.open(&id, &queued)?)?;
    for message in verified.messages() {
        let content = message.content().and_then(Content::as_text);
        println!("{}: {content:?}", message.sender().account.as_str());
        assert_eq!(content, Some(text));
    }

    // A report counts once. A report that was altered on the way is refused.
    let again = intake(&report).expect_err("reported before");
    let rejection = again.downcast_ref::<AcceptError>();
    let reported = AcceptError::Rejected(Rejection::AlreadyReported);
    assert_eq!(rejection, Some(&reported));
    let mut altered = report;
    *altered.last_mut().ok_or("not empty")? ^= 1;
    let refused = intake(&altered).expect_err("altered");
    println!("reported again: {again}");
    println!("altered: {refused}");
    Ok(())
}
