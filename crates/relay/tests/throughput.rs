//! Measures the messages per second through one relay on loopback:
//! `cargo test --release -p waxseal-relay --test throughput -- --ignored --nocapture`.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::Barrier;
use std::time::{Duration, Instant};

use waxseal_interface::Event;
use world::{Device, SOON, World};

const PAIRS: usize = 64;
const MESSAGES: usize = 250;

/// Measures how many messages pass per second. Each sender waits for the receipt before it sends
/// the next message. Each recipient is connected and acknowledges every delivery.
#[test]
#[ignore = "a measurement"]
fn messages_per_second() {
    let world = World::new();
    let pair = |n| {
        (
            world.device(&format!("s{n}")),
            world.device(&format!("r{n}")),
        )
    };
    let pairs: Vec<(Device, Device)> = (0..PAIRS).map(pair).collect();
    let start = Barrier::new(2 * PAIRS + 1);
    let (accepted, delivered): (Vec<Duration>, Vec<Duration>) = std::thread::scope(|scope| {
        let threads: Vec<_> = pairs
            .into_iter()
            .map(|(mut sender, recipient)| {
                let start = &start;
                let to = recipient.me.clone();
                let sending = scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    for _ in 0..MESSAGES {
                        sender.send(&to, "about as long as a message is").unwrap();
                    }
                    began.elapsed()
                });
                let receiving = scope.spawn(move || {
                    let mut deliveries = recipient.connect();
                    start.wait();
                    let (began, mut received) = (Instant::now(), 0);
                    while received < MESSAGES {
                        if let Event::Delivery { id, .. } = deliveries.next(SOON).unwrap().unwrap()
                        {
                            deliveries.acknowledge(id).unwrap();
                            received += 1;
                        }
                    }
                    let took = began.elapsed();
                    deliveries.close();
                    took
                });
                (sending, receiving)
            })
            .collect();
        start.wait();
        threads
            .into_iter()
            .map(|(sending, receiving)| (sending.join().unwrap(), receiving.join().unwrap()))
            .unzip()
    });
    let rate = |took: &[Duration]| {
        let longest = took.iter().max().unwrap().as_secs_f64();
        (PAIRS * MESSAGES) as f64 / longest
    };
    println!(
        "{PAIRS} senders, {PAIRS} connected recipients, {} messages: \
         {:.0} per second accepted with a receipt, {:.0} per second delivered and acknowledged",
        PAIRS * MESSAGES,
        rate(&accepted),
        rate(&delivered),
    );
}
