//! One conversation from the first key to the reviewer's desk, and five forgeries that fail on the way.
//!
//! `cargo run --release --example conversation`
//!
//! Every step asserts its outcome: the program ends with exit code 0 only if all of it holds.

mod no_channel;
mod provider;

use std::time::{SystemTime, UNIX_EPOCH};

use no_channel::NoChannel;
use provider::{Provider, Refusal};
use rand::CryptoRng;
use waxseal::{
    AccountId, Attachment, AttachmentKey, Client, Content, DeviceId, Disclosure, Draft, Evidence,
    FrankingTag, MemoryStore, PreviewPart, Reason, Received, ReportDraft, Sender, Timestamp,
};
use waxseal_reporting::{
    Audience, Claim, ModerationKeyPair, Payload, Rejection, Stamp, VerifiedPart, review, seal,
};

type Phone = Client<MemoryStore>;

fn main() {
    let rng = &mut rand::rng();
    let start = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    let start =
        Timestamp(u64::try_from(start.as_millis()).expect("a clock before the year 500,000,000"));
    let mut clock = (0..).map(|step| Timestamp(start.0 + step * 20_000));
    let mut now = || clock.next().expect("the clock goes on");

    title("1. Two people register, publish prekeys, and agree on keys");
    let mut provider = Provider::new(start, rng);
    let moderation = ModerationKeyPair::generate(rng); // held by the reviewers, not by the relay
    let mut alice = register("alice", &mut provider, rng);
    let mut bob = register("bob", &mut provider, rng);
    let (alice_id, bob_id) = (alice.me().account.clone(), bob.me().account.clone());

    let (base, one_time) = provider.bundle(&bob_id).expect("bob published");
    println!(
        "  prekey bundle of bob    {} bytes: signed prekeys and one-time prekeys, verified",
        { base.len() + one_time.as_ref().map_or(0, Vec::len) }
    );
    alice
        .start(&bob_id, &base, one_time.as_deref(), rng)
        .expect("the bundle verifies");
    println!(
        "  PQXDH                   X25519 and ML-KEM-1024, one message, nobody else is online"
    );

    title("2. They talk; the provider relays what it cannot read");
    let lines = [
        (&alice_id, "Hi Bob, is your bike still for sale?"),
        (&bob_id, "It is. Do you want to see it on Saturday?"),
        (
            &alice_id,
            "Send me 200 first. I know where you live, and so does my brother.",
        ),
    ];
    let mut tags = Vec::new();
    for (number, (author, text)) in lines.into_iter().enumerate() {
        let (from, to) = if *author == alice_id {
            (&mut alice, &mut bob)
        } else {
            (&mut bob, &mut alice)
        };
        let mut draft = Draft::from(text);
        if number == 2 {
            // The picture itself is stored encrypted elsewhere; the message carries its digests and its key.
            let picture = Attachment::new(
                "image/jpeg",
                b"bytes of a photo",
                b"the same, encrypted",
                rng_key(rng),
                "blob/7",
            );
            draft = draft.attach(picture.expect("a small attachment"));
        }
        tags.push(exchange(&provider, from, to, draft, now(), rng));
    }
    let safety = alice.safety_number(&bob_id).expect("alice knows bob");
    assert_eq!(
        safety.digits(),
        bob.safety_number(&alice_id)
            .expect("bob knows alice")
            .digits()
    );
    println!("\n  safety number, the same on both phones:\n    {safety}");

    title("3. Bob reports the threat: the text, not the picture, and his own message for context");
    let shown = [
        (tags[1], Disclosure::Whole),
        (tags[2], Disclosure::Parts(vec![1])),
    ];
    let mut draft = bob
        .draft_report(&alice_id, Reason::Threat, shown)
        .expect("both messages have evidence");
    draft
        .note("She has my address from the advert.")
        .expect("a short note");
    println!("  preview of everything that will leave the phone:");
    println!(
        "    reason {}, note {:?}",
        draft.preview().reason(),
        draft.preview().note()
    );
    for message in draft.preview().messages() {
        let part = |part: &PreviewPart| {
            format!(
                "part {} ({} B) {}",
                part.index,
                part.size_bytes,
                if part.shown { "shown" } else { "withheld" }
            )
        };
        let parts: Vec<String> = message.parts().iter().map(part).collect();
        println!(
            "    {:<6} {}",
            message.sender().account.as_str(),
            parts.join(", ")
        );
    }
    let sent = bob
        .report(&draft, moderation.public_key(), rng)
        .expect("the draft is complete");
    println!(
        "  sealed to the moderation key: {} bytes",
        sent.report.len()
    );

    title("4. Intake: genuine stamps? It answers without reading anything");
    let accepted = provider
        .intake(&sent.report, now())
        .expect("a genuine report");
    bob.confirm_report(sent.id).expect("the store works");
    for claim in accepted.report().claims() {
        println!(
            "  {} at {} ms, tag {}.., stamp {}..: genuine",
            claim.context().sender.account.as_str(),
            claim.context().accepted_at.0,
            hex(&claim.tag().as_bytes()[..6]),
            hex(&claim.stamp().as_bytes()[..6]),
        );
    }
    let again = provider
        .intake(&sent.report, now())
        .expect_err("the same report counts once");
    assert_eq!(again, Refusal::Rejected(Rejection::AlreadyReported));
    println!("  the same report again: {}", Rejection::AlreadyReported);

    title("5. Review: with the moderation key, without stamp keys");
    let verified = review(accepted, &moderation).expect("every opening matches its tag");
    println!(
        "  {} reports {}: {:?}",
        verified.reporter().account.as_str(),
        verified.reason(),
        verified.note()
    );
    for message in verified.messages() {
        println!(
            "  {} (message {}, missing before it: {}): {}",
            message.sender().account.as_str(),
            message.sequence(),
            message
                .gap_before()
                .map_or("unknown".to_owned(), |gap| gap.to_string()),
            message
                .content()
                .and_then(Content::as_text)
                .unwrap_or("(withheld)"),
        );
        for (index, part) in message.parts().iter().enumerate() {
            if *part == VerifiedPart::Withheld {
                println!("       part {index} exists and was withheld by the reporter");
            }
        }
    }
    let [context, threat] = verified.messages() else {
        panic!("two messages were reported")
    };
    assert_eq!(
        context.content().and_then(Content::as_text),
        Some(lines[1].1)
    );
    assert_eq!(
        threat.content().and_then(Content::as_text),
        Some(lines[2].1)
    );
    assert_eq!(threat.sender(), alice.me());
    assert_eq!(threat.parts().last(), Some(&VerifiedPart::Withheld));

    title("6. Five forgeries by a reporter with a modified client");
    let genuine = bob
        .message(&alice_id, &tags[0])
        .expect("the store works")
        .expect("bob has it");
    let genuine = genuine.evidence().expect("a received message has evidence");
    let original = genuine.claim();
    let payload = |text: &str| Payload::text(genuine.header().clone(), text).expect("a short text");
    let committed = |payload: &Payload, rng: &mut rand::rngs::ThreadRng| {
        seal(&mut NoChannel, alice.me(), payload, rng)
            .expect("no channel refuses nothing")
            .sent
    };

    let forged = Evidence::unverified(
        original.clone(),
        committed(&payload("I will hurt you"), rng),
    );
    refused(
        "altered text",
        &forged,
        86,
        &mut provider,
        &bob,
        &moderation,
        now(),
        rng,
    );

    let mut context = original.context().clone();
    context.sender = Sender::new(bob_id.clone(), DeviceId(1));
    context.audience = Audience::Direct(alice_id.clone());
    let claim = Claim::new(*original.tag(), context, *original.stamp());
    let forged = Evidence::unverified(claim, committed(&payload(lines[0].1), rng));
    refused(
        "other sender",
        &forged,
        71,
        &mut provider,
        &bob,
        &moderation,
        now(),
        rng,
    );

    let mut context = original.context().clone();
    context.sender = Sender::new(AccountId::new("carol").expect("a valid name"), DeviceId(1));
    let claim = Claim::new(*original.tag(), context, *original.stamp());
    let forged = Evidence::unverified(claim, committed(&payload(lines[0].1), rng));
    refused(
        "other conversation",
        &forged,
        71,
        &mut provider,
        &bob,
        &moderation,
        now(),
        rng,
    );

    let mut context = original.context().clone();
    context.accepted_at.0 -= 1;
    let claim = Claim::new(*original.tag(), context, *original.stamp());
    let forged = Evidence::unverified(claim, committed(&payload(lines[0].1), rng));
    refused(
        "other time",
        &forged,
        71,
        &mut provider,
        &bob,
        &moderation,
        now(),
        rng,
    );

    let invented = committed(&payload("this was never sent"), rng);
    let claim = Claim::new(
        *invented.tag(),
        original.context().clone(),
        Stamp::from_bytes(rng_bytes(rng)),
    );
    let forged = Evidence::unverified(claim, invented);
    refused(
        "a message never sent",
        &forged,
        71,
        &mut provider,
        &bob,
        &moderation,
        now(),
        rng,
    );

    println!("\nEverything held.");
}

