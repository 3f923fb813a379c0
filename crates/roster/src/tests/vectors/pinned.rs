//! Makes `pinned.json`: what is kept of an account, and which rosters replace it.

use super::roster::{signed, verified};
use super::*;
use crate::{Change, Pinned};

pub(super) fn decode_pinned(input: Input<'_>) -> Outcome {
    let bytes = input.get("pinned").bytes();
    let pinned = Pinned::decode(&bytes).map_err(refused)?;
    assert_eq!(pinned.encode(), bytes);
    let roster = pinned.roster();
    Ok(json!({
        "account": roster.account(), "account_key": hex(pinned.account_key().to_bytes()), "epoch": roster.epoch(),
        "version": roster.version(), "hash": hex(roster.hash()), "next_id": pinned.next_id(),
    }))
}

pub(super) fn take(input: Input<'_>) -> Outcome {
    let bytes = input.get("pinned").bytes();
    let mut pinned = Pinned::decode(&bytes).map_err(refused)?;
    let change = pinned.take(verified(input)?);
    if !matches!(change, Ok(Change::Newer { .. })) {
        assert_eq!(pinned.encode(), bytes);
    }
    let (change, [added, removed, replaced]) = match change.map_err(refused)? {
        Change::Same => ("same", Default::default()),
        Change::Older => ("older", Default::default()),
        Change::Newer { added, removed, replaced } => ("newer", [added, removed, replaced]),
    };
    Ok(json!({
        "change": change, "added": added, "removed": removed, "replaced": replaced, "pinned": hex(pinned.encode()),
    }))
}

pub(super) fn counting(input: Input<'_>) -> Outcome {
    let (roster, now) = (verified(input)?, input.get("now_ms").number());
    let counting: Vec<u32> = roster.counting(now).map(|device| device.id).collect();
    Ok(json!({ "counting": counting, "due": roster.is_due(now) }))
}

