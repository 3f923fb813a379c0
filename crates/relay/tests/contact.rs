//! First contact: tokens, the budget of strangers, and passes.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::path::Path;
use std::process::Command;

use waxseal_interface::{ContactHeaders, ContactPass, ContactToken, ErrorCode, STRANGERS_A_DAY};
use waxseal_relay::{read_pass_key, write_pass_key};
use waxseal_reporting::relay::{DeliveryKey, Receipt};
use waxseal_reporting::{Audience, DeviceId};
use world::contact::{accepting, plain, post, spend, tokens};
use world::crowd::{Crowd, heard};
use world::family::{Family, post_with, sealed, to_all};
use world::{Device, NoChannel, World, code, count, database, devices, now};

const PAGE: &str = "https://relay.example/more-contacts";

fn strangers(world: &World) -> i64 {
    count(world, "SELECT count(*) FROM stranger")
}

fn with_token(token: ContactToken) -> ContactHeaders {
    ContactHeaders {
        token: Some(token),
        ..ContactHeaders::default()
    }
}

fn with_pass(pass: ContactPass) -> ContactHeaders {
    ContactHeaders {
        pass: Some(pass),
        ..ContactHeaders::default()
    }
}

#[test]
fn chk605_an_account_writes_to_50_strangers_and_to_no_more() {
    let world = World::new();
    let [mut alice, mut bob, mut carol] = devices(&world, ["alice", "bob", "carol"]);
    plain(&mut alice, &bob).unwrap();
    assert_eq!(strangers(&world), 1);
    spend(&world, &alice, STRANGERS_A_DAY - 2, false);
    let mut dave = world.device("dave");
    plain(&mut alice, &dave).unwrap();
    let refused = plain(&mut alice, &carol).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::StrangerBudget));
    assert!(refused.is_transient());
    assert!((80_000..=86_400).contains(&refused.retry_after_secs().unwrap()));
    assert_eq!(refused.challenge(), None, "the operator set none");
    assert!(carol.receive().is_empty());
    // Bob and Dave count already, so Alice may write to them. Carol accepts her: no stranger.
    for known in [&bob, &dave] {
        plain(&mut alice, known).unwrap();
    }
    post(&mut carol, &alice, accepting()).unwrap();
    let token = tokens(&alice).pop().unwrap().unwrap();
    post(&mut alice, &carol, with_token(token)).unwrap();
    assert_eq!(carol.receive().len(), 1);
    // Alice's budget is nobody else's.
    for device in [&mut bob, &mut dave] {
        plain(device, &carol).unwrap();
    }
    assert_eq!(carol.receive().len(), 2);
    // Groups cost nothing, and neither does a message that is sealed again.
    let crowd = Crowd::found(&alice, &[&carol, &dave]);
    crowd.say(&alice, &[&carol, &dave], "to all").unwrap();
    assert_eq!(heard(&carol).len(), 1);
}

#[test]
fn a_message_that_is_sealed_again_costs_nothing_and_brings_no_token() {
    let world = World::new();
    let [mut alice, bob] = devices(&world, ["alice", "bob"]);
    let (message, posted) = alice.seal(&bob.me, "hello");
    let session = alice.session();
    let receipt = alice
        .client
        .send_with(session, &bob.me.account, &posted, accepting());
    assert!(tokens(&bob)[0].is_some());
    spend(&world, &alice, STRANGERS_A_DAY, false);
    database(&world)
        .execute(
            "DELETE FROM stranger WHERE other IN (SELECT id FROM account WHERE name = 'bob')",
            [],
        )
        .unwrap();
    assert_eq!(code(plain(&mut alice, &bob)), ErrorCode::StrangerBudget);
    let receipt = Receipt::decode(&receipt.unwrap()).unwrap();
    let evidence = receipt.authenticate(&alice.delivery_key, &message).unwrap();
    let envelope = message.seal_for(&mut NoChannel, &mut rand::rng()).unwrap();
    let (claim, key) = (evidence.claim(), &alice.delivery_key);
    let posted = envelope.post_again(claim, key, &alice.me, &bob.me, now());
    let session = alice.session();
    let again = alice.client.send_again(session, &bob.me.account, &posted);
    again.unwrap();
    assert_eq!(tokens(&bob), [None]);
}

