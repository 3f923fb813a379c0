//! Reports a received message, and keeps the report until the provider has it.
//!
//! `cargo run --release --example report`

mod support {
    pub mod people;
    pub mod provider;
}

use std::error::Error;

use support::people;
use waxseal::{Disclosure, Reason};
use waxseal_reporting::reviewer::{ModerationKeyPair, review};

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let (mut provider, mut alice, mut bob) = people::alice_and_bob(rng)?;
    let alice_id = alice.me().account.clone();
    let message = people::exchange(
        &provider,
        &mut alice,
        &mut bob,
        "I know where you live.",
        rng,
    )?;

    // The provider publishes this key. The reviewers hold its secret half; the relay does not.
    let moderation = ModerationKeyPair::generate(rng);

    // Bob chooses what to show. The preview is exactly what will leave the phone.
    let mut draft = bob.draft_report(&alice_id, Reason::Threat, [(message, Disclosure::Whole)])?;
    draft.note("She has my address from the advert.")?;
    let preview = draft.preview();
    println!("reason {}, note {:?}", preview.reason(), preview.note());
    for message in preview.messages() {
        for part in message.parts() {
            println!("  part {}: {} bytes", part.index, part.size_bytes);
            assert!(part.shown);
        }
    }

    // The report is stored before it leaves, so it can be sent again until the provider has it.
    let sent = bob.report(&draft, moderation.public_key(), rng)?;
    assert_eq!(bob.pending_reports(10)?.len(), 1);
    let accepted = provider
        .intake(&sent.report, people::now())
        .map_err(|refusal| format!("{refusal:?}"))?;
    bob.confirm_report(sent.id)?;
    assert!(bob.pending_reports(10)?.is_empty());

    // A reviewer with the moderation key reads the message and sees who wrote it.
    let verified = review(accepted, &moderation)?;
    let message = &verified.messages()[0];
    let text = message.content().ok_or("it was shown")?;
    println!(
        "{} wrote: {:?}",
        message.sender().account.as_str(),
        text.as_text()
    );
    assert_eq!(message.sender(), alice.me());
    assert_eq!(text.as_text(), Some("I know where you live."));

    // A message counts once, however often the same person reports it.
    assert!(provider.intake(&sent.report, people::now()).is_err());
    Ok(())
}
