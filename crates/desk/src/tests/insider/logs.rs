//! Logs that are old, forked, altered, or without witnesses.

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::{Digest, Event};
use waxseal_log::note::{Cosigner, Note, Signer};
use waxseal_log::tree::{Frontier, TreeHash};
use waxseal_reporting::Timestamp;

use crate::tests::world::{HOUR, ORIGIN, Saved, World};
use crate::vault::{MAX_FOLLOWED_ENTRIES, Vault, VaultError};

fn received(world: &mut World) {
    world.append(Event::ReportReceived, Digest::from_bytes([4; 32]));
}

/// A follow that is refused changes nothing, and the right one succeeds afterwards.
fn refused(world: &mut World, entries: &[Vec<u8>], note: &Note, error: VaultError) {
    let (before, saved) = (world.vault.status(), world.memory.states.len());
    let state = world.vault.export_state();
    assert_eq!(world.follow_with(entries, note), Err(error));
    assert_eq!(world.vault.status(), before);
    assert_eq!(world.memory.states.len(), saved);
    assert_eq!(world.vault.export_state(), state);
    world.follow().unwrap();
}

#[test]
fn chk182_a_checkpoint_without_the_log_or_without_witnesses_is_refused() {
    let mut world = World::new();
    received(&mut world);
    let (size, unread) = (world.entries.len(), world.unread());
    let forger = Signer::generate(ORIGIN, &mut world.rng).unwrap();
    let checkpoint = Checkpoint::decode(world.checkpoint(size).text()).unwrap();
    let mut forged = checkpoint.sign(&forger).unwrap();
    for witness in &world.witnesses {
        let cosignature = witness.cosign(forged.text(), world.now.as_millis() / 1_000);
        forged.add(cosignature).unwrap();
    }
    refused(&mut world, &unread, &forged, VaultError::NotOfTheLog);

    received(&mut world);
    let (size, unread) = (world.entries.len(), world.unread());
    let mut one = world.checkpoint(size);
    let secs = world.now.as_millis() / 1_000;
    one.add(world.witnesses[0].cosign(one.text(), secs))
        .unwrap();
    // A key that is not pinned does not count.
    let stranger = Cosigner::generate("three.example", &mut world.rng).unwrap();
    one.add(stranger.cosign(one.text(), secs)).unwrap();
    let few = VaultError::TooFewWitnesses {
        found: 1,
        quorum: 2,
    };
    refused(&mut world, &unread, &one, few);

    received(&mut world);
    let (size, unread) = (world.entries.len(), world.unread());
    let mut wrong = world.witnessed(size);
    wrong
        .add(world.witnesses[0].cosign("another text\n", secs))
        .unwrap();
    refused(&mut world, &unread, &wrong, VaultError::NotOfTheLog);
}

#[test]
fn chk183_a_witness_in_the_future_is_refused() {
    let mut world = World::new();
    received(&mut world);
    let (size, unread) = (world.entries.len(), world.unread());
    let mut note = world.witnessed(size);
    let late = world.now.as_millis() / 1_000 + 301;
    note.add(world.witnesses[0].cosign(note.text(), late))
        .unwrap();
    refused(&mut world, &unread, &note, VaultError::WitnessAhead);
    let mut note = world.witnessed(size);
    note.add(world.witnesses[0].cosign(note.text(), late - 1))
        .unwrap();
    world.follow_with(&[], &note).unwrap();
}

#[test]
fn chk183_one_witness_in_the_future_does_not_stop_the_vault() {
    let mut world = World::new();
    let (log, vault) = (world.keys.log().clone(), world.keys.vault().clone());
    let (witnesses, policy) = (
        world.keys.witnesses().to_vec(),
        world.keys.policy().copied(),
    );
    world.keys = waxseal_log::keys::LogKeys::new(log, vault, witnesses, 1, policy).unwrap();
    world.restart_with(None);
    let secs = world.now.as_millis() / 1_000;
    let mut note = world.witnessed(1);
    note.add(world.witnesses[0].cosign(note.text(), secs + 9_000_000))
        .unwrap();
    let entries = world.entries.clone();
    world.follow_with(&entries, &note).unwrap();
    let followed = world.vault.status().followed;
    assert_eq!(followed, Some(Timestamp::from_millis(secs * 1_000)));
    note.add(world.witnesses[1].cosign(note.text(), secs + 301))
        .unwrap();
    let refused = world.follow_with(&[], &note);
    assert_eq!(refused, Err(VaultError::WitnessAhead));
}

