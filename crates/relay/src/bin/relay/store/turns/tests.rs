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
