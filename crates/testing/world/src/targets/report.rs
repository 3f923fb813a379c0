//! Changes the fields of a genuine report and seals it again, as a hostile reporter with the
//! reporter's keys could. Asserts that if the report verifies, it shows only what was sent.

use std::sync::LazyLock;

use waxseal::reporting::Audience;
use waxseal::reporting::reviewer::{VerifiedPart, VerifiedReport};
use waxseal::{AccountId, Content, DeviceAddress, Draft, Evidence, Timestamp};

use super::edit::{edit, edit_once};
use crate::forgery::{ForgedClaim, ForgedOpening, Forgery};
use crate::provider::Provider;
use crate::{account, address, rng};

/// Messages between three people, each with its evidence, and with the claim and the opening that a
/// report would hold.
struct Prepared {
    provider: Provider,
    messages: Vec<(ForgedClaim, ForgedOpening, Evidence)>,
}

const NAMES: [&str; 3] = ["alice", "bob", "carol"];
/// (sender, recipient) of each message, in the order in which the relay accepted them.
const SENT: [(usize, usize); 8] = [
    (0, 1),
    (1, 0),
    (0, 1),
    (0, 2),
    (2, 0),
    (0, 1),
    (1, 2),
    (1, 0),
];

static PREPARED: LazyLock<Prepared> = LazyLock::new(|| {
    let mut provider = Provider::new(1);
    let mut clients: Vec<_> = NAMES.iter().map(|n| provider.register_with(n, 1)).collect();
    let mut messages = Vec::new();
    for (number, (from, to)) in SENT.into_iter().enumerate() {
        provider.now = Timestamp::from_millis(provider.now.as_millis() + 1_000);
        let peer = account(NAMES[to]);
        if !clients[from].has_session(&peer).unwrap() {
            provider.start(&mut clients[from], &peer);
        }
        let content = match number {
            5 => Content::Application {
                kind: "poll".to_owned(),
                body: vec![7; 1_200],
            },
            _ => Content::Text(format!("message {number}")),
        };
        let [from, to] = clients.get_disjoint_mut([from, to]).unwrap();
        let id = provider.exchange(from, to, Draft::new(content));
        let message = from.message(&peer, &id).unwrap().unwrap();
        let evidence = message.evidence().unwrap();
        let Forgery {
            claims, openings, ..
        } = Forgery::of(from.me(), [evidence]);
        let pieces = (claims[0].clone(), openings[0].clone(), evidence.clone());
        messages.push(pieces);
    }
    Prepared { provider, messages }
});

/// Runs the target on an input. The first byte says which messages are reported. The second byte
/// says who reports, with whose delivery key, and whether the claims are sorted in the end. Then
/// each change takes six bytes; at most six are made. Bytes left over edit the sealed report.
pub fn report(input: &[u8]) {
    let Some(([chosen, by], changes)) = input.split_first_chunk() else {
        return;
    };
    let prepared = &*PREPARED;
    let reporter = address(NAMES[usize::from(*by) % 3]);
    let messages = prepared.messages.iter().enumerate();
    let chosen = messages.filter(|(index, _)| chosen >> index & 1 == 1);
    let chosen: Vec<_> = chosen.map(|(_, (.., evidence))| evidence).collect();
    let honest = Forgery::of(&reporter, chosen.iter().copied());
    let mut forgery = honest.clone();
    let (changes, rest) = changes.as_chunks::<6>();
    for change in changes.iter().take(6) {
        forge(&mut forgery, &prepared.messages, *change);
    }
    if by & 0x40 != 0 {
        sort(&mut forgery);
    }
    let key = if by & 0x80 == 0 {
        prepared
            .provider
            .key(&forgery_key(&forgery.reporter, &reporter))
    } else {
        prepared.provider.key(&reporter)
    };
    let moderation = prepared.provider.moderation.public_key();
    let sealed = forgery.seal(&key, moderation, &mut rng(2));
    // Bytes that are left over at the end of the input make one edit of the sealed report.
    let altered = edit(
        &sealed,
        &[rest, &[0; 5]].concat()[..if rest.is_empty() { 0 } else { 5 }],
    );
    let outcome = prepared.provider.verify(&altered);
    match &outcome {
        Ok(verified) => {
            assert!(altered == sealed, "an altered report verified");
            assert_genuine(prepared, verified, &forgery);
        }
        Err(refusal) => assert!(
            forgery != honest || altered != sealed || must_refuse(&chosen, &reporter),
            "an honest report was refused: {refusal:?}"
        ),
    }
}

