use super::*;
use crate::tests::world::{HOUR, World};
use waxseal_log::tree::TreeHash;

fn keys(world: &World) -> Keys {
    world.secrets.keys([1; 32])
}

#[test]
fn a_state_survives_its_encoding() {
    let keys = keys(&World::empty());
    let mut state = State::default();
    let read = State::decode(&state.encode(&keys), &keys).unwrap();
    assert_eq!(read, state);
    for number in 0..7 {
        state.frontier.push(TreeHash::of_leaf(&[number]));
        state.marks.insert([number; 16], number.into());
    }
    state.followed = Some(Timestamp::from_millis(5));
    state.policy = Some((2, PolicyDigest::from_bytes([2; 32])));
    let read = State::decode(&state.encode(&keys), &keys).unwrap();
    assert_eq!(read, state);
}

#[test]
fn a_mark_is_remembered_for_31_days_of_the_witnesses() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    let remembered = |world: &World| {
        let state = world.memory.states.last().unwrap();
        let own = world.secrets.keys(hash::digest(
            crate::labels::SETUP,
            &[world.keys.to_string().as_bytes()],
        ));
        State::decode(state, &own).unwrap().marks.len()
    };
    assert_eq!(remembered(&world), 1);
    // The clock of the vault alone makes it forget nothing.
    let note = world.witnessed(world.entries.len());
    world.pass(40 * 24 * HOUR);
    world.follow_with(&[], &note).unwrap();
    assert_eq!(remembered(&world), 1);
    let back = (40 - 31) * 24 * HOUR;
    world.now = Timestamp::from_millis(world.now.as_millis() - back);
    world.follow().unwrap();
    assert_eq!(remembered(&world), 1);
    world.pass(24 * HOUR);
    world.follow().unwrap();
    assert_eq!(remembered(&world), 0);
}
