//! Attacks that must fail, by their rows in the list of attacks: on rosters, by relays, thieves and
//! outsiders.

use std::fs;
use std::path::Path;

use super::raw::{Raw, RawDevice};
use super::support::{BOB, Bob, Device, NOW, account_key, read};
use crate::limits::MAX_ROSTER_AGE_MS;
use crate::{Change, PinError, Pinned, RosterError, SignedDelegation, SignedRoster, labels};

#[test]
fn row_1_a_relay_adds_a_device_without_a_managers_signature() {
    let bob = Bob::new();
    let ghost = Device::new(0x66);
    // It edits the bytes and leaves the signature.
    let genuine = Raw::of_bob();
    let signature = genuine.signed_by.sign(&genuine.roster());
    let mut edited = genuine.clone();
    edited.devices.push(RawDevice::of_bob(&ghost, 4));
    let mut bytes = edited.encode();
    let at = 3 + edited.roster().len();
    bytes[at..at + 64].copy_from_slice(&signature);
    assert_eq!(read(&bytes), Err(RosterError::RosterSignature));
    // It signs with the ghost.
    (edited.signer, edited.signed_by) = (4, ghost.clone());
    assert_eq!(read(&edited.encode()), Err(RosterError::NotManager));
    // It makes the ghost a manager.
    edited.delegation.managers = vec![ghost.identity()];
    edited.delegation.signed_by = [0x66; 32];
    assert_eq!(
        read(&edited.encode()),
        Err(RosterError::DelegationSignature)
    );
    // It makes an account key of its own.
    let key = account_key(0x66);
    let delegation = key.delegate(BOB, 1, &[ghost.identity()]).unwrap();
    let entry = ghost.entry(BOB, &key.public(), 1);
    let draft = crate::RosterDraft::first(BOB, delegation, entry, NOW).unwrap();
    let mut alice = Pinned::first(bob.three());
    let own = ghost.finish(draft, BOB);
    assert_eq!(alice.take(own), Err(PinError::OtherAccountKey));
}

#[test]
fn row_2_a_relay_serves_an_older_roster() {
    let bob = Bob::new();
    let mut alice = Pinned::first(bob.three());
    assert_eq!(alice.take(bob.first()), Ok(Change::Older));
    let delegation = bob.key.delegate(BOB, 2, &bob.managers()).unwrap();
    let draft = bob.three().next_epoch(delegation, NOW, 1).unwrap();
    let epoch_2 = bob.phone.finish(draft, BOB);
    alice.take(epoch_2.clone()).unwrap();
    let later = bob.next(&bob.three(), |draft| draft.remove(3).unwrap());
    assert_eq!(alice.take(later), Ok(Change::Older));
    assert_eq!(alice.roster(), &epoch_2);
}

#[test]
fn row_3_a_ghost_shown_to_one_side_shows_in_the_hash_of_the_next_message() {
    // The relay has a copy of a manager's key.
    let bob = Bob::new();
    let ghost = Device::new(0x66);
    let shown_to_bob = bob.next(&bob.three(), |draft| draft.remove(3).unwrap());
    let shown_to_alice = bob.next(&bob.three(), |draft| {
        draft.remove(3).unwrap();
        draft.add(bob.entry(&ghost, 4)).unwrap();
    });
    let alice = Pinned::first(shown_to_alice);
    // Messages carry stamp and short hash: the stamps are equal, the hashes are not.
    assert_eq!(alice.roster().stamp(), shown_to_bob.stamp());
    assert_ne!(alice.roster().short_hash(), shown_to_bob.short_hash());
}

#[test]
fn row_4_a_relay_serves_two_rosters_of_one_version() {
    let bob = Bob::new();
    let one = bob.next(&bob.three(), |draft| draft.remove(3).unwrap());
    let other = bob.next(&bob.three(), |draft| draft.remove(2).unwrap());
    let mut alice = Pinned::first(one.clone());
    assert_eq!(alice.take(other.clone()), Err(PinError::Conflict));
    assert_eq!(alice.roster(), &one);
    // Both name the roster that they follow, so that they prove the conflict.
    assert_eq!(one.previous(), other.previous());
}

