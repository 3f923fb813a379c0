//! Two desks over one store.

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
