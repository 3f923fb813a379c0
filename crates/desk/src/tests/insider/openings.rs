//! Openings that the log does not show, or shows otherwise.

use waxseal_log::entry::{Day, Detail, Entry, Event, Purpose};
use waxseal_reporting::Timestamp;
use waxseal_reporting::intake::{AcceptanceKey, ReportId};
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::vault::ModerationKeyPair;

use crate::tests::world::{World, device};
use crate::vault::{
    Challenge, MAX_CHALLENGE_MS, MAX_CHALLENGES, OpeningDetail, VaultError, ViewedContent,
};

#[test]
fn a_granted_and_logged_opening_shows_the_report_once() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let request = world.prepare(&grant, &waiting).unwrap();
    let view = world.vault.open(&request, world.now).unwrap();
    let [message] = &view.messages[..] else {
        panic!("one message")
    };
    let text = ViewedContent::Text("first".to_owned().into());
    assert!(message.content == Some(text));
    let again = world.vault.open(&request, world.now);
    assert_eq!(again, Err(VaultError::UnknownChallenge));
}

#[test]
fn chk191_a_report_that_the_grant_does_not_name_is_refused() {
    let mut world = World::new();
    let (waiting, other) = (world.report(&["first"]), world.report(&["other"]));
    let grant = world.grant(&waiting);
    let error = world.challenge(&grant, &other).unwrap_err();
    assert_eq!(error, VaultError::ReportNotGranted);
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk192_once_too_often_is_refused_whatever_was_restored() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    for ordinal in 1..=2 {
        world.open(&grant, &waiting).unwrap();
        assert!(world.challenge(&grant, &waiting).is_ok(), "{ordinal}");
        world.pass(MAX_CHALLENGE_MS);
    }
    let request = world.prepare(&grant, &waiting).unwrap();
    let refused = |world: &mut World| {
        let error = world.challenge(&grant, &waiting).unwrap_err();
        assert_eq!(error, VaultError::NoOpeningLeft);
    };
    refused(&mut world);
    world.vault.open(&request, world.now).unwrap();
    refused(&mut world);
    // Restarted with its last state, with its first one, and without any.
    world.restart();
    world.follow().unwrap();
    world.adopt();
    refused(&mut world);
    let first = world.memory.states[0].clone();
    for state in [Some(&first[..]), None] {
        world.restart_with(state);
        world.follow().unwrap();
        world.adopt();
        refused(&mut world);
    }
}

#[test]
fn chk192_an_opening_for_which_a_challenge_waits_is_not_given_again() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let drawn: Vec<_> = (0..3)
        .map(|_| world.challenge(&grant, &waiting).unwrap().ordinal)
        .collect();
    assert_eq!(drawn, [1, 2, 3]);
    assert_eq!(
        world.challenge(&grant, &waiting),
        Err(VaultError::NoOpeningLeft)
    );
}

#[test]
fn chk193_a_challenge_is_for_one_grant_one_start_ten_minutes_and_one_use() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let (grant, other) = (world.grant(&waiting), world.grant(&waiting));
    let mut request = world.prepare(&grant, &waiting).unwrap();
    let unknown = Err(VaultError::UnknownChallenge);
    request.grant = other;
    assert_eq!(world.vault.open(&request, world.now), unknown);
    request.grant = grant.clone();
    let good = request.challenge;
    request.challenge = [0; 32];
    assert_eq!(world.vault.open(&request, world.now), unknown);
    request.challenge = good;
    world.vault.open(&request, world.now).unwrap();
    assert_eq!(world.vault.open(&request, world.now), unknown);

    let request = world.prepare(&grant, &waiting).unwrap();
    world.restart();
    world.follow().unwrap();
    world.adopt();
    assert_eq!(world.vault.open(&request, world.now), unknown);

    let request = world.prepare(&grant, &waiting).unwrap();
    world.pass(MAX_CHALLENGE_MS);
    assert_eq!(world.vault.open(&request, world.now), unknown);
    world.now = Timestamp::from_millis(world.now.as_millis() - 1);
    world.vault.open(&request, world.now).unwrap();
}

/// Appends an entry that is changed in one point, and expects that nothing opens.
fn not_logged(change: impl Fn(&mut Entry, &mut OpeningDetail)) {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let mut detail = OpeningDetail::new(grant.grant().digest(), waiting.digest(), &challenge);
    let mut entry = Entry {
        day: Day::of_ms(world.now.as_millis()),
        number: waiting.number(),
        event: Event::ContentOpened {
            purpose: Purpose::UserReport,
            mark: challenge.mark,
        },
        digest: waxseal_log::entry::Digest::from_bytes([0; 32]),
    };
    change(&mut entry, &mut detail);
    let detail = Detail::from_parts([6; 32], detail.encode()).unwrap();
    entry.digest = detail.digest();
    world.entries.push(entry.encode());
    world.follow().unwrap();
    let request = World::request(&grant, &waiting, &challenge, [6; 32]);
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::NotLogged)
    );
}

