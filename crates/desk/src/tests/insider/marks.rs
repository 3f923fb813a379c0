//! How long the vault remembers the marks of openings.

use waxseal_log::entry::{Day, Digest, Entry, Event, Mark, Number, Purpose};
use waxseal_reporting::Timestamp;

use crate::tests::world::{HOUR, World};

const DAY: u64 = 24 * HOUR;

fn opened(mark: u8, day: u32) -> Vec<u8> {
    let entry = Entry {
        day: Day(day),
        number: Number::from_bytes([1; 16]),
        event: Event::ContentOpened {
            purpose: Purpose::UserReport,
            mark: Mark::from_bytes([mark; 16]),
        },
        digest: Digest::from_bytes([2; 32]),
    };
    entry.encode()
}

fn remembers(world: &World, mark: u8) -> bool {
    let state = world.vault.export_state();
    state.windows(16).any(|bytes| *bytes == [mark; 16])
}

#[test]
fn a_vault_that_reads_a_log_of_years_again_remembers_the_newest_marks_only() {
    let mut world = World::new();
    let today = Day::of_ms(world.now.as_millis()).0;
    for (mark, age) in [(0xa1, 3_000), (0xa2, 33), (0xa3, 32), (0xa4, 0)] {
        world.entries.push(opened(mark, today - age));
    }
    world.restart_with(None);
    let note = world.witnessed(world.entries.len());
    world.follow_with(&world.entries.clone(), &note).unwrap();
    let kept = [0xa1, 0xa2, 0xa3, 0xa4].map(|mark| remembers(&world, mark));
    assert_eq!(kept, [false, false, true, true]);
}

#[test]
fn a_vault_whose_clock_ran_ahead_forgets_in_time() {
    let mut world = World::new();
    let (now, today) = (world.now, Day::of_ms(world.now.as_millis()).0);
    world.entries.push(opened(0xa1, today));
    let (note, unread) = (world.witnessed(world.entries.len()), world.unread());
    world.pass(9_000 * DAY);
    world.follow_with(&unread, &note).unwrap();
    world.now = Timestamp::from_millis(now.as_millis() + 32 * DAY);
    world.follow().unwrap();
    assert!(remembers(&world, 0xa1));
    world.pass(DAY);
    world.follow().unwrap();
    assert!(!remembers(&world, 0xa1));
}

#[test]
fn chk192_a_mark_that_is_logged_again_with_an_old_day_is_not_forgotten() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    let entry = Entry::decode(world.entries.last().unwrap()).unwrap();
    let old = Entry {
        day: Day(1),
        ..entry
    };
    world.entries.push(old.encode());
    world.follow().unwrap();
    assert_eq!(world.challenge(&grant, &waiting).unwrap().ordinal, 2);
}
