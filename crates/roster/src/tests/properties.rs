//! Property tests: peers that see some rosters of an account in any order.

use proptest::prelude::*;

use super::support::{BOB, Bob, Device, NOW};
use crate::limits::{MAX_DEVICES, MAX_ID_STEP, MAX_VERSION_STEP};
use crate::{Change, Pinned, Roster};

/// What Bob does next.
#[derive(Clone, Debug)]
enum Step {
    Add,
    Remove(usize),
    Renew,
    Epoch { restart: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Add),
        2 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::Renew),
        1 => any::<bool>().prop_map(|restart| Step::Epoch { restart }),
    ]
}

/// All rosters that an honest Bob signs, oldest first.
fn history(steps: &[Step]) -> Vec<Roster> {
    let bob = Bob::new();
    let mut pinned = Pinned::first(bob.first());
    let mut all = vec![bob.first()];
    let mut seed = 10;
    for step in steps {
        let now = pinned.roster().clone();
        let mut draft = match step {
            Step::Epoch { .. } => {
                let managers = bob.managers();
                let delegation = bob.key.delegate(BOB, now.epoch() + 1, &managers).unwrap();
                now.next_epoch(delegation, NOW, 1).unwrap()
            }
            _ => now.next(NOW, 1).unwrap(),
        };
        let others: Vec<_> = now
            .devices()
            .iter()
            .skip(1)
            .map(|device| device.id)
            .collect();
        let id = match step {
            Step::Add if now.devices().len() < MAX_DEVICES => pinned.next_id(),
            Step::Remove(which) if !others.is_empty() => {
                draft.remove(others[which % others.len()]).unwrap();
                None
            }
            Step::Epoch { restart: true } => {
                for id in others {
                    draft.remove(id).unwrap();
                }
                Some(2)
            }
            _ => None,
        };
        if let Some(id) = id {
            seed += 1;
            draft.add(bob.entry(&Device::new(seed), id)).unwrap();
        }
        let roster = bob.phone.finish(draft, BOB);
        assert!(matches!(
            pinned.take(roster.clone()),
            Ok(Change::Newer { .. })
        ));
        all.push(roster);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whichever_rosters_arrive_in_whatever_order_the_newest_is_kept_and_none_refused(
        steps in prop::collection::vec(step(), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let all = history(&steps);
        let mut seen = order[0].index(all.len());
        let mut alice = Pinned::first(all[seen].clone());
        for index in order {
            let next = index.index(all.len());
            let change = alice.take(all[next].clone()).unwrap();
            prop_assert_eq!(matches!(change, Change::Newer { .. }), next > seen);
            prop_assert_eq!(matches!(change, Change::Same), next == seen);
            seen = seen.max(next);
            prop_assert_eq!(alice.roster(), &all[seen]);
            prop_assert_eq!(Pinned::decode(&alice.encode()).unwrap(), alice.clone());
        }
    }

    #[test]
    fn whatever_a_manager_of_an_epoch_signed_the_next_epoch_is_accepted(
        versions in prop::collection::vec(1..=MAX_VERSION_STEP, 0..8),
        ids in prop::collection::vec(1..=MAX_ID_STEP, 0..8),
        first_version in any::<bool>(),
    ) {
        // A thief of the phone uses up versions and ids as fast as it can.
        let bob = Bob::new();
        let mut alice = Pinned::first(bob.three());
        let mut raw = super::raw::Raw::of_bob();
        if first_version {
            raw.version = u32::MAX - 1;
            raw.devices[2] = super::raw::RawDevice::of_bob(&bob.laptop, u32::MAX - 1);
            alice = Pinned::first(super::support::read(&raw.encode()).unwrap());
        }
        for (n, step) in versions.iter().enumerate() {
            raw.version = raw.version.saturating_add(*step);
            if let Some(id) = ids.get(n) {
                let seed = u8::try_from(n).unwrap() + 0x40;
                let id = raw.devices.last().unwrap().id.saturating_add(*id);
                raw.devices.pop();
                raw.devices.push(super::raw::RawDevice::of_bob(&Device::new(seed), id));
            }
            let _ = alice.take(super::support::read(&raw.encode()).unwrap());
        }
        let known = alice.roster().clone();
        let delegation = bob.key.delegate(BOB, 2, &[bob.tablet.identity()]).unwrap();
        let mut draft = known.next_epoch(delegation, NOW, 2).unwrap();
        draft.remove(1).unwrap();
        let recovered = bob.tablet.finish(draft, BOB);
        let change = alice.take(recovered.clone()).unwrap();
        let newer = matches!(change, Change::Newer { .. });
        prop_assert!(newer);
        prop_assert_eq!(alice.roster(), &recovered);
    }

    #[test]
    fn any_change_of_a_byte_is_refused(at in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        let mut bytes = Bob::new().three().signed().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        prop_assert!(super::support::read(&bytes).is_err());
    }
}
