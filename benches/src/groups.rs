//! Measures what groups cost: a message, one that renews the keys of all devices, the first one to
//! devices that the sender does not know, and the relay's work.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::time;
use crate::measure::{Effort, Run};
use crate::results::{Amount, Contestant, Results};
use crate::systems::{Chains, Circle, Crowd, GROUP_SYSTEMS, GroupSystem, Parts, len};

/// Numbers of members. Each has two devices.
pub const MEMBERS: [usize; 4] = [3, 10, 100, 1_000];

/// The text that is sent, in bytes.
const TEXT: &[u8] = &[7; 64];

/// What a first contact is measured this often at least: it takes seconds in the largest groups.
const FEW_SAMPLES: usize = 3;

/// Number of members from which on first contacts are measured less often.
const MANY: usize = 100;

const OPERATIONS: [&str; 7] = [
    "group_seal",
    "group_open",
    "group_renewal",
    "group_renewal_open",
    "group_first_contact",
    "group_first_contact_open",
    "group_relay",
];

/// What the writer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Seal,
    Renew,
    Begin,
}

impl Act {
    fn of(self, circle: &mut dyn Circle) -> Parts {
        match self {
            Self::Seal => circle.seal(TEXT),
            Self::Renew => circle.renew(TEXT),
            Self::Begin => circle.begin(TEXT),
        }
    }
}

/// Adds the rows of groups to `compare`. The largest groups are left out of a test.
pub fn contests(results: &mut Results, effort: Effort) {
    let is_test = effort.sample.is_zero();
    let wanted = OPERATIONS.iter().any(|operation| results.wants(operation));
    for members in MEMBERS {
        if wanted && !(is_test && members >= MANY) {
            of_size(results, effort, members);
        }
    }
}

fn of_size(results: &mut Results, effort: Effort, members: usize) {
    eprintln!("a group of {members}");
    let crowd = Rc::new(RefCell::new(Crowd::of(members)));
    let circles: Vec<_> = GROUP_SYSTEMS
        .iter()
        .map(|system| (system, RefCell::new(system.circle(&crowd))))
        .collect();
    for (system, circle) in &circles {
        bytes(results, system, &mut **circle.borrow_mut(), members);
    }
    let (size, few) = (members as u64, FEW_SAMPLES.min(effort.min_samples));
    let of_strangers = Effort {
        min_samples: if members < MANY {
            effort.min_samples
        } else {
            few
        },
        ..effort
    };
    for (act, effort, seals, opens) in [
        (Act::Seal, effort, "group_seal", "group_open"),
        (Act::Renew, effort, "group_renewal", "group_renewal_open"),
        (
            Act::Begin,
            of_strangers,
            "group_first_contact",
            "group_first_contact_open",
        ),
    ] {
        for (operation, is_writer) in [(seals, true), (opens, false)] {
            let able = |circle: &RefCell<Box<dyn Circle>>| {
                act != Act::Begin || circle.borrow().can_begin()
            };
            let circles = circles.iter().filter(|(_, circle)| able(circle));
            let contestants = circles.map(|(system, circle)| Contestant {
                system: system.name,
                variant: system.variant,
                run: run(circle, act, is_writer),
            });
            results.contest(operation, size, effort, contestants.collect());
        }
    }
    let mut chains = Chains::new(&crowd, true);
    let posted = chains.seal(TEXT).swap_remove(0);
    let relaying = Contestant {
        system: "waxseal-reporting",
        variant: "relay",
        run: Box::new(|repeats| {
            time(|| {
                for _ in 0..repeats {
                    black_box(chains.relay_to_all(&posted));
                }
            })
        }),
    };
    results.contest("group_relay", size, effort, vec![relaying]);
}

/// Measures what the writer does, or what the reader does with it.
fn run<'a>(circle: &'a RefCell<Box<dyn Circle>>, act: Act, is_writer: bool) -> Run<'a> {
    Box::new(move |repeats| {
        let circle = &mut **circle.borrow_mut();
        // Only messages with keys that all have can be sealed all at once.
        let (rounds, at_once) = match act {
            Act::Seal => (1, repeats),
            _ => (repeats, 1),
        };
        let mut all = Duration::ZERO;
        for _ in 0..rounds {
            if act == Act::Begin {
                circle.forget();
            }
            let mut sent = Vec::with_capacity(at_once as usize);
            let sealing = time(|| sent.extend((0..at_once).map(|_| act.of(circle))));
            let arrived: Vec<_> = sent.into_iter().map(|sent| circle.relay(sent)).collect();
            let opening = time(|| {
                for arrived in &arrived {
                    assert!(circle.open(arrived), "a genuine message opens");
                }
            });
            all += if is_writer { sealing } else { opening };
        }
        all
    })
}

/// The lengths of what leaves the writer and arrives at the reader.
fn bytes(results: &mut Results, system: &GroupSystem, circle: &mut dyn Circle, members: usize) {
    let mut add = |what: &str, bytes: usize| {
        results.bytes.push(Amount {
            what: format!("group of {members}, {what}"),
            system: system.name,
            variant: system.variant,
            bytes: bytes as u64,
        });
    };
    for (act, what) in [
        (Act::Seal, "message"),
        (Act::Renew, "renewal"),
        (Act::Begin, "first contact"),
        (Act::Renew, ""), // which the reader knows again
    ] {
        if act == Act::Begin && !circle.can_begin() {
            continue;
        }
        if act == Act::Begin {
            add("fetched for a first contact", circle.forget());
        }
        let sent = act.of(circle);
        let up = len(&sent);
        let arrived = circle.relay(sent);
        assert!(circle.open(&arrived), "a genuine message opens");
        if !what.is_empty() {
            add(&format!("{what}, up"), up);
            add(&format!("{what}, down"), len(&arrived));
        }
    }
}
