//! A relay, or a sender, that gives out something else than the file.

use waxseal::courier::FileFailure;
use waxseal::reporting::file::FileShape;
use waxseal_interface::{BlobState, ErrorCode};
use waxseal_world::{Fault, account};

use super::media::{Memory, Shared};
use super::{bytes, with_file};
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

/// Bob tries to save the file of which the relay has something else. Returns what was written.
fn try_to_save(town: &mut Town, expected: FileFailure) -> Vec<u8> {
    let target = Shared::default();
    town.phones[1].save_to(&account("alice").into(), &target);
    town.live(10 * MINUTE_MS);
    let failures = town.phones[1].failures();
    assert_eq!(failures, [expected]);
    assert!(!target.is_finished());
    target.content()
}

#[test]
fn chk539_no_byte_of_an_altered_chunk_is_written() {
    let content = bytes(1_000_000);
    let shape = FileShape::new(1_000_000).unwrap();
    for at in [65_535, 500_000, shape.sealed_len() - 1] {
        let mut town = with_file(&content);
        let blob = town.relay.blob_ids()[0];
        town.relay.blob_mut(&blob).unwrap()[at as usize] ^= 1;
        let written = try_to_save(&mut town, FileFailure::Altered);
        // What comes before it is verified.
        let chunk = (at / 65_536 * 65_536) as usize;
        assert_eq!(written, content[..chunk.min(content.len())], "{at}");
    }
}

#[test]
fn chk537_altered_tags_end_a_download_before_anything_is_fetched() {
    let shape = FileShape::new(1_000_000).unwrap();
    for at in [shape.tags_offset(), shape.tags_offset() + 511] {
        let mut town = with_file(&bytes(1_000_000));
        let blob = town.relay.blob_ids()[0];
        town.relay.blob_mut(&blob).unwrap()[at as usize] ^= 1;
        let written = try_to_save(&mut town, FileFailure::Altered);
        assert!(written.is_empty());
        let fetched = town.asked("GET", &format!("/v1/blobs/{}/bytes?at=0", blob.to_text()));
        assert_eq!(fetched, 0);
    }
}

#[test]
fn chunks_that_changed_places_are_not_written() {
    let content = bytes(300_000);
    let mut town = with_file(&content);
    let blob = town.relay.blob_ids()[0];
    let bytes = town.relay.blob_mut(&blob).unwrap();
    let (first, rest) = bytes.split_at_mut(65_536);
    first.swap_with_slice(&mut rest[..65_536]);
    let written = try_to_save(&mut town, FileFailure::Altered);
    assert!(written.is_empty());
}

#[test]
fn chk535_a_blob_of_another_length_is_refused_before_anything_is_fetched() {
    for longer in [true, false] {
        let mut town = with_file(&bytes(100_000));
        let blob = town.relay.blob_ids()[0];
        let bytes = town.relay.blob_mut(&blob).unwrap();
        match longer {
            true => bytes.push(0),
            false => drop(bytes.pop()),
        }
        let len = bytes.len() as u64;
        town.relay.set_blob_len(&blob, len);
        assert!(try_to_save(&mut town, FileFailure::Altered).is_empty());
        assert_eq!(
            town.asked("GET", &format!("/v1/blobs/{}/", blob.to_text())),
            0
        );
    }
}

#[test]
fn chk536_a_blob_that_is_not_whole_or_is_gone_is_told_as_gone() {
    for way in 0..4 {
        let mut town = with_file(&bytes(100_000));
        let blob = town.relay.blob_ids()[0];
        match way {
            0 => town.relay.delete_blob(&blob),
            1 => town.relay.blob_mut(&blob).unwrap().truncate(70_000),
            2 => town.live(31 * DAY_MS),
            _ => {
                let state = BlobState {
                    received: 5,
                    len: FileShape::new(100_000).unwrap().blob_len(),
                    kept_until_ms: 1,
                };
                let body = serde_json::to_vec(&state).unwrap();
                town.relay.fail(move |asked| {
                    let fault = Fault::Answered {
                        status: 200,
                        body: body.clone(),
                        headers: Vec::new(),
                    };
                    asked.is("GET", "/v1/blobs").then_some(fault)
                });
            }
        }
        assert!(try_to_save(&mut town, FileFailure::Gone).is_empty());
    }
}

#[test]
fn a_relay_that_refuses_files_is_told() {
    let mut town = with_file(&bytes(1_000));
    town.relay.fail(|asked| {
        let is_blob = asked.path.starts_with("/v1/blobs");
        is_blob.then(|| ErrorCode::NotFound.into())
    });
    let refused = FileFailure::Refused(ErrorCode::NotFound);
    try_to_save(&mut town, refused.clone());
    town.send_file(0, account("bob"), b"x");
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].failures(), [refused]);
}

