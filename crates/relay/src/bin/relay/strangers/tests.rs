use std::sync::Arc;

use waxseal_interface::{CONTACT_EPOCH_DAYS, ContactKey, PassKey};
use waxseal_reporting::{DeviceAddress, DeviceId};
use zeroize::Zeroizing;

use super::*;
use crate::fixture::{PASS_KEY, World, device, send, send_with};
use crate::store::values::values;
use crate::store::{accounts, devices, queue};

/// The first day of an epoch.
const FIRST: u64 = 21_000;
const NOON: u64 = FIRST * DAY_MS + DAY_MS / 2;

/// Has an account write to this many others that are not there.
async fn spend(relay: &Relay, from: &Device, count: usize) {
    let (account, at_ms) = (from.account, relay.time.proven().at_ms);
    let spend = relay.store.run(move |db| {
        for number in 0..count {
            let name = format!("{number}-{:x}", rand::random::<u64>());
            let to = accounts::add(db, &name, None)?.unwrap();
            let cost = Cost::Row {
                from: account,
                to,
                at_ms,
                counts: Counts::Stranger(None),
            };
            cost.count(db)?;
        }
        Ok(())
    });
    spend.await.unwrap();
}

/// The code of a refusal, or `None` if the message was accepted.
async fn refused(
    relay: &Arc<Relay>,
    from: &Arc<Device>,
    to: &Device,
    contact: ContactHeaders,
) -> Option<ErrorCode> {
    let sent = send_with(relay, from, to, "hello", contact).await;
    sent.err().map(|refusal| refusal.code)
}

fn with_token(token: ContactToken) -> ContactHeaders {
    ContactHeaders {
        token: Some(token),
        ..ContactHeaders::default()
    }
}

const NOTHING: ContactHeaders = ContactHeaders {
    accepts: false,
    token: None,
    pass: None,
};

const SPENT: Option<ErrorCode> = Some(ErrorCode::StrangerBudget);

/// Has the relay forget who wrote to whom.
async fn forget(relay: &Relay) {
    let forget = |db: &Connection| db.execute("DELETE FROM stranger", &[]);
    relay.store.run(forget).await.unwrap();
}

async fn rows(relay: &Relay, table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    let rows = relay.store.run(move |db| db.only(&sql, &[]));
    rows.await.unwrap()
}

/// The tokens that a device would get now, one for each message that waits for it.
async fn tokens(relay: &Relay, of: &Device) -> Vec<Option<ContactToken>> {
    let queued = queue::read_after(&relay.store, of.id, 0, 100)
        .await
        .unwrap();
    let messages = queued.messages.iter();
    let tokens = messages.map(|(_, waiting)| {
        let accepting = waiting.accepting();
        accepting.and_then(|stamped| token_for(relay, &of.me.account, stamped))
    });
    tokens.collect()
}

#[tokio::test]
async fn chk604_without_a_valid_token_of_the_recipient_the_sender_pays() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let (bob, carol) = (device(&relay, "bob").await, device(&relay, "carol").await);
    let accepts = ContactHeaders {
        accepts: true,
        ..NOTHING
    };
    send_with(&relay, &bob, &alice, "hello", accepts)
        .await
        .unwrap();
    let token = tokens(&relay, &alice).await[0].unwrap();
    forget(&relay).await;
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    // Alice's token is of no use to others, to other accounts, or altered.
    spend(&relay, &carol, STRANGERS_A_DAY).await;
    let mut altered = *token.as_bytes();
    altered[20] ^= 1;
    let other_relay = ContactKey::derive(&[1; 32]);
    let day = u32::try_from(FIRST).unwrap();
    let elsewhere = other_relay.token(day, &alice.me.account, &bob.me.account);
    let back = relay
        .contacts
        .token(day, &bob.me.account, &alice.me.account);
    for (from, to, token) in [
        (&carol, &bob, token),
        (&alice, &carol, token),
        (&alice, &bob, ContactToken::from_bytes(altered)),
        (&alice, &bob, elsewhere.unwrap()),
        (&alice, &bob, back.unwrap()),
    ] {
        assert_eq!(refused(&relay, from, to, with_token(token)).await, SPENT);
    }
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
    for _ in 0..2 {
        assert_eq!(refused(&relay, &alice, &bob, with_token(token)).await, None);
    }
    // To write to oneself costs nothing. There is no other device, so nothing is stamped for one.
    let own = relay.some_account(&alice.me.account).await.unwrap();
    let relay_2 = relay.clone();
    let own = relay.store.run(move |db| {
        let cost = check(db, &relay_2, &alice, &own, &NOTHING)?;
        Ok(matches!(cost, Cost::Nothing))
    });
    assert!(own.await.unwrap());
}

