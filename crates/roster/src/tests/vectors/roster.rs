//! Makes `roster.json`: signed rosters.

use super::delegation::{BAD_POINTS, point};
use super::*;
use crate::{DeviceEntry, Roster, SignedRoster};

pub(super) fn verified(input: Input<'_>) -> Result<Roster, String> {
    let bytes = input.get("roster").bytes();
    let signed = SignedRoster::decode(&bytes).map_err(refused)?;
    assert_eq!(signed.encode(), bytes);
    signed.verify(input.get("account").text()).map_err(refused)
}

pub(super) fn verify_roster(input: Input<'_>) -> Outcome {
    let roster = verified(input)?;
    let device = |device: &DeviceEntry| json!({
        "id": device.id, "identity": hex(device.identity), "since": device.since,
        "manager": roster.is_manager(&device.identity),
    });
    Ok(json!({
        "account_key": hex(roster.account_key().to_bytes()), "epoch": roster.epoch(), "version": roster.version(),
        "previous": hex(roster.previous()), "at_ms": roster.at_ms(), "signer": roster.signer(),
        "hash": hex(roster.hash()), "short_hash": hex(roster.short_hash()),
        "devices": roster.devices().iter().map(device).collect::<Vec<_>>(),
    }))
}

/// Bob's roster after a change, signed again.
pub(super) fn signed(change: impl FnOnce(&mut Raw)) -> Value {
    json!({ "account": BOB, "roster": hex(Raw::changed(change)) })
}

/// A roster of 8 devices and 4 managers with a name of 128 bytes.
fn most(raw: &mut Raw) {
    let (name, key) = ("n".repeat(128), account_key(0xa1));
    let entry = |seed: u8| Device::new(seed).entry(&name, &key.public(), seed.into());
    let device = |seed: u8| RawDevice { proof: entry(seed).proof, ..RawDevice::of_bob(&Device::new(seed), seed.into()) };
    raw.devices = (1..=8).map(device).collect();
    (raw.account, raw.key) = (name.clone().into(), key.public().to_bytes());
    raw.delegation.managers = (1..=4).map(|seed| Device::new(seed).identity()).collect();
    raw.delegation.managers.sort_unstable();
    (raw.delegation.account, raw.delegation.key) = (raw.account.clone(), raw.key);
    raw.delegation.signed_by = *key.secret().to_bytes();
}

