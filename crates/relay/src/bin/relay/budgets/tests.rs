use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::fixture::World;

const NOON: u64 = 21_000 * 86_400_000;

async fn two() -> Option<[(World, Arc<Relay>); 2]> {
    let first = World::at(NOON);
    let one = first.open().await;
    let second = first.beside("second")?;
    let other = second.open().await;
    Some([(first, one), (second, other)])
}

#[tokio::test]
async fn chk708_what_is_scarce_is_counted_for_all_relays_together() {
    let Some([(_first, one), (_second, other)]) = two().await else {
        return;
    };
    let alice = AccountId::new("alice").unwrap();
    // At once, at both.
    let mut asked = JoinSet::new();
    for n in 0..80 {
        let (relay, alice) = ([&one, &other][n % 2].clone(), alice.clone());
        asked.spawn(async move { group_entry(&relay, &alice, 1).await.is_ok() });
    }
    let at_once = asked.join_all().await;
    let mut founded = at_once.into_iter().filter(|founded| *founded).count();
    assert!((1..=50).contains(&founded), "{founded}");
    // A request that others overtook too often may have been refused. Now none is in the way.
    for relay in [&one, &other] {
        while group_entry(relay, &alice, 1).await.is_ok() {
            founded += 1;
        }
    }
    assert_eq!(founded, 50);
    let refusal = group_entry(&one, &alice, 1).await.unwrap_err();
    assert_eq!(refusal.code, ErrorCode::TooManyRequests);
    assert_eq!(refusal.retry_after_secs, Some(600));
    let bob = AccountId::new("bob").unwrap();
    group_entry(&one, &bob, 1).await.unwrap();

    let address = IpAddr::from([192, 0, 2, 1]);
    let mut registered = 0;
    'all: loop {
        for relay in [&one, &other] {
            match registration(relay, address).await {
                Ok(()) => registered += 1,
                Err(_) => break 'all,
            }
        }
    }
    assert!((300..303).contains(&registered), "{registered}"); // one comes back in ten seconds
    let is_there = |db: &Connection| {
        let address = "SELECT 1 FROM budget WHERE key LIKE '%192.0.2.1%'";
        db.exists(address, &[])
    };
    assert!(!one.store.run(is_there).await.unwrap());
}

#[tokio::test]
async fn one_time_parts_are_counted_with_their_transaction_and_for_all_relays() {
    let Some([(_first, one), (_second, other)]) = two().await else {
        return;
    };
    let take = async |relay: &Arc<Relay>, to: i64, left: usize, keeps: bool| {
        let shared = relay.clone();
        let job = move |db: &Connection| match one_time(db, &shared, 7, to, left)? {
            taken if keeps => Ok(taken),
            _ => Err(ErrorCode::NoPreKeys.into()),
        };
        relay.store.run(job).await.unwrap_or(false)
    };
    for _ in 0..10 {
        assert!(!take(&one, 1, 100, false).await); // undone
    }
    let mut taken = 0;
    for n in 0..10 {
        taken += usize::from(take([&one, &other][n % 2], 1, 100, true).await);
    }
    assert_eq!(taken, 5);
    for to in 2..40 {
        taken += usize::from(take([&one, &other][to as usize % 2], to, 100, true).await);
    }
    assert_eq!(taken, 20);
    assert!(!take(&one, 50, 0, true).await);
}

#[tokio::test]
async fn full_budgets_are_forgotten() {
    let Some([(_first, one), (_second, other)]) = two().await else {
        return;
    };
    let alice = AccountId::new("alice").unwrap();
    desk(&one, &alice).await.unwrap(); // full again after a second
    group_entry(&other, &alice, 2).await.unwrap(); // after a minute
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    one.clean_up().await.unwrap();
    let count = |db: &Connection| db.only::<i64>("SELECT count(*) FROM budget", &[]);
    assert_eq!(one.store.run(count).await.unwrap(), 1);
}
