//! Scenarios of stamps, intake and review.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::Sha256;
use waxseal_leaks::taint::{self, answer};
use waxseal_reporting::intake::{AcceptanceKey, AcceptedReport, ReportId, examine};
use waxseal_reporting::relay::{Claim, Stamp, StampKeys};
use waxseal_reporting::reporter::Report;
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, UnsealedReport, Vault};

use crate::Scenario;
use crate::device::{NOW, delivery_key, reported, stamped};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "stamp",
            secrets: "stamp root, with next roots and epoch keys; genuine and altered stamps",
            run: stamps,
        },
        Scenario {
            name: "intake",
            secrets: "delivery key, stamp root, acceptance key; genuine and altered MACs",
            run: intake,
        },
        Scenario {
            name: "review",
            secrets: "moderation key; reports that do not open",
            run: reviews,
        },
    ]
}

/// Exports stamp keys and imports them again with the root marked as secret.
fn stamp_keys() -> StampKeys {
    let keys = StampKeys::new(&[0x66; 32], 20_770, "test").expect("a short region");
    let mut export = keys.export().to_vec();
    taint::secret(&mut export[5..37]);
    StampKeys::import(&export).expect("its own export")
}

fn stamps() {
    let (claim, envelope, _) = stamped();
    let mut keys = stamp_keys();
    let context = claim.context();
    let stamp = |keys: &StampKeys| {
        let claim = keys.stamp(&envelope, NOW);
        let claim = claim.expect("an epoch within reach");
        let stamp = *claim.stamp().as_bytes();
        taint::public(&stamp);
        stamp
    };
    assert_eq!(&stamp(&keys), claim.stamp().as_bytes());
    assert!(answer(keys.verify(&claim, NOW).is_ok()));
    keys.advance_to(NOW).expect("an epoch within reach");
    assert_eq!(&stamp(&keys), claim.stamp().as_bytes());
    for at in [0, 31] {
        let mut stamp = *claim.stamp().as_bytes();
        stamp[at] ^= 1;
        let stamp = Stamp::from_bytes(stamp);
        let altered = Claim::new(*claim.tag(), context.clone(), stamp);
        assert!(answer(keys.verify(&altered, NOW).is_err()));
    }
    keys.destroy_before(context.epoch)
        .expect("an epoch within reach");
    assert!(answer(keys.verify(&claim, NOW).is_ok()));
    assert!(!keys.export().is_empty());
}

fn acceptance_key() -> AcceptanceKey {
    let mut key = [0x55; 32];
    taint::secret(&mut key);
    AcceptanceKey::from_bytes(key)
}

/// The id under which every report waits.
const ID: ReportId = ReportId::from_bytes([6; 16]);

/// Passes a report to the intake. Returns the accepted report, or `None` if the intake refuses it.
fn accepted(report: &[u8]) -> Option<AcceptedReport> {
    let report = Report::decode(report).expect("valid");
    let examined = examine(report, &stamp_keys(), &delivery_key(), NOW).ok()?;
    examined.accept(ID, &[false], &[]).ok()
}

fn intake() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let moderation = ModerationKeyPair::generate(&mut rng);
    let mut report = reported(&moderation, &mut rng);
    let mut queued = accepted(&report)
        .expect("a genuine report")
        .encode(&acceptance_key());
    taint::public(&queued);
    assert!(answer(
        AcceptedReport::decode(&queued, &acceptance_key(), &ID).is_ok()
    ));
    for bytes in [&mut report, &mut queued] {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    }
    assert!(answer(accepted(&report).is_none()));
    assert!(answer(
        AcceptedReport::decode(&queued, &acceptance_key(), &ID).is_err()
    ));
}

fn reviews() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let moderation = ModerationKeyPair::generate(&mut rng);
    let report = reported(&moderation, &mut rng);
    let mut export = moderation.export().to_vec();
    taint::secret(&mut export[1..]);
    let secret = ModerationKeyPair::import(&export).expect("its own export");
    taint::public(secret.public_key().id().as_bytes());
    assert_eq!(secret.export().len(), 33);
    // Flips a bit of the encapsulated key, and then also one of the sealed section. Each time the
    // intake's MAC is computed again, so that only decryption can fail.
    let queued = accepted(&report).expect("a genuine report");
    let key = AcceptanceKey::from_bytes([0x55; 32]);
    let mut queued = queued.encode(&key);
    taint::public(&queued);
    let vault = Vault::new(secret, key);
    let unsealed = vault.open(&ID, &queued).expect("genuine").encode();
    // The reviewer reads what was opened.
    taint::public(&unsealed);
    let unsealed = UnsealedReport::decode(&unsealed).expect("its own encoding");
    assert!(review(unsealed).is_ok());
    let len = queued.len();
    for at in [600, len - 32 - 34 - 20] {
        queued[at] ^= 1;
        let mut mac = Hmac::<Sha256>::new_from_slice(&[0x55; 32]).expect("any length");
        mac.update(b"waxseal/2/acceptance-mac");
        mac.update(&queued[..len - 32]);
        queued[len - 32..].copy_from_slice(&mac.finalize().into_bytes());
        assert!(answer(vault.open(&ID, &queued).is_err()));
        queued[at] ^= 1;
    }
}