#[test]
fn row_5_a_relay_drops_the_removal_of_a_device() {
    let bob = Bob::new();
    let alice = Pinned::first(bob.three());
    let removed = bob.next(&bob.three(), |draft| draft.remove(3).unwrap());
    // The first message of another device tells.
    assert!(removed.stamp() > alice.roster().stamp());
    // Without any message, Alice stops sending to the device after 60 days.
    let later = alice.roster().at_ms() + MAX_ROSTER_AGE_MS + 1;
    let ids: Vec<_> = alice
        .roster()
        .counting(later)
        .map(|device| device.id)
        .collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn row_6_mallory_lists_bobs_device_in_another_account() {
    let bob = Bob::new();
    let (mallory, phone) = (account_key(0x33), Device::new(0x34));
    let list = |device| {
        let delegation = mallory.delegate("mallory", 1, &[phone.identity()]).unwrap();
        let entry = phone.entry("mallory", &mallory.public(), 1);
        let mut draft = crate::RosterDraft::first("mallory", delegation, entry, NOW).unwrap();
        draft.body_mut().devices.push(device);
        draft.body_mut().encode();
        phone.signed(draft).verify("mallory").unwrap_err()
    };
    let refused = RosterError::DeviceProof { device: 2 };
    // With the proof for Bob's account, which everybody has.
    let mut genuine = bob.entry(&bob.tablet, 2);
    genuine.since = 1;
    assert_eq!(list(genuine.clone()), refused);
    // Without a proof.
    genuine.proof = [0; 64];
    assert_eq!(list(genuine), refused);
}

#[test]
fn row_7_a_device_id_is_reused_with_another_identity() {
    let bob = Bob::new();
    let mut alice = Pinned::first(bob.three());
    let two = bob.next(&bob.three(), |draft| draft.remove(3).unwrap());
    let reused = bob.next(&two, |draft| {
        draft.add(bob.entry(&Device::new(4), 3)).unwrap()
    });
    // Whether Alice saw the version between or not.
    assert_eq!(
        alice.take(reused.clone()),
        Err(PinError::IdUsed { device: 3 })
    );
    alice.take(two).unwrap();
    assert_eq!(alice.take(reused), Err(PinError::IdUsed { device: 3 }));
}

#[test]
fn row_8_the_bundle_of_one_device_is_handed_out_as_that_of_another() {
    let bob = Bob::new();
    let roster = bob.three();
    // A client compares the bundle's identity with that of the device that it asked for.
    let handed_out = bob.phone.identity();
    assert_ne!(roster.device(2).unwrap().identity, handed_out);
    assert_eq!(roster.device_of(&handed_out).unwrap().id, 1);
}

#[test]
fn row_12_a_stolen_laptop_signs_a_roster_without_the_phone() {
    let bob = Bob::new();
    let stolen = Raw::changed(|raw| {
        raw.version = 3;
        raw.devices.remove(0);
        (raw.signer, raw.signed_by) = (3, bob.laptop.clone());
    });
    assert_eq!(read(&stolen), Err(RosterError::NotManager));
}

#[test]
fn row_13_a_stolen_manager_signs_on_after_the_account_was_recovered() {
    let bob = Bob::new();
    let mut alice = Pinned::first(bob.three());
    let delegation = bob.key.delegate(BOB, 2, &[bob.tablet.identity()]).unwrap();
    let mut draft = bob.three().next_epoch(delegation, NOW, 2).unwrap();
    draft.remove(1).unwrap();
    let recovered = bob.tablet.finish(draft, BOB);
    alice.take(recovered.clone()).unwrap();
    let before = alice.encode();
    // The phone signs a much later version of the epoch before.
    let later = read(&Raw::changed(|raw| raw.version = 102)).unwrap();
    assert_eq!(alice.take(later), Ok(Change::Older));
    // And one of the new epoch, with the old delegation, or with the new one.
    let epoch_2 = |raw: &mut Raw| (raw.epoch, raw.version) = (2, 102);
    assert_eq!(
        read(&Raw::changed(epoch_2)),
        Err(RosterError::OtherDelegation)
    );
    let with_new = Raw::changed(|raw| {
        epoch_2(raw);
        raw.delegation.epoch = 2;
        raw.delegation.managers = vec![bob.tablet.identity()];
    });
    assert_eq!(read(&with_new), Err(RosterError::NotManager));
    assert_eq!(alice.encode(), before);
}

#[test]
fn row_53_no_label_of_any_crate_is_a_prefix_of_another() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all: Vec<(String, String)> = Vec::new();
    for folder in fs::read_dir(crates).unwrap() {
        let file = folder.unwrap().path().join("src/labels.rs");
        let Ok(source) = fs::read_to_string(&file) else {
            continue;
        };
        let (source, _) = source.split_once("#[cfg(test)]").unwrap();
        for label in source
            .split("b\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            all.push((file.display().to_string(), label.to_owned()));
        }
    }
    assert!(all.len() > 80, "{}", all.len());
    for (i, (file, label)) in all.iter().enumerate() {
        for (j, (other_file, other)) in all.iter().enumerate() {
            // `waxseal-core` makes the two signatures that this crate verifies, and the id of a
            // group is that of a conversation in `waxseal-reporting`.
            let shared = label == other && file != other_file;
            let shared = shared
                && (label.starts_with("waxseal/2/core/")
                    || label == "waxseal/1/conversation-group");
            assert!(
                i == j || shared || !other.starts_with(label.as_str()),
                "{label} in {file} is a prefix of {other} in {other_file}"
            );
        }
    }
}

