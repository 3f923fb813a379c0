//! Tests of who can answer: those to whom an account wrote, and those who got a token.

use super::*;

#[tokio::test]
async fn chk612_messages_of_strangers_use_up_nobody_elses_budget() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    // Many strangers write to Alice, whose device refuses each of their messages by itself.
    let mut strangers = Vec::new();
    for number in 0..STRANGERS_A_DAY + 10 {
        let stranger = device(&relay, &format!("stranger-{number}")).await;
        send(&relay, &stranger, &alice, "hello").await.unwrap();
        strangers.push(stranger);
    }
    let counted = rows(&relay, "stranger").await;
    for stranger in &strangers {
        send(&relay, &alice, stranger, "again").await.unwrap();
    }
    assert_eq!(rows(&relay, "stranger").await, counted);
    assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, None);
    // Alice still counts for the strangers whom she answered. A refused message lets nobody
    // answer.
    spend(&relay, &strangers[0], STRANGERS_A_DAY - 1).await;
    assert_eq!(refused(&relay, &strangers[0], &bob, NOTHING).await, SPENT);
    spend(&relay, &alice, STRANGERS_A_DAY - 1).await;
    let carol = device(&relay, "carol").await;
    spend(&relay, &carol, STRANGERS_A_DAY).await;
    assert_eq!(refused(&relay, &carol, &alice, NOTHING).await, SPENT);
    assert_eq!(refused(&relay, &alice, &carol, NOTHING).await, SPENT);
    // A device that was away answers for seven days, at no cost. To write again costs each day.
    world.run(&relay, KEPT_MS - 3_600_000).await;
    relay.clean_up().await.unwrap();
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    spend(&relay, &strangers[2], STRANGERS_A_DAY).await;
    let answer = refused(&relay, &alice, &strangers[1], NOTHING);
    assert_eq!(answer.await, None);
    let again = refused(&relay, &strangers[2], &alice, NOTHING);
    assert_eq!(again.await, SPENT);
    world.run(&relay, 3_600_000).await;
    let late = refused(&relay, &alice, &strangers[1], NOTHING);
    assert_eq!(late.await, SPENT);
}

#[tokio::test]
async fn chk616_a_token_that_was_got_while_the_clock_was_ahead_is_valid_once_it_is_right() {
    let world = World::at(NOON);
    let relay = world.open().await;
    let (alice, bob) = (device(&relay, "alice").await, device(&relay, "bob").await);
    let accepts = ContactHeaders {
        accepts: true,
        ..NOTHING
    };
    for days in [15, 29] {
        world.clocks.set(NOON + days * DAY_MS);
        relay.keys.advance(relay.now()).unwrap();
        send_with(&relay, &bob, &alice, "hello", accepts)
            .await
            .unwrap();
        let token = tokens(&relay, &alice).await.pop().unwrap().unwrap();
        forget(&relay).await;
        spend(&relay, &alice, STRANGERS_A_DAY).await;
        let contact = with_token(token);
        assert_eq!(refused(&relay, &alice, &bob, contact).await, None);
        world.clocks.set(NOON);
        assert_eq!(refused(&relay, &alice, &bob, contact).await, None);
        assert_eq!(refused(&relay, &alice, &bob, NOTHING).await, SPENT);
    }
    // A message that waited for long brings a token that is valid from then on.
    world.run(&relay, 28 * DAY_MS).await;
    let token = tokens(&relay, &alice).await[0].unwrap();
    spend(&relay, &alice, STRANGERS_A_DAY).await;
    let contact = with_token(token);
    assert_eq!(refused(&relay, &alice, &bob, contact).await, None);
}
