use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_core::IdentityKeyPair;
use waxseal_roster::{
    AccountKeyPair, Change, DeviceEntry, Pinned, Roster, RosterDraft, RosterVersion, proof_context,
};

use super::{EditError, RosterEdit, Signer};

const NOW: u64 = 1_800_000_000_000;
const BOB: &str = "bob";

/// Bob's account. Phone (1) and tablet (2) manage it, the laptop (3) does not.
struct Bob {
    key: AccountKeyPair,
    devices: Vec<IdentityKeyPair>,
    pinned: Pinned,
}

impl Bob {
    fn new() -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let key = AccountKeyPair::generate(rng);
        let devices: Vec<_> = (0..9).map(|_| IdentityKeyPair::generate(rng)).collect();
        let managers = [0, 1].map(|index: usize| devices[index].public().to_bytes());
        let delegation = key.delegate(BOB, 1, &managers).unwrap();
        let entry = |index: usize| entry(&key, &devices[index], [1, 2, 3][index]);
        let mut draft = RosterDraft::first(BOB, delegation, entry(0), NOW).unwrap();
        draft.add(entry(1)).unwrap();
        draft.add(entry(2)).unwrap();
        let signature = devices[0].sign_roster(&draft.to_sign());
        let roster = draft.sign(signature).verify(BOB).unwrap();
        let pinned = Pinned::first(roster);
        Self {
            key,
            devices,
            pinned,
        }
    }

    /// The device with a number agrees to it.
    fn entry(&self, id: u32) -> DeviceEntry {
        entry(&self.key, self.device(id), id)
    }

    fn device(&self, id: u32) -> &IdentityKeyPair {
        &self.devices[usize::try_from(id).unwrap().saturating_sub(1)]
    }

    fn sign(&self, edit: &RosterEdit, device: u32) -> Result<Option<Roster>, EditError> {
        self.sign_after(edit, device, RosterVersion::default())
    }

    fn sign_after(
        &self,
        edit: &RosterEdit,
        device: u32,
        signed: RosterVersion,
    ) -> Result<Option<Roster>, EditError> {
        let identity = self.device(device);
        let signer = Signer {
            identity,
            device,
            signed,
        };
        edit.sign(&self.pinned, &signer, NOW + 1)
    }

    fn take(&mut self, roster: Roster) -> Change {
        self.pinned.take(roster).unwrap()
    }

    fn remove(&self, id: u32) -> RosterEdit {
        RosterEdit::Remove(id, self.device(id).public().to_bytes())
    }

    /// One device takes over with the recovery secret, and keeps some devices.
    fn take_over(&self, epoch: u32, device: u32, keep: &[u32]) -> RosterEdit {
        let managers = [self.device(device).public().to_bytes()];
        RosterEdit::TakeOver {
            delegation: self.key.delegate(BOB, epoch, &managers).unwrap(),
            keep: keep.iter().map(|id| self.entry(*id)).collect(),
        }
    }
}

fn entry(key: &AccountKeyPair, device: &IdentityKeyPair, id: u32) -> DeviceEntry {
    let proof = device.prove_device(&proof_context(BOB, &key.public(), id));
    DeviceEntry::new(id, device.public().to_bytes(), proof)
}

fn ids(roster: &Roster) -> Vec<u32> {
    roster.devices().iter().map(|device| device.id).collect()
}

#[test]
fn managers_add_remove_and_renew() {
    let mut bob = Bob::new();
    let added = bob
        .sign(&RosterEdit::Add(bob.entry(4)), 2)
        .unwrap()
        .unwrap();
    assert_eq!((ids(&added), added.version()), (vec![1, 2, 3, 4], 2));
    bob.take(added);
    let removed = bob.sign(&bob.remove(3), 1).unwrap().unwrap();
    assert_eq!((ids(&removed), removed.version()), (vec![1, 2, 4], 3));
    bob.take(removed);
    // The roster is a millisecond old.
    assert_eq!(bob.sign(&RosterEdit::Renew, 1), Ok(None));
    let signer = Signer {
        identity: bob.device(1),
        device: 1,
        signed: RosterVersion::default(),
    };
    let month = NOW + 31 * 24 * 3_600_000;
    let renewed = RosterEdit::Renew.sign(&bob.pinned, &signer, month);
    let renewed = renewed.unwrap().unwrap();
    assert_eq!((ids(&renewed), renewed.at_ms()), (vec![1, 2, 4], month));
}

