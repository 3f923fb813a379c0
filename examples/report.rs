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
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let (mut provider, mut alice, mut bob) = people::alice_and_bob(rng)?;
    let alice_id = alice.me().account.clone();
    let message = people::exchange(
        &mut provider,
        &mut alice,
        &mut bob,
        "I know where you live.",
        rng,
    )?;

    // The provider publishes the vault's public key. Relay and reviewers do not hold the secret
    // half.
    let vault = Vault::new(ModerationKeyPair::generate(rng), provider.acceptance_key());

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
    let sent = bob.report(&draft, vault.public_key(), rng)?;
    assert_eq!(bob.pending_reports(None, 10)?.items.len(), 1);
    let accepted = provider
        .intake(&sent.report, people::NOW, rng)
        .map_err(|refusal| format!("{refusal:?}"))?;
    bob.confirm_report(sent.id)?;
    assert!(bob.pending_reports(None, 10)?.items.is_empty());

    // The vault opens the accepted report. A reviewer reads the message and sees who wrote it.
    let queued = accepted.encode(&provider.acceptance_key());
    let verified = review(vault.open(accepted.id(), &queued)?)?;
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
    assert!(provider.intake(&sent.report, people::NOW, rng).is_err());
    Ok(())
}
