//! Tests of `draft.rs` and `preview.rs`.

use super::*;
use crate::format::Format;
use crate::franking::FrankingKey;
use crate::tests::all::*;
use crate::tests::world::*;

#[test]
fn a_draft_holds_30_messages_and_not_31() {
    let mut world = World::new(1);
    let messages: Vec<Evidence> = (0..31)
        .map(|i| world.alice_says(&format!("{i}")).opened.evidence().clone())
        .collect();
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Spam);
    for evidence in messages.iter().take(30).rev() {
        draft.add(evidence, Disclosure::Whole).unwrap();
    }
    assert_eq!(
        draft.add(&messages[30], Disclosure::Whole).unwrap_err(),
        DraftError::TooManyMessages
    );
    let report = world.seal_report(&draft);
    assert_eq!(world.verify(report).unwrap().messages().len(), 30);
}

#[test]
fn a_draft_without_its_messages_that_are_too_old_keeps_the_rest_in_order() {
    let mut world = World::new(9);
    let messages: Vec<Evidence> = (0..3)
        .map(|i| world.alice_says(&format!("{i}")).opened.evidence().clone())
        .collect();
    let all = || world.draft(&[&messages[0], &messages[1], &messages[2]]);
    let until = messages[0].reportable_until(30);
    let day = messages[0].claim().context.epoch;
    assert_eq!(until.as_millis() + 1, (u64::from(day) + 31) * 86_400_000);
    let mut draft = all();
    assert!(
        draft.remove_too_old(30, until).is_empty(),
        "the last moment"
    );
    let after = Timestamp::from_millis(until.as_millis() + 1);
    let gone = draft.remove_too_old(30, after);
    let too_old = |message: &&Evidence| message.claim().context.epoch == day;
    assert_eq!(gone.len(), messages.iter().filter(too_old).count());

    let mut draft = all();
    assert!(draft.remove(messages[1].tag()));
    assert!(!draft.remove(messages[1].tag()));
    let preview = draft.preview();
    let left: Vec<_> = preview
        .messages()
        .iter()
        .map(|message| *message.tag())
        .collect();
    assert_eq!(left, [*messages[0].tag(), *messages[2].tag()]);
    // A provider that is far ahead, or that keeps keys forever, overflows nothing.
    let never = messages[0].reportable_until(u32::MAX);
    assert!(never > after);
}

#[test]
fn a_draft_refuses_what_cannot_be_reported_together_and_stays_as_it_was() {
    let mut world = World::new(2);
    let one = world.alice_says("one").opened;
    let elsewhere = {
        let carol = device("carol", 1);
        let context = StampContext {
            sender: carol.clone(),
            audience: Audience::Direct(world.bob.account.clone()),
            accepted_at: NOON,
            epoch: 20_000,
        };
        let header = PayloadHeader::new(0, NOON);
        let payload = Payload::text(header.clone(), "hi").unwrap();
        let franked = payload.franked(&FrankingKey::generate(&mut world.rng));
        let claim = Claim {
            tag: franked.tag_from(&carol, context.conversation()),
            context,
            stamp: Stamp::new([0; 32]),
        };
        Evidence::new(claim, Format::V2, header, franked)
    };
    let mut draft = world.draft(&[one.evidence()]);
    let before = format!("{draft:?}");
    let refused = [
        draft.add(one.evidence(), Disclosure::Whole).unwrap_err(),
        draft.add(&elsewhere, Disclosure::Whole).unwrap_err(),
        draft.note(&"x".repeat(MAX_NOTE_LEN + 1)).unwrap_err(),
    ];
    assert_eq!(
        refused,
        [
            DraftError::AddedBefore,
            DraftError::OtherConversation,
            DraftError::NoteTooLong
        ]
    );
    draft.note(&"x".repeat(MAX_NOTE_LEN)).unwrap();
    assert_eq!(format!("{draft:?}"), before);

    let mut fresh = ReportDraft::new(device("mallory", 1), Reason::Spam);
    assert_eq!(
        fresh.add(one.evidence(), Disclosure::Whole).unwrap_err(),
        DraftError::NotAParticipant
    );
    let mut fresh = ReportDraft::new(world.bob.clone(), Reason::Spam);
    let nowhere = fresh
        .add(one.evidence(), Disclosure::Parts(vec![2]))
        .unwrap_err();
    assert_eq!(nowhere, DraftError::NoSuchPart { index: 2 });
    let sealed = fresh.seal(
        &world.bob_key,
        world.moderation.public_key(),
        &mut world.rng,
    );
    assert_eq!(sealed.unwrap_err(), DraftError::Empty);
}

