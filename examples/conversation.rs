//! Follows one conversation from the first key to the reviewer, and shows five forgeries that fail.
//!
//! `cargo run --release --example conversation`
//!
//! Every step asserts its outcome. The exit code is 0 only if all assertions hold.

mod support {
    pub mod forgeries;
    pub mod no_channel;
    pub mod provider;
}

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::CryptoRng;
use support::forgeries::forgeries;
use support::provider::{Provider, Refusal};
use waxseal::{
    AccountId, AttachmentKey, Client, Content, DeviceAddress, DeviceId, Disclosure, Draft,
    FrankingTag, MemoryStore, PreKeyUpload, Reason, Received, ReportDraft, Timestamp, WholeFile,
};
use waxseal_reporting::Rejection;
use waxseal_reporting::intake::AcceptedReport;
use waxseal_reporting::relay::StampContext;
use waxseal_reporting::reviewer::{VerifiedPart, review};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};

type Phone = Client<MemoryStore>;
type Outcome<T> = Result<T, Box<dyn Error>>;

const FIRST: &str = "Hi Bob, is your bike still for sale?";
const ANSWER: &str = "It is. Do you want to see it on Saturday?";
const THREAT: &str = "Send me 200 first. I know where you live, and so does my brother.";

fn main() -> Outcome<()> {
    let rng = &mut rand::rng();
    let now = now()?;
    let mut provider = Provider::new(now, rng);
    // The vault holds the moderation key. Neither the relay nor the reviewers do.
    let vault = Vault::new(ModerationKeyPair::generate(rng), provider.acceptance_key());

    title("1. Two people register, publish prekeys, and agree on keys");
    let mut alice = register("alice", &mut provider, now, rng)?;
    let mut bob = register("bob", &mut provider, now, rng)?;
    agree_on_keys(&mut alice, &mut bob, &mut provider, now, rng)?;

    title("2. They talk; the provider relays what it cannot read");
    let first = exchange(&mut provider, &mut alice, &mut bob, FIRST.into(), now, rng)?;
    let answer = exchange(
        &mut provider,
        &mut bob,
        &mut alice,
        ANSWER.into(),
        later(now, 1),
        rng,
    )?;
    let threat = Draft::from(THREAT).attach(picture(rng)?);
    let threat = exchange(
        &mut provider,
        &mut alice,
        &mut bob,
        threat,
        later(now, 2),
        rng,
    )?;
    let numbers = [
        alice.safety_number(&bob.me().account)?,
        bob.safety_number(&alice.me().account)?,
    ];
    assert_eq!(numbers[0].digits(), numbers[1].digits());
    println!(
        "\n  safety number, the same on both phones:\n    {}",
        numbers[0]
    );

    title("3. Bob reports the threat: the text, not the picture, and his own message for context");
    let report = report(&mut bob, &alice.me().account, answer, threat, &vault, rng)?;

    title("4. Intake: genuine stamps? It answers without reading anything");
    let accepted = intake(&mut provider, &report, later(now, 3), rng);

    title("5. Review: the vault opens the seal, and the reviewer needs no key");
    let queued = accepted.encode(&provider.acceptance_key());
    read(&accepted, &queued, &vault, alice.me())?;

    title("6. Five forgeries by a reporter with a modified client");
    let genuine = bob
        .message(&alice.me().account, &first)?
        .ok_or("bob has it")?;
    let genuine = genuine
        .evidence()
        .ok_or("a received message has evidence")?;
    for (what, check, forged) in forgeries(genuine, rng)? {
        let mut draft = ReportDraft::new(bob.me().clone(), Reason::Threat);
        draft.add(&forged, Disclosure::Whole)?;
        let report = draft.seal(&provider.delivery_key(bob.me()), vault.public_key(), rng)?;
        let rejection = match provider.examine(&report.encode(), later(now, 4), rng) {
            Ok(accepted) => {
                let queued = accepted.encode(&provider.acceptance_key());
                let unsealed = vault.open(accepted.id(), &queued)?;
                review(unsealed).expect_err("a forgery was accepted")
            }
            Err(Refusal::Rejected(rejection)) => rejection,
            Err(refusal) => panic!("the forger writes well-formed reports: {refusal:?}"),
        };
        println!(
            "  {what:<22} refused by CHK-{}: {rejection}",
            rejection.check()
        );
        assert_eq!(rejection.check(), check, "{what}");
    }

    println!("\nEverything held.");
    Ok(())
}

