//! Several desks over one store.

use crate::desk::tests::world::World;
use crate::legal::LegalRequest;
use waxseal_log::entry::LegalBasis;

#[test]
fn a_desk_that_another_one_overtook_goes_on() {
    let mut world = World::new();
    let mut other = world.other_desk();
    let request = LegalRequest {
        basis: LegalBasis::Warrant,
        authority: "Court".into(),
        asked: "All".into(),
    };
    let (now, rng) = (world.now, &mut world.rng);
    other.legal_request(&request, now, rng).unwrap();
    let note = other.checkpoint(now).unwrap();
    // The first desk has nothing to append. It reads what the other one wrote.
    assert_eq!(world.desk.checkpoint(now).unwrap(), note);
    assert_eq!(world.desk.log_size(), other.log_size());
    world.desk.upkeep(now, &mut world.rng).unwrap();
    assert_eq!(world.desk.audit().unwrap().findings, []);
    // Its audit too.
    other.legal_request(&request, now, &mut world.rng).unwrap();
    assert_eq!(world.desk.audit().unwrap().findings, []);
}

#[test]
fn a_desk_that_another_one_overtakes_at_any_read_is_not_on_another_tree() {
    let request = LegalRequest {
        basis: LegalBasis::Warrant,
        authority: "Court".into(),
        asked: "All".into(),
    };
    for has_grown in [false, true] {
        let mut interrupted = 0;
        for reads in 0.. {
            let mut world = World::new();
            let (now, mut other) = (world.now, world.other_desk());
            if has_grown {
                other.legal_request(&request, now, &mut world.rng).unwrap();
            }
            let (request, mut rng) = (request.clone(), world.rng.clone());
            world.store.interrupt_after(reads, move || {
                other.legal_request(&request, now, &mut rng).unwrap();
                other.checkpoint(now).unwrap();
            });
            world.desk.checkpoint(now).unwrap();
            if !world.store.was_interrupted() {
                break;
            }
            interrupted += 1;
            world.desk.checkpoint(now).unwrap();
            assert_eq!(world.desk.audit().unwrap().findings, []);
        }
        assert!(interrupted > 2, "{interrupted}");
    }
}

#[cfg(feature = "postgres")]
#[test]
fn desks_that_act_at_once_over_postgresql_make_one_sound_log() {
    use std::thread;

    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use waxseal_log::entry::KeyKind;
    use waxseal_log::keys::LogKeys;
    use waxseal_log::note::{Cosigner, Signer};
    use waxseal_reporting::Timestamp;

    use crate::desk::{Desk, DeskSetup};
    use crate::error::DeskError;
    use crate::store::PostgresStore;

    let Some(server) = waxseal_postgres::Server::shared() else {
        return;
    };
    let (url, now) = (server.database(), Timestamp::from_millis(1_800_000_000_000));
    let open = || {
        let log = Signer::from_seed("provider.example/desk", &[1; 32]).unwrap();
        let vault = Cosigner::from_seed("provider.example/vault", &[2; 32]).unwrap();
        let keys = LogKeys::new(log.verifier(), vault.verifier(), vec![], 0, None).unwrap();
        let secret = [3; 32].into();
        let setup = DeskSetup { log, keys, secret };
        Desk::open(PostgresStore::open(&url).unwrap(), setup).unwrap()
    };
    let (desks, acts) = (4, 20);
    let overtaken: u32 = thread::scope(|scope| {
        let desks: Vec<_> = (0..desks)
            .map(|number| {
                scope.spawn(move || {
                    let rng = &mut ChaCha20Rng::seed_from_u64(number);
                    let (mut desk, mut overtaken) = (open(), 0);
                    for act in 0..acts {
                        let epoch = number * acts + act;
                        let name = epoch.to_be_bytes();
                        while let Err(error) =
                            desk.key_created(KeyKind::Stamp, epoch, &name, now, rng)
                        {
                            let is_conflict = |error: &DeskError| match error {
                                DeskError::Store(error) => error.conflict().is_some(),
                                _ => false,
                            };
                            assert!(is_conflict(&error), "{error:?}");
                            overtaken += 1;
                        }
                        if act % 5 == 4 {
                            // Two desks may sign the same checkpoint.
                            let _ = desk.checkpoint(now);
                        }
                    }
                    overtaken
                })
            })
            .collect();
        desks.into_iter().map(|desk| desk.join().unwrap()).sum()
    });
    assert!(overtaken > 0);
    let mut desk = open();
    assert_eq!(desk.log_size(), desks * acts);
    desk.checkpoint(now).unwrap();
    assert_eq!(desk.audit().unwrap().findings, []);
}
