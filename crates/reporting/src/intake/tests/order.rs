//! Tests the order of the intake's checks.

use super::*;

#[test]
fn a_report_that_fails_two_checks_is_refused_by_the_first() {
    let mut world = World::new(18);
    let (bob, carol) = (account("bob"), account("carol"));
    let claim = |tag: u8, to: Audience, after: u64| {
        let tag = FrankingTag::from_bytes([tag; 32]);
        let time = Timestamp::from_millis(world.now.as_millis() + after);
        let keys = &world.stamp_keys;
        keys.stamp_tag(&tag, &device("alice", 1), &to, time)
            .unwrap()
    };
    let unstamped = |claim: Claim| Claim {
        stamp: Stamp::new([0; 32]),
        ..claim
    };
    let to_bob = |tag, after| claim(tag, Audience::Direct(bob.clone()), after);
    // Bob has no part in a conversation with Carol.
    let to_carol = |tag, after| claim(tag, Audience::Direct(carol.clone()), after);
    let disguised = |tag, after, of: &AccountId| {
        let id = ConversationId::direct(&account("alice"), of);
        claim(tag, Audience::Group(id), after)
    };
    // The check that refuses, one that the report fails too, and the claims.
    let cases = [
        (76, 77, vec![to_bob(2, 1), to_carol(1, 0)]),
        (76, 78, vec![to_carol(2, 1), to_carol(1, 0)]),
        (76, 79, vec![unstamped(to_bob(2, 1)), to_bob(1, 0)]),
        (77, 79, vec![unstamped(to_bob(1, 0)), to_carol(2, 1)]),
        (77, 78, vec![to_carol(1, 0), to_bob(2, 1)]),
        (71, 78, vec![unstamped(to_carol(1, 0))]),
        (71, 114, vec![unstamped(disguised(1, 0, &bob))]),
        (78, 114, vec![to_carol(1, 0), disguised(2, 1, &carol)]),
    ];
    for (first, second, claims) in cases {
        let report = world.forge(&claims, b"");
        // Under another device's key, check 74 comes before all of them.
        let other = DeliveryKey::from_bytes([0; 32]);
        let copy = Report::decode(&report.encode()).unwrap();
        let refused = examine(copy, &world.stamp_keys, &other, world.now);
        assert_eq!(refused.unwrap_err().check(), 74);
        let refused = examine(report, &world.stamp_keys, &world.bob_key, world.now);
        assert_eq!(refused.unwrap_err().check(), first, "not {second}");
    }
}
