//! Whatever the order, the record of a message ends up the same, and as a reviewer folds it.

use rand::SeedableRng;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;
use waxseal_reporting::fold::{Author, Foldable, MAX_EDITS, Reference, ReferenceKind, Role, fold};
use waxseal_reporting::{AccountId, FrankingTag};

use super::{Base, MAX_AUTHORS, MAX_REACTING};
use crate::records::{FoldRecord, RefersRecord};

fn of() -> FrankingTag {
    FrankingTag::from_bytes([9; 32])
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn base(role: Role) -> Base {
    Base {
        id: of(),
        role,
        author: Author::with_key(account("alice"), [1; 32]),
    }
}

/// A message that refers to the base: sent at this time, with the ordinal `number`.
fn one(name: &str, key: Option<u8>, sent_ms: u64, number: u8) -> RefersRecord {
    let mut record = RefersRecord::default();
    record.ordinal = u64::from(number);
    record.account.push_str(name);
    record.account_key = key.map_or_else(Vec::new, |key| vec![key; 32]);
    record.sent_ms = sent_ms;
    record.device = u32::from(number % 2);
    record.id = vec![number; 32];
    record.accepted_ms = 1;
    record.reaction = number.to_string();
    record
}

fn some() -> Vec<(ReferenceKind, RefersRecord)> {
    let mut all = Vec::new();
    for number in 0..14 {
        // Two of them at the same time.
        let sent_ms = u64::from(number / 2);
        let key = (number % 3 != 0).then_some(1);
        all.push((ReferenceKind::Edit, one("alice", key, sent_ms, number)));
    }
    all.push((ReferenceKind::Edit, one("alice", Some(2), 99, 20)));
    all.push((ReferenceKind::Edit, one("bob", Some(1), 99, 21)));
    all.push((ReferenceKind::Deletion, one("bob", Some(1), 1, 22)));
    all.push((ReferenceKind::Deletion, one("alice", Some(2), 1, 23)));
    all.push((ReferenceKind::Deletion, one("alice", Some(1), 9, 24)));
    all.push((ReferenceKind::Deletion, one("alice", None, 8, 25)));
    for number in 30..36 {
        let name = ["alice", "bob"][usize::from(number % 2)];
        let key = Some(number % 3);
        let sent_ms = u64::from(number / 3);
        all.push((ReferenceKind::Reaction, one(name, key, sent_ms, number)));
    }
    all
}

/// What a record says, without the order of its lists.
fn told(record: &FoldRecord) -> (Vec<u64>, u32, Option<u64>, Vec<u64>) {
    let ordinals = |list: &[RefersRecord]| list.iter().map(|one| one.ordinal).collect::<Vec<_>>();
    let mut reactions = ordinals(&record.reactions);
    reactions.sort_unstable();
    (
        ordinals(&record.edits),
        record.edit_count(),
        record.deletion().map(|one| one.ordinal),
        reactions,
    )
}

#[test]
fn chk560_what_counts_is_the_same_in_any_order_and_for_a_reviewer() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for role in [Role::Text, Role::Other, Role::Note] {
        let mut all = some();
        let foldable = |kind: ReferenceKind, one: &RefersRecord| Foldable {
            author: one.author().unwrap(),
            order: one.order(),
            role: Role::Reference(Reference { kind, to: of() }),
        };
        let mut of_base = foldable(ReferenceKind::Edit, &one("alice", Some(1), 0, 9));
        (of_base.order.tag, of_base.role) = (of(), role);
        let mut messages = vec![of_base];
        messages.extend(all.iter().map(|(kind, one)| foldable(*kind, one)));
        let view = &fold(&messages).views[0];
        let ordinal = |index: usize| all[index - 1].1.ordinal;
        let edits = view.edits.newest().iter();
        let edits: Vec<_> = edits.map(|(_, index)| ordinal(*index)).collect();
        let mut reactions: Vec<_> = view.reactions.iter().map(|index| ordinal(*index)).collect();
        reactions.sort_unstable();
        let count = u32::try_from(view.edits.count()).unwrap();
        let expected = (edits, count, view.deletion.map(ordinal), reactions);

        for round in 0..300 {
            all.shuffle(&mut rng);
            let mut record = FoldRecord::default();
            let here_after = round % all.len();
            for (index, (kind, one)) in all.iter().enumerate() {
                record.add(*kind, one.clone(), true);
                // It is confirmed a second time.
                if index % 5 == 0 {
                    record.add(*kind, one.clone(), false);
                }
                if index >= here_after {
                    record.keep_counting(&base(role));
                }
            }
            record.keep_counting(&base(role));
            assert_eq!(told(&record), expected, "{role:?} {round}");
        }
    }
}

#[test]
fn chk561_a_record_is_bounded_whatever_is_sent() {
    let mut record = FoldRecord::default();
    for number in 0..400_u64 {
        for round in 0..12 {
            let mut edit = one(&format!("a{number}"), None, number * 100 + round, 0);
            edit.ordinal = number * 100 + round;
            record.add(ReferenceKind::Edit, edit.clone(), true);
            record.add(ReferenceKind::Deletion, edit, true);
        }
    }
    assert_eq!(record.edits.len(), MAX_AUTHORS * MAX_EDITS);
    assert_eq!(record.counts.len(), MAX_AUTHORS);
    assert_eq!(record.deletions.len(), MAX_AUTHORS);
    // The newest edits are kept, and the first deletions.
    assert!(record.edits.iter().all(|edit| edit.sent_ms >= 272 * 100));
    assert!(record.deletions.iter().all(|one| one.sent_ms <= 127 * 100));
    for number in 0..MAX_REACTING as u64 + 5 {
        let mut reaction = one(&format!("a{number}"), None, number, 0);
        reaction.ordinal = number;
        record.add(ReferenceKind::Reaction, reaction, true);
    }
    assert_eq!(record.reactions.len(), MAX_REACTING);
    assert!(record.reactions.iter().all(|one| one.sent_ms >= 5));
}

#[test]
fn an_edit_that_is_deleted_alone_leaves_the_one_before() {
    let mut record = FoldRecord::default();
    for number in 1..4 {
        let edit = one("alice", Some(1), u64::from(number), number);
        record.add(ReferenceKind::Edit, edit, true);
    }
    let author = base(Role::Text).author;
    record.remove(ReferenceKind::Edit, 3, &author);
    assert_eq!(told(&record).0, [1, 2]);
    assert_eq!(record.edit_count(), 2);
    record.remove(ReferenceKind::Edit, 2, &author);
    record.remove(ReferenceKind::Edit, 1, &author);
    assert!(record.is_empty() && record.counts.is_empty());
}