#[test]
fn chk606_the_same_stranger_counts_once_a_day_and_a_message_posted_again_not_twice() {
    let world = World::new();
    let [mut alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    spend(&world, &alice, STRANGERS_A_DAY - 1, false);
    // The answer is lost three times.
    let (_, posted) = alice.seal(&bob.me, "hello");
    for _ in 0..4 {
        let sent = alice.client.send(alice.session(), &bob.me.account, &posted);
        sent.unwrap();
    }
    assert_eq!(strangers(&world), 50);
    assert_eq!(code(plain(&mut alice, &carol)), ErrorCode::StrangerBudget);
    // A day later, none of them counts, and Bob counts again.
    let db = database(&world);
    let age = "UPDATE stranger SET at_ms = at_ms - 86400000";
    db.execute(age, []).unwrap();
    plain(&mut alice, &bob).unwrap();
    plain(&mut alice, &bob).unwrap();
    let now = "SELECT count(*) FROM stranger, proven
        WHERE stranger.at_ms > proven.at_ms - 86400000";
    assert_eq!(count(&world, now), 1);
}

#[test]
fn the_devices_of_an_account_share_its_budget_and_its_tokens() {
    let world = World::new();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| Family::new(&world, name, 2));
    let (phone, laptop) = (&alice.devices[0], &alice.devices[1]);
    let say = |by: &Device, from: &Family, to: &Family, contact| {
        let (_, envelope) = sealed(by, to, "hello");
        post_with(by, &to_all(&envelope, by, from, to), to, contact)
    };
    spend(&world, phone, STRANGERS_A_DAY - 1, false);
    say(phone, &alice, &bob, ContactHeaders::default()).unwrap();
    let refused = say(laptop, &alice, &carol, ContactHeaders::default());
    assert_eq!(code(refused), ErrorCode::StrangerBudget);
    say(laptop, &alice, &bob, ContactHeaders::default()).unwrap();
    // The token that the phone got is of use to the laptop.
    say(&carol.devices[1], &carol, &alice, accepting()).unwrap();
    let token = tokens(phone).pop().unwrap().unwrap();
    say(laptop, &alice, &carol, with_token(token)).unwrap();
    // To write to oneself costs nothing.
    say(laptop, &alice, &alice, ContactHeaders::default()).unwrap();
}

#[test]
fn chk611_each_device_of_an_accepted_account_gets_a_token_and_nobody_else() {
    let world = World::new();
    let [alice, bob] = ["alice", "bob"].map(|name| Family::new(&world, name, 2));
    let by = &bob.devices[0];
    let say = |to: &Family, contact| {
        let (_, envelope) = sealed(by, to, "hello");
        post_with(by, &to_all(&envelope, by, &bob, to), to, contact).unwrap();
    };
    say(&alice, accepting());
    say(&alice, ContactHeaders::default());
    say(&alice, accepting());
    say(&bob, accepting());
    let [of_phone, of_laptop] = [0, 1].map(|at| tokens(&alice.devices[at]));
    assert_eq!(of_phone, of_laptop);
    let token = of_phone[0].unwrap();
    assert_eq!(of_phone, [Some(token), None, Some(token)]);
    // Bob's other device gets copies without a token.
    assert_eq!(tokens(&bob.devices[1]), [None; 4]);
    // Neither does a group give one, whatever its messages say.
    let crowd = Crowd::found(by, &[&alice.devices[0]]);
    let rosters = [&bob.roster, &alice.roster];
    crowd.send(by, &rosters, "to all").unwrap();
    assert_eq!(tokens(&alice.devices[0]), [None]);
}

