//! Machines that stop in any commit, and processes that end between a request and its answer.

use waxseal::MemoryStore;
use waxseal::courier::Request;

use crate::disk::Disk;
use crate::faults::{check, script};
use crate::phone::{Phone, Town};

/// Runs the script once for each commit of one phone, and stops the phone in that commit.
/// Successive commits stop before and after the write. Returns how many commits there were.
fn stop_everywhere(who: usize, goes_on: bool, first_way: u32) -> u32 {
    for commits_before in 0.. {
        let mut town = Town::quick(&["alice", "bob"]);
        // Its account is created before, in which the crash tests of the client stop.
        town.phones[who].goes_on = goes_on;
        town.phones[who].stop_in(commits_before, (commits_before + first_way) % 2);
        script(&mut town);
        check(&mut town);
        if town.phones[who].disk.stop.borrow().is_some() {
            return commits_before;
        }
    }
    unreachable!()
}

#[test]
fn a_sender_that_stops_in_any_commit_loses_and_repeats_nothing() {
    assert!(stop_everywhere(0, false, 0) > 30);
}

#[test]
fn a_recipient_that_stops_in_any_commit_loses_and_repeats_nothing() {
    assert!(stop_everywhere(1, false, 1) > 30);
}

#[test]
fn a_courier_that_goes_on_after_any_failed_commit_loses_and_repeats_nothing() {
    assert!(stop_everywhere(0, true, 1) > 30);
    assert!(stop_everywhere(1, true, 0) > 30);
}

#[test]
fn a_process_that_ends_between_a_request_and_its_answer_loses_and_repeats_nothing() {
    for who in 0..2 {
        for asked in 0.. {
            let mut town = Town::quick(&["alice", "bob"]);
            town.phones[who].ends_after = Some(asked);
            script(&mut town);
            check(&mut town);
            for (one, other) in [(0, "bob"), (1, "alice")] {
                town.phones[one].assert_all_can_be_reported(other, &town.relay);
            }
            if town.phones[who].ends_after.is_some() {
                assert!(asked > 20);
                break;
            }
        }
    }
}

#[test]
fn an_answer_that_comes_after_a_restart_changes_nothing() {
    let mut town = Town::quick(&["alice"]);
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let Some(Request::Call { id, http, .. }) = phone.courier.next(now, &mut phone.rng).unwrap()
    else {
        panic!()
    };
    let answer = town.relay.send(&http);
    phone.restart();
    phone
        .courier
        .answer(id, answer.clone(), now, &mut phone.rng)
        .unwrap();
    assert!(phone.courier.pinned().is_none());
    // Nor does one that comes twice.
    let Some(Request::Call { id, http, .. }) = phone.courier.next(now, &mut phone.rng).unwrap()
    else {
        panic!()
    };
    let answer = town.relay.send(&http);
    phone
        .courier
        .answer(id, answer, now, &mut phone.rng)
        .unwrap();
    assert!(phone.courier.pinned().is_some());
    let other = waxseal_world::Relay::new(9).send(&http);
    phone
        .courier
        .answer(id, other, now, &mut phone.rng)
        .unwrap();
    town.turn();
    assert!(town.phones[0].troubles().is_empty());
}

#[test]
fn a_stop_while_an_account_is_created_leaves_none_or_a_whole_one() {
    for way in 0..2 {
        for commits_before in 0..4 {
            let disk = Disk::new(MemoryStore::new());
            *disk.stop.borrow_mut() = Some(crate::disk::Stop {
                commits_before,
                way,
            });
            let mut town = Town::quick(&[]);
            town.phones.push(Phone::on(disk, "alice", 1));
            town.turn();
            assert!(town.phones[0].connection.is_some());
        }
    }
}
