//! Tests of `fold.rs`.

mod permutations;

use super::*;
use crate::conversation::ConversationId;

fn tag(byte: u8) -> FrankingTag {
    FrankingTag::from_bytes([byte; 32])
}

fn author(name: &str) -> Author {
    Author::new(AccountId::new(name).unwrap())
}

fn keyed(name: &str, key: u8) -> Author {
    Author::with_key(AccountId::new(name).unwrap(), [key; 32])
}

fn order(sent: u64, device: u32, sequence: u64, of: u8) -> Order {
    Order {
        sent_at: Timestamp::from_millis(sent),
        device: DeviceId(device),
        sequence,
        tag: tag(of),
    }
}

fn edit(of: u8) -> Role {
    role(ReferenceKind::Edit, of)
}

fn role(kind: ReferenceKind, of: u8) -> Role {
    Role::Reference(Reference { kind, to: tag(of) })
}

/// A message with this tag, sent at this time.
fn message(name: &str, own: u8, sent: u64, role: Role) -> Foldable {
    Foldable {
        author: author(name),
        order: order(sent, 1, u64::from(own), own),
        role,
    }
}

const KINDS: [ReferenceKind; 3] = [
    ReferenceKind::Edit,
    ReferenceKind::Deletion,
    ReferenceKind::Reaction,
];

fn counts(kind: ReferenceKind, by: &Author, base: Role, of: &Author) -> Result<(), Uncounted> {
    let to = tag(9);
    Reference { kind, to }.counts(by, base, of)
}

#[test]
fn each_kind_of_content_has_a_role() {
    let (to, group) = (tag(3), ConversationId::from_bytes([4; 32]));
    let text = || "text".to_owned();
    let reference = |kind| Role::Reference(Reference { kind, to });
    let after_secs = 1;
    for (content, role) in [
        (Content::Text(text()), Role::Text),
        (
            Content::Edit {
                of: to,
                text: text(),
            },
            reference(ReferenceKind::Edit),
        ),
        (
            Content::Deletion { of: to },
            reference(ReferenceKind::Deletion),
        ),
        (
            Content::Reaction {
                to,
                reaction: text(),
            },
            reference(ReferenceKind::Reaction),
        ),
        (
            Content::Application {
                kind: text(),
                body: vec![],
            },
            Role::Other,
        ),
        (
            Content::Invitation {
                group,
                title: text(),
            },
            Role::Other,
        ),
        (Content::Acceptance { group }, Role::Note),
        (Content::GroupLeave, Role::Note),
        (
            Content::GroupProfile {
                title: text(),
                picture: vec![],
            },
            Role::Other,
        ),
        (Content::Timer { after_secs }, Role::Note),
        (
            Content::Unknown {
                kind: 99,
                body: vec![],
            },
            Role::Other,
        ),
    ] {
        assert_eq!(Role::of(&content), role, "{content:?}");
    }
}

#[test]
fn references_and_notes_do_not_expire_by_themselves() {
    let references = KINDS.map(|kind| role(kind, 1));
    for role in references.into_iter().chain([Role::Note]) {
        assert!(!role.expires(), "{role:?}");
    }
    for role in [Role::Text, Role::Other, Role::Withheld] {
        assert!(role.expires(), "{role:?}");
    }
}

#[test]
fn chk550_edits_and_deletions_of_another_account_do_not_count() {
    let (alice, bob) = (author("alice"), author("bob"));
    for kind in [ReferenceKind::Edit, ReferenceKind::Deletion] {
        assert_eq!(counts(kind, &alice, Role::Text, &alice), Ok(()));
        let refused = counts(kind, &bob, Role::Text, &alice);
        assert_eq!(refused, Err(Uncounted::OtherAccount));
        // The same account key does not make it the same account.
        let refused = counts(kind, &keyed("bob", 1), Role::Text, &keyed("alice", 1));
        assert_eq!(refused, Err(Uncounted::OtherAccount));
    }
    let reaction = counts(ReferenceKind::Reaction, &bob, Role::Text, &alice);
    assert_eq!(reaction, Ok(()));
}

#[test]
fn chk551_edits_and_deletions_under_another_account_key_do_not_count() {
    let (first, second, unknown) = (keyed("alice", 1), keyed("alice", 2), author("alice"));
    for kind in [ReferenceKind::Edit, ReferenceKind::Deletion] {
        for (by, of) in [
            (&first, &second),
            (&second, &first),
            (&first, &unknown),
            (&unknown, &first),
        ] {
            let refused = counts(kind, by, Role::Text, of);
            assert_eq!(refused, Err(Uncounted::OtherAccountKey));
        }
        for one in [&first, &unknown] {
            assert_eq!(counts(kind, one, Role::Text, one), Ok(()));
        }
    }
    let reaction = counts(ReferenceKind::Reaction, &second, Role::Text, &first);
    assert_eq!(reaction, Ok(()));
}

#[test]
fn chk552_notes_and_references_are_not_changed() {
    let alice = author("alice");
    for kind in KINDS {
        let others = KINDS.map(|other| role(other, 1));
        for base in others.into_iter().chain([Role::Note]) {
            let refused = counts(kind, &alice, base, &alice);
            assert_eq!(refused, Err(Uncounted::NotChangeable), "{kind:?} {base:?}");
        }
        assert_eq!(counts(kind, &alice, Role::Withheld, &alice), Ok(()));
    }
}