#[test]
fn pins() {
    let mut file = Vectors::new(
        CRATE,
        "pinned.json",
        "What is kept of an account, and which rosters replace it. SPEC.md, “What is kept”, “Which roster is newer”.",
        "as roster.json",
    );
    let kept = Pinned::first(crate::tests::support::read(&Raw::of_bob().encode()).unwrap());
    let pinned = hex(kept.encode());
    let decode = |bytes: &str| json!({ "pinned": bytes });
    let good = decode(&pinned);
    file.passes("pinned", "a roster whose largest id is the largest seen", "decode_pinned", good.clone());
    file.passes("pinned-removed", "a device of a larger id was removed", "decode_pinned", flipped(&good, "pinned", 4, 4));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "decode_pinned", bad, check);
    fails("pinned-empty", "no bytes", decode(""), 262);
    fails("pinned-version", "version 02", flipped(&good, "pinned", 0, 3), 261);
    fails("pinned-short", "the last byte is missing", changed(&good, "pinned", |bytes| { bytes.pop(); }), 262);
    fails("pinned-long", "one byte more", changed(&good, "pinned", |bytes| bytes.push(0)), 262);
    fails("pinned-low", "the largest id seen is below one in the roster", flipped(&good, "pinned", 4, 1), 262);
    fails("pinned-too-long", "longer than 1,874 bytes", decode(&hex(vec![1; 1_875])), 260);

    let after = |roster: Value| {
        let mut input = roster;
        input["pinned"] = pinned.clone().into();
        input
    };
    let version = |version: u32| move |raw: &mut Raw| raw.version = version;
    let device = |seed: u8, id: u32| RawDevice::of_bob(&Device::new(seed), id);
    file.passes("take-same", "the known roster", "take", after(signed(|_| {})));
    file.passes("take-older", "an earlier version", "take", after(signed(version(1))));
    file.passes("take-next", "the next version, with the same devices", "take", after(signed(version(3))));
    file.passes("take-added", "a device of the next id", "take", after(signed(|raw| { raw.version = 3; raw.devices.push(device(4, 4)); })));
    file.passes("take-removed", "without a device", "take", after(signed(|raw| { raw.version = 3; raw.devices.pop(); })));
    file.passes("take-moved", "a device gets a new id", "take", after(signed(|raw| { raw.version = 3; raw.devices[2] = device(3, 4); })));
    file.passes("take-version-far", "a version 1,000 above", "take", after(signed(version(1_002))));
    file.passes("take-id-far", "an id 100 above", "take", after(signed(|raw| { raw.version = 3; raw.devices.push(device(4, 103)); })));
    let epoch = |raw: &mut Raw| (raw.epoch, raw.delegation.epoch, raw.version) = (2, 2, 1);
    file.passes("take-epoch", "the next epoch begins at version 1", "take", after(signed(epoch)));
    file.passes("take-epoch-far", "a much later epoch, with a large version and id", "take", after(signed(|raw| {
        (raw.epoch, raw.delegation.epoch, raw.version) = (9, 9, 1_000_000);
        raw.devices.push(device(4, 4_000_000_000));
    })));
    file.passes("take-epoch-ids", "the next epoch uses an id again, and has other managers", "take", after(signed(|raw| {
        epoch(raw);
        raw.devices = vec![device(1, 1), device(4, 3)];
        raw.delegation.managers = vec![Device::new(1).identity()];
    })));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "take", after(bad), check);
    let other_key = |epoch: u32| {
        let key = account_key(0x33);
        let delegation = key.delegate(BOB, epoch, &Bob::new().managers()).unwrap();
        let entry = Device::new(1).entry(BOB, &key.public(), 1);
        let draft = crate::RosterDraft::first(BOB, delegation, entry, NOW).unwrap();
        json!({ "account": BOB, "roster": hex(Device::new(1).signed(draft).encode()) })
    };
    fails("take-key", "another account key", other_key(1), 275);
    fails("take-key-epoch", "another account key, in a later epoch", other_key(2), 275);
    let fewer = |raw: &mut Raw| raw.delegation.managers = vec![Device::new(1).identity()];
    fails("take-managers", "the next version, with one manager fewer", signed(|raw| { raw.version = 3; fewer(raw); }), 276);
    fails("take-managers-more", "the next version, with one manager more", signed(|raw| {
        raw.version = 3;
        raw.delegation.managers.push(Device::new(3).identity());
        raw.delegation.managers.sort_unstable();
    }), 276);
    fails("take-managers-same", "the known roster, with another delegation", signed(fewer), 276);
    fails("take-managers-older", "an earlier version, with another delegation", signed(|raw| { raw.version = 1; fewer(raw); }), 276);
    fails("take-conflict", "the same version with another time", signed(|raw| raw.at_ms += 1), 277);
    fails("take-conflict-ghost", "the same version with one device more", signed(|raw| raw.devices.push(device(4, 4))), 277);
    fails("take-version-too-far", "a version 1,001 above", signed(version(1_003)), 278);
    fails("take-version-last", "the last version", signed(version(u32::MAX)), 278);
    fails("take-id-too-far", "an id 101 above", signed(|raw| { raw.version = 3; raw.devices.push(device(4, 104)); }), 278);
    fails("take-id-swapped", "an id with another identity", signed(|raw| { raw.version = 3; raw.devices[2] = device(4, 3); }), 279);
    fails("take-ids-exchanged", "two devices exchange their ids", signed(|raw| {
        raw.version = 3;
        (raw.devices[1], raw.devices[2]) = (device(3, 2), device(2, 3));
    }), 279);
    fails("take-unverified", "a newer roster that another device signed", signed(|raw| { raw.version = 3; raw.signed_by = Device::new(2); }), 273);
    let removed = |roster: Value| {
        let mut input = roster;
        input["pinned"] = flipped(&good, "pinned", 4, 4)["pinned"].clone();
        input
    };
    let again = removed(signed(|raw| { raw.version = 3; raw.devices.push(device(4, 7)); }));
    file.fails("take-id-removed", "the id of a device that was removed", "take", again, 279);
    let below = removed(signed(|raw| { raw.version = 3; raw.devices.push(device(4, 5)); }));
    file.fails("take-id-skipped", "an id below the largest seen", "take", below, 279);
    let above = removed(signed(|raw| { raw.version = 3; raw.devices.push(device(4, 8)); }));
    file.passes("take-id-above", "an id above that of a device that was removed", "take", above);

    let at = |now: u64| {
        let mut input = signed(|_| {});
        input["now_ms"] = now.into();
        input
    };
    let day = 86_400_000;
    let signed_at = NOW + 1;
    file.passes("counting-new", "just signed", "counting", at(signed_at));
    file.passes("counting-week-ahead", "dated a week ahead: all devices count", "counting", at(signed_at - 7 * day));
    file.passes("counting-ahead", "a millisecond more: the managers count, and it is due", "counting", at(signed_at - 7 * day - 1));
    file.passes("counting-29-days", "a millisecond before it is due", "counting", at(signed_at + 30 * day - 1));
    file.passes("counting-30-days", "30 days old: due", "counting", at(signed_at + 30 * day));
    file.passes("counting-60-days", "60 days old: all devices count", "counting", at(signed_at + 60 * day));
    file.passes("counting-old", "a millisecond older: the managers count", "counting", at(signed_at + 60 * day + 1));
    file.finish();
}
