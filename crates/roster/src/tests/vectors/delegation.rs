//! Makes `delegation.json`: account keys, recovery secrets and delegations.

use super::*;
use crate::{AccountKey, RecoverySecret, SignedDelegation};

pub(super) fn account_key(input: Input<'_>) -> Outcome {
    let key = AccountKey::from_bytes(&input.get("account_key").array()).map_err(refused)?;
    Ok(json!({ "account_key": hex(key.to_bytes()) }))
}

pub(super) fn recovery_secret(input: Input<'_>) -> Outcome {
    let pair = RecoverySecret::from_bytes(&input.get("secret").array()).key_pair();
    Ok(json!({ "account_key": hex(pair.public().to_bytes()) }))
}

pub(super) fn decode_delegation(input: Input<'_>) -> Outcome {
    let bytes = input.get("delegation").bytes();
    let delegation = SignedDelegation::decode(&bytes).map_err(refused)?;
    assert_eq!(delegation.encode(), bytes);
    Ok(json!({
        "account": delegation.account(), "account_key": hex(delegation.account_key().to_bytes()),
        "epoch": delegation.epoch(), "managers": delegation.managers().iter().map(hex).collect::<Vec<_>>(),
    }))
}

/// Bob's delegation after a change, signed again.
fn signed(change: impl FnOnce(&mut RawDelegation)) -> Value {
    let mut raw = RawDelegation::of_bob();
    change(&mut raw);
    json!({ "delegation": hex(raw.encode()) })
}

fn managers(count: u8) -> Vec<[u8; 64]> {
    let mut managers: Vec<_> = (1..=count).map(|seed| Device::new(seed).identity()).collect();
    managers.sort_unstable();
    managers
}

/// Encodings of points that no key may have: (id, comment, first byte, middle bytes, last byte).
pub(super) const BAD_POINTS: [(&str, &str, u8, u8, u8); 6] = [
    ("off-curve", "y = 2, which no point has", 2, 0, 0),
    ("neutral", "the neutral element", 1, 0, 0),
    ("order-4", "y = 0, a point of order 4", 0, 0, 0),
    ("order-4-sign", "y = 0 with the sign bit", 0, 0, 0x80),
    ("order-2", "y = -1, a point of order 2", 0xec, 0xff, 0x7f),
    ("not-canonical", "y = 3 as p + 3", 0xf0, 0xff, 0x7f),
];

pub(super) fn point((_, _, first, middle, last): (&str, &str, u8, u8, u8)) -> [u8; 32] {
    let mut bytes = [middle; 32];
    (bytes[0], bytes[31]) = (first, last);
    bytes
}

#[test]
fn delegations() {
    let mut file = Vectors::new(
        CRATE,
        "delegation.json",
        "Account keys, recovery secrets and delegations. SPEC.md, “Keys”, “Delegations”.",
        "account key of the seed 32 x b0; devices of the seeds 32 x 01, 32 x 02, ..., with the X25519 key 32 x the same byte",
    );
    let key = |bytes: [u8; 32]| json!({ "account_key": hex(bytes) });
    let bob = Bob::new().key.public().to_bytes();
    file.passes("key", "a key", "account_key", key(bob));
    for bad in BAD_POINTS {
        file.fails(&format!("key-{}", bad.0), bad.1, "account_key", key(point(bad)), 268);
    }
    file.passes("secret", "the key pair of a secret", "recovery_secret", json!({ "secret": hex([0xb0; 32]) }));
    file.passes("secret-zero", "32 zero bytes", "recovery_secret", json!({ "secret": hex([0; 32]) }));

    let decode = "decode_delegation";
    let good = signed(|_| {});
    file.passes("delegation", "two managers", decode, good.clone());
    file.passes("delegation-one", "one manager", decode, signed(|raw| raw.managers = managers(1)));
    let most = |raw: &mut RawDelegation| {
        raw.account = vec![b'n'; 128];
        raw.managers = managers(4);
        raw.epoch = u32::MAX;
    };
    file.passes("delegation-most", "the longest name, four managers, the last epoch", decode, signed(most));
    file.passes("delegation-unicode", "a name outside ASCII", decode, signed(|raw| raw.account = "böb ✓".into()));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, decode, bad, check);
    fails("delegation-empty", "no bytes", json!({ "delegation": "" }), 262);
    fails("delegation-version", "version 02", signed(|raw| raw.version = 2), 261);
    fails("delegation-version-0", "version 00", signed(|raw| raw.version = 0), 261);
    fails("delegation-too-long", "one byte more than the longest", signed(|raw| { most(raw); raw.tail.push(0); }), 260);
    fails("delegation-short", "the last byte is missing", changed(&good, "delegation", |bytes| { bytes.pop(); }), 262);
    fails("delegation-long", "one byte more, which is signed", signed(|raw| raw.tail.push(0)), 262);
    fails("delegation-epoch", "epoch 0", signed(|raw| raw.epoch = 0), 262);
    fails("delegation-name-empty", "no name", signed(|raw| raw.account.clear()), 263);
    fails("delegation-name-long", "a name of 129 bytes", signed(|raw| raw.account = vec![b'n'; 129]), 263);
    fails("delegation-name-nul", "a name with a NUL", signed(|raw| raw.account.push(0)), 263);
    fails("delegation-name-c1", "a name with U+0085", signed(|raw| raw.account = "b\u{85}b".into()), 263);
    fails("delegation-name-utf8", "a name that is not UTF-8", signed(|raw| raw.account.push(0xff)), 263);
    fails("delegation-none", "no manager", signed(|raw| raw.managers.clear()), 264);
    fails("delegation-five", "five managers", signed(|raw| raw.managers = managers(5)), 264);
    fails("delegation-order", "the managers descend", signed(|raw| raw.managers.reverse()), 264);
    fails("delegation-twice", "one manager twice", signed(|raw| raw.managers[1] = raw.managers[0]), 264);
    let same_key = |raw: &mut RawDelegation| {
        raw.managers[1] = raw.managers[0];
        raw.managers[1][63] = 0xff;
    };
    fails("delegation-same-key", "one Ed25519 key with two X25519 keys", signed(same_key), 264);
    fails("delegation-key", "the account key is of small order", signed(|raw| raw.key = [0; 32]), 268);
    fails("delegation-manager", "a manager's key is of small order", signed(|raw| raw.managers[0][..32].fill(0)), 268);
    fails("delegation-signer", "signed by another key", signed(|raw| raw.signed_by = [7; 32]), 270);
    fails("delegation-signature", "a bit of the signature is flipped", flipped(&good, "delegation", -1, 1), 270);
    fails("delegation-name", "a bit of the name is flipped", flipped(&good, "delegation", 2, 1), 270);
    // The name's length is before it, and 37 bytes of key and epoch are after it.
    fails("delegation-epoch-flipped", "a bit of the epoch is flipped", flipped(&good, "delegation", 2 + 3 + 32 + 3, 2), 270);
    file.finish();
}
