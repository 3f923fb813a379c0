//! `keys.json`: public keys, Diffie–Hellman, identities, account proofs, marks.

use super::*;
use crate::dh::DhPublicKey;
use crate::identity::IdentityCertificate;
use crate::kem::KemPublicKey;

pub(super) fn x25519_public_key(input: Input<'_>) -> Outcome {
    DhPublicKey::from_bytes(&input.get("public_key").array()).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn ed25519_public_key(input: Input<'_>) -> Outcome {
    // An identity also needs an X25519 key, so add a valid one.
    let key = input.get("public_key").array::<32>();
    let dh = DhKeyPair::from_secret_bytes(&[1; 32]);
    IdentityKey::from_bytes(&[key, *dh.public().as_bytes()].concat()).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn ml_kem_1024_public_key(input: Input<'_>) -> Outcome {
    KemPublicKey::from_bytes(&input.get("public_key").array()).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn x25519(input: Input<'_>) -> Outcome {
    let ours = DhKeyPair::from_secret_bytes(&input.get("private_key").array());
    let theirs = DhPublicKey::from_bytes(&input.get("public_key").array()).map_err(refused)?;
    let shared = ours.diffie_hellman(&theirs).map_err(refused)?;
    Ok(json!({ "shared": hex(shared.as_bytes()) }))
}

pub(super) fn identity(input: Input<'_>) -> Outcome {
    let identity = identity_of(input);
    Ok(json!({
        "identity": hex(identity.public().to_bytes()), "certificate": hex(identity.certificate().to_bytes()),
    }))
}

pub(super) fn verify_identity(input: Input<'_>) -> Outcome {
    let identity = IdentityKey::from_bytes(&input.get("identity").bytes()).map_err(refused)?;
    let certificate = IdentityCertificate::from_bytes(&input.get("certificate").array());
    certificate.verify(&identity).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn prove_account(input: Input<'_>) -> Outcome {
    let proof = identity_of(input.get("identity")).prove_account(&input.get("context").bytes());
    Ok(json!({ "proof": hex(proof) }))
}

pub(super) fn prove_device(input: Input<'_>) -> Outcome {
    let proof = identity_of(input.get("identity")).prove_device(&input.get("context").bytes());
    Ok(json!({ "proof": hex(proof) }))
}

pub(super) fn sign_roster(input: Input<'_>) -> Outcome {
    let signature = identity_of(input.get("identity")).sign_roster(&input.get("roster").bytes());
    Ok(json!({ "signature": hex(signature) }))
}

pub(super) fn verify_account_proof(input: Input<'_>) -> Outcome {
    let identity = IdentityKey::from_bytes(&input.get("identity").bytes()).map_err(refused)?;
    let proof = input.get("proof").array();
    identity.verify_account_proof(&input.get("context").bytes(), &proof).map_err(refused)?;
    Ok(json!({}))
}

pub(super) fn mark(input: Input<'_>) -> Outcome {
    let counter = u64::from_be_bytes(input.get("counter").array());
    Ok(json!({ "mark": hex(identity_of(input.get("identity")).mark(counter)) }))
}

/// The identity did not make the mark.
#[derive(Debug)]
struct MarkRefused;

pub(super) fn verify_mark(input: Input<'_>) -> Outcome {
    let bytes = input.get("mark").bytes();
    let mark = bytes.as_slice().try_into().ok();
    let counter = mark.and_then(|mark| identity_of(input.get("identity")).verify_mark(mark));
    Ok(json!({ "counter": hex(counter.ok_or_else(|| refused(MarkRefused))?.to_be_bytes()) }))
}

/// Canonical u-coordinates of small order.
pub(super) const SMALL_ORDER: [(&str, &str); 5] = [
    ("u = 0", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("u = 1", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    ("order 8, the other", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ("u = p - 1, on the twist", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
];

/// Encodings that are not canonical: at least the prime, or with the top bit set.
pub(super) const NOT_CANONICAL: [(&str, &str); 6] = [
    ("u = p, which is 0", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("u = p + 1, which is 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("u = 2^255 - 1", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("u = 0 with the top bit", "0000000000000000000000000000000000000000000000000000000000000080"),
    ("u = 9 with the top bit", "0900000000000000000000000000000000000000000000000000000000000080"),
    ("all bits", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
];

#[test]
fn public_keys() {
    let mut file = Vectors::new(
        CRATE,
        "keys.json",
        "Public keys that are taken and refused, Diffie–Hellman, identities with certificates, account proofs, marks. SPEC.md, “Keys”, “Account proof”, “Marks”.",
        "secrets are single bytes repeated: Alice's identity a1 and a2, Bob's b1 and b2",
    );
    curve_keys(&mut file);
    kem_keys(&mut file);
    identities(&mut file);
    account_proofs(&mut file);
    marks(&mut file);
    file.finish();
}

fn curve_keys(file: &mut Vectors) {
    let key = |key: &str| json!({ "public_key": key });
    file.passes("x25519-base", "the base point, u = 9", "x25519_public_key", key(&format!("09{}", "00".repeat(31))));
    file.passes("x25519-largest", "u = p - 2, the greatest that is of no small order", "x25519_public_key", key(&format!("eb{}7f", "ff".repeat(30))));
    for (name, bytes) in NOT_CANONICAL {
        file.fails(&format!("x25519 {name}"), "an X25519 key that is not canonical", "x25519_public_key", key(bytes), 5);
    }
    for (name, bytes) in SMALL_ORDER {
        file.fails(&format!("x25519 {name}"), "an X25519 key of small order", "x25519_public_key", key(bytes), 6);
    }
    let theirs = hex(DhKeyPair::from_secret_bytes(&[0x22; 32]).public().as_bytes());
    let exchange = json!({ "private_key": hex([0x11; 32]), "public_key": theirs });
    file.passes("dh", "Diffie–Hellman", "x25519", exchange.clone());
    for (name, bytes) in SMALL_ORDER {
        file.fails(&format!("dh {name}"), "Diffie–Hellman with a key of small order", "x25519", with(&exchange, "public_key", bytes), 6);
    }

    let good = identity(Input::of(&alice())).unwrap()["identity"].as_str().unwrap()[..64].to_owned();
    file.passes("ed25519", "an Ed25519 key", "ed25519_public_key", key(&good));
    let bad = [
        ("ed25519-identity", "the neutral element, y = 1", "0100000000000000000000000000000000000000000000000000000000000000"),
        ("ed25519-order-2", "the point of order 2, y = -1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("ed25519-order-4", "a point of order 4, y = 0", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("ed25519-order-4-negative", "the other point of order 4", "0000000000000000000000000000000000000000000000000000000000000080"),
        ("ed25519-order-8", "a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        ("ed25519-order-8-negative", "its negative", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
        ("ed25519-y-is-p", "y = p, which is 0", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("ed25519-y-is-p-plus-1", "y = p + 1, which is 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("ed25519-negative-zero", "y = 1 with the sign of x, which is 0", "0100000000000000000000000000000000000000000000000000000000000080"),
        ("ed25519-y-past-p", "y = p + 3, which is not canonical", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        ("ed25519-off-curve", "y = 2 is of no point of the curve", "0200000000000000000000000000000000000000000000000000000000000000"),
    ];
    for (id, comment, bytes) in bad {
        file.fails(id, comment, "ed25519_public_key", key(bytes), 9);
    }
}

fn kem_keys(file: &mut Vectors) {
    let good = json!({ "public_key": hex(kem_public_key(0xb4)) });
    file.passes("ml-kem", "an ML-KEM-1024 key", "ml_kem_1024_public_key", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>)| {
        file.fails(id, comment, "ml_kem_1024_public_key", changed(&good, "public_key", change), 8);
    };
    fails("ml-kem-3329", "the first coefficient is 3,329, the modulus", &|key| { key[0] = 0x01; key[1] = key[1] & 0xf0 | 0x0d; });
    fails("ml-kem-4095", "the first coefficient is 4,095", &|key| { key[0] = 0xff; key[1] |= 0x0f; });
    fails("ml-kem-last", "the last coefficient is 4,095", &|key| { key[1_534] |= 0xf0; key[1_535] = 0xff; });
    fails("ml-kem-middle", "the 513th coefficient is 3,329", &|key| { key[768] = 0x01; key[769] = key[769] & 0xf0 | 0x0d; });
}

fn identities(file: &mut Vectors) {
    let good = file.passes("identity", "Alice's identity and its certificate", "identity", alice());
    let other = file.passes("identity-bob", "Bob's", "identity", bob());
    file.passes("certificate", "an identity with its certificate", "verify_identity", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value, check| {
        file.fails(id, comment, "verify_identity", input, check);
    };
    fails("certificate-first-bit", "one bit of the signature's R", flipped(&good, "certificate", 0, 1), 10);
    fails("certificate-last-bit", "the top bit of the signature's s", flipped(&good, "certificate", 63, 0x10), 10);
    fails("certificate-zeros", "a signature of zeros", with(&good, "certificate", hex([0; 64])), 10);
    fails("certificate-of-another", "the certificate of another identity", with(&good, "certificate", other["certificate"].clone()), 10);
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    fails("certificate-s-plus-order", "s and the order of the group: the same signature, not canonical", changed(&good, "certificate", |c| add(&mut c[32..], order)), 10);
    fails("identity-ed25519-bit", "one bit of the Ed25519 key, a point of the curve", flipped(&good, "identity", 0, flip_to_point(&good)), 10);
    let mixed = format!("{}{}", &good["identity"].as_str().unwrap()[..64], &other["identity"].as_str().unwrap()[64..]);
    fails("identity-halves-mixed", "another identity's X25519 key", with(&good, "identity", mixed), 10);
    fails("identity-x25519-zero", "an X25519 half of small order", changed(&good, "identity", |i| i[32..].fill(0)), 6);
    fails("identity-x25519-top-bit", "an X25519 half with the top bit", flipped(&good, "identity", 63, 0x80), 5);
    fails("identity-ed25519-small", "an Ed25519 half of small order", changed(&good, "identity", |i| { i[..32].fill(0); i[0] = 1; }), 9);
}

/// Adds `number` to `to`. Both are little-endian.
fn add(to: &mut [u8], number: &str) {
    let mut carry = 0_u16;
    for (byte, more) in to.iter_mut().zip(harness::unhex(number)) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
}

/// Finds a mask for the first byte that turns the key into another point of the curve.
fn flip_to_point(identity: &Value) -> u8 {
    let good = harness::unhex(identity["identity"].as_str().unwrap());
    let on_curve = |mask: &u8| {
        let mut bytes = good.clone();
        bytes[0] ^= mask;
        IdentityKey::from_bytes(&bytes).is_ok()
    };
    (1..=255).find(on_curve).unwrap()
}

fn account_proofs(file: &mut Vectors) {
    let context = hex("an application's context");
    let input = json!({ "identity": alice(), "context": context });
    let proof = file.passes("prove-account", "a proof for a context", "prove_account", input);
    let identity_of = |secrets: Value| identity(Input::of(&secrets)).unwrap();
    let good = json!({ "identity": identity_of(alice())["identity"], "context": context, "proof": proof["proof"] });
    file.passes("account-proof", "the proof", "verify_account_proof", good.clone());
    let empty = file.passes("prove-account-empty", "a proof for an empty context", "prove_account", json!({ "identity": alice(), "context": "" }));
    let device = file.passes("prove-device", "a device's consent to be in an account", "prove_device", json!({ "identity": alice(), "context": context }));
    let roster = file.passes("sign-roster", "a manager's signature of a roster", "sign_roster", json!({ "identity": alice(), "roster": context }));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_account_proof", input, 46);
    };
    fails("account-proof-device", "a device proof for the same context", with(&good, "proof", device["proof"].clone()));
    fails("account-proof-roster", "the signature of a roster of the same bytes", with(&good, "proof", roster["signature"].clone()));
    fails("account-proof-other-context", "for a context that is a byte longer", with(&good, "context", hex("an application's contexts")));
    fails("account-proof-no-context", "for an empty context", with(&good, "context", ""));
    fails("account-proof-of-empty", "the proof for the empty context", with(&good, "proof", empty["proof"].clone()));
    fails("account-proof-of-bob", "of another identity", with(&good, "identity", identity_of(bob())["identity"].clone()));
    fails("account-proof-bit", "one bit of the proof", flipped(&good, "proof", 40, 1));
    // An identity certificate must not pass as an account proof in any context.
    let certificate = &identity_of(alice())["certificate"];
    fails("account-proof-certificate", "the identity's certificate, for its X25519 key", with(&with(&good, "proof", certificate.clone()), "context", identity_of(alice())["identity"].as_str().unwrap()[64..].to_owned()));
}

fn marks(file: &mut Vectors) {
    let counter = |counter: u64| json!({ "identity": alice(), "counter": hex(counter.to_be_bytes()) });
    file.passes("mark-zero", "the mark of counter 0", "mark", counter(0));
    file.passes("mark-restarted", "after one set-back, 2^32", "mark", counter(1 << 32));
    file.passes("mark-highest", "the highest counter", "mark", counter(u64::MAX));
    let made = file.passes("mark", "the mark of counter 7", "mark", counter(7));
    let good = json!({ "identity": alice(), "mark": made["mark"] });
    file.passes("verify-mark", "the same verified", "verify_mark", good.clone());
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "verify_mark", input, 99);
    };
    fails("mark-other-identity", "of another identity", with(&good, "identity", bob()));
    let mixed = json!({ "ed25519_seed": alice()["ed25519_seed"], "x25519_private": bob()["x25519_private"] });
    fails("mark-other-x25519", "of an identity with another X25519 key", with(&good, "identity", mixed));
    fails("mark-other-counter", "with the counter 8", flipped(&good, "mark", 7, 15));
    fails("mark-higher-counter", "with the counter 2^63 + 7", flipped(&good, "mark", 0, 0x80));
    fails("mark-first-bit", "one bit of the MAC", flipped(&good, "mark", 8, 1));
    fails("mark-last-bit", "the last bit of the MAC", flipped(&good, "mark", 39, 0x80));
    fails("mark-zeros", "40 bytes 00", with(&good, "mark", hex([0; 40])));
    fails("mark-cut", "without its last byte", changed(&good, "mark", |mark| { mark.pop(); }));
    fails("mark-empty", "no mark", with(&good, "mark", ""));
    fails("mark-extended", "a byte 00 after it", changed(&good, "mark", |mark| mark.push(0)));
}
