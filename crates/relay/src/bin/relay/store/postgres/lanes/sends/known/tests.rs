use super::*;
use crate::fixture::key_of;
use crate::fixture::owner::Owner;

/// Adds an account that counts for this much.
fn add(known: &mut Known, account: i64, bytes: usize) {
    let roster = Owner::new("alice").first(1, &key_of("alice"), 1_790_000_000_000);
    let party = Party {
        newest: Arc::new(Pinned::first(roster)),
        listed: Vec::new(),
    };
    let one = One {
        version: 1,
        party,
        bytes,
        is_used: true,
    };
    known.accounts.insert(account, one);
    known.order.push_back(account);
    known.bytes += bytes;
}

#[test]
fn accounts_that_are_not_asked_for_make_room_and_the_others_stay() {
    let mut known = Known::default();
    for account in 0..10 {
        add(&mut known, account, MAX_BYTES / 8);
    }
    // All were used, so the first ones go.
    known.make_room();
    assert_eq!(known.bytes, MAX_BYTES);
    let are_there = |known: &Known, of: [i64; 4]| of.map(|account| known.party(account).is_some());
    assert_eq!(are_there(&known, [0, 1, 2, 9]), [false, false, true, true]);
    known.accounts.get_mut(&2).unwrap().is_used = true;
    add(&mut known, 10, MAX_BYTES / 8);
    known.make_room();
    assert_eq!(are_there(&known, [2, 3, 4, 10]), [true, false, true, true]);
    assert_eq!(known.bytes, MAX_BYTES);
    assert_eq!(known.order.len(), known.accounts.len());
}

#[test]
fn devices_that_have_left_are_locked_with_the_others() {
    let mut known = Known::default();
    for account in [1, 2] {
        add(&mut known, account, 1);
        let listed = [(1, false), (2, true)].map(|(number, has_left)| Listed {
            number,
            id: 10 * account + i64::from(number),
            has_left,
        });
        known.accounts.get_mut(&account).unwrap().party.listed = listed.to_vec();
    }
    let way = Way {
        device: 11,
        account: 1,
        peer: 2,
        len: 1,
    };
    let recipients: Vec<i64> = known.recipients(&way).collect();
    assert_eq!(recipients, [12, 21, 22]);
}
