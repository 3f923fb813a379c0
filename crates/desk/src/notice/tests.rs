use super::*;
use crate::desk::tests::world::{World, refused};

#[test]
fn chk218_a_notice_is_sent_once_to_each_side() {
    let mut world = World::new();
    let (case, _) = world.case();
    let decision = world.decide(case).unwrap();
    let unsent = world.store.notices(&NoticeList::Unsent, 10).unwrap();
    assert_eq!(unsent.len(), 2);
    let text = String::from_utf8(unsent[0].body.clone()).unwrap();
    assert!(text.contains("suspended") && text.contains("2.1 Fraud") && text.contains("a code"));

    for side in [Side::Reporter, Side::Account] {
        world
            .desk
            .notice_sent(&decision, side, world.now, &mut world.rng)
            .unwrap();
        assert_eq!(world.events().last(), Some(&Event::NoticeSent { side }));
        let again = world
            .desk
            .notice_sent(&decision, side, world.now, &mut world.rng);
        assert_eq!(refused(again), Refused::NoNotice);
    }
    assert_eq!(world.store.notices(&NoticeList::Unsent, 10).unwrap(), []);
    let unknown = TreeHash::from_bytes([1; 32]);
    let refusal = world
        .desk
        .notice_sent(&unknown, Side::Account, world.now, &mut world.rng);
    assert_eq!(refused(refusal), Refused::NoNotice);
    world.is_sound();
}
