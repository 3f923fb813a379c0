//! What a device writes about messages that was removed from its account: it may be stolen.

use waxseal::view::ViewState;
use waxseal::{Client, Draft, MemoryStore, Timestamp};
use waxseal_world::account;

use crate::net::{Net, bob};
use crate::support::{shown, view};

/// Alice removes her laptop, and Bob hears of it.
fn remove(
    net: &mut Net,
    phone: &mut Client<MemoryStore>,
    laptop: &Client<MemoryStore>,
    other: &mut Client<MemoryStore>,
) {
    let (alice, now) = (account("alice"), net.now());
    let roster = phone.remove_device(laptop.me().device, now).unwrap();
    net.provider.put_roster(&alice, &roster).unwrap();
    phone.confirm_roster(now).unwrap();
    let roster = net.provider.roster(&alice);
    other.take_roster(&alice, &roster, now).unwrap();
}

#[test]
fn chk572_what_a_removed_device_changes_is_marked_and_wipes_nothing() {
    let (mut net, [mut phone, mut laptop, mut other]) = Net::of_three();
    let ids = ["edited", "deleted", "both"].map(|text| {
        let id = net.send(&mut phone, &bob(), text);
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
        id
    });
    // Bob does not hear of it before the laptop was removed.
    net.send(&mut laptop, &bob(), Draft::edit(ids[0], "send money"));
    net.send(&mut laptop, &bob(), Draft::delete(ids[1]));
    net.send(&mut laptop, &bob(), Draft::delete(ids[2]));
    let queued = net.take_queue(other.me());
    remove(&mut net, &mut phone, &laptop, &mut other);
    net.put_queue(other.me(), queued);
    net.deliver(&mut other);
    let now = net.now();
    let views = ids.map(|id| view(&other, "alice", &id, now));
    assert_eq!(views[0].text(), Some("send money"));
    assert!(matches!(views[1].state(), ViewState::Deleted { by } if by == laptop.me()));
    assert!(views.iter().all(|view| view.is_from_removed_device()));
    // Nothing is wiped, and the message is there.
    let far = Timestamp::from_millis(u64::MAX);
    assert!(other.due(None, 9, far).unwrap().items.is_empty());
    let message = other.message(&account("alice"), &ids[1]).unwrap().unwrap();
    assert_eq!(message.text(), Some("deleted"));

    // What the account says itself counts as ever, and is not marked.
    net.send(&mut phone, &bob(), Draft::edit(ids[0], "sorry"));
    let draft = phone.send(&bob(), Draft::delete(ids[2]), net.now(), &mut rand::rng());
    net.post(&mut phone, draft.unwrap());
    net.deliver(&mut other);
    assert_eq!(shown(&other, "alice", now)[0], "sorry (2 edits)");
    let views = ids.map(|id| view(&other, "alice", &id, now));
    let marks = views.each_ref().map(|view| view.is_from_removed_device());
    assert_eq!(marks, [false, true, false]);
    assert!(matches!(views[2].state(), ViewState::Deleted { by } if by == phone.me()));
    let due = other.due(None, 9, far).unwrap().items;
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), [ids[2]]);
}