#[test]
fn what_a_device_may_not_do_is_refused() {
    let bob = Bob::new();
    for edit in [RosterEdit::Add(bob.entry(4)), bob.remove(2)] {
        assert_eq!(bob.sign(&edit, 3), Err(EditError::NotManager));
    }
    assert_eq!(bob.sign(&bob.remove(2), 1), Err(EditError::IsManager));
    assert_eq!(bob.sign(&bob.remove(1), 1), Err(EditError::IsManager));
    // A number that is not above all, and an identity that is listed.
    let mut listed = bob.entry(3);
    listed.id = 4;
    assert_eq!(bob.sign(&RosterEdit::Add(listed), 1), Err(EditError::Taken));
    let mut other = bob.entry(4);
    other.id = 3;
    assert_eq!(bob.sign(&RosterEdit::Add(other), 1), Err(EditError::Taken));
    // Consent to another number.
    let mut moved = bob.entry(4);
    moved.id = 5;
    let refused = bob.sign(&RosterEdit::Add(moved), 1);
    assert!(matches!(refused, Err(EditError::Draft(_))));
}

#[test]
fn a_change_that_is_made_already_is_not_signed_again() {
    let mut bob = Bob::new();
    let (add, remove) = (RosterEdit::Add(bob.entry(4)), bob.remove(3));
    let over = bob.take_over(2, 2, &[2]);
    for (edit, device) in [(add, 1), (remove, 2), (over, 2)] {
        let roster = bob.sign(&edit, device).unwrap().unwrap();
        bob.take(roster);
        assert_eq!(bob.sign(&edit, device), Ok(None));
    }
}

#[test]
fn a_number_that_a_removed_device_had_is_not_given_again() {
    let mut bob = Bob::new();
    let removed = bob.sign(&bob.remove(3), 1).unwrap().unwrap();
    bob.take(removed);
    let mut again = entry(&bob.key, bob.device(4), 3);
    assert_eq!(
        bob.sign(&RosterEdit::Add(again.clone()), 1),
        Err(EditError::Taken)
    );
    again = bob.entry(4);
    assert!(bob.sign(&RosterEdit::Add(again), 1).unwrap().is_some());
}

#[test]
fn row_13_a_stolen_manager_is_out_after_a_take_over_and_what_it_signs_is_refused() {
    let mut bob = Bob::new();
    // The phone is stolen. It adds a ghost, with a version as high as peers take.
    let ghost = bob
        .sign_after(&RosterEdit::Add(bob.entry(4)), 1, version(1, 1_000))
        .unwrap()
        .unwrap();
    // The laptop, which was no manager, has the recovery secret.
    let over = bob.sign(&bob.take_over(2, 3, &[2, 3]), 3).unwrap().unwrap();
    assert_eq!((over.epoch(), over.version()), (2, 1));
    assert_eq!(ids(&over), [2, 3]);
    let mut peer = bob.pinned.clone();
    assert!(matches!(peer.take(over.clone()), Ok(Change::Newer { .. })));
    assert_eq!(peer.take(ghost.clone()), Ok(Change::Older));
    // A peer that saw the ghost's roster first takes the later epoch too.
    let mut peer = bob.pinned.clone();
    peer.take(ghost).unwrap();
    assert!(matches!(peer.take(over.clone()), Ok(Change::Newer { .. })));
    bob.take(over);
    assert_eq!(
        bob.sign(&RosterEdit::Add(bob.entry(4)), 1),
        Err(EditError::NotManager)
    );
}

