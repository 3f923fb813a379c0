//! An honest pair, which every attack must leave in peace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{SOON, World};

/// Runs an attack while two honest devices talk: their every message must arrive within its time.
pub fn while_others_talk<T>(world: &World, attack: impl FnOnce() -> T) -> T {
    let (mut carol, dave) = (world.device("carol"), world.device("dave"));
    let over = AtomicBool::new(false);
    let (result, exchanged) = std::thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut exchanged = 0;
            // Once more after the attack.
            loop {
                let last = over.load(Ordering::SeqCst);
                let (began, text) = (Instant::now(), format!("{exchanged}"));
                let (_, envelope) = carol.seal(&dave.me, &text);
                // A connection may have made room for a newer one: an honest client asks again.
                while let Err(error) =
                    carol
                        .client
                        .send(carol.session(), &dave.me.account, &envelope)
                {
                    assert!(error.is_transient() && began.elapsed() < SOON, "{error}");
                }
                let received = dave.receive();
                assert_eq!(received.last().unwrap().0, text);
                assert!(began.elapsed() < SOON);
                exchanged += 1;
                std::thread::sleep(Duration::from_millis(50));
                if last {
                    break exchanged;
                }
            }
        });
        let result = {
            let _over = SetAtEnd(&over);
            attack()
        };
        (result, talk.join().unwrap())
    });
    assert!(exchanged > 0);
    result
}

/// Ends the talk whether the attack returns or panics.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