#[test]
fn chk610_a_refused_message_counts_nothing_and_gets_no_prekeys_of_a_stranger() {
    let world = World::new();
    let [mut alice, bob] = devices(&world, ["alice", "bob"]);
    let put = |parts: &[Vec<u8>]| bob.client.put_prekeys(bob.session(), &bob.base(b""), parts);
    put(&[vec![1; 40], vec![2; 40]]).unwrap();
    let left = || bob.client.prekeys_left(bob.session()).unwrap();
    // For a device that Bob does not have.
    let (_, envelope) = alice.seal_only(&bob.me, "hello");
    let to_bob = Audience::Direct(bob.me.account.clone());
    let mut fanout = world::fanout(&envelope);
    fanout.retain(|_| false);
    fanout.insert(false, DeviceId(2), Some(envelope)).unwrap();
    let wrong = |alice: &Device, key: &DeliveryKey| {
        let posted = fanout.post(key, &alice.me, &to_bob, now());
        alice.client.send(alice.session(), &bob.me.account, &posted)
    };
    assert_eq!(
        code(wrong(&alice, &alice.delivery_key)),
        ErrorCode::Mismatch
    );
    assert_eq!((left(), strangers(&world)), (1, 0));
    // A full queue.
    let fill = "UPDATE share SET messages = messages + 1000000 WHERE sender != 0";
    plain(&mut alice, &bob).unwrap();
    database(&world)
        .execute("DELETE FROM stranger", [])
        .unwrap();
    database(&world).execute(fill, []).unwrap();
    assert_eq!(code(plain(&mut alice, &bob)), ErrorCode::QueueFull);
    assert_eq!(strangers(&world), 0);
    let empty = "UPDATE share SET messages = messages - 1000000 WHERE sender != 0";
    database(&world).execute(empty, []).unwrap();
    // Once the budget is used up, no refusal hands out prekeys, and a thief of the token does not
    // learn whether it is.
    spend(&world, &alice, STRANGERS_A_DAY, false);
    let refused = wrong(&alice, &alice.delivery_key).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::StrangerBudget));
    assert!(refused.mismatch().is_none());
    assert_eq!(left(), 1);
    assert_eq!(
        code(wrong(&alice, &bob.delivery_key)),
        ErrorCode::NotFromDevice
    );
    assert_eq!(strangers(&world), STRANGERS_A_DAY as i64);
}

/// Starts a relay that takes passes. Returns the path of their key.
fn with_passes(world: &mut World) -> String {
    let path = world.dir.path().join("pass.key");
    let path = path.to_str().unwrap().to_owned();
    write_pass_key(path.as_ref()).unwrap();
    world.restart_with(&["--stranger-challenge", PAGE, "--pass-key", &path]);
    path
}

/// Makes a pass, as the operator's page does.
fn make_pass(key: &str, account: &str, minutes: &str) -> ContactPass {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pass"));
    command.args(["--key", key, "make", account, "--minutes", minutes]);
    let made = command.output().unwrap();
    assert!(made.status.success(), "{made:?}");
    ContactPass::from_text(std::str::from_utf8(&made.stdout).unwrap()).unwrap()
}

