//! What a device shows that took the history of another one.

use waxseal::view::{MessageView, ViewState};
use waxseal::{Client, Draft, FrankingTag, MemoryStore, Store};
use waxseal_world::account;

use super::history::{Mailboxes, agree};
use super::support::{Net, bob, texts};

/// A phone, a laptop that was linked after the other devices wrote, and Bob.
fn linked(
    write: impl Fn(&mut Net, &mut Client<MemoryStore>, &mut Client<MemoryStore>),
) -> (Net, [Client<MemoryStore>; 3]) {
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    write(&mut net, &mut phone, &mut other);
    net.settle(&mut [&mut phone, &mut other]);
    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    (net, [phone, laptop, other])
}

fn give<S: Store>(net: &mut Net, phone: &mut Client<S>, laptop: &mut Client<S>) {
    agree(net, phone, laptop);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(phone);
    let chunk = mailboxes.next(laptop).unwrap();
    assert!(laptop.import_history(&chunk).unwrap().is_done);
}

/// What a device shows, one line each.
fn lines<S: Store>(net: &Net, device: &Client<S>) -> Vec<String> {
    let page = device.views(&bob(), None, 100, net.now()).unwrap();
    let line = |view: &MessageView| {
        let reactions = view.reactions().iter();
        let reactions: Vec<_> = reactions.map(|one| one.reaction.as_str()).collect();
        let (text, edits) = (view.text(), view.edit_count());
        format!("{:?} {text:?} {edits} {reactions:?}", view.state())
    };
    page.items.iter().map(line).collect()
}

#[test]
fn a_linked_device_shows_the_same_edits_and_takes_further_ones() {
    let (alice, mut ids) = (account("alice"), Vec::new());
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    for text in ["one", "two"] {
        ids.push(net.send(&mut phone, &bob(), text));
        net.settle(&mut [&mut phone, &mut other]);
        ids.push(net.send(&mut other, &alice, text));
        net.settle(&mut [&mut phone, &mut other]);
    }
    net.send(&mut phone, &bob(), Draft::edit(ids[0], "of Alice"));
    net.send(&mut other, &alice, Draft::edit(ids[1], "of Bob"));
    net.settle(&mut [&mut phone, &mut other]);
    net.send(&mut other, &alice, Draft::react(ids[0], "!"));
    net.settle(&mut [&mut phone, &mut other]);
    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    give(&mut net, &mut phone, &mut laptop);
    let before = lines(&net, &phone);
    assert_eq!(before.len(), 4);
    assert_eq!(lines(&net, &laptop), before);

    // What is sent later counts for what came with the history.
    net.send(&mut laptop, &bob(), Draft::edit(ids[2], "from the laptop"));
    net.send(&mut other, &alice, Draft::edit(ids[3], "later"));
    net.send(&mut other, &alice, Draft::delete(ids[1]));
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let after = lines(&net, &phone);
    assert_eq!(lines(&net, &laptop), after);
    assert!(
        after
            .iter()
            .zip(&before)
            .filter(|(one, other)| one != other)
            .count()
            == 3
    );
}

#[test]
fn chk573_what_disappears_here_is_not_given_to_another_device() {
    let alice = account("alice");
    let (mut net, [mut phone, mut laptop, _]) = linked(|net, phone, other| {
        let expiring = |text: &str| Draft::from(text).expires_after_secs(600);
        let mut ids = Vec::new();
        for text in ["expired", "counts", "not read", "stays", "deleted"] {
            let draft = match text {
                "stays" | "deleted" => text.into(),
                _ => expiring(text),
            };
            ids.push(net.send(other, &alice, draft));
            net.settle(&mut [phone, other]);
            let edit = Draft::edit(ids[ids.len() - 1], format!("{text} edited"));
            net.send(other, &alice, edit);
            net.settle(&mut [phone, other]);
        }
        let wiped: FrankingTag = net.send(other, &alice, "wiped");
        net.settle(&mut [phone, other]);
        phone.delete_message(&bob(), &wiped).unwrap();
        net.send(other, &alice, Draft::edit(wiped, "wiped edited"));
        net.send(other, &alice, Draft::delete(ids[4]));
        net.settle(&mut [phone, other]);
        phone.opened(&bob(), &ids[0], net.now()).unwrap();
        net.pass(601_000);
        phone.expire(net.now(), 10).unwrap();
        phone.opened(&bob(), &ids[1], net.now()).unwrap();
    });
    give(&mut net, &mut phone, &mut laptop);
    let shown = |device: &Client<MemoryStore>| -> Vec<_> {
        let page = device.views(&bob(), None, 100, net.now()).unwrap();
        let views = page.items.iter();
        let views = views.filter(|view| *view.state() == ViewState::Shown);
        views.map(|view| view.text().unwrap().to_owned()).collect()
    };
    let expected = ["not read edited", "stays edited"];
    assert_eq!(shown(&laptop), expected);
    // The two messages with their edits, and nothing else.
    let page = laptop.messages(&bob(), None, 100).unwrap();
    assert_eq!(page.items.len(), 4);
    assert_eq!(
        shown(&phone),
        ["counts edited", "not read edited", "stays edited"]
    );
}

#[test]
fn chk567_the_edit_of_a_message_that_was_deleted_before_it_came_goes_with_it() {
    let alice = account("alice");
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.send(&mut other, &alice, "hello");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let base = net.send(&mut other, &alice, "base");
    // The laptop gets the edit first.
    let queued = net.take_queue(laptop.me());
    net.send(&mut other, &alice, Draft::edit(base, "SECRET"));
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let has = |device: &Client<MemoryStore>| {
        let records = waxseal_world::snapshot(device);
        let mut values = records.iter().map(|(_, value)| value);
        values.any(|value| value.windows(6).any(|window| window == b"SECRET"))
    };
    assert!(has(&laptop));
    phone
        .delete_on_all_devices(&bob(), &base, net.now())
        .unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(!has(&phone) && !has(&laptop));
    net.put_queue(laptop.me(), queued);
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(texts(&laptop, &bob()), ["hello"]);
}
