//! Makes the vectors of `review.json` for the moderation key and what the vault unseals with it.

use super::review::{claims, messages, section};
use super::*;
use crate::tests::world::{account, rng};
use crate::{accepted, codec, mac, wire};

pub(super) fn moderation_key_pair(input: Input<'_>) -> Outcome {
    let pair = ModerationKeyPair::import(&input.get("secret").bytes()).map_err(refused)?;
    let public = pair.public_key();
    Ok(json!({ "public_key": hex(public.encode()), "fingerprint": hex(public.id().as_bytes()) }))
}

pub(super) fn moderation_public_key(input: Input<'_>) -> Outcome {
    let bytes = input.get("public_key").bytes();
    let key = ModerationPublicKey::decode(&bytes).map_err(refused)?;
    assert_eq!(key.encode(), bytes);
    Ok(json!({ "fingerprint": hex(key.id().as_bytes()) }))
}

const ACCEPTANCE_KEY: [u8; 32] = [0xac; 32];
pub(super) const ID: [u8; 16] = [0x1d; 16];

/// An accepted report, of the version of the report in it, as the vault reads it from the queue.
fn queued(report: &[u8]) -> Vec<u8> {
    let version_1 = report.first() == Some(&1);
    let mut bytes = vec![if version_1 { 1 } else { 2 }];
    if !version_1 {
        bytes.extend_from_slice(&ID);
    }
    bytes.extend_from_slice(&NOON.as_millis().to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    codec::put_long(&mut bytes, report);
    let label = if version_1 { labels::ACCEPTANCE_1 } else { labels::ACCEPTANCE };
    let mac = mac::hmac(&ACCEPTANCE_KEY, &[label, &bytes]);
    bytes.extend_from_slice(&mac);
    bytes
}

pub(super) fn unseal(input: Input<'_>) -> Outcome {
    let key = ModerationKeyPair::import(&input.get("moderation_key").bytes()).map_err(refused)?;
    let vault = Vault::new(key, AcceptanceKey::from_bytes(ACCEPTANCE_KEY));
    let queued = queued(&input.get("report").bytes());
    let unsealed = vault.open(&ReportId::from_bytes(ID), &queued).map_err(refused)?;
    Ok(json!({ "openings": hex(unsealed.openings()), "unsealed": hex(&*unsealed.encode()) }))
}

pub(super) fn import_unsealed(input: Input<'_>) -> Outcome {
    let bytes = input.get("unsealed").bytes();
    let unsealed = UnsealedReport::decode(&bytes).map_err(refused)?;
    assert_eq!(*unsealed.encode(), bytes);
    let mut read = json!({
        "report_version": unsealed.report_version(), "id": hex(unsealed.id().as_bytes()),
        "accepted_ms": unsealed.accepted_at().as_millis(), "reporter_address": sender_json(unsealed.reporter()),
        "repeated": accepted::bits(unsealed.repeated()), "openings": hex(unsealed.openings()),
    });
    if let Some(account) = unsealed.about_account() {
        read["account"] = account.as_str().into();
    }
    if !unsealed.blobs().is_empty() {
        read["blobs"] = report::blobs_json(unsealed.blobs());
    }
    Ok(read)
}

pub(super) const SECRET: [u8; 33] = {
    let mut secret = [0x5d; 33];
    secret[0] = 1;
    secret
};

pub(super) fn sealed(info: &[u8], key: &ModerationKeyPair, claims: Vec<u8>, openings: &[u8]) -> wire::Report {
    let (encapsulated, sealed) = key.public_key().seal(info, openings, &claims, &mut rng(82)).unwrap();
    let mut report = report::seal(claims, sealed);
    report.encapsulated_key = encapsulated;
    report.moderation_key_fingerprint = key.public_key().id().as_bytes().to_vec();
    report::resign(&mut report);
    report
}

/// A report of version 03 that names blobs.
pub(super) fn sealed_naming(key: &ModerationKeyPair, claims: Vec<u8>, blobs: Vec<u8>, openings: &[u8]) -> wire::ReportWithBlobs {
    let bound_to = [&claims[..], &blobs].concat();
    let (encapsulated_key, sealed_openings) = key.public_key().seal(labels::REPORT_OPENINGS_3, openings, &bound_to, &mut rng(82)).unwrap();
    let mut report = wire::ReportWithBlobs {
        claims, moderation_key_fingerprint: key.public_key().id().as_bytes().to_vec(),
        encapsulated_key, sealed_openings, blobs, reporter_mac: vec![],
    };
    attached::resign(&mut report);
    report
}

pub(super) fn moderation_keys(file: &mut Vectors) {
    let pair = file.passes("moderation-key", "public key and fingerprint of a secret one", "moderation_key_pair", json!({ "secret": hex(SECRET) }));
    file.fails("moderation-secret-cut", "a seed of 31 bytes", "moderation_key_pair", json!({ "secret": hex(&SECRET[..32]) }), 91);
    let good = json!({ "public_key": pair["public_key"] });
    file.passes("moderation-public-key", "the public key alone", "moderation_public_key", good.clone());
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "moderation_public_key", changed(&good, "public_key", change), check);
    };
    fails("moderation-key-version-2", "version 02", &|key| key[0] = 2, 52);
    fails("moderation-key-cut", "the last byte is missing", &|key| { key.pop(); }, 91);
    fails("moderation-key-extended", "a byte behind the key: longer than a key can be", &|key| key.push(0), 51);
    fails("moderation-key-range", "a coefficient of the ML-KEM half is 3,329, the modulus", &|key| { key[1] = 0x01; key[2] = key[2] & 0xf0 | 0x0d; }, 91);
    let p = |low: u8| [&[low], [0xff; 30].as_slice(), &[0x7f]].concat();
    let small = [
        ("0", "the point of order 4, u = 0", vec![0; 32]),
        ("1", "the point of order 1, u = 1", [&[1], [0; 31].as_slice()].concat()),
        ("order-8", "a point of order 8", harness::unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
        ("order-8-other", "the other point of order 8", harness::unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")),
        ("p-1", "u = p - 1", p(0xec)),
        ("p", "u = p, which is 0", p(0xed)),
        ("p+1", "u = p + 1, which is 1", p(0xee)),
        ("0-top-bit", "u = 0 with the top bit, which X25519 ignores", [[0; 31].as_slice(), &[0x80]].concat()),
    ];
    for (name, comment, point) in small {
        let change = |key: &mut Vec<u8>| { let at = key.len() - 32; key[at..].copy_from_slice(&point); };
        fails(&format!("moderation-key-small-order-{name}"), comment, &change, 91);
    }
}

pub(super) fn sealing(file: &mut Vectors) {
    let key = ModerationKeyPair::import(&SECRET).unwrap();
    let [one, two] = messages();
    let bob = Audience::Direct(account("bob"));
    let openings = section(5, "I am afraid".as_bytes(), &[one.opening(0b11), two.opening(0b01)]);
    let messages = [one, two];
    let claims_section = harness::unhex(&claims(&messages, &bob));
    let report = sealed(labels::REPORT_OPENINGS, &key, claims_section.clone(), &openings);
    let good = json!({ "moderation_key": hex(SECRET), "report": hex(wire::encode(&report)) });
    let unsealed = file.passes("unseal", "a report sealed to the moderation key", "unseal", good.clone());
    let version_1 = sealed(labels::REPORT_OPENINGS_1, &key, claims_section, &openings);
    let version_1 = hex(wire::encode_as(1, &version_1));
    file.passes("unseal-version-1", "a report of version 01", "unseal", with(&good, "report", version_1.clone()));
    let mixed = changed(&json!({ "report": version_1 }), "report", |report| report[0] = 2);
    file.fails("unseal-1-as-2", "a report of version 01 with the version byte 02", "unseal", with(&good, "report", mixed["report"].clone()), 83);
    let mixed = changed(&good, "report", |report| report[0] = 1);
    file.fails("unseal-2-as-1", "a report of version 02 with the version byte 01", "unseal", mixed, 83);
    importing(file, &unsealed["unsealed"]);
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut wire::Report), check| {
        let mut report = report.clone();
        change(&mut report);
        let input = with(&good, "report", hex(wire::encode(&report)));
        file.fails(id, comment, "unseal", input, check);
    };
    fails("unseal-fingerprint-bit", "one bit of the fingerprint", &|r| r.moderation_key_fingerprint[0] ^= 1, 82);
    fails("unseal-sealed-bit", "one bit of the sealed section", &|r| r.sealed_openings[0] ^= 1, 83);
    fails("unseal-sealed-tag-bit", "the last bit of the sealed section", &|r| *r.sealed_openings.last_mut().unwrap() ^= 1, 83);
    fails("unseal-sealed-cut", "the last byte of the sealed section is missing", &|r| { r.sealed_openings.pop(); }, 83);
    fails("unseal-sealed-15", "15 bytes: not even a tag", &|r| r.sealed_openings.truncate(15), 83);
    fails("unseal-kem-bit", "one bit of the encapsulated key's ML-KEM half", &|r| r.encapsulated_key[0] ^= 1, 83);
    fails("unseal-x25519-bit", "one bit of the encapsulated key's X25519 half", &|r| r.encapsulated_key[1_100] ^= 1, 83);
    fails("unseal-x25519-zero", "an X25519 half of small order", &|r| r.encapsulated_key[1_088..].fill(0), 83);
    fails("unseal-reporter", "moved under the claims of another device", &|r| r.claims[7] ^= 1, 83);
    fails("unseal-claim-dropped", "moved under one of the two claims", &|r| { let one = 9 + (r.claims.len() - 9) / 2; r.claims.truncate(one); r.claims[8] = 1; }, 83);
    let other = ModerationKeyPair::import(&[&[1], [0x5f; 32].as_slice()].concat()).unwrap();
    let input = with(&good, "moderation_key", hex(&*other.export()));
    file.fails("unseal-another-key", "sealed to another key", "unseal", input, 82);
}

