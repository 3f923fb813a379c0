//! Tests of `records.rs`.

use super::*;

#[test]
fn records_about_groups_arrive_as_they_were_sent() {
    let mut world = World::new(15);
    let group = ConversationId::group(b"authority");
    let authority = AuthorityRecord {
        seed: Zeroizing::new([7; 32]),
        group,
        version: 9,
    };
    let sent = Control {
        authority: Some(Box::new(authority.clone())),
        welcome: Some(Box::new(WelcomeRecord {
            group,
            version: 10,
            state_hash: [8; 32],
        })),
        state_wanted: Some(StateWanted { group, version: 11 }),
        ..control(1, 0)
    };
    let envelope = seal(&mut world, &sent).unwrap();
    let delivery = delivered(&world, envelope);
    let opened = open_any(&mut world.to_bob.1, &delivery).unwrap();
    assert!(matches!(opened, Opened::Control(read) if read == sent));
    let changes: [fn(&mut AuthorityRecord); 3] = [
        |other| *other.seed = [6; 32],
        |other| other.group = ConversationId::group(b"other"),
        |other| other.version = 8,
    ];
    for change in changes {
        let mut other = authority.clone();
        change(&mut other);
        assert!(other != authority);
    }
    let printed = format!("{sent:?} {authority:?}");
    assert!(!printed.contains("7, 7") && printed.contains("AuthorityRecord { version: 9, .. }"));
}
