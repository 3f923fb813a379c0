use super::*;

#[tokio::test]
async fn messages_wait_while_others_fill_the_space_and_no_message_waits_for_ever() {
    const MIB: usize = 1 << 20;
    let (space, shortly) = (Space::default(), Duration::from_millis(50));
    let first = space.hold(200 * MIB).await.unwrap();
    let second = space.hold(56 * MIB).await.unwrap();
    assert!(timeout(shortly, space.hold(1)).await.is_err());
    // The space is held as long as anything holds the message.
    let job = second.clone();
    drop(second);
    assert!(timeout(shortly, space.hold(1)).await.is_err());
    drop(job);
    space.hold(1).await.unwrap();
    drop(first);
    // What is longer than all of it takes all of it.
    space.hold(1_000 * MIB).await.unwrap();
}
