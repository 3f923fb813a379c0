//! Makes `link_rosters.json`: which offers and which welcomes a new device takes.

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::AccountId;
use waxseal_roster::{DeviceEntry, Roster, proof_context};

use super::*;
use crate::linking::messages::OfferContent;
use crate::linking::new_device;

fn offer_of(input: Input<'_>) -> Result<OfferContent, String> {
    OfferContent::decode(&input.get("content").bytes()).map_err(refused)
}

fn told(roster: &Roster) -> Value {
    let key = roster.account_key().to_bytes();
    json!({ "account_key": hex(key), "epoch": roster.epoch(), "version": roster.version() })
}

pub(super) fn judge_offer(input: Input<'_>) -> Outcome {
    let (manager, own) = (input.get("manager").array(), input.get("own").array());
    let roster = new_device::check_offer(&offer_of(input)?, &manager, &own).map_err(refused)?;
    Ok(told(&roster))
}

pub(super) fn judge_welcome(input: Input<'_>) -> Outcome {
    let (signed, own) = (input.get("roster").bytes(), input.get("own").array());
    let roster = new_device::check_welcome(&offer_of(input)?, &signed, &own).map_err(refused)?;
    Ok(told(&roster))
}

fn content(name: &str, number: u32, roster: &[u8]) -> String {
    let account = AccountId::new(name).unwrap();
    hex(OfferContent { account, device: number, roster: roster.to_vec() }.encode().unwrap())
}

fn entry(of: &IdentityKeyPair, account: &Account, number: u32) -> DeviceEntry {
    let context = proof_context("alice", account.roster.account_key(), number);
    DeviceEntry::new(number, of.public().to_bytes(), of.prove_device(&context))
}

/// The account after these devices joined, in one roster of the next version.
fn joined(account: &Account, entries: Vec<DeviceEntry>) -> Roster {
    let mut draft = account.roster.next(NOW.as_millis(), 1).unwrap();
    for entry in entries {
        draft.add(entry).unwrap();
    }
    let signature = account.identity.sign_roster(&draft.to_sign());
    draft.sign(signature).verify("alice").unwrap()
}

#[test]
fn rosters() {
    let mut file = Vectors::new(
        CRATE,
        "link_rosters.json",
        "Which offers and which welcomes a new device takes. SPEC.md, “Linking”.",
        "rosters and identities from a seeded generator; the account is `alice`, whose device 1 manages it",
    );
    offers(&mut file);
    welcomes(&mut file);
    file.finish();
}