#[test]
fn the_preview_is_what_the_reviewer_gets() {
    let mut world = World::new(3);
    let one = world.alice_says("shown").opened;
    let two = world.bob_says("withheld").own;
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Harassment);
    draft.note("please look").unwrap();
    draft.add(&two, Disclosure::Parts(vec![])).unwrap();
    draft.add(one.evidence(), Disclosure::Whole).unwrap();
    let preview = draft.preview();
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.reason(), preview.reason());
    assert_eq!(verified.note(), preview.note());
    assert_eq!(verified.reporter(), preview.reporter());
    assert_eq!(verified.messages().len(), preview.messages().len());
    for (shown, promised) in verified.messages().iter().zip(preview.messages()) {
        assert_eq!(shown.tag(), promised.tag());
        assert_eq!(shown.sender(), promised.sender());
        assert_eq!(shown.audience(), promised.audience());
        assert_eq!(shown.accepted_at(), promised.accepted_at());
        assert_eq!(shown.header(), promised.header());
        assert_eq!(shown.parts().len(), promised.parts().len());
        for (part, promised) in shown.parts().iter().zip(promised.parts()) {
            match part {
                VerifiedPart::Shown(bytes) => {
                    assert!(promised.shown);
                    assert_eq!(bytes.len(), promised.size_bytes);
                }
                VerifiedPart::Withheld => assert!(!promised.shown),
            }
        }
    }
    assert_eq!(
        verified.messages()[0].content(),
        Some(&Content::Text("shown".into()))
    );
    assert_eq!(verified.messages()[1].content(), None);
}

/// The claims of one millisecond are in the order of their tags, which tells the user nothing.
#[test]
fn the_preview_has_messages_of_one_millisecond_in_the_order_that_the_reviewer_sees() {
    let mut world = World::new(7);
    let mut draft = ReportDraft::new(world.bob.clone(), Reason::Spam);
    for number in 0..6 {
        let (claim, _, sent) = world.stamped(&format!("{number}"));
        let receipt = Receipt::new(&claim, &world.alice_key);
        let evidence = receipt.authenticate(&world.alice_key, &sent).unwrap();
        draft.add(&evidence, Disclosure::Whole).unwrap();
    }
    let preview = draft.preview();
    let sequences = preview.messages().iter().map(|one| one.header().sequence);
    assert_eq!(sequences.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let report = world.seal_report(&draft);
    let claimed = report.claims().iter().map(|one| *one.tag());
    let claimed = claimed.collect::<Vec<_>>();
    let verified = world.verify(report).unwrap();
    let previewed = preview.messages().iter().map(|one| *one.tag());
    let previewed = previewed.collect::<Vec<_>>();
    let reviewed = verified.messages().iter().map(|one| *one.tag());
    assert_eq!(reviewed.collect::<Vec<_>>(), previewed);
    assert_ne!(claimed, previewed);
}

#[test]
fn debug_shows_counts_only() {
    let mut world = World::new(6);
    let message = world.alice_says("secret");
    let draft = world.draft(&[message.opened.evidence()]);
    assert_eq!(
        format!("{draft:?}"),
        "ReportDraft { reason: Spam, messages: 1, .. }"
    );
    assert_eq!(
        format!("{:?}", world.seal_report(&draft)),
        "Report { claims: 1, .. }"
    );
    assert_eq!(
        format!("{:?}", draft.preview()),
        "Preview { messages: 1, .. }"
    );
}

/// The intake refuses a report that contains a tag twice, so the draft must refuse it first.
/// Otherwise a sender who sends a message twice could spoil the recipient's report.
#[test]
fn a_draft_takes_a_message_once_whatever_its_stamp() {
    let mut world = World::new(7);
    let one = world.alice_says("one").opened.evidence().clone();
    let two = world.alice_says("two").opened.evidence().clone();
    let mut draft = world.draft(&[&one, &two]);
    let later = Timestamp::from_millis(world.now.as_millis() + 9_000);
    let claim = world
        .stamp_keys
        .stamp_tag(one.tag(), &world.alice, one.audience(), later)
        .unwrap();
    let again = Evidence::new(
        claim,
        one.format(),
        one.header().clone(),
        one.franked().clone(),
    );
    assert_eq!(
        draft.add(&again, Disclosure::Whole).unwrap_err(),
        DraftError::AddedBefore
    );
    let report = world.seal_report(&draft);
    assert_eq!(world.verify(report).unwrap().messages().len(), 2);
}

#[test]
fn a_report_about_an_account_shows_what_its_preview_said_and_no_message() {
    let mut world = World::new(20);
    let message = world.alice_says("hi").opened;
    let own = ReportDraft::about_account(world.bob.clone(), account("bob"), Reason::Spam);
    assert_eq!(own.unwrap_err(), DraftError::OwnAccount);
    let draft =
        ReportDraft::about_account(world.bob.clone(), account("a1ice"), Reason::Impersonation);
    let mut draft = draft.unwrap();
    let refused = draft.add(message.evidence(), Disclosure::Whole);
    assert_eq!(refused.unwrap_err(), DraftError::AboutAccount);
    draft.note("not Alice").unwrap();
    let preview = draft.preview();
    assert_eq!(preview.about_account(), Some(&account("a1ice")));
    assert_eq!(
        world.draft(&[message.evidence()]).preview().about_account(),
        None
    );
    let report = world.seal_report(&draft);
    let verified = world.verify(report).unwrap();
    assert_eq!(verified.about_account(), preview.about_account());
    assert_eq!(verified.reporter(), preview.reporter());
    assert_eq!(verified.reason(), preview.reason());
    assert_eq!(verified.note(), preview.note());
    assert!(verified.messages().is_empty() && preview.messages().is_empty());
    assert_eq!(verified.conversation(), None);
    assert!(!verified.clock_stepped_back());
}
