//! Three phones, a few messages, and random faults. Then everything works, and everyone hears
//! everyone once.

use proptest::prelude::*;
use waxseal_world::Fault;

use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

const NAMES: [&str; 3] = ["alice", "bob", "carol"];

#[derive(Clone, Debug)]
enum Act {
    Say {
        from: usize,
        to: usize,
    },
    Turn {
        who: usize,
    },
    Wait {
        ms: u64,
    },
    Break {
        who: usize,
    },
    Restart {
        who: usize,
    },
    Stop {
        who: usize,
        commits_before: u32,
        way: u32,
    },
}

/// An act of this many phones, of which the fourth is another one of the first account.
fn act_of(phones: usize) -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..phones, 1..3_usize).prop_map(|(from, by)| Act::Say { from, to: (from + by) % 3 }),
        6 => (0..phones).prop_map(|who| Act::Turn { who }),
        3 => prop_oneof![0..2 * MINUTE_MS, 0..2 * DAY_MS].prop_map(|ms| Act::Wait { ms }),
        1 => (0..phones).prop_map(|who| Act::Break { who }),
        1 => (0..phones).prop_map(|who| Act::Restart { who }),
        1 => (0..phones, 0..4_u32, 0..2_u32)
            .prop_map(|(who, commits_before, way)| Act::Stop { who, commits_before, way }),
    ]
}

fn fault(choice: u8) -> Option<Fault> {
    match choice {
        0..=9 => Some(Fault::RequestLost),
        10..=29 => Some(Fault::AnswerLost),
        30..=34 => Some(Fault::AnswerAltered),
        35..=39 => Some(Fault::WrongMac),
        40..=44 => Some(Fault::OtherAnswer),
        45..=49 => Some(waxseal_interface::ErrorCode::Busy.into()),
        50..=54 => Some(waxseal_interface::ErrorCode::QueueFull.into()),
        _ => None,
    }
}

/// Does what is to be done, with faults. Then everything works again.
fn run(
    town: &mut Town,
    acts: Vec<Act>,
    faults: Vec<u8>,
    mut said: impl FnMut(usize, usize, String),
) {
    town.relay
        .fail(move |asked| fault(faults[asked.number % faults.len()]));
    for (number, act) in acts.into_iter().enumerate() {
        match act {
            Act::Say { from, to } => {
                let text = format!("{number}");
                town.say(from, NAMES[to], &text);
                said(from, to, text);
            }
            Act::Turn { who } => drop(town.turn_of(who)),
            Act::Wait { ms } => town.wait(ms),
            Act::Break { who } => {
                if let Some(connection) = town.phones[who].connection {
                    town.relay.disconnect(connection);
                }
            }
            Act::Restart { who } => town.phones[who].restart(),
            Act::Stop {
                who,
                commits_before,
                way,
            } => {
                town.phones[who].stop_in(commits_before, way);
            }
        }
    }
    town.relay.work();
    for phone in &town.phones {
        *phone.disk.stop.borrow_mut() = None;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn everyone_hears_everyone_once(
        acts in proptest::collection::vec(act_of(3), 10..40),
        faults in proptest::collection::vec(any::<u8>(), 1..60),
    ) {
        let mut town = Town::registered(&NAMES);
        let mut said = vec![Vec::new(); 9];
        run(&mut town, acts, faults, |from, to, text| said[3 * from + to].push(text));
        town.live(3 * HOUR_MS);
        for (pair, said) in said.iter().enumerate() {
            let (from, to) = (pair / 3, pair % 3);
            if from == to {
                continue;
            }
            prop_assert_eq!(&town.phones[to].heard(NAMES[from]), said);
            prop_assert_eq!(town.phones[from].outbox(), 0);
        }
    }

    #[test]
    fn every_device_of_everyone_hears_everyone_once(
        acts in proptest::collection::vec(act_of(4), 10..30),
        faults in proptest::collection::vec(any::<u8>(), 1..60),
    ) {
        let mut town = Town::registered(&NAMES);
        prop_assert_eq!(town.link_new(0, 50), 3);
        let mut said = std::collections::BTreeMap::<_, Vec<String>>::new();
        let name = |who: usize| NAMES[who % 3];
        run(&mut town, acts, faults, |from, to, text| {
            said.entry((name(from), name(to))).or_default().push(text);
        });
        town.live(8 * HOUR_MS);
        for phone in &town.phones {
            for peer in NAMES.iter().filter(|peer| **peer != phone.name()) {
                let all = |from, to| said.get(&(from, to)).cloned().unwrap_or_default();
                // The devices of one account write at the same time, so the order is any.
                let mut heard = phone.heard(peer);
                let mut wrote = crate::devices::said(phone, peer);
                for texts in [&mut heard, &mut wrote] {
                    texts.sort_by_key(|text| text.parse::<usize>().unwrap());
                }
                prop_assert_eq!(heard, all(*peer, phone.name()));
                prop_assert_eq!(wrote, all(phone.name(), *peer));
            }
            prop_assert_eq!(phone.outbox(), 0);
        }
    }
}