#[tokio::test]
async fn tokens_of_other_epochs_are_of_no_use() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let token_of = |day: u64| {
        let (day, key) = (u32::try_from(day).unwrap(), &relay.contacts);
        key.token(day, &alice.me.account, &bob.me.account).unwrap()
    };
    let epoch = u64::from(CONTACT_EPOCH_DAYS);
    for (day, expected) in [
        (FIRST - epoch - 1, SPENT),
        (FIRST - epoch, None),
        (FIRST, None),
        (FIRST + epoch, SPENT),
        (0, SPENT),
    ] {
        spend(&relay, &alice, STRANGERS_A_DAY).await;
        let contact = with_token(token_of(day));
        assert_eq!(
            refused(&relay, &alice, &bob, contact).await,
            expected,
            "{day}"
        );
    }
    // Time passes: what was valid becomes too old.
    let token = with_token(token_of(FIRST));
    world.run(&relay, 27 * DAY_MS).await;
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &alice, &bob, token).await, None);
    world.run(&relay, DAY_MS).await;
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &alice, &bob, token).await, SPENT);
}

#[tokio::test]
async fn chk608_a_clock_that_jumps_gives_no_new_budget_and_takes_no_token() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let carol = device(&relay, "carol").await;
    let day = u32::try_from(FIRST).unwrap();
    let key = &relay.contacts;
    let token = key
        .token(day, &alice.me.account, &carol.me.account)
        .unwrap();
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    // Ahead: the stranger is refused as before, and the contact is one as before.
    world.clocks.set(NOON + 29 * DAY_MS);
    relay.keys.advance(relay.now()).unwrap();
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
    assert_eq!(
        refused(&relay, &alice, &carol, with_token(token)).await,
        None
    );
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "stranger").await, STRANGERS_A_DAY);
    // A token of that day is not valid once the clock is right.
    let later = key.token(day + 29, &alice.me.account, &carol.me.account);
    world.clocks.set(NOON);
    let later = with_token(later.unwrap());
    assert_eq!(refused(&relay, &alice, &carol, later).await, SPENT);
    // A clock that stands still gives none either, and time that passes does.
    world.run(&relay, 23 * 3_600_000).await;
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
    world.run(&relay, 3_600_000).await;
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, None);
    // It forgets them when those who got a message no longer answer at no cost.
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "stranger").await, STRANGERS_A_DAY + 1);
    world.run(&relay, 6 * DAY_MS).await;
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "stranger").await, 1);
}

#[tokio::test]
async fn strangers_of_a_proven_time_that_was_set_back_do_not_count() {
    let world = World::at(NOON + 100 * DAY_MS);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
    // The relay is new, and its clock was ahead at first.
    world.clocks.set(NOON);
    relay.keep_time().await.unwrap();
    assert_eq!(relay.time.proven().at_ms, NOON);
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, None);
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "stranger").await, 1);
}

#[tokio::test]
async fn chk609_an_account_of_before_pays_nothing_for_14_days_and_a_new_one_pays_at_once() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let (eve, of_before) = (device(&relay, "eve").await, alice.account);
    // As the upgrade of a database says of the accounts in it.
    let spare = relay.store.run(move |db| {
        let spare = "UPDATE account SET spared_until_ms = ?1 WHERE id = ?2";
        db.execute(spare, values![NOON + 14 * DAY_MS, of_before])
    });
    spare.await.unwrap();
    for device in [&alice, &eve] {
        spend(&relay, device, STRANGERS_A_DAY).await;
    }
    let counted = rows(&relay, "stranger").await;
    assert_eq!(refused(&relay, &eve, &bob, NOTHING).await, SPENT);
    // It leaves a row, so that Bob can answer, and no more of them than one that pays.
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, None);
    assert_eq!(rows(&relay, "stranger").await, counted + 1);
    spend(&relay, &bob, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &bob, &alice, NOTHING).await, None);
    spend(&relay, &alice, MAX_SPARED).await;
    let counted = rows(&relay, "stranger").await;
    let carol = device(&relay, "carol").await;
    assert_eq!(refused(&relay, &alice, &carol, NOTHING).await, None);
    assert_eq!(rows(&relay, "stranger").await, counted);
    // A clock that jumps does not end it.
    world.clocks.set(NOON + 20 * DAY_MS);
    relay.keys.advance(relay.now()).unwrap();
    assert_eq!(refused(&relay, &alice, &eve, NOTHING).await, None);
    world.clocks.set(NOON);
    world.run(&relay, 14 * DAY_MS).await;
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
}

