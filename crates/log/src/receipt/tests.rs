use super::*;
use crate::decision::{AppealDetail, DecisionDetail};
use crate::entry::{AppealOutcome, Day, Measure, Number, Purpose, Side};
use crate::keys::LogKeys;
use crate::note::Cosigner;
use crate::tests::world::*;

mod contradictions;

/// Verifies as the story's reporter.
fn as_reporter(story: &Story, receipt: &Receipt) -> Result<Told, ReceiptError> {
    let promise = story.promised();
    receipt.verify(&story.world.keys(), Expected::Report { promise: &promise })
}

/// Verifies as the story's account.
fn as_account(story: &Story, receipt: &Receipt) -> Result<Told, ReceiptError> {
    receipt.verify(&story.world.keys(), Expected::Account { account: ACCOUNT })
}

#[test]
fn a_reporter_is_told_what_was_done_with_the_report() {
    let story = Story::new();
    let receipt = Receipt::decode(&story.of_reporter().encode().unwrap()).unwrap();
    let told = as_reporter(&story, &receipt).unwrap();
    assert_eq!(told.contradictions, []);
    assert_eq!(told.received, Some(Day(DAY)));
    assert_eq!(told.rejected, None);
    assert_eq!(told.sorted, Some((Day(DAY), reason(4))));
    let opened = |day| (Day(day), Purpose::UserReport);
    assert_eq!(told.openings, [opened(DAY + 1), opened(DAY + 2)]);
    let [decision] = &told.decisions[..] else {
        panic!("one decision");
    };
    assert_eq!(decision.day, Day(DAY + 3));
    let at = usize::try_from(story.decision).unwrap();
    let entry = story.world.entries[at].0;
    assert_eq!(decision.leaf_hash, entry.leaf_hash());
    assert_eq!(
        (decision.reason, decision.measure),
        (reason(4), Measure::Suspended)
    );
    assert_eq!((decision.openings, decision.days), (3, 3));
    assert_eq!(decision.rule, Some(decision_detail().rule));
    assert_eq!(decision.statement, Some(decision_detail().statement));
    assert_eq!(decision.appeal_until_ms, Some(noon_ms(DAY + 33)));
    let notice = |side| (Day(DAY + 3), side);
    assert_eq!(
        told.notices,
        [notice(Side::Reporter), notice(Side::Account)]
    );
    let statement = Some("The account was mistaken for another one.".to_owned());
    let filed = ToldAppeal::Filed {
        day: Day(DAY + 5),
        side: Side::Account,
        detail: Some(AppealDetail {
            decision: decision.leaf_hash,
            text_digest: [0xb7; 32],
        }),
    };
    let outcome = AppealOutcome::Reversed;
    let decided = ToldAppeal::Decided {
        day: Day(DAY + 7),
        outcome,
        days: 2,
        statement,
    };
    assert_eq!(told.appeals, [filed, decided]);
    assert_eq!(told.erased, None);
    assert_eq!(told.checkpoint.vault_time(), noon(DAY + 10));
}

#[test]
fn an_account_is_told_of_decisions_and_not_of_reports() {
    let story = Story::new();
    let receipt = Receipt::decode(&story.of_account().encode().unwrap()).unwrap();
    let told = as_account(&story, &receipt).unwrap();
    assert_eq!(told.contradictions, []);
    assert_eq!(
        (told.received, told.sorted, told.openings.len()),
        (None, None, 0)
    );
    assert_eq!(
        (told.decisions.len(), told.notices.len(), told.appeals.len()),
        (1, 2, 2)
    );
}

#[test]
fn a_rejected_report_is_told_with_its_check() {
    let mut world = World::new();
    let promise = world.report(DAY, SEALED, Some(81));
    let receipt = Receipt {
        role: Role::Reporter,
        checkpoint: world.checkpoint(1, noon(DAY + 5)),
        items: vec![world.item(0, true)],
    };
    let promise = world.promised(&promise, SEALED);
    let told = receipt
        .verify(&world.keys(), Expected::Report { promise: &promise })
        .unwrap();
    assert_eq!((told.rejected, told.received), (Some((Day(DAY), 81)), None));
    assert_eq!(told.contradictions, []);
}

