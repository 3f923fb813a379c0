//! Seeds of the target `roster`: genuine delegations, rosters, link codes and groups, and scripts.

use waxseal_roster::{LinkBundle, LinkCode, Pinned, RecoverySecret};

use super::Seeds;
use crate::targets::roster::{Device, KEY, NAME, first, groups};

pub(super) fn roster(seeds: &mut Seeds) {
    let mut add = |name: &str, kind: u8, bytes: &[u8]| {
        seeds.push(("roster", name.to_owned(), [&[kind], bytes].concat()));
    };
    let managers = [Device::new(1).identity(), Device::new(2).identity()];
    let delegation = KEY.delegate(NAME, 1, &managers).unwrap();
    add("delegation", 0, &delegation.encode());
    add("roster", 1, &first().encode());
    let roster = first().verify(NAME).unwrap();
    let mut draft = roster.next(roster.at_ms(), 1).unwrap();
    for id in 2..=8 {
        draft.add(Device::new(id).entry(id.into())).unwrap();
    }
    let signature = Device::new(1).sign(&draft.to_sign());
    let full = draft.sign(signature);
    add("roster-full", 1, &full.encode());
    let mut pinned = Pinned::first(roster);
    pinned.take(full.verify(NAME).unwrap()).unwrap();
    add("pinned", 2, &pinned.encode());
    let bundle = LinkBundle::new(vec![1; 100], vec![2; 50], &[3; 16]).unwrap();
    let code = LinkCode::new(&bundle.encode(), &[4; 16]);
    add("link-code", 3, &code.encode());
    add("link-text", 4, code.to_text().as_bytes());
    add("link-bundle", 5, &bundle.encode());
    let words = RecoverySecret::from_bytes(&[5; 32]).to_words();
    add("words", 6, words.as_bytes());
    // A device joins, is removed, and its id comes back; then a new epoch.
    add(
        "thief-ids",
        7,
        &[0, 2, 0, 2, 1, 0, 1, 3, 2, 6, 1, 0, 0, 4, 0],
    );
    // Ids and versions far above, and below.
    add(
        "thief-far",
        7,
        &[0, 2, 99, 0, 3, 100, 4, 31, 32, 4, 40, 40, 5, 9, 0],
    );
    // Devices exchange their ids, and the clock runs.
    add(
        "thief-swap",
        7,
        &[0, 2, 0, 3, 1, 3, 7, 9, 30, 3, 0, 2, 3, 1, 1],
    );
    let (log, entries) = groups::book();
    add("group-state", 8, &log.state().encode());
    for (number, entry) in (1..).zip(&entries) {
        add(&format!("group-entry-{number}"), 9, &entry.encode());
    }
    add("group-chain", 10, &log.authority_chain().encode());
    add("group-log", 11, &log.encode());
    // A member joins, an admin is removed, and the authority changes; then old entries come back.
    add(
        "group-admin",
        12,
        &[
            0, 4, 0, 7, 0, 0, 1, 3, 0, 4, 9, 0, 7, 0, 0, 5, 1, 0, 5, 4, 0,
        ],
    );
    // Entries with a changed byte that the authority signs, of each field.
    add(
        "group-spoiled",
        12,
        &[
            6, 40, 2, 6, 50, 2, 6, 75, 1, 6, 82, 0, 6, 90, 2, 6, 118, 2, 3, 0, 0, 7, 3, 0, 6, 40, 7,
        ],
    );
}