/// The device whose delivery key authenticates the report, unless the input chooses the reporter's
/// key. It is the device that the report names, if that device is registered, and otherwise the
/// reporter.
fn forgery_key(named: &DeviceAddress, reporter: &DeviceAddress) -> DeviceAddress {
    let known = NAMES.iter().map(|name| address(name)).any(|s| &s == named);
    if known { named } else { reporter }.clone()
}

/// Whether even an honest report must be refused. That is so if it has no messages, if it has
/// messages of several conversations, or if the reporter is not part of the conversation.
fn must_refuse(chosen: &[&Evidence], reporter: &DeviceAddress) -> bool {
    let Some(first) = chosen.first() else {
        return true;
    };
    let conversation = first.conversation();
    let recipient = match first.audience() {
        Audience::Direct(recipient) => recipient.clone(),
        Audience::Group(_) => return true,
    };
    let is_in = [first.sender().account.clone(), recipient].contains(&reporter.account);
    !is_in
        || chosen
            .iter()
            .any(|message| message.conversation() != conversation)
}

/// Asserts that each message of a verified report was sent as the report says, that the messages
/// are in order, and that the reporter is the device named in the report and sent or received each
/// message.
fn assert_genuine(prepared: &Prepared, verified: &VerifiedReport, forgery: &Forgery) {
    assert_eq!(verified.reporter(), &forgery.reporter);
    let reporter: &AccountId = &verified.reporter().account;
    let mut last: Option<(Timestamp, [u8; 32])> = None;
    for message in verified.messages() {
        let evidence = prepared.messages.iter().map(|(.., evidence)| evidence);
        let genuine = evidence.clone().find(|e| e.tag() == message.tag());
        let genuine = genuine.expect("a message that was never sent verified");
        assert_eq!(message.sender(), genuine.sender());
        assert_eq!(message.audience(), genuine.audience());
        assert_eq!(message.accepted_at(), genuine.accepted_at());
        assert_eq!(message.header(), genuine.header());
        if let Some(content) = message.content() {
            assert_eq!(Some(content), genuine.content().as_ref());
        }
        let opening = prepared
            .messages
            .iter()
            .find(|(.., e)| e.tag() == genuine.tag());
        for ((_, part), shown) in opening.unwrap().1.parts.iter().zip(message.parts()) {
            assert!(
                *shown == VerifiedPart::Withheld
                    || *shown == VerifiedPart::Shown(part.clone().into())
            );
        }
        let Audience::Direct(recipient) = genuine.audience() else {
            panic!("there are no groups")
        };
        assert!([recipient, &genuine.sender().account].contains(&reporter));
        let place = (message.accepted_at(), *message.tag().as_bytes());
        assert!(last < Some(place), "a message came twice or out of order");
        last = Some(place);
    }
}

