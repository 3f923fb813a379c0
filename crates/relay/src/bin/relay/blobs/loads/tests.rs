use super::*;

/// Makes the loads of now as old as those whose places others can need.
pub fn age(loads: &Loads) {
    for (began, _) in lock(&loads.open).by_turn.values_mut() {
        *began -= MAX_READ;
    }
}

#[tokio::test]
async fn an_account_has_few_loads_until_its_answers_are_read() {
    let (loads, connection) = (Loads::new(MAX_LOADS), Leave::default());
    let mut held = Vec::new();
    for _ in 0..MAX_OF_ONE {
        held.push(loads.begin(7, &connection).await.unwrap().carry(vec![1, 2]));
    }
    let refused = loads.begin(7, &connection).await.err().unwrap();
    assert_eq!(refused.code, ErrorCode::TooManyRequests);
    assert!(loads.begin(8, &connection).await.is_ok());
    // A part of an answer that is still to be sent keeps the place.
    let rest = held.pop().unwrap().slice(1..);
    assert!(loads.begin(7, &connection).await.is_err());
    drop(rest);
    assert!(loads.begin(7, &connection).await.is_ok());
    drop(held);
    assert!(lock(&loads.open).of_accounts.is_empty());
    assert!(lock(&loads.open).by_turn.is_empty());
    assert_eq!(loads.permits.available_permits(), MAX_LOADS);
}

#[tokio::test]
async fn the_answer_that_is_read_for_longest_makes_room_for_another() {
    let (loads, connections) = (Loads::new(2), [(); 3].map(|()| Leave::default()));
    let mut held = Vec::new();
    for (account, connection) in [1, 2].into_iter().zip(&connections) {
        held.push(loads.begin(account, connection).await.unwrap());
    }
    // Neither has had much time yet.
    let refused = loads.begin(3, &connections[2]).await.err().unwrap();
    assert_eq!(refused.code, ErrorCode::Busy);
    age(&loads);
    let begin = loads.begin(3, &connections[2]);
    let first = held.remove(0);
    let leaves = async {
        connections[0].left().await;
        drop(first);
    };
    let (begun, ()) = tokio::join!(begin, leaves);
    assert!(begun.is_ok());
    assert_eq!(lock(&loads.open).by_turn.len(), 2);
}