#[test]
fn a_take_over_is_made_again_on_what_the_thief_posted_without_its_ghosts() {
    let mut bob = Bob::new();
    let over = bob.take_over(2, 3, &[2, 3]);
    let first = bob.sign(&over, 3).unwrap().unwrap();
    // Meanwhile the thief posts a roster with a ghost, and without the tablet.
    let ghost = bob
        .sign(&RosterEdit::Add(bob.entry(4)), 1)
        .unwrap()
        .unwrap();
    bob.take(ghost);
    let again = bob.sign_after(&over, 3, first.stamp()).unwrap().unwrap();
    assert_eq!((again.epoch(), again.version()), (2, 2));
    assert_eq!(again.previous(), bob.pinned.roster().hash());
    assert_eq!(again.delegation(), first.delegation());
    assert_eq!(ids(&again), [2, 3]);
    bob.take(again);
}

#[test]
fn a_device_that_was_never_listed_takes_over() {
    let bob = Bob::new();
    let over = bob.sign(&bob.take_over(2, 4, &[2, 4]), 4).unwrap().unwrap();
    assert_eq!(ids(&over), [2, 4]);
    // Its number came to another device meanwhile.
    let mut raced = Bob::new();
    let stranger = entry(&raced.key, raced.device(5), 4);
    let added = raced.sign(&RosterEdit::Add(stranger), 1).unwrap().unwrap();
    raced.take(added);
    let taken = raced.sign(&raced.take_over(2, 4, &[2, 4]), 4);
    assert_eq!(taken, Err(EditError::Taken));
}

#[test]
fn a_take_over_of_an_epoch_that_began_already_is_superseded() {
    let mut bob = Bob::new();
    let over = bob.take_over(2, 2, &[2, 3]);
    let others = bob.sign(&bob.take_over(2, 3, &[3]), 3).unwrap().unwrap();
    bob.take(others);
    assert_eq!(bob.sign(&over, 2), Err(EditError::Superseded));
}

#[test]
fn an_account_with_eight_devices_is_full() {
    let mut bob = Bob::new();
    for id in 4..=8 {
        let added = bob
            .sign(&RosterEdit::Add(bob.entry(id)), 1)
            .unwrap()
            .unwrap();
        bob.take(added);
    }
    assert_eq!(
        bob.sign(&RosterEdit::Add(bob.entry(9)), 1),
        Err(EditError::Full)
    );
}

fn version(epoch: u32, version: u32) -> RosterVersion {
    RosterVersion { epoch, version }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Phone and tablet each have an edit that is not confirmed, and post in any order. The one that
    // comes second makes its edit again.
    #[test]
    fn chk359_no_device_signs_two_rosters_of_one_version(
        steps in prop::collection::vec((any::<bool>(), 0..3_u8), 1..12),
    ) {
        let mut bob = Bob::new();
        let mut signed: [Vec<Roster>; 2] = Default::default();
        for (is_tablet, kind) in steps {
            let edit = match kind {
                0 => RosterEdit::Add(bob.entry(bob.pinned.next_id().unwrap().min(9))),
                1 => bob.remove(bob.pinned.roster().devices().last().unwrap().id),
                _ => RosterEdit::Renew,
            };
            let device = if is_tablet { 2 } else { 1 };
            let mine = &mut signed[usize::from(is_tablet)];
            let newest = mine.last().map_or_else(RosterVersion::default, Roster::stamp);
            if let Ok(Some(roster)) = bob.sign_after(&edit, device, newest) {
                // Every second roster is lost on the way to the provider.
                if mine.len().is_multiple_of(2) {
                    prop_assert!(bob.pinned.take(roster.clone()).is_ok());
                }
                mine.push(roster);
            }
        }
        for mine in signed {
            prop_assert!(mine.is_sorted_by(|one, next| one.stamp() < next.stamp()));
        }
    }
}
