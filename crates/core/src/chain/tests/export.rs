//! Exports of both sides.

use super::*;
use crate::error::DecodeError;

fn own_parts(group: &mut Group) -> (Vec<u8>, Vec<u8>) {
    group.chain.is_changed = true;
    let parts = group.chain.export();
    (parts.state.to_vec(), parts.recipients.unwrap())
}

#[test]
fn both_sides_go_on_after_an_import() {
    let mut group = Group::begun();
    group.chain.started_at_ms = 0x0304;
    let skipped = group.seal(b"skipped");
    let message = group.seal(b"text");
    assert_eq!(text(group.open(0, &message)), b"text");
    let (state, recipients) = own_parts(&mut group);
    assert_eq!((state.len(), recipients.len()), (213, 9 + 3 * 68));
    assert_eq!(state[101..109], [0, 0, 0, 0, 0, 0, 3, 4]);
    group.chain = OwnChain::import(&state, &recipients).unwrap();
    let bobs = group.peers[0].export();
    assert_eq!(bobs.len(), 101 + 116 + 36);
    assert_eq!(bobs[205..213], [0, 0, 0, 0, 0, 0, 0, 1]);
    group.peers[0] = PeerChains::import(&bobs).unwrap();
    assert_eq!(group.peers[0].export(), bobs);
    assert_eq!(own_parts(&mut group), (state, recipients));
    let next = group.seal(b"next");
    assert_eq!(text(group.open(0, &next)), b"next");
    assert_eq!(text(group.open(0, &skipped)), b"skipped");
}

#[test]
fn recipients_are_exported_again_only_when_they_change() {
    let mut group = Group::new();
    assert!(
        group.chain.export().recipients.is_some(),
        "none, the first time"
    );
    assert!(group.chain.export().recipients.is_none());
    group.seal(b"with key slots");
    let parts = group.chain.export();
    let recipients = parts.recipients.unwrap();
    group.chain = OwnChain::import(&parts.state, &recipients).unwrap();
    group.seal(b"with MAC slots");
    let parts = group.chain.export();
    assert!(parts.recipients.is_none());
    assert!(OwnChain::import(&parts.state, &recipients).is_ok());
}

#[test]
fn chk386_recipients_that_the_state_cannot_have_are_refused() {
    let mut group = Group::begun();
    let (state, recipients) = own_parts(&mut group);
    let refused = |recipients: &[u8]| OwnChain::import(&state, recipients).err().unwrap();
    let entry = |at: usize| recipients[9 + at * 68..][..68].to_vec();
    let list = |entries: &[Vec<u8>]| {
        let count = u32::try_from(entries.len()).unwrap().to_be_bytes();
        [[1, 0, 0, 0, 1].as_slice(), &count, &entries.concat()].concat()
    };
    let all = [entry(0), entry(1), entry(2)];
    assert_eq!(list(&all), recipients);
    assert_eq!(refused(&list(&all[..2])), DecodeError::Malformed, "too few");
    let more = [entry(0), entry(1), entry(2), vec![0xff; 68]];
    assert_eq!(refused(&list(&more)), DecodeError::Malformed, "too many");
    let of_other_chain = [&[1, 0, 0, 0, 2], &recipients[5..]].concat();
    assert_eq!(refused(&of_other_chain), DecodeError::Malformed);
    let not_canonical = [
        list(&[entry(1), entry(0), entry(2)]),
        list(&[entry(0), entry(0), entry(2)]),
        [list(&all), vec![0]].concat(),
    ];
    for list in not_canonical {
        assert_eq!(refused(&list), DecodeError::NotCanonical);
    }
    let mut own = [entry(0), entry(1), entry(2)];
    own[0][..64].copy_from_slice(&group.alice.to_bytes());
    own.sort();
    assert_eq!(refused(&list(&own)), DecodeError::NotCanonical, "the owner");
    let mut unsent = all.clone();
    unsent[2][67] = 1;
    assert_eq!(
        refused(&list(&unsent)),
        DecodeError::NotCanonical,
        "message 1 is not sealed"
    );
    for len in 0..recipients.len() {
        assert!(OwnChain::import(&state, &recipients[..len]).is_err());
    }
    for len in 0..state.len() {
        assert!(OwnChain::import(&state[..len], &recipients).is_err());
    }
    let longer = [state.as_slice(), &[0]].concat();
    assert!(OwnChain::import(&longer, &recipients).is_err());
}

