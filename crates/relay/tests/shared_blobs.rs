//! Several relays share a store of blobs: a folder, or a server that speaks S3.

#![cfg(feature = "postgres")]
#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use rand::RngExt;
use waxseal_interface::MAX_BLOB_PART_LEN;
use waxseal_reporting::BlobId;
use world::Device;
use world::relays::Relays;

/// Relays over each kind of store.
fn each_store(count: usize, test: impl Fn(&Relays, Option<&waxseal_s3::Server>)) {
    if let Some(relays) = Relays::start(count) {
        test(&relays, None);
    }
    let Some(server) = waxseal_s3::Server::start() else {
        return;
    };
    if let Some(relays) = Relays::start_over(count, Some(server.url("blobs", "relays"))) {
        test(&relays, Some(&server));
    }
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn is_whole(relays: &Relays, at: usize, device: &Device, blob: &BlobId, whole: &[u8]) -> bool {
    let client = relays.client(at);
    let ranges = whole.chunks(MAX_BLOB_PART_LEN).enumerate();
    let mut read = ranges.map(|(n, range)| {
        let at = (n * MAX_BLOB_PART_LEN) as u64;
        loop {
            match client.blob(device.session(), blob, at, range.len()) {
                Ok(bytes) => return bytes == range,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            sleep(Duration::from_millis(100)); // it asks more often than one account may
        }
    });
    read.all(|is_right| is_right)
}

#[test]
fn an_upload_goes_on_at_any_relay_whatever_is_killed_and_what_was_acknowledged_stays() {
    each_store(2, |relays, s3| {
        let (alice, bob) = (relays.device("alice", 0), relays.device("bob", 1));
        let whole = content(3_000_000);
        let is_over = AtomicBool::new(false);
        let (kills, uploads) = (AtomicU64::new(0), AtomicU64::new(0));
        scope(|scope| {
            scope.spawn(|| {
                let rng = &mut rand::rng();
                for turn in 0..12 {
                    sleep(Duration::from_millis(rng.random_range(50..500)));
                    match s3 {
                        Some(server) if turn % 4 == 3 => {
                            server.kill();
                            server.restart();
                        }
                        _ => {
                            relays.kill(turn % 2);
                            relays.restart(turn % 2);
                            kills.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
                is_over.store(true, Ordering::Relaxed);
            });
            for uploader in 0..2_u8 {
                let (alice, whole, is_over) = (&alice, &whole, &is_over);
                let uploads = &uploads;
                scope.spawn(move || {
                    let rng = &mut rand::rng();
                    for n in 0.. {
                        let blob = BlobId::from_bytes([uploader * 100 + n; 32]);
                        let mut acknowledged = 0;
                        while acknowledged < whole.len() {
                            let end = whole.len().min(acknowledged + rng.random_range(1..300_000));
                            let part = &whole[acknowledged..end];
                            let (at, of) = (acknowledged as u64, whole.len() as u64);
                            let client = relays.client(rng.random_range(0..2));
                            match client.put_blob(alice.session(), &blob, at, of, part) {
                                Ok(state) => {
                                    let received = state.received as usize;
                                    assert!(received >= acknowledged, "what was there is gone");
                                    acknowledged = received;
                                }
                                Err(error) => {
                                    assert!(error.is_transient(), "{error}");
                                    sleep(Duration::from_millis(20));
                                }
                            }
                        }
                        uploads.fetch_add(1, Ordering::Relaxed);
                        if is_over.load(Ordering::Relaxed) || n == 90 {
                            break;
                        }
                    }
                });
            }
        });
        let uploads = uploads.into_inner();
        println!("{uploads} uploads, {} kills", kills.into_inner());
        let mut found = 0;
        for uploader in 0..2_u8 {
            for n in 0..=90 {
                let blob = BlobId::from_bytes([uploader * 100 + n; 32]);
                if relays.client(0).blob_state(bob.session(), &blob).is_ok() {
                    found += 1;
                    assert!((0..2).all(|at| is_whole(relays, at, &bob, &blob, &whole)));
                }
            }
        }
        assert_eq!(found, uploads);
    });
}
