//! The lanes while others hold the locks of queues.

use tokio::task::JoinHandle;

use super::*;

/// Has a job hold the queue of a device until a statement ends.
async fn hold(relay: &Arc<Relay>, of: &Device, until: &'static str) -> JoinHandle<bool> {
    let (relay, row) = (relay.clone(), of.id);
    let holding = tokio::spawn(async move {
        let hold = move |db: &Connection| {
            db.take_queues(&[row])?;
            db.exists(until, &[])
        };
        relay.store.run(hold).await.unwrap()
    });
    sleep(Duration::from_millis(200)).await;
    holding
}

#[tokio::test]
async fn a_message_whose_sender_has_left_is_not_sent_after_it_waited() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 2).await;
    let (from, to) = (&devices[0], &devices[1]);
    let (waiting, row) = (hold(&relay, to, "SELECT pg_sleep(1.5)").await, to.id);
    let shortly = Duration::from_millis(100);
    for _ in 0..5 {
        assert!(timeout(shortly, send(&relay, from, to)).await.is_err());
    }
    waiting.await.unwrap();
    assert!(send(&relay, from, to).await.is_some());
    // One that comes late would be there by now.
    sleep(Duration::from_secs(1)).await;
    let queued = queue::read_after(&relay.store, row, 0, 64).await.unwrap();
    assert_eq!(queued.messages.len(), 1);
}

#[tokio::test]
async fn what_is_for_a_queue_that_others_hold_does_not_keep_other_messages_waiting() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 3).await;
    let (from, to, free) = (&devices[0], &devices[1], &devices[2]);
    for device in [to, free] {
        assert!(send(&relay, from, device).await.is_some());
    }
    let holding = hold(&relay, to, "SELECT pg_sleep(1.5)").await;
    let held = async {
        let (store, row) = (&relay.store, to.id);
        let acknowledged = queue::acknowledge(store, row, vec![1], None);
        tokio::join!(send(&relay, from, to), acknowledged)
    };
    let others = async {
        sleep(Duration::from_millis(100)).await;
        for _ in 0..10 {
            assert!(send(&relay, from, free).await.is_some());
        }
        let acknowledged = queue::acknowledge(&relay.store, free.id, vec![1], None);
        acknowledged.await.unwrap();
        assert!(!holding.is_finished());
    };
    let ((sent, acknowledged), ()) = tokio::join!(held, others);
    assert!(sent.is_some() && acknowledged.is_ok());
    assert_eq!(slow(&relay), 0);
    assert!(counts_are_right(&relay).await);
    for (device, waits) in [(to, 1), (free, 10)] {
        let queued = queue::read_after(&relay.store, device.id, 0, 64).await;
        assert_eq!(queued.unwrap().messages.len(), waits);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_waits_for_a_queue_waits_behind_one_that_others_hold_for_longer() {
    let world = World::at(NOW);
    if !world.is_on_postgres() {
        return;
    }
    let relay = world.open().await;
    let devices = devices_of(&relay, 4).await;
    let (quick, slow_one) = (&devices[0], &devices[1]);
    let (from, other) = (&devices[2], &devices[3]);
    let holding = hold(&relay, slow_one, "SELECT pg_sleep(2.5)").await;
    let holding_quick = hold(&relay, quick, "SELECT pg_sleep(0.8)").await;
    let slowly = async { send(&relay, from, slow_one).await };
    let quickly = async {
        sleep(Duration::from_millis(50)).await;
        assert!(send(&relay, other, quick).await.is_some());
        assert!(holding_quick.is_finished());
        // And what waits has no other queue.
        for _ in 0..5 {
            assert!(send(&relay, other, quick).await.is_some());
        }
        assert!(!holding.is_finished());
    };
    let (sent, ()) = tokio::join!(slowly, quickly);
    assert!(sent.is_some());
    assert_eq!(slow(&relay), 0);
}