fn offers(file: &mut Vectors) {
    let mut rng = rng(32);
    let (account, mallory) = (Account::new("alice", &mut rng), Account::new("mallory", &mut rng));
    let (new, second) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
    let ik = |pair: &IdentityKeyPair| hex(pair.public().to_bytes());
    let signed = account.roster.signed().encode();
    let good = json!({ "content": content("alice", 2, &signed), "manager": ik(&account.identity), "own": ik(&new) });
    file.passes("offer-of-manager", "the manager of an account with one device offers the number 2", "judge_offer", good.clone());
    file.passes("offer-number-highest", "the highest number", "judge_offer", with(&good, "content", content("alice", u32::MAX, &signed)));
    let mut others = |count: u32| -> Vec<_> {
        (2..2 + count).map(|number| entry(&IdentityKeyPair::generate(&mut rng), &account, number)).collect()
    };
    let seven = joined(&account, others(6)).signed().encode();
    file.passes("offer-seven", "an account with seven devices", "judge_offer", with(&good, "content", content("alice", 8, &seven)));
    let eight = joined(&account, others(7)).signed().encode();
    let two = joined(&account, vec![entry(&second, &account, 2)]).signed().encode();
    let own = joined(&account, vec![entry(&new, &account, 2)]).signed().encode();
    let strangers = mallory.roster.signed().encode();
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "judge_offer", input, 351);
    };
    let of = |number: u32, roster: &[u8]| with(&good, "content", content("alice", number, roster));
    fails("offer-by-stranger", "a device outside the account offers it", with(&good, "manager", ik(&second)));
    fails("offer-by-device", "a device of the account that does not manage it", with(&of(3, &two), "manager", ik(&second)));
    fails("offer-by-other-half", "one bit of the manager's X25519 key", flipped(&good, "manager", 63, 1));
    fails("offer-number-taken", "the number of the manager", of(1, &signed));
    fails("offer-number-below", "a number below the highest one", of(2, &seven));
    fails("offer-number-0", "the number 0", of(0, &signed));
    fails("offer-full", "an account with eight devices", of(9, &eight));
    fails("offer-listed", "an account that lists the new device", of(3, &own));
    fails("offer-other-name", "the roster of another account", of(2, &strangers));
    fails("offer-other-name-manager", "the roster of another account, by its manager", with(&of(2, &strangers), "manager", ik(&mallory.identity)));
    fails("offer-no-roster", "no roster", of(2, b""));
    fails("offer-roster-cut", "a roster without its last byte", of(2, &signed[..signed.len() - 1]));
    let mut forged = signed;
    let len = usize::from(u16::from_be_bytes([forged[1], forged[2]]));
    forged[3 + len] ^= 1;
    fails("offer-roster-signature", "one bit of the manager's signature", of(2, &forged));
}

fn welcomes(file: &mut Vectors) {
    let mut rng = rng(33);
    let (account, same_name) = (Account::new("alice", &mut rng), Account::new("alice", &mut rng));
    let mallory = Account::new("mallory", &mut rng);
    let (new, second) = (IdentityKeyPair::generate(&mut rng), IdentityKeyPair::generate(&mut rng));
    let own = hex(new.public().to_bytes());
    let signed = account.roster.signed().encode();
    let welcome = joined(&account, vec![entry(&new, &account, 2)]);
    let good = json!({ "content": content("alice", 2, &signed), "own": own, "roster": hex(welcome.signed().encode()) });
    file.passes("welcome", "the next roster lists the new device", "judge_welcome", good.clone());
    let later = joined(&account, vec![entry(&new, &account, 2), entry(&second, &account, 3)]);
    file.passes("welcome-and-another", "another device joined alongside", "judge_welcome", with(&good, "roster", hex(later.signed().encode())));
    let mut fails = |id: &str, comment: &str, input: Value| {
        file.fails(id, comment, "judge_welcome", input, 358);
    };
    let of = |roster: &Roster| with(&good, "roster", hex(roster.signed().encode()));
    fails("welcome-same", "the roster that was offered", with(&good, "roster", hex(&signed)));
    fails("welcome-same-version", "a roster of the version that was offered", with(&good, "content", content("alice", 2, &welcome.signed().encode())));
    let draft = welcome.next(NOW.as_millis(), 1).unwrap();
    let signature = account.identity.sign_roster(&draft.to_sign());
    let newer = draft.sign(signature).encode();
    fails("welcome-older", "a roster of a version before the one that was offered", with(&good, "content", content("alice", 2, &newer)));
    fails("welcome-not-listed", "another device in its place", of(&joined(&account, vec![entry(&second, &account, 2)])));
    fails("welcome-other-number", "the new device under another number", of(&joined(&account, vec![entry(&new, &account, 3)])));
    fails("welcome-both-swapped", "two devices with each other's numbers", of(&joined(&account, vec![entry(&second, &account, 2), entry(&new, &account, 3)])));
    fails("welcome-other-half", "one bit of the new device's X25519 key", flipped(&good, "own", 63, 1));
    fails("welcome-other-key", "an account of the same name under another account key", of(&joined(&same_name, vec![entry(&new, &same_name, 2)])));
    fails("welcome-other-account", "a roster of another account", of(&mallory.roster));
}
