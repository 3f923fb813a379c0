//! Tests of the form of signed rosters.

use crate::limits::{MAX_ACCOUNT_LEN, MAX_DEVICES, MAX_MANAGERS, MAX_SIGNED_ROSTER_LEN};
use crate::tests::raw::{Raw, RawDevice};
use crate::tests::support::{Bob, Device, account_key, read};
use crate::{RosterError, SignedRoster};

fn refused(change: impl FnOnce(&mut Raw)) -> RosterError {
    SignedRoster::decode(&Raw::changed(change)).unwrap_err()
}

#[test]
fn a_roster_reads_back_as_written() {
    let bytes = Raw::of_bob().encode();
    assert_eq!(SignedRoster::decode(&bytes).unwrap().encode(), bytes);
    // The draft writes the bytes that the test's own writer does, but for `since`.
    let mut raw = Raw::of_bob();
    raw.devices[1].since = 2;
    raw.devices[2].since = 2;
    assert_eq!(raw.encode(), Bob::new().three().signed().encode());
}

/// The largest roster: 8 devices, 4 managers and the longest name.
fn largest() -> (String, Raw) {
    let name = "n".repeat(MAX_ACCOUNT_LEN);
    let key = account_key(0xa1);
    let mut raw = Raw::of_bob();
    let devices: Vec<_> = (1..=8)
        .map(|seed| (Device::new(seed), u32::from(seed)))
        .collect();
    raw.devices = devices
        .iter()
        .map(|(device, id)| {
            let entry = device.entry(&name, &key.public(), *id);
            RawDevice {
                proof: entry.proof,
                ..RawDevice::of_bob(device, *id)
            }
        })
        .collect();
    raw.account = name.clone().into();
    raw.key = key.public().to_bytes();
    raw.delegation.account = raw.account.clone();
    raw.delegation.key = raw.key;
    raw.delegation.signed_by = *key.secret().to_bytes();
    let managers = devices.iter().take(MAX_MANAGERS);
    raw.delegation.managers = managers.map(|(device, _)| device.identity()).collect();
    raw.delegation.managers.sort_unstable();
    (name, raw)
}

#[test]
fn chk260_a_roster_longer_than_the_limit_is_refused() {
    let (name, raw) = largest();
    let bytes = raw.encode();
    assert_eq!(bytes.len(), MAX_SIGNED_ROSTER_LEN);
    let roster = SignedRoster::decode(&bytes).unwrap().verify(&name).unwrap();
    assert_eq!(roster.devices().len(), MAX_DEVICES);
    let long = [&*bytes, &[0]].concat();
    assert_eq!(SignedRoster::decode(&long), Err(RosterError::TooLong));
}

#[test]
fn chk261_an_unknown_version_is_refused() {
    let unknown = |version| RosterError::UnknownVersion { version };
    assert_eq!(refused(|raw| raw.outer_version = 2), unknown(2));
    assert_eq!(refused(|raw| raw.version_byte = 0), unknown(0));
    assert_eq!(refused(|raw| raw.delegation.version = 3), unknown(3));
}

#[test]
fn chk262_a_roster_that_is_cut_or_goes_on_is_refused() {
    let bytes = Raw::of_bob().encode();
    for len in 0..bytes.len() {
        SignedRoster::decode(&bytes[..len]).unwrap_err();
    }
    let long = [&*bytes, &[0]].concat();
    assert_eq!(SignedRoster::decode(&long), Err(RosterError::Malformed));
    assert_eq!(refused(|raw| raw.tail.push(0)), RosterError::Malformed);
    let tail = refused(|raw| raw.delegation.tail.push(0));
    assert_eq!(tail, RosterError::Malformed);
}

#[test]
fn chk262_flags_and_the_numbers_zero_are_refused() {
    assert_eq!(
        refused(|raw| raw.devices[1].flags = 1),
        RosterError::Malformed
    );
    assert_eq!(refused(|raw| raw.version = 0), RosterError::Malformed);
    assert_eq!(refused(|raw| raw.epoch = 0), RosterError::Malformed);
    assert_eq!(
        refused(|raw| raw.delegation.epoch = 0),
        RosterError::Malformed
    );
}

#[test]
fn chk263_a_name_that_no_account_can_have_is_refused() {
    let long = vec![b'n'; MAX_ACCOUNT_LEN + 1];
    for name in [b"".as_slice(), b"bob\0", b"b\nb", b"\xff", &long] {
        assert_eq!(
            refused(|raw| raw.account = name.into()),
            RosterError::AccountName
        );
        let in_delegation = refused(|raw| raw.delegation.account = name.into());
        assert_eq!(in_delegation, RosterError::AccountName);
    }
}

#[test]
fn chk265_no_or_too_many_devices_are_refused() {
    assert_eq!(refused(|raw| raw.devices.clear()), RosterError::Devices);
    let nine = |raw: &mut Raw| {
        let devices = (1..=9).map(|seed| RawDevice::of_bob(&Device::new(seed), seed.into()));
        raw.devices = devices.collect();
        // Without the second manager, the bytes stay within the limit.
        raw.delegation.managers.pop();
    };
    assert_eq!(refused(nine), RosterError::Devices);
}

#[test]
fn chk265_devices_that_are_not_in_order_or_twice_are_refused() {
    assert_eq!(refused(|raw| raw.devices.swap(0, 1)), RosterError::Devices);
    let same_id = |raw: &mut Raw| raw.devices[2] = RawDevice::of_bob(&Bob::new().laptop, 2);
    assert_eq!(refused(same_id), RosterError::Devices);
    let same_identity = |raw: &mut Raw| raw.devices[2] = RawDevice::of_bob(&Bob::new().tablet, 3);
    assert_eq!(refused(same_identity), RosterError::Devices);
    // One signing key is one device, even with another key for agreement.
    let same_key = |raw: &mut Raw| {
        raw.devices[2] = RawDevice::of_bob(&Bob::new().tablet, 3);
        raw.devices[2].identity[63] ^= 1;
    };
    assert_eq!(refused(same_key), RosterError::Devices);
}

#[test]
fn chk266_a_device_listed_since_no_version_or_a_later_one_is_refused() {
    assert_eq!(refused(|raw| raw.devices[1].since = 0), RosterError::Since);
    assert_eq!(refused(|raw| raw.devices[1].since = 3), RosterError::Since);
    let now = Raw::changed(|raw| raw.devices[1].since = 2);
    read(&now).unwrap();
}