fn importing(file: &mut Vectors, unsealed: &Value) {
    let good = json!({ "unsealed": unsealed });
    file.passes("unsealed", "an unsealed report on its way to a reviewer", "import_unsealed", good.clone());
    file.passes("unsealed-version-1", "of a report of version 01", "import_unsealed", changed(&good, "unsealed", |u| u[1] = 1));
    file.passes("unsealed-repeated", "both messages were reported before", "import_unsealed", changed(&good, "unsealed", |u| u[29] = 3));
    let mut fails = |id: &str, comment: &str, change: &dyn Fn(&mut Vec<u8>), check| {
        file.fails(id, comment, "import_unsealed", changed(&good, "unsealed", change), check);
    };
    fails("unsealed-version-byte-1", "version 01", &|u| u[0] = 1, 52);
    fails("unsealed-report-0", "of a report of version 00", &|u| u[1] = 0, 116);
    fails("unsealed-report-3", "of a report of version 03, without blobs", &|u| u[1] = 3, 116);
    fails("unsealed-repeated-past", "the bit of a third claim where there are two", &|u| u[29] = 4, 116);
    fails("unsealed-repeated-top-bit", "the bit of claim 31", &|u| u[26] = 0x80, 116);
    fails("unsealed-claims-cut", "the length of the claims is one less", &|u| u[33] -= 1, 116);
    fails("unsealed-cut", "cut within the claims", &|u| u.truncate(60), 116);
    fails("unsealed-openings-past", "openings of 2,097,153 bytes, one past the most", &|u| { let start = u.len() - 576; u.truncate(start); u.resize(start + 2_097_153, 0); }, 116);
    fails("unsealed-too-long", "2,109,730 bytes, one past the most, of whatever", &|u| u.resize(MAX_UNSEALED_LEN + 1, 0), 51);
    neighbours::unsealed(file, &good);
}