/// Makes one change to the report. A change that cannot be made does nothing. If the report has no
/// claims or no openings, the change instead adds those of another message.
fn forge(
    forgery: &mut Forgery,
    all: &[(ForgedClaim, ForgedOpening, Evidence)],
    [kind, one, other, high, low, value]: [u8; 6],
) {
    let other_message = &all[usize::from(other) % all.len()];
    let edits = [value, high, low, other, one];
    let count = forgery.claims.len().min(forgery.openings.len());
    let Some(one) = usize::from(one).checked_rem(count) else {
        forgery.claims.push(other_message.0.clone());
        forgery.openings.push(other_message.1.clone());
        return;
    };
    let second = usize::from(other) % count;
    let (claim, opening) = (&mut forgery.claims[one], &mut forgery.openings[one]);
    let part = usize::from(low) % opening.parts.len().max(1);
    match kind % 25 {
        0 => flip(&mut claim.tag, low, value),
        1 => edit_once(&mut claim.context, edits),
        2 => flip(&mut claim.stamp, low, value),
        3 => claim.tag = other_message.0.tag,
        4 => claim.context.clone_from(&other_message.0.context),
        5 => claim.stamp = other_message.0.stamp,
        6 => *claim = other_message.0.clone(),
        7 => *opening = other_message.1.clone(),
        8 => (*claim, *opening) = (other_message.0.clone(), other_message.1.clone()),
        9 => forgery.claims.swap(one, second),
        10 => forgery.openings.swap(one, second),
        11 => drop(forgery.claims.remove(one)),
        12 => drop(forgery.openings.remove(one)),
        13 => forgery.claims.push(other_message.0.clone()),
        14 => forgery.openings.push(other_message.1.clone()),
        15 => flip(&mut opening.root_key, low, value),
        16 => {
            if let Some(commitment) = opening.commitments.get_mut(part) {
                flip(commitment, high, value);
            }
        }
        17 => opening.shown ^= 1 << (value % 32),
        18 => {
            if let Some((key, _)) = opening.parts.get_mut(part) {
                flip(key, high, value);
            }
        }
        19 => {
            if let Some((_, bytes)) = opening.parts.get_mut(part) {
                edit_once(bytes, edits);
            }
        }
        20 => {
            // Replaces a part and its key with those of another message, and sometimes the part's
            // commitment too.
            let from = part % other_message.1.parts.len();
            if let Some(own) = opening.parts.get_mut(part) {
                own.clone_from(&other_message.1.parts[from]);
            }
            if let Some(own) = opening.commitments.get_mut(part).filter(|_| value & 1 == 1) {
                *own = other_message.1.commitments[from];
            }
        }
        21 => {
            opening
                .commitments
                .resize(usize::from(value) % 34, [value; 32]);
            let part = ([high; 32], vec![low]);
            opening.parts.resize(usize::from(value) % 34, part);
        }
        // Makes up a message that was never sent: commits to its parts, and puts the new tag into a
        // claim that keeps its genuine stamp.
        24 => claim.tag = opening.commit(&[value; 32]),
        22 => forgery.reporter = address(NAMES[usize::from(value) % 3]),
        _ => {
            forgery.reason = value;
            edit_once(&mut forgery.note, edits);
            forgery.note.push(low);
        }
    }
}

fn flip(bytes: &mut [u8; 32], place: u8, value: u8) {
    bytes[usize::from(place) % 32] ^= 1 << (value % 8);
}

/// Sorts the claims by accepted time, then by the sender's account and device, then by tag, as the
/// intake requires. Each opening moves with its claim.
fn sort(forgery: &mut Forgery) {
    let claims = std::mem::take(&mut forgery.claims);
    let openings = std::mem::take(&mut forgery.openings);
    let mut messages: Vec<_> = claims.into_iter().zip(openings).collect();
    messages.sort_by_key(|(claim, _)| {
        let context = &claim.context[..];
        let time = context.len().saturating_sub(12);
        let account = usize::from(context.first().copied().unwrap_or(0));
        let account = &context[1.min(context.len())..(1 + account).min(context.len())];
        let device = context.get(1 + account.len()..1 + account.len() + 4);
        let sender = (account.to_vec(), device.map(<[u8]>::to_vec));
        (context[time..].to_vec(), sender, claim.tag)
    });
    (forgery.claims, forgery.openings) = messages.into_iter().unzip();
}
