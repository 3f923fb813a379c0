//! An honest pair of devices, whose conversation no attack may disturb.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{SOON, World};

/// Runs an attack while two honest devices talk. Each of their messages must arrive in time.
pub fn while_others_talk<T>(world: &World, attack: impl FnOnce() -> T) -> T {
    let (mut carol, dave) = (world.device("carol"), world.device("dave"));
    let over = AtomicBool::new(false);
    let (result, exchanged) = std::thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let mut exchanged = 0;
            // The loop runs once more after the attack.
            loop {
                let last = over.load(Ordering::SeqCst);
                let (began, text) = (Instant::now(), format!("{exchanged}"));
                let (_, envelope) = carol.seal(&dave.me, &text);
                // The relay may have closed the connection to make room for a newer one. An honest
                // client then tries again.
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

/// Ends the conversation, whether the attack returns or panics.
struct SetAtEnd<'a>(&'a AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