#[test]
fn row_53_a_signature_for_one_use_counts_for_no_other() {
    let bob = Bob::new();
    // A delegation is no roster, and a roster is no delegation.
    let delegation = bob.key.delegate(BOB, 1, &bob.managers()).unwrap().encode();
    assert!(SignedRoster::decode(&delegation).is_err());
    let raw = Raw::of_bob();
    let roster = [raw.roster(), vec![0; 64]].concat();
    assert!(SignedDelegation::decode(&roster).is_err());
    // The same key signs as account key, as manager and as device, and each counts for itself.
    let key = account_key(1);
    let phone = Device::new(1);
    assert_eq!(key.public().to_bytes(), phone.identity()[..32]);
    let delegation = key.delegate(BOB, 1, &[phone.identity()]).unwrap();
    let entry = phone.entry(BOB, &key.public(), 1);
    let draft = crate::RosterDraft::first(BOB, delegation, entry.clone(), NOW).unwrap();
    let bytes = draft.to_sign();
    let account_proof = "waxseal/1/core/account-proof".as_bytes();
    let labels = [
        labels::DELEGATION,
        labels::DEVICE_PROOF,
        labels::ROSTER_HASH,
        account_proof,
    ];
    for label in labels {
        let signed = draft.clone().sign(phone.sign_with(label, &bytes));
        assert_eq!(signed.verify(BOB), Err(RosterError::RosterSignature));
    }
    assert!(draft.clone().sign(phone.sign(&bytes)).verify(BOB).is_ok());
    // A proof of the account to a provider is no proof that the device joins.
    let context = crate::proof_context(BOB, &key.public(), 1);
    let mut other = draft;
    for label in [account_proof, labels::ROSTER, labels::DELEGATION] {
        other.body_mut().devices[0].proof = phone.sign_with(label, &context);
        other.body_mut().encode();
        let signed = phone.signed(other.clone());
        assert_eq!(
            signed.verify(BOB),
            Err(RosterError::DeviceProof { device: 1 })
        );
    }
}