#[test]
fn chk194_an_entry_of_another_grant_report_ordinal_challenge_purpose_or_day_is_refused() {
    use crate::ids::{AcceptedDigest, GrantDigest};
    not_logged(|_, detail| detail.grant = GrantDigest::from_bytes([1; 32]));
    not_logged(|_, detail| detail.report = AcceptedDigest::from_bytes([1; 32]));
    not_logged(|_, detail| detail.ordinal += 1);
    not_logged(|_, detail| detail.challenge[0] ^= 1);
    not_logged(|entry, _| {
        if let Event::ContentOpened { purpose, .. } = &mut entry.event {
            *purpose = Purpose::Appeal;
        }
    });
    not_logged(|entry, _| {
        if let Event::ContentOpened { mark, .. } = &mut entry.event {
            *mark = waxseal_log::entry::Mark::from_bytes([1; 16]);
        }
    });
    not_logged(|entry, _| entry.day = Day(entry.day.0 - 2));
    not_logged(|entry, _| entry.day = Day(entry.day.0 + 2));
}

#[test]
fn chk194_without_its_entry_nothing_opens() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let not_logged = Err(VaultError::NotLogged);
    assert_eq!(world.vault.open(&request, world.now), not_logged);
    world.follow().unwrap();
    assert_eq!(world.vault.open(&request, world.now), not_logged);
    // Appended, and not followed.
    let salt = world.log_opening(&grant, &waiting, &challenge);
    let request = World::request(&grant, &waiting, &challenge, salt);
    assert_eq!(world.vault.open(&request, world.now), not_logged);
    world.follow().unwrap();
    let mut wrong = request.clone();
    wrong.salt[0] ^= 1;
    assert_eq!(world.vault.open(&wrong, world.now), not_logged);
    world.vault.open(&request, world.now).unwrap();
}

#[test]
fn chk194_the_entry_of_an_earlier_challenge_opens_nothing_more() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let first = world.challenge(&grant, &waiting).unwrap();
    world.pass(MAX_CHALLENGE_MS);
    let second = world.challenge(&grant, &waiting).unwrap();
    assert_eq!(first.mark, second.mark);
    let salt = world.log_opening(&grant, &waiting, &first);
    world.follow().unwrap();
    for challenge in [&first, &second] {
        let request = World::request(&grant, &waiting, challenge, salt);
        assert!(world.vault.open(&request, world.now).is_err());
    }
}

#[test]
fn chk195_a_state_of_before_does_not_make_an_opening_free_again() {
    let mut world = World::new();
    let before = world.memory.states.last().unwrap().clone();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    let old = world.witnessed(1);
    // The vault's file is set back, and the vault is shown an old checkpoint.
    world.restart_with(Some(&before));
    world.follow_with(&[], &old).unwrap();
    world.adopt();
    let challenge = world.challenge(&grant, &waiting).unwrap();
    assert_eq!(challenge.ordinal, 1);
    let salt = world.log_opening(&grant, &waiting, &challenge);
    world.follow().unwrap();
    let request = World::request(&grant, &waiting, &challenge, salt);
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::MarkRepeated)
    );
}

#[test]
fn chk195_an_entry_that_is_there_twice_opens_nothing() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let salt = world.log_opening(&grant, &waiting, &challenge);
    world.entries.push(world.entries.last().unwrap().clone());
    world.follow().unwrap();
    let request = World::request(&grant, &waiting, &challenge, salt);
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::MarkRepeated)
    );
}

#[test]
fn chk230_an_opening_under_the_number_of_another_report_is_refused() {
    let mut world = World::new();
    let (one, two) = (world.report(&["first"]), world.report(&["second"]));
    let grant = world.grant(&one);
    let challenge = world.challenge(&grant, &one).unwrap();
    let detail = OpeningDetail::new(grant.grant().digest(), one.digest(), &challenge);
    let detail = Detail::from_parts([6; 32], detail.encode()).unwrap();
    let event = Event::ContentOpened {
        purpose: Purpose::UserReport,
        mark: challenge.mark,
    };
    world.append_with(two.number(), event, detail.digest());
    world.follow().unwrap();
    let request = World::request(&grant, &one, &challenge, [6; 32]);
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::OtherNumber)
    );
}

#[test]
fn chk196_another_report_than_that_of_the_challenge_is_refused() {
    let mut world = World::new();
    let (one, two) = (world.report(&["first"]), world.report(&["second"]));
    let terms = world.terms(Purpose::UserReport, &[(&one, 1), (&two, 1)]);
    let grant = world.sign(terms);
    let mut request = world.prepare(&grant, &one).unwrap();
    (request.id, request.accepted) = (two.id, two.accepted.clone());
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::OtherReport)
    );
    (request.id, request.accepted) = (one.id, one.accepted.clone());
    world.vault.open(&request, world.now).unwrap();
    world.open(&grant, &two).unwrap();
}

