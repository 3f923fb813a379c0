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
        let named = "SELECT 1 FROM budget
             WHERE key LIKE '%192.0.2.1%' OR key LIKE '%alice%' OR length(key) <> 43";
        db.exists(named, &[])
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
    let named = |db: &Connection| db.exists("SELECT 1 FROM budget WHERE length(key) <> 43", &[]);
    assert!(!one.store.run(named).await.unwrap());
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

#[tokio::test]
async fn a_clock_of_the_database_that_was_ahead_locks_no_budget() {
    let Some([(_first, one), (_second, other)]) = two().await else {
        return;
    };
    let names = ["alice", "bob"].map(|name| AccountId::new(name).unwrap());
    for name in &names {
        group_entry(&one, name, 2).await.unwrap();
    }
    // It was two days ahead, and was set right.
    let ahead = |db: &Connection| {
        let ahead = "UPDATE budget SET full_us = full_us + 172800000000";
        db.execute(ahead, &[])
    };
    assert_eq!(one.store.run(ahead).await.unwrap(), 2);
    let mut taken = 0;
    while group_entry(&other, &names[0], 2).await.is_ok() {
        taken += 1;
    }
    assert!((100..102).contains(&taken), "{taken}"); // as if it was full
    other.clean_up().await.unwrap();
    let count = |db: &Connection| db.only::<i64>("SELECT count(*) FROM budget", &[]);
    assert_eq!(one.store.run(count).await.unwrap(), 1);
}

#[tokio::test]
async fn budgets_are_swept_while_others_take_from_them() {
    let Some([(_first, one), (_second, other)]) = two().await else {
        return;
    };
    let fill = |db: &Connection| {
        let rows = "INSERT INTO budget SELECT 3, 'k' || n, 1 FROM generate_series(1, 3) n";
        db.execute(rows, &[])
    };
    assert_eq!(one.store.run(fill).await.unwrap(), 3);
    // One is locked for longer than a statement may wait.
    let (locked, is_locked) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (is_locked, ended) = (
        std::sync::Mutex::new(is_locked),
        std::sync::Mutex::new(ended),
    );
    let holding = one.clone();
    let held = tokio::spawn(async move {
        let hold = move |db: &Connection| {
            db.exists("SELECT 1 FROM budget WHERE key = 'k2' FOR UPDATE", &[])?;
            let _ = locked.send(());
            let _ = ended.lock().unwrap().recv();
            Ok(())
        };
        holding.store.run(hold).await
    });
    while is_locked.lock().unwrap().try_recv().is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    other.clean_up().await.unwrap();
    let count = |db: &Connection| db.only::<i64>("SELECT count(*) FROM budget", &[]);
    assert_eq!(other.store.run(count).await.unwrap(), 1);
    end.send(()).unwrap();
    held.await.unwrap().unwrap();
    other.clean_up().await.unwrap();
    assert_eq!(other.store.run(count).await.unwrap(), 0);
}