#[test]
fn rosters() {
    let mut file = Vectors::new(
        CRATE,
        "roster.json",
        "Signed rosters. SPEC.md, “Rosters”, “Reading and verifying”.",
        "as delegation.json; Bob's phone is the device of 32 x 01, his tablet that of 32 x 02, his laptop that of 32 x 03",
    );
    let (bob, verify) = (Bob::new(), "verify_roster");
    let good = signed(|_| {});
    file.passes("roster", "three devices, two of them managers", verify, good.clone());
    let first = json!({ "account": BOB, "roster": hex(bob.first().signed().encode()) });
    file.passes("roster-first", "the first of an account: one device, and no roster before", verify, first);
    file.passes("roster-tablet", "signed by the other manager", verify, signed(|raw| (raw.signer, raw.signed_by) = (2, Bob::new().tablet)));
    file.passes("roster-since", "a device that is new in this version", verify, signed(|raw| raw.devices[2].since = 2));
    let with_most = with(&signed(most), "account", "n".repeat(128));
    file.passes("roster-most", "the longest: name of 128 bytes, 8 devices, 4 managers", verify, with_most.clone());
    file.passes("roster-last", "the last epoch, version and id", verify, signed(|raw| {
        (raw.epoch, raw.delegation.epoch, raw.version) = (u32::MAX, u32::MAX, u32::MAX);
        raw.devices[2] = RawDevice::of_bob(&Bob::new().laptop, u32::MAX);
    }));
    file.passes("roster-id-0", "id 0", verify, signed(|raw| {
        raw.devices[0] = RawDevice::of_bob(&Bob::new().phone, 0);
        raw.signer = 0;
    }));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, verify, bad, check);
    fails("roster-empty", "no bytes", with(&good, "roster", ""), 262);
    fails("roster-version-outer", "version 02", signed(|raw| raw.outer_version = 2), 261);
    fails("roster-version-inner", "version 02 of the roster", signed(|raw| raw.version_byte = 2), 261);
    fails("roster-version-delegation", "version 02 of the delegation", signed(|raw| raw.delegation.version = 2), 261);
    fails("roster-too-long", "one byte more than the longest", changed(&with_most, "roster", |bytes| bytes.push(0)), 260);
    fails("roster-short", "the last byte is missing", changed(&good, "roster", |bytes| { bytes.pop(); }), 262);
    fails("roster-long", "one byte more", changed(&good, "roster", |bytes| bytes.push(0)), 262);
    fails("roster-long-inner", "one byte more in the roster, which is signed", signed(|raw| raw.tail.push(0)), 262);
    fails("roster-long-delegation", "one byte more in the delegation, which is signed", signed(|raw| raw.delegation.tail.push(0)), 262);
    fails("roster-len", "the length of the roster leads past the end", flipped(&good, "roster", 1, 0x80), 262);
    fails("roster-epoch", "epoch 0", signed(|raw| (raw.epoch, raw.delegation.epoch) = (0, 0)), 262);
    fails("roster-version", "version 0 of its epoch", signed(|raw| raw.version = 0), 262);
    fails("roster-flags", "a flag is set", signed(|raw| raw.devices[1].flags = 1), 262);
    fails("roster-flags-high", "the high flag is set", signed(|raw| raw.devices[2].flags = 0x80), 262);
    fails("roster-name-empty", "no name", signed(|raw| raw.account.clear()), 263);
    fails("roster-name-control", "a name with a control character", signed(|raw| raw.account.push(0x1f)), 263);
    fails("roster-name-delegation", "a name with a control character in the delegation", signed(|raw| raw.delegation.account.push(0x7f)), 263);
    fails("roster-managers-none", "no manager", signed(|raw| raw.delegation.managers.clear()), 264);
    fails("roster-managers-order", "the managers descend", signed(|raw| raw.delegation.managers.reverse()), 264);
    fails("roster-none", "no device", signed(|raw| raw.devices.clear()), 265);
    fails("roster-nine", "nine devices", signed(|raw| {
        raw.devices = (1..=9).map(|seed| RawDevice::of_bob(&Device::new(seed), seed.into())).collect();
    }), 265);
    fails("roster-order", "the ids descend", signed(|raw| raw.devices.swap(1, 2)), 265);
    fails("roster-id-twice", "one id twice", signed(|raw| raw.devices[2] = RawDevice::of_bob(&Bob::new().laptop, 2)), 265);
    fails("roster-identity-twice", "one identity under two ids", signed(|raw| raw.devices[2] = RawDevice::of_bob(&Bob::new().tablet, 3)), 265);
    fails("roster-key-twice", "one Ed25519 key with two X25519 keys", signed(|raw| {
        raw.devices[2] = RawDevice::of_bob(&Bob::new().tablet, 3);
        raw.devices[2].identity[63] ^= 1;
    }), 265);
    fails("roster-since-0", "a device listed since version 0", signed(|raw| raw.devices[1].since = 0), 266);
    fails("roster-since-later", "a device listed since the next version", signed(|raw| raw.devices[1].since = 3), 266);
    fails("roster-account", "asked for another account", with(&good, "account", "alice"), 267);
    fails("roster-account-case", "asked for the account in another case", with(&good, "account", "Bob"), 267);
    fails("roster-key", "the account key is of small order", signed(|raw| (raw.key, raw.delegation.key) = ([0; 32], [0; 32])), 268);
    for bad in BAD_POINTS {
        let laptop = |raw: &mut Raw| raw.devices[2].identity[..32].copy_from_slice(&point(bad));
        fails(&format!("roster-device-{}", bad.0), bad.1, signed(laptop), 268);
    }
    fails("roster-delegation-account", "the delegation is for another account", signed(|raw| raw.delegation.account = "bobby".into()), 269);
    fails("roster-delegation-epoch", "the delegation is for the next epoch", signed(|raw| raw.delegation.epoch = 2), 269);
    fails("roster-delegation-key", "the delegation is of another account key", signed(|raw| {
        raw.delegation.key = account_key(0x33).public().to_bytes();
        raw.delegation.signed_by = [0x33; 32];
    }), 269);
    fails("roster-delegation-forged", "the delegation is signed by another key", signed(|raw| raw.delegation.signed_by = [0x33; 32]), 270);
    fails("roster-delegation-signature", "a bit of the delegation's signature is flipped", flipped(&good, "roster", -64, 1), 270);
    fails("roster-signer", "the signer is not in the roster", signed(|raw| raw.signer = 4), 271);
    fails("roster-signer-removed", "the manager who signs removed itself", signed(|raw| { raw.devices.remove(0); }), 271);
    fails("roster-laptop", "a device that is no manager signs", signed(|raw| (raw.signer, raw.signed_by) = (3, Bob::new().laptop)), 272);
    fails("roster-half", "the signer has a manager's Ed25519 key and another X25519 key", signed(|raw| raw.devices[0].identity[63] ^= 1), 272);
    fails("roster-other-manager", "another manager than the named one signs", signed(|raw| raw.signed_by = Bob::new().tablet), 273);
    // Two lengths, the version byte and the name come before the key.
    let fields = 3 + 2 + BOB.len();
    fails("roster-previous", "a bit of the hash before is flipped", flipped(&good, "roster", isize::try_from(fields + 40).unwrap(), 1), 273);
    fails("roster-at", "a bit of the time is flipped", flipped(&good, "roster", isize::try_from(fields + 79).unwrap(), 1), 273);
    let raw = Raw::of_bob();
    let as_delegation = raw.signed_by.sign_with(labels::DELEGATION, &raw.roster());
    let at = 3 + raw.roster().len();
    fails("roster-label", "signed under the label of delegations", changed(&good, "roster", |bytes| bytes[at..at + 64].copy_from_slice(&as_delegation)), 273);
    fails("roster-proof", "a bit of a device's proof is flipped", signed(|raw| raw.devices[2].proof[63] ^= 1), 274);
    fails("roster-proof-id", "the proof is for another id", signed(|raw| raw.devices[2].id = 4), 274);
    fails("roster-proof-device", "the proof is of another device", signed(|raw| raw.devices[2].proof = RawDevice::of_bob(&Device::new(9), 3).proof), 274);
    let elsewhere = Bob::new().laptop.entry("mallory", &account_key(0x33).public(), 3);
    fails("roster-proof-account", "the proof is for another account", signed(|raw| raw.devices[2].proof = elsewhere.proof), 274);
    let context = crate::proof_context(BOB, &bob.key.public(), 3);
    let as_roster = bob.laptop.sign_with(labels::ROSTER, &context);
    fails("roster-proof-label", "the proof is signed under the label of rosters", signed(|raw| raw.devices[2].proof = as_roster), 274);
    file.finish();
}
