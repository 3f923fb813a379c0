//! Account keys, recovery secrets, link codes and seeds of groups leave nothing in memory.

use waxseal_leaks::secrets::Recorder;
use waxseal_roster::group::{AuthoritySeed, GroupId, GroupLog, GroupOp, Role};
use waxseal_roster::{AccountKeyPair, LinkCode, RecoverySecret};

use super::{HEAP, assert_gone};

#[test]
fn an_account_key_and_its_recovery_secret_are_gone_after_drop() {
    let from = HEAP.used();
    let mut rng = Recorder::new("account key", 1);
    let key = AccountKeyPair::generate(&mut rng);
    let mut secrets = rng.drawn();
    let secret = Box::new(key.secret());
    let words = secret.to_words();
    secrets.add("words", words.as_bytes());
    let read = Box::new(RecoverySecret::from_words(&words).unwrap());
    let stored = Box::new(read.to_bytes());
    let identity = RecoverySecret::from_bytes(&[1; 32]).key_pair().public();
    let mut manager = [9; 64];
    manager[..32].copy_from_slice(&identity.to_bytes());
    read.key_pair().delegate("bob", 1, &[manager]).unwrap();
    // A user mistypes the first letter.
    let mistyped = words.replacen(|_| true, "~", 1);
    assert!(RecoverySecret::from_words(&mistyped).is_err());
    assert!(
        !secrets.sweep(&HEAP, from).is_empty(),
        "the sweep does not find keys in use"
    );
    drop((key, secret, read, stored));
    drop(zeroize::Zeroizing::new(mistyped));
    drop(words);
    assert_gone(&secrets, from);
}

#[test]
fn the_secret_of_a_link_code_is_gone_after_drop() {
    let from = HEAP.used();
    let mut rng = Recorder::new("secret of a link code", 2);
    let code = Box::new(LinkCode::generate(b"bundle", &mut rng));
    let mut secrets = rng.drawn();
    let text = code.to_text();
    // The text holds the digest, which is public, before the secret.
    secrets.add("text of a link code", &text.as_bytes()[57..]);
    let read = LinkCode::from_text(&text).unwrap();
    let scanned = LinkCode::decode(&read.encode()).unwrap();
    assert_eq!(scanned.secret(), code.secret());
    assert!(!secrets.sweep(&HEAP, from).is_empty());
    drop((code, text, read, scanned));
    assert_gone(&secrets, from);
}

#[test]
fn the_seed_of_a_groups_authority_is_gone_after_drop() {
    let from = HEAP.used();
    let mut rng = Recorder::new("seed of an authority", 3);
    let seed = AuthoritySeed::generate(&mut rng);
    let secrets = rng.drawn();
    let key = RecoverySecret::from_bytes(&[1; 32]).key_pair().public();
    let add = |account| [GroupOp::add(account, Role::Admin, key)];
    let first = seed.create_group("alice", &add("alice"), 0).unwrap();
    let mut log = GroupLog::first(&first, &GroupId::of_authority(&seed.public())).unwrap();
    let sent = Box::new(seed.to_bytes());
    let received = AuthoritySeed::of_state(&sent, log.state()).unwrap();
    let entry = received.sign_entry(log.state(), "alice", &add("bob"), None, 0);
    log.take(&entry.unwrap()).unwrap();
    assert!(!secrets.sweep(&HEAP, from).is_empty());
    drop((seed, sent, received));
    assert_gone(&secrets, from);
}