#[test]
fn chk386_chains_and_keys_that_a_peer_cannot_have_are_refused() {
    let mut group = Group::begun();
    let first = group.peers[0].export().to_vec();
    group.renew();
    group.seal(b"skipped");
    group.chain.recipients.clear();
    let keyed = group.seal(b"text");
    assert_eq!(text(group.open(0, &keyed)), b"text");
    group.seal(b"skipped");
    group.seal(b"skipped, too");
    let message = group.seal(b"text");
    assert_eq!(text(group.open(0, &message)), b"text");
    let both = group.peers[0].export().to_vec();
    assert_eq!(both.len(), 101 + 2 * 116 + 2 * 36);
    assert!(PeerChains::import(&both).is_ok());
    let refused = |bytes: &[u8]| PeerChains::import(bytes).err().unwrap();
    for len in 0..both.len() {
        refused(&both[..len]);
    }
    refused(&[both.as_slice(), &[0]].concat());

    let (one, two) = both[101..].split_at(116);
    assert_eq!(&first[101..], one);
    let head = |count: u8| [&both[..100], &[count]].concat();
    let not_canonical = DecodeError::NotCanonical;
    assert_eq!(refused(&[&head(2)[..], two, one].concat()), not_canonical);
    assert_eq!(refused(&[&head(2)[..], one, one].concat()), not_canonical);
    let (fields, skipped) = two.split_at(116);
    let (a, b) = skipped.split_at(36);
    assert_eq!(
        refused(&[&head(2)[..], one, fields, b, a].concat()),
        not_canonical
    );
    assert_eq!(
        refused(&[&head(2)[..], one, fields, a, a].concat()),
        not_canonical
    );
    // A chain on which nothing has opened.
    let mut unopened = one.to_vec();
    unopened[100..104].fill(0);
    assert_eq!(refused(&[&head(1)[..], &unopened].concat()), not_canonical);
    // A key of the next message, which has not come.
    let mut next = b.to_vec();
    next[..4].copy_from_slice(&fields[100..104]);
    assert_eq!(
        refused(&[&head(2)[..], one, fields, a, &next].concat()),
        not_canonical
    );
}

#[test]
fn the_fullest_state_is_read_and_one_chain_or_key_more_is_not() {
    let skipped = |count: u32| {
        let keys = (0..count).map(|n| [n.to_be_bytes().as_slice(), &[3; 32]].concat());
        [
            count.to_be_bytes().to_vec(),
            keys.collect::<Vec<_>>().concat(),
        ]
        .concat()
    };
    let chain = |number: u8, keys: u32| {
        let number = [0, 0, 0, number];
        let fields = [number.as_slice(), &[1; 96], &[0, 0, 0x10, 0], &[0; 8]];
        [fields.concat(), skipped(keys)].concat()
    };
    let state = |chains: &[Vec<u8>]| {
        let count = [0, 0, 0, u8::try_from(chains.len()).unwrap()];
        [[1].as_slice(), &[2; 96], &count, &chains.concat()].concat()
    };
    let fullest = state(&[chain(1, 2_000), chain(2, 2_000), chain(3, 2_000)]);
    assert_eq!(fullest.len(), 216_449);
    assert!(PeerChains::import(&fullest).is_ok());
    let fourth = state(&[chain(1, 0), chain(2, 0), chain(3, 0), chain(4, 0)]);
    assert_eq!(
        PeerChains::import(&fourth).err(),
        Some(DecodeError::Malformed)
    );
    let key = state(&[chain(1, 2_001)]);
    assert_eq!(PeerChains::import(&key).err(), Some(DecodeError::Malformed));
    let longer = [fullest, vec![0]].concat();
    let too_long = DecodeError::TooLong {
        len: 216_450,
        max: 216_449,
    };
    assert_eq!(PeerChains::import(&longer).err(), Some(too_long));
}
