use super::*;

/// No relay of the tests lies, so that these warnings come from the client alone.
#[test]
fn contradicting_rosters_are_warned_of_by_name() {
    let (me, bob) = (
        AccountId::new("alice").unwrap(),
        AccountId::new("bob").unwrap(),
    );
    let (known, other) = (Vec::new(), Vec::new());
    let split = |account: &AccountId| {
        let (account, known, other) = (account.clone(), known.clone(), other.clone());
        told(
            &Notice::SplitView {
                account,
                known,
                other,
            },
            &me,
        )
    };
    assert!(split(&bob).starts_with("*** WARNING: SOMEONE SHOWS DIFFERENT DEVICES OF bob"));
    assert!(split(&me).contains("OF your account"));
    let account = bob.clone();
    let conflict = Notice::RosterConflict {
        account,
        known,
        other,
    };
    assert!(told(&conflict, &me).starts_with("*** WARNING: THERE ARE TWO LISTS"));
    assert!(told(&Notice::RosterOld, &me).contains("30 days"));
    assert!(told(&Notice::Removed, &me).starts_with("THIS DEVICE WAS REMOVED"));
}

#[test]
fn a_new_device_of_ones_own_is_a_warning_and_one_of_a_peer_is_not() {
    let (me, bob) = (
        AccountId::new("alice").unwrap(),
        AccountId::new("bob").unwrap(),
    );
    let changed = |account: &AccountId, added: &[u32], removed: &[u32]| {
        let ids = |ids: &[u32]| ids.iter().copied().map(DeviceId).collect();
        let (account, added, removed) = (account.clone(), ids(added), ids(removed));
        told(
            &Notice::DevicesChanged {
                account,
                added,
                removed,
            },
            &me,
        )
    };
    let mine = changed(&me, &[3, 4], &[2]);
    assert!(
        mine.starts_with("*** YOUR ACCOUNT HAS A NEW DEVICE: 3, 4 ***"),
        "{mine}"
    );
    assert!(
        mine.ends_with("your account: device 2 was removed"),
        "{mine}"
    );
    assert_eq!(changed(&bob, &[2], &[]), "bob has a new device: 2");
    assert_eq!(changed(&bob, &[], &[2]), "bob removed device 2");
}
