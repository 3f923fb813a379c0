use super::*;

const SHORTLY: Duration = Duration::from_millis(50);

#[tokio::test]
async fn those_of_one_account_wait_for_each_other_and_others_do_not() {
    let turns = Turns::default();
    let first = turns.take(Whose::Account(1)).await.unwrap();
    let _other = turns.take(Whose::Account(2)).await.unwrap();
    let group = ConversationId::from_bytes([1; 32]);
    let _group = turns.take(Whose::Group(group)).await.unwrap();
    assert!(
        timeout(SHORTLY, turns.take(Whose::Account(1)))
            .await
            .is_err()
    );
    drop(first);
    turns.take(Whose::Account(1)).await.unwrap();
}

#[tokio::test]
async fn turns_that_nobody_waits_for_are_forgotten() {
    let turns = Turns::default();
    let _held = turns.take(Whose::Account(-1)).await.unwrap();
    for account in 0..2 * MANY as i64 {
        turns.take(Whose::Account(account)).await.unwrap();
    }
    assert!(turns.lock().len() <= MANY);
    assert!(turns.lock().contains_key(&Whose::Account(-1)));
}

#[tokio::test]
async fn no_more_wait_for_one_account_than_may() {
    let turns = Arc::new(Turns::default());
    let first = turns.take(Whose::Account(1)).await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..2 * MAX_WAITING {
        let turns = turns.clone();
        waiting.spawn(async move { turns.take(Whose::Account(1)).await.is_ok() });
    }
    tokio::time::sleep(SHORTLY).await;
    turns.take(Whose::Account(2)).await.unwrap();
    drop(first);
    let taken = waiting.join_all().await.into_iter().filter(|taken| *taken);
    assert_eq!(taken.count(), MAX_WAITING);
}