#[test]
fn chk197_an_invented_report_or_one_under_another_id_is_refused() {
    let mut world = World::new();
    let evidence = world.alice_says("first");
    let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
    draft.add(&evidence, Disclosure::Whole).unwrap();
    let moderation = crate::tests::world::copy(&world.moderation);
    let own = AcceptanceKey::generate(&mut world.rng);
    let invented = world.accept_with(&draft, &moderation, &own);
    let sorted = world
        .vault
        .sort(&invented.id, &invented.accepted, world.now);
    assert_eq!(sorted, Err(VaultError::NotAccepted));
    let grant = world.grant(&invented);
    assert_eq!(world.open(&grant, &invented), Err(VaultError::NotAccepted));

    let other_key = ModerationKeyPair::generate(&mut world.rng);
    let acceptance = world.acceptance.clone();
    let other = world.accept_with(&draft, &other_key, &acceptance);
    let rejected = Err(VaultError::Rejected { check: 82 });
    assert_eq!(
        world.vault.sort(&other.id, &other.accepted, world.now),
        rejected
    );

    let genuine = world.accept(&draft);
    let wrong = ReportId::from_bytes([1; 16]);
    let sorted = world.vault.sort(&wrong, &genuine.accepted, world.now);
    assert_eq!(sorted, Err(VaultError::NotAccepted));
    let grant = world.grant(&genuine);
    let mut request = world.prepare(&grant, &genuine).unwrap();
    request.id = wrong;
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::NotAccepted)
    );
    // The challenge is used up, since the report was about to be opened.
    request.id = genuine.id;
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::UnknownChallenge)
    );
    let sorted = world
        .vault
        .sort(&genuine.id, &genuine.accepted, world.now)
        .unwrap();
    assert_eq!((sorted.reason, sorted.messages), (Reason::Threat, 1));
}

#[test]
fn chk197_reports_under_keys_of_before_open_until_those_are_destroyed() {
    let mut world = World::new();
    let evidence = world.alice_says("first");
    let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
    draft.add(&evidence, Disclosure::Whole).unwrap();
    let old = world.accept(&draft);
    let moderation = ModerationKeyPair::generate(&mut world.rng);
    let acceptance = AcceptanceKey::generate(&mut world.rng);
    let new = world.accept_with(&draft, &moderation, &acceptance);
    world.secrets.add_moderation_key(moderation).unwrap();
    world.secrets.add_acceptance_key(acceptance).unwrap();
    world.restart();
    world.follow().unwrap();
    world.adopt();
    for waiting in [&old, &new] {
        let grant = world.grant(waiting);
        world.open(&grant, waiting).unwrap();
    }
    assert!(world.secrets.destroy_oldest_acceptance_key());
    assert!(!world.secrets.destroy_oldest_acceptance_key());
    world.restart();
    world.follow().unwrap();
    world.adopt();
    let sorted = |world: &World, waiting: &crate::tests::world::Waiting| {
        world.vault.sort(&waiting.id, &waiting.accepted, world.now)
    };
    assert_eq!(sorted(&world, &old), Err(VaultError::NotAccepted));
    sorted(&world, &new).unwrap();
}

#[test]
fn chk198_bits_that_do_not_fit_the_report_are_refused() {
    let mut world = World::new();
    let two = world.report(&["first", "second"]);
    let about = ReportDraft::about_account(
        device("bob"),
        device("alice").account,
        Reason::Impersonation,
    );
    let about = world.accept(&about.unwrap());
    for (waiting, bits) in [(&two, 0), (&two, 0b100), (&two, 0b111), (&about, 1)] {
        let terms = world.terms(Purpose::UserReport, &[(waiting, bits)]);
        let grant = world.sign(terms);
        let error = world.open(&grant, waiting);
        assert_eq!(error, Err(VaultError::MessagesNotGranted), "{bits:b}");
    }
    let terms = world.terms(Purpose::UserReport, &[(&about, 0), (&two, 0b11)]);
    let grant = world.sign(terms);
    let view = world.open(&grant, &about).unwrap();
    assert!(view.about_account && view.messages.is_empty());
    assert_eq!(view.reported, Some(device("alice").account));
    assert_eq!(world.open(&grant, &two).unwrap().messages.len(), 2);
}

#[test]
fn challenges_that_wait_are_bounded_and_dropped_after_ten_minutes() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    for _ in 0..MAX_CHALLENGES {
        let grant = world.grant(&waiting);
        world.challenge(&grant, &waiting).unwrap();
    }
    let grant = world.grant(&waiting);
    assert_eq!(
        world.challenge(&grant, &waiting),
        Err(VaultError::TooManyChallenges)
    );
    world.pass(MAX_CHALLENGE_MS);
    let challenge: Challenge = world.challenge(&grant, &waiting).unwrap();
    assert!(!format!("{challenge:?}").contains("challenge:"));
}