/// A device creates its account and publishes its prekeys.
fn register(name: &str, provider: &mut Provider, rng: &mut impl CryptoRng) -> Phone {
    let me = Sender::new(AccountId::new(name).expect("a valid name"), DeviceId(1));
    let delivery_key = provider.register(&me, rng);
    let mut phone =
        Client::create(MemoryStore::new(), me, delivery_key, rng).expect("an empty store");
    let upload = phone.publish_prekeys(rng).expect("the store works");
    println!(
        "  {name:<6} registered        {} one-time prekeys published",
        upload.one_time.len()
    );
    provider.publish(&phone.me().account, upload.base, upload.one_time);
    phone
}

/// Sends one message, relays it, opens it. Returns its tag.
fn exchange(
    provider: &Provider,
    from: &mut Phone,
    to: &mut Phone,
    draft: Draft,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> FrankingTag {
    let recipient = to.me().account.clone();
    let sent = from
        .send(&recipient, draft, now, rng)
        .expect("a session and a small message");
    let relayed = provider.relay(from.me(), to.me(), &sent.envelope, now);
    from.confirm(&recipient, &relayed.receipt)
        .expect("the relay's receipt");

    let name = from.me().account.as_str();
    println!(
        "\n  {name} seals. The provider sees {} bytes from {name} to {}:",
        sent.envelope.len(),
        recipient.as_str()
    );
    println!(
        "    tag {}.. {}..",
        hex(&sent.id.as_bytes()[..12]),
        hex(&sent.envelope[60..76])
    );

    match to.receive(&relayed.delivery).expect("a genuine delivery") {
        Received::Message {
            message,
            sent_time_agrees,
            ..
        } => {
            assert!(sent_time_agrees && message.id() == &sent.id);
            let claim = message
                .evidence()
                .expect("a received message has evidence")
                .claim();
            println!(
                "    stamp {}.. by the relay",
                hex(&claim.stamp().as_bytes()[..12])
            );
            println!(
                "  {} opens: {:?}",
                recipient.as_str(),
                message.text().expect("a text")
            );
        }
        Received::Duplicate { .. } => panic!("it was delivered once"),
    }
    match to.receive(&relayed.delivery).expect("a repeat is no error") {
        Received::Duplicate { id, .. } => assert_eq!(id, sent.id),
        Received::Message { .. } => panic!("a repeat must not be shown twice"),
    }
    sent.id
}

/// Reports forged evidence and shows which check refuses it.
#[expect(clippy::too_many_arguments, reason = "a scene needs its cast")]
fn refused(
    what: &str,
    forged: &Evidence,
    check: u8,
    provider: &mut Provider,
    reporter: &Phone,
    moderation: &ModerationKeyPair,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) {
    let mut draft = ReportDraft::new(reporter.me().clone(), Reason::Threat);
    let outcome = draft
        .add(forged, Disclosure::Whole)
        .map_err(|error| error.to_string())
        .map(|draft| {
            draft
                .seal(
                    &provider.delivery_key(reporter.me()),
                    moderation.public_key(),
                    rng,
                )
                .expect("sealable")
        });
    let report = outcome
        .expect("the modified client does not stop itself")
        .encode();
    let rejection = match provider.intake(&report, now) {
        Err(Refusal::Rejected(rejection)) => rejection,
        Err(refusal) => panic!("the modified client writes well-formed reports: {refusal:?}"),
        Ok(accepted) => review(accepted, moderation).expect_err("a forgery was accepted"),
    };
    println!(
        "  {what:<22} refused by CHK-{}: {rejection}",
        rejection.check()
    );
    assert_eq!(rejection.check(), check, "{what}");
}

fn rng_bytes(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn rng_key(rng: &mut impl CryptoRng) -> AttachmentKey {
    AttachmentKey::from_bytes(rng_bytes(rng))
}

fn title(text: &str) {
    println!("\n{text}\n{}", "─".repeat(text.chars().count()));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
