//! `verify-log --checkpoint`: a checkpoint that the user kept.

use waxseal_log::note::{Note, Signer};

use super::run;
use super::world::{DAY, World, noon};

/// Runs the check with this kept checkpoint.
fn with(world: &World, note: &Note) -> super::Ran {
    let published = world.publish();
    published.write("kept", &note.encode());
    run(
        published.root(),
        &["verify-log", ".", "--checkpoint", "kept"],
    )
}

#[test]
fn an_older_checkpoint_is_contained() {
    let world = World::new();
    for (size, day) in &world.checkpoints[..7] {
        let words = format!("the log continues your checkpoint over {size} entries");
        with(&world, &world.checkpoint(*size, *day))
            .good()
            .says(&words);
    }
    // A size that was never published is contained too: its root follows from the entries.
    let note = world.checkpoint(100, DAY + 1);
    with(&world, &note)
        .good()
        .says("the log continues your checkpoint over 100 entries");
}

#[test]
fn a_checkpoint_that_the_tiles_do_not_reach_is_compared_with_the_archive() {
    let world = World::new();
    let note = world.checkpoint(712, DAY + 13);
    with(&world, &note)
        .good()
        .says("your checkpoint over 712 entries is published, and the tiles do not");
    let fork = world.cosigned(world.signed(712, world.root(711)), noon(DAY + 13));
    with(&world, &fork).wrong(
        235,
        "kept: the published checkpoint over 712 entries has another root",
    );
    let note = world.checkpoint(700, DAY + 13);
    with(&world, &note).wrong(235, "kept: no published checkpoint is over 700 entries");
}

#[test]
fn chk235_a_fork_is_noticed() {
    let world = World::new();
    for size in [107, 100, 362] {
        let fork = world.cosigned(world.signed(size, world.root(99)), noon(DAY + 1));
        let words = format!("kept: the log has another root over {size} entries");
        with(&world, &fork).wrong(235, &words);
    }
}

#[test]
fn chk235_a_future_checkpoint_is_not_covered() {
    let mut world = World::new();
    let future = world.checkpoint(712, DAY + 13);
    world.checkpoints.truncate(10);
    with(&world, &future).wrong(
        235,
        "kept: your checkpoint is over 712 entries, which is more than the folder has",
    );
}

#[test]
fn a_checkpoint_without_cosignatures_is_wrong_and_compared_all_the_same() {
    let world = World::new();
    with(&world, &world.signed(107, world.root(107)))
        .wrong(141, "kept: 0 witnesses cosigned the checkpoint, and 2 must")
        .says("the log continues your checkpoint over 107 entries");
    with(&world, &world.signed(107, world.root(106)))
        .wrong(141, "kept: 0 witnesses cosigned the checkpoint, and 2 must")
        .wrong(235, "kept: the log has another root over 107 entries");
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let mut other = World::new();
    other.log = Signer::from_seed("desk.example/log", &[0x99; 32]).unwrap();
    let note = other.checkpoint(107, DAY + 1);
    with(&World::new(), &note).wrong(139, "kept: the log did not sign the checkpoint");
}

#[test]
fn a_check_that_ends_early_does_not_say_that_the_checkpoint_is_contained() {
    let world = World::new();
    let published = world.publish();
    published.change("tile/entries/000", |bytes| bytes[4] ^= 1);
    published.write("kept", &world.checkpoint(100, DAY + 1).encode());
    run(
        published.root(),
        &["verify-log", ".", "--checkpoint", "kept"],
    )
    .wrong(235, "kept: the check ended before it reached 100 entries")
    .does_not_say("continues");
}

#[test]
fn a_file_that_is_no_note_is_refused() {
    let published = World::new().publish();
    published.write("kept", b"no note");
    run(
        published.root(),
        &["verify-log", ".", "--checkpoint", "kept"],
    )
    .unusable("kept: the note is malformed");
    run(
        published.root(),
        &["verify-log", ".", "--checkpoint", "nowhere"],
    )
    .unusable("nowhere cannot be read");
}
