//! First contact in groups, and by devices that read no tokens.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use tungstenite::Message;
use waxseal_interface::{ContactToken, ErrorCode, Event, FELLOWS_A_DAY, STRANGERS_A_DAY};
use waxseal_roster::group::Role;
use world::contact::{accepting, plain, post, spend, tokens};
use world::crowd::{Crowd, adding};
use world::socket::Socket;
use world::{Device, SOON, World, code, count, database, devices};

/// How many rows say that an account wrote to another.
fn written(world: &World, from: &Device, to: &Device) -> i64 {
    let of = |device: &Device| {
        let name = &device.owner.name;
        format!("(SELECT id FROM account WHERE name = '{name}')")
    };
    let (from, to) = (of(from), of(to));
    let sql = format!("SELECT count(*) FROM stranger WHERE account = {from} AND other = {to}");
    count(world, &sql)
}

fn forget(world: &World) {
    let db = database(world);
    db.execute("DELETE FROM stranger", []).unwrap();
}

/// Has an account accept another, and returns the token that comes with its message.
fn accept(by: &mut Device, other: &Device) -> ContactToken {
    post(by, other, accepting()).unwrap();
    tokens(other).into_iter().flatten().last().unwrap()
}

#[test]
fn chk613_fellow_members_of_a_group_count_on_their_own() {
    let world = World::new();
    let [mut alice, bob, carol, mut dave] = devices(&world, ["alice", "bob", "carol", "dave"]);
    Crowd::found(&dave, &[&alice, &bob, &carol]);
    forget(&world);
    // Alice's device writes to fellows by itself, and her budget is for others.
    spend(&world, &alice, FELLOWS_A_DAY - 1, true);
    plain(&mut alice, &bob).unwrap();
    let fellows = "SELECT count(*) FROM stranger WHERE is_fellow";
    assert_eq!(count(&world, fellows), FELLOWS_A_DAY as i64);
    spend(&world, &alice, STRANGERS_A_DAY, false);
    plain(&mut alice, &bob).unwrap();
    // One more fellow is a stranger.
    assert_eq!(code(plain(&mut alice, &carol)), ErrorCode::StrangerBudget);
    let room = "DELETE FROM stranger WHERE other =
        (SELECT other FROM stranger WHERE NOT is_fellow LIMIT 1)";
    database(&world).execute(room, []).unwrap();
    plain(&mut alice, &carol).unwrap();
    assert_eq!(count(&world, fellows), FELLOWS_A_DAY as i64);
    // Fellows are no strangers for those who used up the budget of strangers.
    spend(&world, &dave, STRANGERS_A_DAY, false);
    plain(&mut dave, &bob).unwrap();
    let mut erin = world.device("erin");
    assert_eq!(code(plain(&mut dave, &erin)), ErrorCode::StrangerBudget);
    spend(&world, &erin, STRANGERS_A_DAY, false);
    assert_eq!(code(plain(&mut erin, &bob)), ErrorCode::StrangerBudget);
}

#[test]
fn chk614_to_add_an_account_to_a_group_costs_what_a_message_to_it_costs() {
    let world = World::new();
    let [mut alice, bob, mut carol] = devices(&world, ["alice", "bob", "carol"]);
    let [mut dave, mut erin] = devices(&world, ["dave", "erin"]);
    // Alice wrote to Bob, and Dave to her: both cost nothing more. Nor does Alice herself.
    plain(&mut alice, &bob).unwrap();
    plain(&mut dave, &alice).unwrap();
    spend(&world, &alice, STRANGERS_A_DAY - 2, false);
    let mut crowd = Crowd::found(&alice, &[&bob, &dave]);
    assert_eq!(written(&world, &alice, &dave), 0);
    // One stranger has room, and two have not. A refused entry counts nothing.
    let both = [&carol, &erin].map(|device| adding(device, Role::Member));
    let entry = crowd.entry(&alice, &both);
    let refused = crowd.put(&alice, &entry).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::StrangerBudget));
    assert!(refused.is_transient());
    assert!(refused.retry_after_secs().unwrap() > 80_000);
    for stranger in [&carol, &erin] {
        assert_eq!(written(&world, &alice, stranger), 0);
    }
    let (draft, first) = Crowd::draft(&alice, &[&carol, &erin]);
    assert_eq!(code(draft.put(&alice, &first)), ErrorCode::StrangerBudget);
    // The tokens are for the added accounts in their order, and of no use in another one.
    let token = accept(&mut erin, &alice);
    forget(&world);
    spend(&world, &alice, STRANGERS_A_DAY - 1, false);
    let put = |tokens: &[Option<ContactToken>]| {
        let (client, session, entry) = (&alice.client, alice.session(), entry.encode());
        client.put_group_with(session, &crowd.id, &entry, tokens)
    };
    for tokens in [&[][..], &[None], &[Some(token)], &[Some(token), None]] {
        assert_eq!(code(put(tokens)), ErrorCode::StrangerBudget);
    }
    let receipt = put(&[None, Some(token)]).unwrap();
    crowd.log.take(&entry).unwrap();
    assert_eq!(written(&world, &alice, &carol), 1);
    assert_eq!(written(&world, &alice, &erin), 0);
    // Posted again, it costs nothing and gets the same receipt.
    assert_eq!(put(&[]).unwrap().accepted_at_ms, receipt.accepted_at_ms);
    assert_eq!(count(&world, "SELECT count(*) FROM stranger"), 50);
    // An account that was added can answer at no cost, and counts as written to.
    plain(&mut alice, &carol).unwrap();
    spend(&world, &carol, STRANGERS_A_DAY, false);
    plain(&mut carol, &alice).unwrap();
    spend(&world, &dave, STRANGERS_A_DAY, false);
    let frank = world.device("frank");
    assert_eq!(code(plain(&mut dave, &frank)), ErrorCode::StrangerBudget);
}

#[test]
fn chk615_a_device_that_does_not_read_tokens_gets_its_deliveries_without() {
    let world = World::new();
    let [alice, mut bob] = devices(&world, ["alice", "bob"]);
    post(&mut bob, &alice, accepting()).unwrap();
    let mut of_before = Socket::connect(&world, alice.token(), &alice.delivery_key);
    loop {
        if let Message::Binary(frame) = of_before.socket.read().unwrap() {
            let frame = of_before.macs.open(&frame).unwrap();
            assert_eq!(frame[0], 1);
            let event = Event::decode(frame).unwrap();
            assert!(matches!(event, Event::Delivery { contact: None, .. }));
            break;
        }
    }
    drop(of_before);
    let mut deliveries = alice.connect();
    let event = deliveries.next(SOON).unwrap().unwrap();
    assert!(matches!(
        event,
        Event::Delivery {
            contact: Some(_),
            ..
        }
    ));
}
