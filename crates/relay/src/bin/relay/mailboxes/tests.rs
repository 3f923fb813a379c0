use std::net::IpAddr;

use waxseal_reporting::relay::EPOCH_MS;

use super::*;
use crate::fixture::World;
use crate::store::slots::expire;
use crate::store::values::values;

const NOW: u64 = 21_000 * EPOCH_MS;
const MAILBOX: [u8; 16] = [0xab; 16];

fn path(slot: u8) -> Path<(String, String)> {
    Path(("ab".repeat(16), slot.to_string()))
}

fn visitor() -> Visitor {
    Visitor::Address(IpAddr::from([192, 0, 2, 1]))
}

async fn put(relay: &Arc<Relay>, slot: u8, content: &[u8]) -> Result<(), ErrorCode> {
    let body = BinaryBody(content.to_vec().into());
    let filled = fill(State(relay.clone()), visitor(), path(slot), body);
    filled.await.map(drop).map_err(|refusal| refusal.code)
}

async fn get(relay: &Arc<Relay>, slot: u8) -> Result<(), ErrorCode> {
    let fetched = fetch(State(relay.clone()), visitor(), path(slot));
    fetched.await.map(drop).map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn much_content_whose_time_is_over_is_deleted_little_by_little_and_never_read() {
    let world = World::at(NOW);
    let relay = world.open().await;
    let old = relay.store.run(|db| {
        for slot in 0..250 {
            let at = i64::try_from(NOW).unwrap() - 700_000 - i64::from(slot);
            db.execute(
                "INSERT INTO mailbox (mailbox, slot, owner, put_at_ms, content)
                     VALUES (?1, ?2, 'a:192.0.2.1', ?3, ?4)",
                values![MAILBOX, 249 - slot, at, [0; 1]],
            )?;
        }
        Ok(())
    });
    old.await.unwrap();
    let left = async || {
        let count = |db: &Connection| db.only::<i64>("SELECT count(*) FROM mailbox", &[]);
        relay.store.run(count).await.unwrap()
    };
    // Requests delete the content of their own slots alone, and nobody reads it.
    assert_eq!(put(&relay, 250, b"x").await, Err(ErrorCode::MailboxFull));
    assert_eq!(put(&relay, 248, b"x").await, Err(ErrorCode::MailboxFull));
    assert_eq!(get(&relay, 249).await, Err(ErrorCode::NoSuchMailbox));
    assert_eq!(left().await, 248);
    let expire = |db: &Connection| expire(db, i64::try_from(NOW).unwrap());
    assert!(relay.store.run_under_locks(expire, |_| ()).await.unwrap());
    assert_eq!(left().await, 148);
    relay.clean_up().await.unwrap();
    assert_eq!(left().await, 0);
    let counted = "SELECT CAST(coalesce(sum(slots), 0) AS BIGINT) FROM lodged";
    let counted = relay.store.run(move |db| db.only::<i64>(counted, &[]));
    assert_eq!(counted.await.unwrap(), 0);
    put(&relay, 248, b"x").await.unwrap();
    world.clocks.pass(700_000);
    relay.clean_up().await.unwrap();
    assert_eq!(left().await, 0);
}

#[tokio::test]
async fn what_is_read_costs_as_much_as_what_is_put() {
    let world = World::at(NOW);
    let relay = world.open().await;
    put(&relay, 0, &[7; MAX_MAILBOX_LEN]).await.unwrap();
    let mut read = 0;
    let refused = loop {
        match get(&relay, 0).await {
            Ok(()) => read += 1,
            Err(code) => break code,
        }
        assert!(read < 1_000);
    };
    assert_eq!(refused, ErrorCode::TooManyRequests);
    assert!(read >= 140, "{read}");
}

#[tokio::test]
async fn a_clock_that_is_ahead_at_one_relay_deletes_nothing_that_was_put_at_another() {
    let world = World::at(NOW);
    let relay = world.open().await;
    put(&relay, 0, b"x").await.unwrap();
    world.clocks.set(NOW + 700_000);
    relay.clean_up().await.unwrap();
    get(&relay, 0).await.unwrap();
    put(&relay, 1, b"y").await.unwrap();
    world.clocks.set(NOW);
    get(&relay, 1).await.unwrap();
    world.clocks.pass(600_001);
    assert_eq!(get(&relay, 0).await, Err(ErrorCode::NoSuchMailbox));
}
