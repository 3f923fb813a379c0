//! Measures how costs grow with what accumulates: skipped keys, messages in a session, sessions in
//! a client's store, messages in a report.

use std::hint::black_box;
use std::time::Duration;

use waxseal_reporting::limits::MAX_REPORTED;

use crate::clock::time;
use crate::compare::{in_order, lacking};
use crate::measure::{Effort, Run};
use crate::provider::Reports;
use crate::results::{Contestant, Results};
use crate::systems::{Clients, Pair, SYSTEMS, System, exchange, send};

/// Numbers of skipped keys that are stored while other messages are opened.
const SKIPPED: [usize; 4] = [0, 400, 1_200, 4_000];
/// Numbers of skipped keys that are stored while some of the late messages, to which the keys
/// belong, are opened.
const SOME_SKIPPED: [usize; 4] = [LATE, 400, 1_200, 4_000];
/// Number of late messages that are opened.
const LATE: usize = 64;
/// Numbers of messages that were sent in the session before the measurement.
const CARRIED: [usize; 4] = [10, 100, 1_000, 10_000];
/// Numbers of peers with which one client has sessions.
const PEERS: [usize; 4] = [1, 10, 100, 1_000];
/// Numbers of messages in a report.
const REPORTED: [usize; 4] = [1, 4, 12, MAX_REPORTED];

/// Measures all operations, or only those whose names begin with `only`.
#[must_use]
pub fn all(effort: Effort, only: Option<&str>) -> Results {
    let mut results = Results::only(only);
    for (operation, sizes, make) in [
        ("open next to skipped keys", SKIPPED, open_next_to as Make),
        ("open a skipped one", SOME_SKIPPED, open_skipped),
        ("export with skipped keys", SKIPPED, export),
        ("import with skipped keys", SKIPPED, import),
        ("seal after messages in turn", CARRIED, seal_after_turns),
        ("seal after messages one way", CARRIED, seal_after_burst),
        ("open after messages in turn", CARRIED, open_after_turns),
    ] {
        for size in sizes {
            let contestants = ours().filter_map(|system| {
                Some(Contestant {
                    system: system.name,
                    variant: system.variant,
                    run: make(system, size)?,
                })
            });
            results.contest(operation, size as u64, effort, contestants.collect());
        }
    }
    for peers in PEERS {
        sessions(&mut results, effort, peers);
    }
    for count in REPORTED {
        reports(&mut results, effort, count);
    }
    results
}

type Make = fn(&'static System, usize) -> Option<Run<'static>>;

fn ours() -> impl Iterator<Item = &'static System> {
    SYSTEMS.iter().filter(|system| system.name == "waxseal")
}