/// Creates an account with one device, and publishes its roster and its prekeys.
fn register(
    name: &str,
    provider: &mut Provider,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Outcome<Phone> {
    let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
    let delivery_key = provider.register(&me, rng);
    let mut phone = Client::create(MemoryStore::new(), me.clone(), delivery_key, now, rng)?;
    let roster = phone.own_roster()?.ok_or("a new account has one")?;
    provider.put_roster(&me, roster.signed().encode());
    let upload = phone.publish_prekeys(0, rng)?;
    println!(
        "  {name:<6} published {} one-time prekeys",
        upload.one_time.len()
    );
    let PreKeyUpload { base, one_time } = upload.clone();
    provider.publish(&me.account, base, one_time);
    phone.confirm_prekeys(&upload)?; // the provider has them
    Ok(phone)
}

/// Starts a session from the recipient's roster and prekey bundle. The recipient may be offline.
/// It fetches the initiator's roster before it opens the first message.
fn agree_on_keys(
    initiator: &mut Phone,
    recipient: &mut Phone,
    provider: &mut Provider,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Outcome<()> {
    let (from, to) = (
        &initiator.me().account.clone(),
        recipient.me().account.clone(),
    );
    let bundles = provider.bundles(&to).ok_or("nothing was published")?;
    initiator.start(&to, &bundles, now, rng)?;
    recipient.take_roster(from, &provider.roster(from), now)?;
    let bundle = bundles.devices.first().ok_or("one device")?;
    println!(
        "  {}: roster of {} bytes, prekey bundle of {} bytes, signatures verified",
        to.as_str(),
        bundles.roster.len(),
        bundle.base.len() + bundle.one_time.as_ref().map_or(0, Vec::len)
    );
    println!("  keys agreed by PQXDH (X25519 and ML-KEM-1024) before the first message");
    Ok(())
}

/// Sends one message, relays it and opens it. Returns the message's tag.
fn exchange(
    provider: &mut Provider,
    from: &mut Phone,
    to: &mut Phone,
    draft: Draft,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Outcome<FrankingTag> {
    let (name, recipient) = (from.me().account.clone(), to.me().account.clone());
    let sent = from.send(&recipient, draft, now, rng)?;
    let relayed = provider.relay(from.me(), to.me(), &sent.envelope, now)?;
    from.confirm(&recipient, &relayed.receipt)?;

    let Received::Message {
        message,
        sent_time_agrees,
        ..
    } = to.receive(&relayed.delivery)?
    else {
        panic!("it was delivered once")
    };
    let evidence = message
        .evidence()
        .ok_or("a received message has evidence")?;
    let text = message.text().ok_or("a text was sent")?;
    assert!(sent_time_agrees && message.id() == &sent.id);
    println!(
        "\n  {} seals {} bytes of text. The provider sees:",
        name.as_str(),
        text.len()
    );
    println!(
        "    from {} to {}, {} bytes",
        name.as_str(),
        recipient.as_str(),
        sent.envelope.len()
    );
    println!(
        "    of which content, padded: {} bytes",
        evidence.padded_len()
    );
    println!(
        "    tag   {}, its commitment to the content",
        hex(sent.id.as_bytes())
    );
    println!(
        "    stamp {}, its own mark",
        hex(evidence.claim().stamp().as_bytes())
    );
    println!("  {} opens: {text:?}", recipient.as_str());

    let again = to.receive(&relayed.delivery)?;
    assert!(matches!(again, Received::Duplicate { id, .. } if id == sent.id));
    Ok(sent.id)
}

/// Describes a picture. The encrypted file is stored elsewhere; the message carries the file's
/// digests and key.
fn picture(rng: &mut impl CryptoRng) -> Outcome<WholeFile> {
    let key = AttachmentKey::from_bytes(random(rng));
    let (plaintext, ciphertext) = (b"bytes of a photo", b"the same, encrypted");
    Ok(WholeFile::new(
        "image/jpeg",
        plaintext,
        ciphertext,
        key,
        "blob/7",
    )?)
}

/// Chooses what to show, prints the preview, and seals the report.
fn report(
    bob: &mut Phone,
    peer: &AccountId,
    context: FrankingTag,
    threat: FrankingTag,
    vault: &Vault,
    rng: &mut impl CryptoRng,
) -> Outcome<Vec<u8>> {
    let shown = [
        (context, Disclosure::Whole),
        (threat, Disclosure::Parts(vec![1])),
    ];
    let mut draft = bob.draft_report(peer, Reason::Threat, shown)?;
    draft.note("She has my address from the advert.")?;

    let preview = draft.preview();
    println!("  preview of everything that will leave the phone:");
    println!("    reason {}, note {:?}", preview.reason(), preview.note());
    for message in preview.messages() {
        println!("    a message of {}:", message.sender().account.as_str());
        for (part, name) in message
            .parts()
            .iter()
            .zip(["header", "content", "attachment"])
        {
            let shown = if part.shown { "shown" } else { "withheld" };
            println!(
                "      part {}, {name}, {} bytes: {shown}",
                part.index, part.size_bytes
            );
        }
    }
    let sent = bob.report(&draft, vault.public_key(), rng)?;
    println!(
        "  sealed to the moderation key: {} bytes",
        sent.report.len()
    );
    assert_eq!(bob.pending_reports(None, 10)?.items.len(), 1);
    bob.confirm_report(sent.id)?; // once the provider has answered
    Ok(sent.report)
}

/// Checks where the reported messages come from. A report that arrives twice counts once.
fn intake(
    provider: &mut Provider,
    report: &[u8],
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> AcceptedReport {
    let accepted = provider.intake(report, now, rng).expect("a genuine report");
    for claim in accepted.report().claims() {
        let StampContext {
            sender,
            accepted_at,
            ..
        } = claim.context();
        println!(
            "  {} at {} ms, tag {}.., stamp {}..: genuine",
            sender.account.as_str(),
            accepted_at.as_millis(),
            hex(&claim.tag().as_bytes()[..6]),
            hex(&claim.stamp().as_bytes()[..6]),
        );
    }
    let again = provider
        .intake(report, now, rng)
        .expect_err("the same report counts once");
    assert_eq!(again, Refusal::Rejected(Rejection::AlreadyReported));
    println!("  the same report again: {}", Rejection::AlreadyReported);
    accepted
}

/// Opens the parts that the reporter chose to show, and no others.
fn read(
    accepted: &AcceptedReport,
    queued: &[u8],
    vault: &Vault,
    accused: &DeviceAddress,
) -> Outcome<()> {
    let verified = review(vault.open(accepted.id(), queued)?)?;
    let reporter = verified.reporter().account.as_str();
    println!(
        "  {reporter} reports a {}: {:?}",
        verified.reason(),
        verified.note()
    );
    for message in verified.messages() {
        let text = message
            .content()
            .and_then(Content::as_text)
            .unwrap_or("(withheld)");
        let (author, number) = (message.sender().account.as_str(), message.sequence());
        println!("  {author}, message number {number}: {text}");
        for (index, part) in message.parts().iter().enumerate() {
            if *part == VerifiedPart::Withheld {
                println!("    part {index} exists and was withheld by the reporter");
            }
        }
    }
    let [context, threat] = verified.messages() else {
        panic!("two messages were reported")
    };
    assert_eq!(context.content().and_then(Content::as_text), Some(ANSWER));
    assert_eq!(threat.content().and_then(Content::as_text), Some(THREAT));
    assert_eq!(threat.sender(), accused);
    assert_eq!(threat.parts().last(), Some(&VerifiedPart::Withheld));
    Ok(())
}

fn now() -> Outcome<Timestamp> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp::from_millis(u64::try_from(
        since_1970.as_millis(),
    )?))
}

fn later(now: Timestamp, minutes: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + minutes * 60_000)
}

fn random(rng: &mut impl CryptoRng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn title(text: &str) {
    println!("\n{text}\n{}", "─".repeat(text.chars().count()));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