#[test]
fn chk607_a_pass_refills_the_budget_of_its_account_once() {
    let mut world = World::new();
    let key = with_passes(&mut world);
    let [mut alice, bob, carol] = devices(&world, ["alice", "bob", "carol"]);
    let [pass, second] = [(); 2].map(|()| {
        std::thread::sleep(std::time::Duration::from_millis(2));
        make_pass(&key, "Alice", "60") // as the user spells it
    });
    let passes = || count(&world, "SELECT count(*) FROM pass");
    // A pass that is not needed is not used.
    post(&mut alice, &carol, with_pass(pass)).unwrap();
    assert_eq!(passes(), 0);
    spend(&world, &alice, STRANGERS_A_DAY - 1, false);
    let refused = plain(&mut alice, &bob).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::StrangerBudget));
    assert_eq!(refused.challenge().unwrap().as_str(), PAGE);
    // Passes of another account, of another key, altered, expired, and valid for too long.
    let other = world.dir.path().join("other.key");
    write_pass_key(&other).unwrap();
    let mut altered = *pass.as_bytes();
    altered[7] ^= 1;
    let (present, me) = (now().as_millis(), alice.me.account.clone());
    let made = |key: &Path, at_ms| read_pass_key(key).unwrap().pass(&me, at_ms).unwrap();
    let ours = Path::new(&key);
    for bad in [
        make_pass(&key, "bob", "60"),
        made(&other, present + 60_000),
        ContactPass::from_bytes(altered),
        made(ours, present - 1),
        made(ours, present + 2 * 86_400_000),
    ] {
        let refused = post(&mut alice, &bob, with_pass(bad));
        assert_eq!(code(refused), ErrorCode::StrangerBudget, "{bad:?}");
    }
    assert_eq!(passes(), 0);
    // Once, also if the answer is lost and the message is posted again.
    let (_, posted) = alice.seal(&bob.me, "hello");
    for _ in 0..2 {
        let (session, account) = (alice.session(), &bob.me.account);
        let sent = alice
            .client
            .send_with(session, account, &posted, with_pass(pass));
        sent.unwrap();
    }
    assert_eq!(passes(), 1);
    spend(&world, &alice, STRANGERS_A_DAY - 1, false);
    let mut dave = world.device("dave");
    let refused = post(&mut alice, &dave, with_pass(pass));
    assert_eq!(code(refused), ErrorCode::StrangerBudget);
    // Not after a restart either.
    world.restart_with(&["--stranger-challenge", PAGE, "--pass-key", &key]);
    for device in [&mut alice, &mut dave] {
        device.use_relay_of(&world);
        device.register().unwrap();
    }
    let refused = post(&mut alice, &dave, with_pass(pass));
    assert_eq!(code(refused), ErrorCode::StrangerBudget);
    post(&mut alice, &dave, with_pass(second)).unwrap();
    assert_eq!(count(&world, "SELECT count(*) FROM pass"), 2);
    // A relay without the key takes none.
    world.restart_with(&[]);
    alice.use_relay_of(&world);
    alice.register().unwrap();
    spend(&world, &alice, STRANGERS_A_DAY - 1, false);
    let erin = world.device("erin");
    let refused = post(&mut alice, &erin, with_pass(make_pass(&key, "alice", "60")));
    assert_eq!(code(refused), ErrorCode::StrangerBudget);
    // One that asks for passes and takes none does not start.
    let mut relay = Command::new(env!("CARGO_BIN_EXE_relay"));
    let started = relay.args(["--stranger-challenge", PAGE]).output().unwrap();
    let said = String::from_utf8(started.stderr).unwrap();
    assert!(said.contains("--pass-key"), "{said}");
}

#[test]
fn headers_that_a_proxy_alters_cost_no_message() {
    let world = World::new();
    let [mut alice, bob] = devices(&world, ["alice", "bob"]);
    for value in ["", "1 1", "\u{e9}", &"A".repeat(4_000), "AAAA"] {
        let (_, posted) = alice.seal(&bob.me, "hello");
        let mut head = format!(
            "POST /v1/messages/bob HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\
             content-length: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/octet-stream\r\n",
            posted.len(),
            alice.token(),
        );
        for name in [
            "waxseal-accepts",
            "waxseal-contact-token",
            "waxseal-contact-pass",
        ] {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let request = [head.as_bytes(), b"\r\n", &posted].concat();
        let (status, answer) = world::raw(world.address(), &request);
        assert_eq!(status, 200, "{value}: {answer}");
    }
    assert_eq!(tokens(&bob), [None; 5]);
    assert_eq!(strangers(&world), 1);
}
