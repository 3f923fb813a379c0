use std::sync::Mutex;

use super::*;

/// Keeps what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<News>>);

impl Heard {
    fn count(&self, news: News) -> usize {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|heard| **heard == news).count()
    }

    /// Waits until it was heard.
    async fn wait_for(&self, news: News) {
        while self.count(news) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Ear for Heard {
    fn hear(&self, news: News) {
        self.0.lock().unwrap().push(news);
    }

    fn connected(&self) -> HashMap<i64, i64> {
        HashMap::new()
    }

    fn found(&self, _: i64, _: i64, _: i64) {}

    fn went_back(&self) {}
}

#[tokio::test]
async fn the_relay_to_which_a_device_is_connected_is_told_and_no_other() {
    let world = World::at(NOW);
    let Some(([one, other], _stop)) = two(&world).await else {
        return;
    };
    let bob = device(&one, "bob").await;
    let (here, there) = (Arc::new(Heard::default()), Arc::new(Heard::default()));
    one.store.hear(here.clone());
    other.store.hear(there.clone());
    let waits = News::Queued(bob.id);
    let mut last = 0;
    // Waits until all that was told before has been heard.
    let mut all_is_heard = async || {
        for _ in 0..2 {
            last += 1;
            one.store.tell(News::Account(last));
            here.wait_for(News::Account(last)).await;
            there.wait_for(News::Account(last)).await;
        }
        (here.count(waits), there.count(waits))
    };
    one.store.tell(waits);
    assert_eq!(all_is_heard().await, (0, 0), "it is not connected");
    let older = one.store.next_connection(bob.id).await.unwrap();
    let newest = other.store.next_connection(bob.id).await.unwrap();
    one.store.tell(waits);
    assert_eq!(all_is_heard().await, (0, 1));
    one.store.end_connection(bob.id, older);
    all_is_heard().await;
    one.store.tell(waits);
    assert_eq!(all_is_heard().await, (0, 2), "it is not the newest one");
    other.store.end_connection(bob.id, newest);
    let is_connected = |db: &Connection| {
        let connected = "SELECT 1 FROM device WHERE relay IS NOT NULL";
        db.exists(connected, &[])
    };
    while one.store.run(is_connected).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    one.store.tell(waits);
    assert_eq!(all_is_heard().await, (0, 2));
}