#[test]
fn chk184_an_older_checkpoint_is_refused() {
    let mut world = World::new();
    received(&mut world);
    world.follow().unwrap();
    let old = world.witnessed(1);
    refused(&mut world, &[], &old, VaultError::Older { size: 2 });
    // An equal one is not older.
    world.follow().unwrap();
}

#[test]
fn chk185_a_fork_a_missing_an_additional_or_an_altered_entry_is_refused() {
    let mut world = World::new();
    for _ in 0..3 {
        received(&mut world);
    }
    let (note, unread) = (world.witnessed(4), world.unread());
    let mut altered = unread.clone();
    altered[1][6] ^= 1;
    let mut swapped = unread.clone();
    swapped.swap(0, 1);
    let other = VaultError::OtherEntries { size: 1 };
    for bad in [
        altered,
        swapped,
        unread[1..].to_vec(),
        unread[..2].to_vec(),
        [&unread[..], &unread[..1]].concat(),
    ] {
        let error = world.follow_with(&bad, &note);
        assert_eq!(error, Err(other));
    }
    world.follow_with(&unread, &note).unwrap();

    // The log signs another history, and its witnesses cosign it.
    let mut fork = World::new();
    fork.append(Event::HoldPlaced, Digest::from_bytes([5; 32]));
    let mut frontier = Frontier::new();
    for entry in &fork.entries {
        frontier.push(TreeHash::of_leaf(entry));
    }
    for _ in 0..3 {
        received(&mut fork);
    }
    let (note, unread) = (fork.witnessed(5), fork.entries[4..].to_vec());
    refused(
        &mut world,
        &unread,
        &note,
        VaultError::OtherEntries { size: 4 },
    );
    // Equal in size, and other in content.
    let note = fork.witnessed(4);
    refused(&mut world, &[], &note, VaultError::OtherEntries { size: 4 });
}

#[test]
fn chk186_an_entry_of_unknown_form_is_refused() {
    let mut world = World::new();
    world.entries.push(vec![2, 1, 0]);
    let (note, unread) = (world.witnessed(2), world.unread());
    let error = world.follow_with(&unread, &note);
    assert_eq!(error, Err(VaultError::UnknownEntry { index: 1 }));
    world.entries.pop();
    received(&mut world);
    world.follow().unwrap();
}

#[test]
fn chk190_nothing_opens_before_the_log_was_followed_today() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let request = world.prepare(&grant, &waiting).unwrap();
    let followed = world.now;
    let all_refuse = |world: &mut World| {
        assert_eq!(
            world.challenge(&grant, &waiting),
            Err(VaultError::NotFollowed)
        );
        let opened = world.vault.open(&request, world.now);
        assert_eq!(opened, Err(VaultError::NotFollowed));
        let sorted = world.vault.sort(&waiting.id, &waiting.accepted, world.now);
        assert_eq!(sorted, Err(VaultError::NotFollowed));
    };
    let seconds = followed.as_millis() / 1_000 * 1_000;
    world.now = Timestamp::from_millis(seconds + 24 * HOUR + 1);
    all_refuse(&mut world);
    // The clock is more than five minutes before the last checkpoint.
    world.now = Timestamp::from_millis(seconds - 300_001);
    all_refuse(&mut world);
    world.now = followed;
    world.vault.open(&request, world.now).unwrap();

    // After a restart the vault must see the log first.
    world.restart();
    all_refuse(&mut world);
    world.follow().unwrap();
    world
        .vault
        .sort(&waiting.id, &waiting.accepted, world.now)
        .unwrap();
}