#[test]
fn chk553_only_a_text_is_edited() {
    let alice = author("alice");
    let refused = counts(ReferenceKind::Edit, &alice, Role::Other, &alice);
    assert_eq!(refused, Err(Uncounted::NotText));
    for kind in [ReferenceKind::Deletion, ReferenceKind::Reaction] {
        assert_eq!(counts(kind, &alice, Role::Other, &alice), Ok(()));
    }
}

#[test]
fn chk554_a_reference_to_a_message_that_is_not_here_changes_nothing() {
    for kind in KINDS {
        let folded = fold(&[
            message("alice", 1, 1, Role::Text),
            message("alice", 2, 2, role(kind, 3)),
        ]);
        let why = Uncounted::NotHere;
        let waits = Outcome::Uncounted { on: None, why };
        assert_eq!(folded.outcomes, [Outcome::Shown, waits]);
        let [view] = &folded.views[..] else {
            panic!("{folded:?}")
        };
        assert_eq!((view.edits.count(), view.deletion), (0, None));
        assert!(view.reactions.is_empty());
    }
}

#[test]
fn chk555_the_newest_by_what_its_author_committed_to_counts() {
    let ascending = [
        order(1, 9, 9, 9),
        order(2, 1, 9, 9),
        order(2, 2, 1, 9),
        order(2, 2, 2, 1),
        order(2, 2, 2, 2),
    ];
    assert!(ascending.is_sorted());
    // The order in which the relay accepted them decides nothing.
    let folded = fold(&[
        message("alice", 1, 1, Role::Text),
        message("alice", 2, 30, edit(1)),
        message("alice", 3, 20, edit(1)),
        message("bob", 4, 40, role(ReferenceKind::Reaction, 1)),
        message("bob", 5, 39, role(ReferenceKind::Reaction, 1)),
        message("carol", 6, 1, role(ReferenceKind::Reaction, 1)),
    ]);
    let [view] = &folded.views[..] else {
        panic!("{folded:?}")
    };
    assert_eq!(view.edits.last(), Some(&1));
    assert_eq!((view.edits.count(), view.deletion), (2, None));
    assert_eq!(view.reactions, [3, 5]);
    let (counts, superseded) = (Outcome::Counts { on: 0 }, |by| Outcome::Superseded {
        on: 0,
        by,
    });
    let expected = [
        Outcome::Shown,
        counts,
        superseded(1),
        counts,
        superseded(3),
        counts,
    ];
    assert_eq!(folded.outcomes, expected);
}

#[test]
fn chk556_a_deletion_counts_whatever_comes_before_or_after() {
    let deletion = role(ReferenceKind::Deletion, 1);
    let folded = fold(&[
        message("alice", 2, 20, deletion),
        message("alice", 1, 1, Role::Text),
        message("alice", 3, 90, edit(1)),
        message("alice", 4, 30, deletion),
    ]);
    let [view] = &folded.views[..] else {
        panic!("{folded:?}")
    };
    assert_eq!(view.deletion, Some(0));
    assert_eq!(view.edits.last(), Some(&2));
    let superseded = Outcome::Superseded { on: 1, by: 0 };
    assert_eq!(folded.outcomes[3], superseded);
}

#[test]
fn chk558_what_changes_withheld_content_may_count() {
    for (base, is_certain) in [(Role::Text, true), (Role::Withheld, false)] {
        let folded = fold(&[
            message("alice", 1, 1, base),
            message("alice", 2, 2, edit(1)),
            message("alice", 3, 3, edit(1)),
            message("alice", 4, 4, role(ReferenceKind::Deletion, 1)),
            message("bob", 5, 5, role(ReferenceKind::Reaction, 1)),
            message("bob", 6, 6, edit(1)),
        ]);
        let counts = match is_certain {
            true => Outcome::Counts { on: 0 },
            false => Outcome::MayCount { on: 0 },
        };
        let (on, why) = (Some(0), Uncounted::OtherAccount);
        let expected = [
            Outcome::Shown,
            Outcome::Superseded { on: 0, by: 2 },
            counts,
            counts,
            counts,
            Outcome::Uncounted { on, why },
        ];
        assert_eq!(folded.outcomes, expected);
        assert_eq!(folded.views[0].is_certain, is_certain);
    }
}

#[test]
fn ten_edits_are_kept_and_all_are_counted() {
    let mut edits = Edits::default();
    for sent in (0..MAX_EDITS as u64).rev() {
        assert_eq!(edits.add(order(sent, 1, 0, 0), sent), None);
    }
    assert_eq!(edits.last(), Some(&9));
    let oldest = edits.add(order(10, 1, 0, 0), 10);
    assert_eq!(oldest.map(|(_, edit)| edit), Some(0));
    let older = edits.add(order(0, 1, 0, 0), 77);
    assert_eq!(older.map(|(_, edit)| edit), Some(77));
    assert_eq!(edits.count(), 12);
    let kept: Vec<u64> = edits.newest().iter().map(|(_, edit)| *edit).collect();
    assert_eq!(kept, (1..=10).collect::<Vec<_>>());
    assert_eq!(
        Edits::restore(12, edits.newest().iter().copied().rev()),
        edits
    );
    assert_eq!(Edits::restore(0, [(order(0, 1, 0, 0), 1)]).count(), 1);
}

#[test]
fn authors_and_orders_print_nothing() {
    assert_eq!(format!("{:?}", keyed("alice", 1)), "Author { .. }");
    assert_eq!(format!("{:?}", order(1, 2, 3, 4)), "Order { .. }");
}
