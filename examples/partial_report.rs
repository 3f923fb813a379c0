//! Reports some parts of a message and withholds the others.
//!
//! `cargo run --release --example partial_report`

mod support {
    pub mod people;
    pub mod provider;
}

use std::error::Error;

use support::people;
use waxseal::{AttachmentKey, Content, Disclosure, Draft, Reason, WholeFile};
use waxseal_reporting::reviewer::{VerifiedPart, review};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let (mut provider, mut alice, mut bob) = people::alice_and_bob(rng)?;
    let alice_id = alice.me().account.clone();
    let vault = Vault::new(ModerationKeyPair::generate(rng), provider.acceptance_key());

    // A message has a header (part 0), a content (part 1) and one part per attachment. The sender
    // commits to each part separately.
    let question = people::exchange(&mut provider, &mut bob, &mut alice, "Who are you?", rng)?;
    let picture = WholeFile::new(
        "image/jpeg",
        b"bytes of a photo",
        b"the same, encrypted",
        AttachmentKey::from_bytes([7; 32]), // an application draws it at random
        "blob/7",
    )?;
    let threat = Draft::from("Pay, or everyone sees this.").attach(picture);
    let threat = people::exchange(&mut provider, &mut alice, &mut bob, threat, rng)?;

    // Bob shows the text of the threat but not the picture. He withholds the content of his own
    // question, so the report shows only its header, sender and time. A header is always shown.
    let shown = [
        (question, Disclosure::Parts(Vec::new())),
        (threat, Disclosure::Parts(vec![1])),
    ];
    let draft = bob.draft_report(&alice_id, Reason::Sextortion, shown)?;
    let sent = bob.report(&draft, vault.public_key(), rng)?;

    let accepted = provider
        .intake(&sent.report, people::NOW, rng)
        .map_err(|refusal| format!("{refusal:?}"))?;
    let queued = accepted.encode(&provider.acceptance_key());
    let verified = review(vault.open(accepted.id(), &queued)?)?;
    for message in verified.messages() {
        let content = message.content().and_then(Content::as_text);
        println!("{}: {content:?}", message.sender().account.as_str());
        for (index, part) in message.parts().iter().enumerate() {
            if *part == VerifiedPart::Withheld {
                println!("  part {index} exists and was withheld by the reporter");
            }
        }
    }
    let [question, threat] = verified.messages() else {
        return Err("two messages were reported".into());
    };
    assert!(question.content().is_none());
    let text = threat.content().and_then(Content::as_text);
    assert_eq!(text, Some("Pay, or everyone sees this."));
    assert_eq!(threat.parts().last(), Some(&VerifiedPart::Withheld));
    Ok(())
}
