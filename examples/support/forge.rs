//! Makes forged variants of a genuine report, as a reporter with a modified client could.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use waxseal::{
    AccountId, DeviceAddress, DeviceId, Disclosure, Evidence, Reason, ReportDraft, Timestamp,
};
use waxseal_reporting::Audience;
use waxseal_reporting::message::Payload;
use waxseal_reporting::relay::{Claim, Stamp, StampContext};
use waxseal_reporting::reporter::ModerationPublicKey;
use waxseal_reporting::sender::{SentMessage, seal};

use super::no_channel::NoChannel;
use super::provider::Provider;

/// Returns forged reports, which must be refused, each with a name of what is forged.
///
/// `genuine` is evidence that the reporter holds, `other` is evidence of another message of the
/// same sender, and `report` is a genuine report as bytes.
pub fn variants(
    provider: &Provider,
    reporter: &DeviceAddress,
    moderation: &ModerationPublicKey,
    genuine: &Evidence,
    other: Option<&Evidence>,
    report: &[u8],
    rng: &mut ChaCha20Rng,
) -> Vec<(&'static str, Vec<u8>)> {
    let claim = genuine.claim();
    let said = |text: &str, rng: &mut ChaCha20Rng| recommit(genuine, text, rng);
    let same = genuine
        .content()
        .and_then(|content| content.as_text().map(str::to_owned))
        .unwrap_or_default();
    let context = |change: &dyn Fn(&mut StampContext)| {
        let mut context = claim.context().clone();
        change(&mut context);
        Claim::new(*claim.tag(), context, *claim.stamp())
    };

    let mut forged = vec![
        (
            "altered text",
            Evidence::unverified(claim.clone(), said("send me all your money", rng)),
        ),
        (
            "same text, other key",
            Evidence::unverified(claim.clone(), said(&same, rng)),
        ),
        (
            "other sender",
            Evidence::unverified(
                context(&|context| context.sender.account = account("nobody")),
                said(&same, rng),
            ),
        ),
        (
            "other device",
            Evidence::unverified(
                context(&|context| context.sender.device = DeviceId(77)),
                said(&same, rng),
            ),
        ),
        (
            "other conversation",
            Evidence::unverified(
                context(&|context| {
                    context.audience = Audience::Direct(context.sender.account.clone());
                    context.sender = reporter.clone();
                }),
                said(&same, rng),
            ),
        ),
        (
            "other time",
            Evidence::unverified(
                context(&|context| {
                    context.accepted_at =
                        Timestamp::from_millis(context.accepted_at.as_millis() - 1_000)
                }),
                said(&same, rng),
            ),
        ),
        (
            "other epoch",
            Evidence::unverified(context(&|context| context.epoch -= 1), said(&same, rng)),
        ),
    ];
    let invented = said("this was never sent", rng);
    let stamp = Stamp::from_bytes(random_bytes(rng));
    let never_sent = Claim::new(*invented.tag(), claim.context().clone(), stamp);
    forged.push((
        "a message never sent",
        Evidence::unverified(never_sent, invented),
    ));
    if let Some(other) = other {
        let transplanted = Claim::new(
            *claim.tag(),
            other.claim().context().clone(),
            *other.claim().stamp(),
        );
        forged.push((
            "another message's stamp",
            Evidence::unverified(transplanted, said(&same, rng)),
        ));
    }

    let key = provider.delivery_key(reporter);
    let mut reports: Vec<_> = forged
        .iter()
        .map(|(what, evidence)| {
            let mut draft = ReportDraft::new(reporter.clone(), Reason::Spam);
            draft
                .add(evidence, Disclosure::Whole)
                .expect("a draft takes any evidence");
            (
                *what,
                draft
                    .seal(&key, moderation, rng)
                    .expect("a message and a good key")
                    .encode(),
            )
        })
        .collect();

    let mut flipped = report.to_vec();
    let place = rng.random_range(0..flipped.len());
    flipped[place] ^= 1 << rng.random_range(0..8);
    reports.push(("one bit flipped on the way", flipped));
    reports.push((
        "cut short on the way",
        report[..rng.random_range(0..report.len())].to_vec(),
    ));
    reports
}

/// Commits to another text with the genuine message's header and a fresh key.
fn recommit(genuine: &Evidence, text: &str, rng: &mut ChaCha20Rng) -> SentMessage {
    let payload = Payload::text(genuine.header().clone(), text).expect("a short text");
    let mut own = ChaCha20Rng::from_rng(rng);
    let (sender, conversation) = (genuine.sender(), genuine.conversation());
    seal(&mut NoChannel, sender, &conversation, &payload, &mut own)
        .expect("`NoChannel` refuses nothing")
        .sent
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).expect("a valid name")
}

fn random_bytes(rng: &mut ChaCha20Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    bytes
}