#[test]
fn chk153_receipt_out_of_form_is_refused() {
    let story = Story::new();
    for receipt in [story.of_reporter(), story.of_account()] {
        let bytes = receipt.encode().unwrap();
        assert_eq!(Receipt::decode(&bytes), Ok(receipt));
        for len in 1..bytes.len() {
            assert_eq!(Receipt::decode(&bytes[..len]), Err(ReceiptError::Malformed));
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Receipt::decode(&longer), Err(ReceiptError::Malformed));
        let version = [&[2], &bytes[1..]].concat();
        assert_eq!(Receipt::decode(&version), Err(ReceiptError::UnknownVersion));
        let role = [&[1, 3], &bytes[2..]].concat();
        assert_eq!(Receipt::decode(&role), Err(ReceiptError::Malformed));
    }
    assert_eq!(Receipt::decode(&[]), Err(ReceiptError::UnknownVersion));
    let past = vec![1; MAX_RECEIPT_LEN + 1];
    assert_eq!(Receipt::decode(&past), Err(ReceiptError::TooLong));
    let at = vec![1; MAX_RECEIPT_LEN];
    assert_eq!(Receipt::decode(&at), Err(ReceiptError::Malformed));
}

#[test]
fn chk153_receipt_holds_1024_entries_in_ascending_order() {
    let story = Story::new();
    let many = |count: u64| {
        let item = Item {
            proof: Vec::new(),
            detail: None,
            ..story.world.item(2, false)
        };
        let items = (0..count)
            .map(|index| Item {
                index,
                ..item.clone()
            })
            .collect();
        Receipt {
            items,
            ..story.of_reporter()
        }
    };
    assert!(many(1_024).encode().is_some());
    assert!(many(1_025).encode().is_none());
    let mut swapped = many(3);
    swapped.items.swap(0, 1);
    assert!(swapped.encode().is_none());
    let mut twice = many(3);
    twice.items[1].index = 0;
    assert!(twice.encode().is_none());
}

#[test]
fn a_receipt_that_would_not_decode_is_not_encoded() {
    let story = Story::new();
    let decision = |receipt: &mut Receipt, link| {
        let at = receipt
            .items
            .iter()
            .position(|item| item.link.is_some())
            .unwrap();
        receipt.items[at].link = link;
    };
    for mut receipt in [story.of_reporter(), story.of_account()] {
        decision(&mut receipt, None);
        assert!(receipt.encode().is_none());
    }
    let mut receipt = story.of_reporter();
    decision(&mut receipt, Some(Link::Account { salt: [0; 32] }));
    assert!(receipt.encode().is_none());
    let mut receipt = story.of_reporter();
    receipt.items[0].link = Some(Link::Account { salt: [0; 32] });
    assert!(receipt.encode().is_none());
}

#[test]
fn chk156_receipt_for_the_other_role_is_refused() {
    let story = Story::new();
    let other = Err(ReceiptError::OtherRole);
    assert_eq!(as_reporter(&story, &story.of_account()).map(|_| ()), other);
    assert_eq!(as_account(&story, &story.of_reporter()).map(|_| ()), other);
}

#[test]
fn checkpoint_without_the_vault_or_the_witnesses_is_refused() {
    let story = Story::new();
    let size = story.world.entries.len();
    let mut receipt = story.of_reporter();
    receipt.checkpoint = story.world.signed(size);
    let few = CheckpointError::TooFewWitnesses {
        found: 0,
        quorum: 2,
    };
    let few = Err(ReceiptError::Checkpoint(few));
    assert_eq!(as_reporter(&story, &receipt).map(|_| ()), few);
    for cosigner in &story.world.witnesses {
        let text = receipt.checkpoint.text().to_owned();
        receipt
            .checkpoint
            .add(cosigner.cosign(&text, noon(DAY + 10)))
            .unwrap();
    }
    let vault = Err(ReceiptError::Checkpoint(CheckpointError::NotOfTheVault));
    assert_eq!(as_reporter(&story, &receipt).map(|_| ()), vault);
}

