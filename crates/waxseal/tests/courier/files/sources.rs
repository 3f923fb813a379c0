//! Sources that are too long, change or vanish, and names that a message cannot have.

use std::io::ErrorKind;

use waxseal::courier::{FileFailure, MAX_LABEL_LEN, NewFile};
use waxseal::errors::{SendError, SendFileError};
use waxseal_world::account;

use super::media::{Claimed, Memory};
use super::{bytes, photo};
use crate::phone::{MINUTE_MS, Town};

#[test]
fn chk531_a_source_that_grows_while_it_is_read_is_not_sent() {
    for change in [1_i64, -1, -40_000] {
        let mut town = Town::of_two();
        let content = bytes(3_000_000);
        let source = Memory::new(&content);
        let (now, phone) = (town.now(), &mut town.phones[0]);
        phone
            .courier
            .send_file(
                account("bob"),
                "look",
                photo(),
                Box::new(source.clone()),
                now,
                &mut phone.rng,
            )
            .unwrap();
        // It is read in several calls.
        assert!(phone.courier.next(now, &mut phone.rng).unwrap().is_none());
        let len = (3_000_000 + change) as usize;
        source.content.lock().unwrap().resize(len, 0);
        town.live(MINUTE_MS);
        let failures = town.phones[0].failures();
        assert_eq!(failures, [FileFailure::SourceChanged], "{change}");
        assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
    }
}

#[test]
fn chk533_what_changes_after_it_was_read_never_leaves_the_device() {
    let mut town = Town::of_two();
    let content = bytes(3_000_000);
    let source = Memory::new(&content);
    let (now, phone) = (town.now(), &mut town.phones[0]);
    phone
        .courier
        .send_file(
            account("bob"),
            "look",
            photo(),
            Box::new(source.clone()),
            now,
            &mut phone.rng,
        )
        .unwrap();
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    source.content.lock().unwrap()[2_999_999] ^= 1;
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].failures(), [FileFailure::SourceChanged]);
    let blob = town.relay.blob_ids()[0];
    let received = town.relay.blob_mut(&blob).unwrap().len();
    assert!(received < 3_000_000, "{received}");
    assert_eq!(town.phones[0].sent_files(), 0);
}

#[test]
fn a_source_that_vanishes_ends_nothing_but_the_upload() {
    let mut town = Town::of_two();
    let source = Memory::new(&bytes(3_000_000));
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let upload = phone
        .courier
        .send_file(
            account("bob"),
            "look",
            photo(),
            Box::new(source.clone()),
            now,
            &mut phone.rng,
        )
        .unwrap();
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    *source.is_gone.lock().unwrap() = true;
    town.say(0, "bob", "and on");
    town.live(MINUTE_MS);
    assert_eq!(
        town.phones[0].failures(),
        [FileFailure::Source(ErrorKind::NotFound)]
    );
    assert_eq!(town.phones[1].heard("alice").last().unwrap(), "and on");
    *source.is_gone.lock().unwrap() = false;
    let courier = &mut town.phones[0].courier;
    courier.resume_upload(upload, Box::new(source)).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.save(1, account("alice")), bytes(3_000_000));
}

#[test]
fn a_file_above_4_gib_is_refused_before_it_is_read() {
    let mut town = Town::of_two();
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let mut send = |len| {
        let source = Box::new(Claimed(len));
        let to = account("bob");
        phone
            .courier
            .send_file(to, "look", photo(), source, now, &mut phone.rng)
    };
    for len in [(1 << 32) + 1, 5 << 30, u64::MAX] {
        let sent = send(len);
        assert!(matches!(sent, Err(SendFileError::TooLong(_))), "{sent:?}");
    }
    // At the limit it is taken, and read later.
    let upload = send(1 << 32).unwrap();
    assert!(town.phones[0].courier.cancel_upload(upload).unwrap());
    town.live(MINUTE_MS);
    assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
}

#[test]
fn a_file_that_no_message_can_describe_is_refused_and_nothing_is_stored() {
    let mut town = Town::of_two();
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let mut send = |to: &str, text: &str, file: NewFile| {
        let source = Box::new(Memory::new(b"x"));
        let to = account(to);
        let Err(error) = phone
            .courier
            .send_file(to, text, file, source, now, &mut phone.rng)
        else {
            panic!()
        };
        error
    };
    let file = |change: fn(&mut NewFile)| {
        let mut file = photo();
        change(&mut file);
        file
    };
    for file in [
        file(|file| file.name = "a\nb".to_owned()),
        file(|file| file.name = "x".repeat(256)),
        file(|file| file.media_type = "x".repeat(128)),
        file(|file| file.media_type = "image jpeg".to_owned()),
        file(|file| file.preview = Some((String::new(), Vec::new()))),
        file(|file| file.preview = Some((String::new(), vec![0; 16_385]))),
    ] {
        let error = send("bob", "look", file);
        assert!(matches!(error, SendFileError::Description), "{error:?}");
    }
    let long = file(|file| file.label = "x".repeat(MAX_LABEL_LEN + 1));
    let error = send("bob", "look", long);
    assert!(matches!(error, SendFileError::LabelTooLong), "{error:?}");
    let error = send("alice", "look", photo());
    assert!(
        matches!(error, SendFileError::Message(SendError::OwnAccount)),
        "{error:?}"
    );
    // The text fits alone, but not with the file.
    let error = send("bob", &"x".repeat(65_000), photo());
    assert!(
        matches!(error, SendFileError::Message(SendError::Content(_))),
        "{error:?}"
    );
    assert!(
        town.phones[0]
            .courier
            .uploads(None, 9)
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn names_with_odd_characters_arrive_as_claimed() {
    let mut town = Town::of_two();
    for name in ["", "../../etc/passwd", "gpj.\u{202e}exe", "con", "猫.png"] {
        let (now, phone) = (town.now(), &mut town.phones[0]);
        let file = NewFile {
            name: name.to_owned(),
            ..NewFile::default()
        };
        let source = Box::new(Memory::new(b"x"));
        let to = account("bob");
        phone
            .courier
            .send_file(to, "look", file, source, now, &mut phone.rng)
            .unwrap();
        town.live(MINUTE_MS);
        let (alice, bob) = (account("alice").into(), &town.phones[1]);
        let (id, index, _) = *bob.files(&alice).last().unwrap();
        let message = bob.courier.client().message(&alice, &id).unwrap().unwrap();
        let file = message.attachments()[index].file().unwrap();
        assert_eq!(file.descriptor().name(), name);
    }
}