#[test]
fn chk190_an_old_checkpoint_lets_the_vault_catch_up_and_open_nothing() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    received(&mut world);
    let (old, unread) = (world.witnessed(2), world.unread());
    received(&mut world);
    world.pass(48 * HOUR);
    let grant = world.grant(&waiting);
    world.follow_with(&unread, &old).unwrap();
    assert_eq!(
        world.challenge(&grant, &waiting),
        Err(VaultError::NotFollowed)
    );
    world.follow().unwrap();
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk190_the_time_is_that_of_enough_witnesses() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    received(&mut world);
    // One of the two witnesses signed two days ago.
    let size = world.entries.len();
    let mut note = world.witnessed(size);
    let secs = world.now.as_millis() / 1_000;
    note.add(world.witnesses[1].cosign(note.text(), secs - 172_800))
        .unwrap();
    world.restart_with(None);
    let entries = world.entries.clone();
    world.follow_with(&entries, &note).unwrap();
    world.adopt();
    assert_eq!(
        world.challenge(&grant, &waiting),
        Err(VaultError::NotFollowed)
    );
    world.follow().unwrap();
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn chk180_an_altered_state_or_one_of_another_vault_or_log_is_refused() {
    let mut world = World::new();
    let state = world.memory.states.last().unwrap().clone();
    world.restart_with(Some(&state));
    let start = |world: &World, state: &[u8]| {
        Vault::new(world.keys.clone(), &world.secrets, Some(state)).map(|_| ())
    };
    for place in 0..state.len() {
        let mut altered = state.clone();
        altered[place] ^= 1;
        assert!(start(&world, &altered).is_err(), "byte {place}");
    }
    assert!(start(&world, &state[..state.len() - 1]).is_err());
    assert!(start(&world, &[]).is_err());
    // Another quorum is another set-up.
    world.keys = waxseal_log::keys::LogKeys::new(
        world.keys.log().clone(),
        world.keys.vault().clone(),
        world.keys.witnesses().to_vec(),
        1,
        world.keys.policy().copied(),
    )
    .unwrap();
    assert!(start(&world, &state).is_err());
}

#[test]
fn a_vault_without_state_reads_the_log_again() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    let state = world.memory.states.last().unwrap().clone();
    world.restart_with(None);
    world.follow().unwrap();
    assert_eq!(world.memory.states.last().unwrap(), &state);
}

#[test]
fn a_crash_while_the_state_is_saved_changes_nothing() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let salt = world.log_opening(&grant, &waiting, &challenge);
    let before = world.vault.export_state();
    world.memory.fails = true;
    assert_eq!(world.follow(), Err(VaultError::NotSaved));
    assert_eq!(world.vault.export_state(), before);
    let request = World::request(&grant, &waiting, &challenge, salt);
    assert_eq!(
        world.vault.open(&request, world.now),
        Err(VaultError::NotLogged)
    );
    world.memory.fails = false;
    world.follow().unwrap();
    world.vault.open(&request, world.now).unwrap();
}

#[test]
fn at_most_65_536_entries_are_read_in_one_call() {
    let mut world = World::empty();
    received(&mut world);
    let entries = vec![world.entries[0].clone(); MAX_FOLLOWED_ENTRIES + 1];
    let mut frontier = Frontier::new();
    for entry in &entries[1..] {
        frontier.push(TreeHash::of_leaf(entry));
    }
    let checkpoint = Checkpoint::new(ORIGIN, frontier.size(), frontier.root()).unwrap();
    let mut note = checkpoint.sign(&world.log).unwrap();
    for witness in &world.witnesses {
        let cosignature = witness.cosign(note.text(), world.now.as_millis() / 1_000);
        note.add(cosignature).unwrap();
    }
    let (note, now) = (note.encode(), world.now);
    let mut memory = Saved::default();
    let error = world.vault.follow(&entries, &note, now, &mut memory);
    assert_eq!(error.unwrap_err(), VaultError::TooManyEntries);
    world
        .vault
        .follow(&entries[1..], &note, now, &mut memory)
        .unwrap();
}