#[test]
fn chk154_entry_that_is_not_in_the_log_is_refused() {
    let story = Story::new();
    let not_included = |receipt: &Receipt, index| {
        let refused = Err(ReceiptError::NotIncluded { index });
        assert_eq!(as_reporter(&story, receipt).map(|_| ()), refused);
    };
    let mut back_dated = story.of_reporter();
    back_dated.items[2].entry.day = Day(DAY);
    not_included(&back_dated, story.opened);
    let mut moved = story.of_reporter();
    moved.items[0].index = 1;
    not_included(&moved, 1);
    let mut without = story.of_reporter();
    without.items[0].proof.pop();
    not_included(&without, 2);
    // The receipt of a larger log does not fit the checkpoint of a smaller one.
    let mut smaller = story.of_reporter();
    smaller.checkpoint = story
        .world
        .checkpoint(story.decision as usize, noon(DAY + 10));
    not_included(&smaller, 2);
}

#[test]
fn chk155_detail_that_is_not_in_the_log_is_refused() {
    let story = Story::new();
    let index = story.decision;
    let mut receipt = story.of_reporter();
    let item = receipt
        .items
        .iter_mut()
        .find(|item| item.index == index)
        .unwrap();
    let detail = item.detail.as_ref().unwrap();
    let statement = "Nothing was wrong.".to_owned();
    let other = DecisionDetail {
        statement,
        ..DecisionDetail::decode(detail).unwrap()
    };
    item.detail = Some(other.encode(&mut World::new().rng).unwrap());
    let refused = Err(ReceiptError::OtherDetail { index });
    assert_eq!(as_reporter(&story, &receipt).map(|_| ()), refused);
}

#[test]
fn chk155_detail_of_another_form_than_its_kind_is_refused() {
    let mut story = Story::new();
    let event = story.world.entries[story.decision as usize].0.event;
    let case = Number::from_bytes(CASE);
    let index = story
        .world
        .append(DAY + 8, case, event, b"not the detail of a decision");
    story.of_account.push(index);
    let refused = Err(ReceiptError::OtherDetail { index });
    assert_eq!(as_account(&story, &story.of_account()).map(|_| ()), refused);
}

#[test]
fn chk156_entry_of_another_report_or_another_kind_is_refused() {
    let story = Story::new();
    let foreign = |told: Result<Told, ReceiptError>, index| {
        assert_eq!(told.map(|_| ()), Err(ReceiptError::ForeignEntry { index }));
    };
    // The arrival of the other report, a grant, and a policy.
    for index in [0, 1, 5] {
        let mut indices = vec![index];
        indices.extend(story.of_reporter.iter().filter(|other| **other > index));
        foreign(
            as_reporter(&story, &story.receipt(Role::Reporter, &indices)),
            index,
        );
    }
    // The account never gets the entries of reports.
    let mut indices = vec![story.opened];
    indices.extend(&story.of_account);
    foreign(
        as_account(&story, &story.receipt(Role::Account, &indices)),
        story.opened,
    );
}

#[test]
fn a_receipt_of_other_keys_is_refused() {
    let story = Story::new();
    let keys = story.world.keys();
    let vault = Cosigner::from_seed("desk.example/vault", &[0x99; 32])
        .unwrap()
        .verifier();
    let witnesses = keys.witnesses().to_vec();
    let other = LogKeys::new(keys.log().clone(), vault, witnesses, 2, None).unwrap();
    let refused = story
        .of_account()
        .verify(&other, Expected::Account { account: ACCOUNT });
    let vault = Err(ReceiptError::Checkpoint(CheckpointError::NotOfTheVault));
    assert_eq!(refused.map(|_| ()), vault);
}

#[test]
fn debug_shows_no_text() {
    let story = Story::new();
    let told = as_reporter(&story, &story.of_reporter()).unwrap();
    for shown in [format!("{told:?}"), format!("{:?}", story.of_reporter())] {
        assert!(
            !shown.contains("threaten") && !shown.contains("mistaken"),
            "{shown}"
        );
    }
}
