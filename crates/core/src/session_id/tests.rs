use super::*;
use crate::tests::support::{Device, established, rng};
use crate::{Session, SessionSet};

#[test]
fn both_sides_give_a_session_the_same_name_and_keep_it() {
    let (.., to_bob, to_alice) = established();
    assert_eq!(to_bob.id(), to_alice.id());
    let read = Session::import(&to_bob.export()).unwrap();
    assert_eq!(read.id(), to_bob.id());
    let told = SessionId::from_bytes(*to_bob.id().as_bytes());
    assert_eq!(told, to_alice.id());
}

#[test]
fn a_set_names_all_its_sessions_the_chosen_one_first() {
    let (alice, bob) = (Device::new(1), Device::new(2));
    let mut rng = rng(3);
    let start = |rng: &mut _| Session::initiate(&alice.identity, bob.bundle(None), rng).unwrap();
    let mut sessions = SessionSet::of(start(&mut rng), 1);
    let mut names = vec![sessions.sending_id()];
    for _ in 0..4 {
        let bundle = bob.bundle(None);
        sessions
            .add_initiated(&alice.identity, bundle, &mut rng)
            .unwrap();
        names.insert(0, sessions.sending_id());
    }
    assert_eq!(sessions.ids().collect::<Vec<_>>(), names);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5);
}

#[test]
fn a_name_depends_on_the_associated_data_and_on_the_base_key() {
    let key = |byte| *crate::dh::DhKeyPair::from_secret_bytes(&[byte; 32]).public();
    let id = SessionId::of(&SessionAd([5; 32]), &key(1));
    assert_ne!(id, SessionId::of(&SessionAd([6; 32]), &key(1)));
    assert_ne!(id, SessionId::of(&SessionAd([5; 32]), &key(2)));
    assert!(format!("{id:?}").starts_with("SessionId("));
}

#[test]
fn both_sides_compute_the_same_digest_and_another_handshake_gives_another() {
    let (alice, mut bob) = (Device::new(1), Device::new(2));
    let mut rng = rng(4);
    let bundle = bob.bundle(None);
    let mut to_bob = SessionSet::initiate(&alice.identity, bundle, &mut rng).unwrap();
    let first = to_bob.digest();
    let message = to_bob.encrypt(b"hi", b"", &mut rng).unwrap();
    let mut memory = crate::ReplayMemory::new();
    let (to_alice, _) =
        SessionSet::accept(&bob.identity, &mut bob.prekeys, &mut memory, &message, b"").unwrap();
    assert_eq!(to_alice.digest(), first);
    assert_eq!(
        SessionSet::import(&to_bob.export()).unwrap().digest(),
        first
    );
    let bundle = bob.bundle(None);
    to_bob
        .add_initiated(&alice.identity, bundle, &mut rng)
        .unwrap();
    assert_ne!(to_bob.digest(), first);
}