/// Answers each request about blobs with these states, and counts the requests.
fn answers(town: &mut Town, state: BlobState) {
    let body = serde_json::to_vec(&state).unwrap();
    town.relay.fail(move |asked| {
        let fault = Fault::Answered {
            status: 200,
            body: body.clone(),
            headers: Vec::new(),
        };
        asked.path.starts_with("/v1/blobs").then_some(fault)
    });
}

#[test]
fn chk534_a_relay_that_says_what_cannot_be_is_asked_ever_less_and_holds_up_nothing() {
    let len = FileShape::new(900_000).unwrap().blob_len();
    for (received, len) in [(1, len), (len, len + 1), (len + 1, len)] {
        let mut town = Town::of_two();
        let state = BlobState {
            received,
            len,
            kept_until_ms: 1,
        };
        answers(&mut town, state);
        town.send_file(0, account("bob"), &bytes(900_000));
        town.live(HOUR_MS);
        let asked = town.asked("PUT", "/v1/blobs");
        assert!((5..40).contains(&asked), "{asked}");
        assert_eq!(town.phones[0].sent_files(), 0);
        town.say(0, "bob", "and on");
        town.live(1_000);
        assert_eq!(town.phones[1].heard("alice").last().unwrap(), "and on");
        town.relay.work();
        town.live(10 * MINUTE_MS);
        assert_eq!(town.phones[0].sent_files(), 1);
        assert_eq!(town.save(1, account("alice")), bytes(900_000));
    }
}

#[test]
fn a_relay_that_answers_garbage_about_a_download_is_asked_ever_less() {
    for body in [b"{}".to_vec(), Vec::new(), vec![7; 64]] {
        let mut town = with_file(&bytes(1_000));
        let (path, before) = ("/v1/blobs", town.asked("GET", "/v1/blobs"));
        town.relay.fail(move |asked| {
            let fault = Fault::Answered {
                status: 200,
                body: body.clone(),
                headers: Vec::new(),
            };
            asked.path.starts_with(path).then_some(fault)
        });
        let target = Shared::default();
        town.phones[1].save_to(&account("alice").into(), &target);
        town.live(HOUR_MS);
        let asked = town.asked("GET", path) - before;
        assert!((5..40).contains(&asked), "{asked}");
        town.relay.work();
        town.live(10 * MINUTE_MS);
        assert_eq!(target.finished(), bytes(1_000));
    }
}

#[test]
fn a_relay_that_loses_what_it_confirmed_gets_no_endless_traffic() {
    let mut town = Town::of_two();
    let state = BlobState {
        received: 0,
        len: FileShape::new(900_000).unwrap().blob_len(),
        kept_until_ms: 1,
    };
    let body = serde_json::to_vec(&state).unwrap();
    let mut puts = 0;
    // The first part is confirmed, and after the second one nothing is there. And so on.
    town.relay.fail(move |asked| {
        if !asked.is("PUT", "/v1/blobs") {
            return None;
        }
        puts += 1;
        let fault = Fault::Answered {
            status: 200,
            body: body.clone(),
            headers: Vec::new(),
        };
        (puts % 2 == 0).then_some(fault)
    });
    let upload = town.send_file(0, account("bob"), &bytes(900_000));
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].failures(), [FileFailure::Lost]);
    let asked = town.asked("PUT", "/v1/blobs");
    assert!((6..=12).contains(&asked), "{asked}");
    town.relay.work();
    let source = Box::new(Memory::new(&bytes(900_000)));
    let courier = &mut town.phones[0].courier;
    courier.resume_upload(upload, source).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.save(1, account("alice")), bytes(900_000));
}

/// Fails everything about a blob, and nothing else.
fn break_blob(town: &mut Town, blob: &str) {
    let blob = blob.to_owned();
    town.relay.fail(move |asked| {
        let is_it = asked.path.contains(&blob);
        is_it.then(|| ErrorCode::Internal.into())
    });
}

#[test]
fn a_file_that_always_fails_holds_up_no_other() {
    let mut town = Town::of_two();
    let content = bytes(3_000_000);
    town.send_file(0, account("bob"), &content);
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    let first = town.relay.blob_ids()[0].to_text();
    break_blob(&mut town, &first);
    town.send_file(0, account("bob"), &bytes(2_000_000));
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[0].sent_files(), 1);
    assert_eq!(town.save(1, account("alice")), bytes(2_000_000));
    town.relay.work();
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[0].sent_files(), 2);
    // So it is with downloads.
    break_blob(&mut town, &first);
    let target = Shared::default();
    town.phones[1].save_to(&account("alice").into(), &target);
    let (message, index, _) = town.phones[1].files(&account("alice").into())[0];
    let other = Shared::default();
    let (courier, alice) = (&mut town.phones[1].courier, account("alice"));
    let saved = courier.save_file(&alice, &message, index, Box::new(other.clone()));
    saved.unwrap();
    town.live(10 * MINUTE_MS);
    assert!(!target.is_finished());
    assert_eq!(other.finished(), bytes(2_000_000));
    town.relay.work();
    town.live(10 * MINUTE_MS);
    assert_eq!(target.finished(), content);
}
