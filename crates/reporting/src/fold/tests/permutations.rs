//! Folds random conversations in random orders.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Messages with tags of their own that refer to each other, to themselves and to nothing, by three
/// accounts with two keys.
fn conversation() -> impl Strategy<Value = Vec<Foldable>> {
    let role = prop_oneof![
        3 => Just(Role::Text),
        1 => Just(Role::Other),
        1 => Just(Role::Note),
        1 => Just(Role::Withheld),
        12 => (0..3usize, 0..12u8)
            .prop_map(|(kind, of)| role(KINDS[kind], of)),
    ];
    let author = (0..3usize, prop::option::of(1..3u8)).prop_map(|(name, key)| {
        let name = ["alice", "bob", "carol"][name];
        key.map_or_else(|| author(name), |key| keyed(name, key))
    });
    let place = (0..4u64, 1..3u32, 0..3u64);
    prop::collection::vec((author, place, role), 0..40).prop_map(|all| {
        let numbered = (0..).zip(all);
        let messages = numbered.map(|(own, (author, (sent, device, sequence), role))| Foldable {
            author,
            order: order(sent, device, sequence, own),
            role,
        });
        messages.collect()
    })
}

/// What each message shows, by its tag: its edits and their number, deletion, and reactions.
type Shown = BTreeMap<FrankingTag, (Vec<FrankingTag>, u64, Option<FrankingTag>, Vec<FrankingTag>)>;

/// What came of a conversation, with tags in place of the indices.
fn folded(messages: &[Foldable]) -> (Shown, BTreeMap<FrankingTag, String>) {
    let tag = |index: &usize| messages[*index].order.tag;
    let folded = fold(messages);
    let places = folded.views.iter().map(|view| view.message);
    assert!(places.is_sorted());
    let views = folded.views.iter().map(|view| {
        let edits = view.edits.newest().iter();
        let edits = edits.map(|(order, index)| {
            assert_eq!(order.tag, tag(index));
            order.tag
        });
        let reactions = view.reactions.iter().map(tag).collect();
        let deletion = view.deletion.as_ref().map(tag);
        let shown = (edits.collect(), view.edits.count(), deletion, reactions);
        (tag(&view.message), shown)
    });
    let outcomes = folded.outcomes.iter().enumerate().map(|(index, outcome)| {
        let named = match outcome {
            Outcome::Shown => "shown".to_owned(),
            Outcome::Counts { on } => format!("counts {:?}", tag(on).as_bytes()),
            Outcome::MayCount { on } => format!("may count {:?}", tag(on).as_bytes()),
            Outcome::Superseded { on, by } => {
                format!("{:?} by {:?}", tag(on).as_bytes(), tag(by).as_bytes())
            }
            Outcome::Uncounted { on, why } => {
                format!("{why:?} {:?}", on.as_ref().map(|on| *tag(on).as_bytes()))
            }
        };
        (tag(&index), named)
    });
    (views.collect(), outcomes.collect())
}

/// The same, found message by message and without the code of `whole.rs`.
fn expected(messages: &[Foldable]) -> Shown {
    let bases = messages
        .iter()
        .filter(|base| !matches!(base.role, Role::Reference(_)));
    let shown = bases.map(|base| {
        let counting = |kind| {
            messages.iter().filter(move |one| match one.role {
                Role::Reference(reference) => {
                    reference.kind == kind
                        && reference.to == base.order.tag
                        && reference
                            .counts(&one.author, base.role, &base.author)
                            .is_ok()
                }
                _ => false,
            })
        };
        let mut edits: Vec<_> = counting(ReferenceKind::Edit).map(|one| one.order).collect();
        let count = edits.len();
        edits.sort();
        let edits = edits.split_off(count.saturating_sub(MAX_EDITS));
        let deletion = counting(ReferenceKind::Deletion).map(|one| one.order).min();
        let reactions = ["alice", "bob", "carol"].iter().filter_map(|name| {
            let of = counting(ReferenceKind::Reaction);
            let of = of.filter(|one| one.author.account.as_str() == *name);
            of.map(|one| one.order).max().map(|order| order.tag)
        });
        let edits = edits.into_iter().map(|order| order.tag).collect();
        let deletion = deletion.map(|order| order.tag);
        (
            base.order.tag,
            (edits, count as u64, deletion, reactions.collect()),
        )
    });
    shown.collect()
}

proptest! {
    #[test]
    fn any_permutation_of_a_conversation_folds_alike(
        (messages, shuffled) in conversation().prop_flat_map(|messages| {
            (Just(messages.clone()), Just(messages).prop_shuffle())
        }),
    ) {
        let (shown, outcomes) = folded(&messages);
        prop_assert_eq!(&shown, &expected(&messages));
        prop_assert_eq!((shown, outcomes), folded(&shuffled));
    }

    #[test]
    fn any_order_of_arrival_keeps_the_same_edits(
        sent in prop::collection::btree_set(0..1_000u64, 0..40).prop_flat_map(|sent| {
            let sent: Vec<_> = sent.into_iter().collect();
            (Just(sent.clone()), Just(sent).prop_shuffle())
        }),
    ) {
        let (ascending, shuffled) = sent;
        let add = |edits: &mut Edits<u64>, all: &[u64]| {
            for sent in all {
                edits.add(order(*sent, 1, 0, 0), *sent);
            }
        };
        let (mut one, mut other) = (Edits::default(), Edits::default());
        add(&mut one, &ascending);
        add(&mut other, &shuffled);
        prop_assert_eq!(&one, &other);
        let newest = ascending.iter().rev().take(MAX_EDITS).rev();
        prop_assert!(one.newest().iter().map(|(_, sent)| sent).eq(newest));
        prop_assert_eq!(one.count(), ascending.len() as u64);
    }
}