#[tokio::test]
async fn an_account_refills_its_budget_with_passes_up_to_1000_strangers() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let alice = device(&relay, "alice").await;
    let key = PassKey::from_bytes(Zeroizing::new(PASS_KEY));
    let (mut sent, mut challenge) = (0, None);
    for number in 0..25_u64 {
        // The stranger of the last pass counts already.
        spend(&relay, &alice, STRANGERS_A_DAY - usize::from(number > 0)).await;
        let to = device(&relay, &format!("stranger-{number}")).await;
        let expires_at_ms = NOON + 60_000 + number;
        let contact = ContactHeaders {
            pass: key.pass(&alice.me.account, expires_at_ms),
            ..NOTHING
        };
        let without = refused(&relay, &alice, &to, NOTHING).await;
        assert_eq!(without, SPENT);
        match send_with(&relay, &alice, &to, "hello", contact).await {
            Ok(_) => sent += 1,
            Err(refusal) => {
                assert_eq!(Some(refusal.code), SPENT);
                challenge = Some(refusal.challenge);
                break;
            }
        }
    }
    assert_eq!(sent, MAX_PASSES);
    // An account that can use no further pass is not told to get one.
    assert_eq!(challenge, Some(None));
    // Used passes are remembered until they expired and no longer count.
    assert_eq!(rows(&relay, "pass").await, MAX_PASSES);
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "pass").await, MAX_PASSES);
    world.run(&relay, DAY_MS).await;
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "pass").await, 0);
    world.run(&relay, KEPT_MS - DAY_MS).await;
    relay.clean_up().await.unwrap();
    assert_eq!(rows(&relay, "stranger").await, 0);
}

/// Registers many accounts at once, whose devices only receive.
async fn crowd(relay: &Relay, count: usize) -> Vec<Device> {
    let first = device(relay, "crowd").await;
    let account = first.account;
    for begin in (0..count).step_by(1_000) {
        let insert = relay.store.run(move |db| {
            let pinned = devices::pinned(db, account)?.unwrap();
            for number in begin..count.min(begin + 1_000) {
                let account = accounts::add(db, &format!("crowd-{number}"), None)?;
                devices::keep_roster(db, account.unwrap(), &pinned)?;
            }
            Ok(())
        });
        insert.await.unwrap();
    }
    let mut crowd = Vec::new();
    for number in 0..count {
        let account = AccountId::new(&format!("crowd-{number}")).unwrap();
        let account = relay.some_account(&account).await.unwrap();
        crowd.push(Device {
            id: 0,
            account: account.id,
            me: DeviceAddress::new(account.name.clone(), DeviceId(1)),
            identity: first.identity,
            delivery_key: first.delivery_key.clone(),
        });
    }
    crowd
}

#[tokio::test]
async fn an_account_that_writes_to_10000_strangers_reaches_50_and_leaves_50_rows() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (eve, bob) = (device(&relay, "eve").await, device(&relay, "bob").await);
    let alice = device(&relay, "alice").await;
    let strangers = crowd(&relay, 10_000).await;
    let (mut reached, mut refusals) = (0, 0);
    for (number, stranger) in strangers.iter().enumerate() {
        match send(&relay, &eve, stranger, "buy this").await {
            Ok(_) => reached += 1,
            Err(refusal) => {
                assert_eq!(refusal.code, ErrorCode::StrangerBudget);
                assert_eq!(refusal.retry_after_secs, Some(86_400));
                let challenge = refusal.challenge.unwrap();
                assert_eq!(challenge.as_str(), "https://relay.example");
                refusals += 1;
            }
        }
        if number % 1_000 == 0 {
            // Others go on meanwhile.
            send(&relay, &alice, &bob, "hello").await.unwrap();
        }
    }
    assert_eq!((reached, refusals), (STRANGERS_A_DAY, 9_950));
    assert_eq!(rows(&relay, "stranger").await, STRANGERS_A_DAY + 1);
    assert_eq!(rows(&relay, "queue").await, STRANGERS_A_DAY + 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_a_message_changes_are_not_waited_for_when_others_are_forgotten() {
    let world = World::at(NOON);
    let relay = world.open().await;
    if relay.store.answers_in_order() {
        return; // nobody works at the same time
    }
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    spend(&relay, &alice, 3).await;
    spend(&relay, &bob, 3).await;
    let (shared, account) = (relay.clone(), alice.account);
    let key = PassKey::from_bytes(Zeroizing::new(PASS_KEY));
    let pass = key.pass(&alice.me.account, NOON + 60_000).unwrap();
    let paying = tokio::spawn(async move {
        let pay = move |db: &Connection| {
            strangers::pay(db, account, &pass, 1)?;
            db.exists("SELECT pg_sleep(1.5)", &[])
        };
        shared.store.run(pay).await
    });
    let wait = std::time::Duration::from_millis(500);
    tokio::time::sleep(wait).await;
    let expire = |db: &Connection| expiry::expire(db, NOON + 8 * DAY_MS);
    let expired = relay.store.run_under_locks(expire, |_| ());
    tokio::time::timeout(wait, expired).await.unwrap().unwrap();
    paying.await.unwrap().unwrap();
    let left = "SELECT account FROM stranger ORDER BY account";
    let left = relay.store.run(move |db| db.all::<i64>(left, &[]));
    assert_eq!(left.await.unwrap(), [alice.account; 3]);
}

mod answers;