fn open_next_to(system: &'static System, count: usize) -> Option<Run<'static>> {
    Some(in_order(lacking(system, count)))
}

/// Measures opening late messages that are spread evenly over a chain. When all are opened, the
/// recipient goes back to its earlier state. The first message after that finds cold caches, so it
/// is not measured.
fn open_skipped(system: &'static System, count: usize) -> Option<Run<'static>> {
    let mut pair = system.pair();
    exchange(&mut *pair, 0, b"hello");
    let mut late = Vec::new();
    for lost in 0..count {
        // A message that arrives in the middle splits the gap, so that each half is within the
        // limit on skipped messages.
        if lost == count / 2 {
            exchange(&mut *pair, 0, b"hello");
        }
        let message = send(&mut *pair, 0, &[7; 64]);
        if lost % (count / LATE) == 0 {
            late.push(message);
        }
    }
    exchange(&mut *pair, 0, b"hello");
    let before = pair.export(1);
    let mut next = late.len();
    Some(Box::new(move |repeats| {
        (0..repeats)
            .map(|_| {
                if next == late.len() {
                    pair.import(1, &before);
                    assert!(pair.open(1, &late[0]), "a skipped message opens");
                    next = 1;
                }
                next += 1;
                let message = &late[next - 1];
                time(|| assert!(pair.open(1, message), "a skipped message opens"))
            })
            .sum()
    }))
}

fn export(system: &'static System, count: usize) -> Option<Run<'static>> {
    let pair = system.exports.then(|| lacking(system, count))?;
    Some(Box::new(move |repeats| {
        time(|| (0..repeats).for_each(|_| drop(black_box(pair.export(1)))))
    }))
}

fn import(system: &'static System, count: usize) -> Option<Run<'static>> {
    let mut pair = system.exports.then(|| lacking(system, count))?;
    let state = pair.export(1);
    Some(Box::new(move |repeats| {
        time(|| (0..repeats).for_each(|_| pair.import(1, &state)))
    }))
}

/// A pair that has exchanged `count` messages in turn.
fn after_turns(system: &System, count: usize) -> Box<dyn Pair> {
    let mut pair = system.pair();
    for turn in 0..count {
        exchange(&mut *pair, turn % 2, &[7; 64]);
    }
    pair
}

/// Measures messages that side 0 sends one after the other. The first message of such a burst is
/// left out, because it takes a Diffie–Hellman step.
fn burst(mut pair: Box<dyn Pair>, seals: bool) -> Run<'static> {
    Box::new(move |repeats| {
        exchange(&mut *pair, 1, b"hello");
        exchange(&mut *pair, 0, b"hello");
        let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..repeats {
            let mut sealed = Vec::new();
            sealing += time(|| sealed = pair.seal(0, &[7; 64]));
            let arrived = pair.relay(0, sealed);
            opening += time(|| assert!(pair.open(1, &arrived), "a genuine message opens"));
        }
        if seals { sealing } else { opening }
    })
}

fn seal_after_turns(system: &'static System, count: usize) -> Option<Run<'static>> {
    Some(burst(after_turns(system, count), true))
}

fn open_after_turns(system: &'static System, count: usize) -> Option<Run<'static>> {
    Some(burst(after_turns(system, count), false))
}

/// Measures sealing after `count` messages to which the other side has not answered, so that the
/// post-quantum ratchet waits.
fn seal_after_burst(system: &'static System, count: usize) -> Option<Run<'static>> {
    let mut pair = system.pair();
    exchange(&mut *pair, 0, b"hello");
    for _ in 0..count {
        exchange(&mut *pair, 0, &[7; 64]);
    }
    Some(Box::new(move |repeats| {
        (0..repeats)
            .map(|_| {
                let mut sealed = Vec::new();
                let sealing = time(|| sealed = pair.seal(0, &[7; 64]));
                let arrived = pair.relay(0, sealed);
                assert!(pair.open(1, &arrived), "a genuine message opens");
                sealing
            })
            .sum()
    }))
}

/// Measures one conversation of a client that has many conversations.
fn sessions(results: &mut Results, effort: Effort, peers: usize) {
    for (operation, side) in [
        ("send, sessions in the store", 0),
        ("receive, sessions in the store", 1),
    ] {
        let mut clients = Clients::talking();
        clients.befriend(side, peers - 1);
        let contestant = Contestant {
            system: "waxseal",
            variant: "client",
            run: burst(Box::new(clients), side == 0),
        };
        results.contest(operation, peers as u64, effort, vec![contestant]);
    }
}

fn reports(results: &mut Results, effort: Effort, count: usize) {
    let reports = Reports::new(count);
    let report = reports.seal().encode();
    let accepted = reports.accept(&report).encode(&reports.acceptance);
    let seal = || drop(black_box(reports.seal().encode()));
    let accept = || drop(black_box(reports.accept(&report)));
    let review = || reports.review(&accepted);
    let steps: [(&str, &dyn Fn()); 3] = [
        ("report, seal", &seal),
        ("report, accept", &accept),
        ("report, review", &review),
    ];
    for (operation, step) in steps {
        let contestant = Contestant {
            system: "waxseal-reporting",
            variant: "report",
            run: Box::new(|repeats| time(|| (0..repeats).for_each(|_| step()))),
        };
        results.contest(operation, count as u64, effort, vec![contestant]);
    }
}
