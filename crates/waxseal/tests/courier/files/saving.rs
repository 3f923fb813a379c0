//! From the relay to a target.

use std::fs;
use std::io::ErrorKind;

use waxseal::courier::{Event, FileFailure, Transfer};
use waxseal::errors::{ForwardError, ForwardFileError, SaveFileError};
use waxseal::files::SavedFile;
use waxseal::{Content, Conversation, Draft, ForwardLimits, WholeFile};
use waxseal_world::{Asked, Fault, account};

use super::media::{Memory, Shared};
use super::{bytes, photo, with_file};
use crate::phone::{DAY_MS, MINUTE_MS, Town};

fn alice() -> Conversation {
    account("alice").into()
}

#[test]
fn a_full_disk_loses_nothing_and_the_download_goes_on_when_asked() {
    let content = bytes(1_000_000);
    let mut town = with_file(&content);
    let target = Shared::default();
    target.set_room(Some(500_000));
    town.phones[1].save_to(&alice(), &target);
    town.live(10 * MINUTE_MS);
    let full = FileFailure::Target(ErrorKind::StorageFull);
    assert_eq!(town.phones[1].failures(), std::slice::from_ref(&full));
    assert!(!target.is_finished());
    assert!(content.starts_with(&target.content()));
    let Some(Event::FileFailed { transfer, .. }) = town.phones[1]
        .events
        .iter()
        .find(|event| matches!(event, Event::FileFailed { .. }))
    else {
        panic!()
    };
    let Transfer::Download(download) = *transfer else {
        panic!()
    };
    // Nothing happens until it is asked for.
    town.relay.asked.clear();
    town.live(DAY_MS / 24);
    assert_eq!(town.asked("GET", "/v1/blobs"), 0);
    for room in [Some(700_000), None] {
        target.set_room(room);
        assert!(town.phones[1].courier.resume_download(download));
        town.live(MINUTE_MS);
    }
    assert_eq!(town.phones[1].failures(), [full.clone(), full]);
    assert_eq!(target.finished(), content);
    assert!(!town.phones[1].courier.resume_download(download));
    assert!(!town.phones[1].courier.cancel_download(download));
}

#[test]
fn a_target_may_fail_at_any_operation_and_the_file_is_whole_in_the_end() {
    let content = bytes(400_000);
    let mut town = with_file(&content);
    let mut operations = 0;
    loop {
        let target = Shared::with(&content[..100_000]);
        target.held.lock().unwrap().works = Some(operations);
        town.phones[1].events.clear();
        town.phones[1].save_to(&alice(), &target);
        town.live(MINUTE_MS);
        if target.is_finished() {
            break;
        }
        let failures = town.phones[1].failures();
        let failed = FileFailure::Target(ErrorKind::BrokenPipe);
        assert_eq!(failures, [failed], "{operations}");
        target.held.lock().unwrap().works = None;
        let Some(Event::FileFailed {
            transfer: Transfer::Download(download),
            ..
        }) = town.phones[1]
            .events
            .iter()
            .find(|event| matches!(event, Event::FileFailed { .. }))
        else {
            panic!()
        };
        let download = *download;
        assert!(town.phones[1].courier.resume_download(download));
        town.live(MINUTE_MS);
        assert_eq!(target.finished(), content, "{operations}");
        operations += 1;
    }
    assert!(operations > 10, "{operations}");
}

#[test]
fn a_download_that_is_cancelled_asks_nothing_more() {
    let content = bytes(3_000_000);
    let mut town = with_file(&content);
    let target = Shared::default();
    let (message, index, _) = town.phones[1].files(&alice())[0];
    let courier = &mut town.phones[1].courier;
    let boxed = Box::new(target.clone());
    let download = courier.save_file(&alice(), &message, index, boxed).unwrap();
    let before = town.asked("GET", "/v1/blobs");
    while town.asked("GET", "/v1/blobs") < before + 3 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[1].step(relay, now);
    }
    assert!(town.phones[1].courier.cancel_download(download));
    town.live(MINUTE_MS);
    assert_eq!(town.asked("GET", "/v1/blobs"), before + 3);
    assert!(!target.is_finished());
}

#[test]
fn chk540_no_other_location_than_that_of_a_blob_is_followed() {
    let mut town = with_file(b"x");
    let key = waxseal::AttachmentKey::from_bytes([1; 32]);
    let location = format!("blob:{}", "a".repeat(64));
    let whole = WholeFile::new("image/jpeg", b"x", b"x", key, &location).unwrap();
    let draft = Draft::new(Content::Text("whole".to_owned())).attach(whole);
    let file = {
        use waxseal::reporting::file::{FileDescriptor, FileKey, FileRoot, FileShape};
        use waxseal::reporting::message::FileAttachment;
        let shape = FileShape::new(1).unwrap();
        let root = FileRoot::from_bytes([1; 32]);
        let url = "https://evil.example/cat.jpg";
        let descriptor = FileDescriptor::new(shape, root, "image/jpeg", "cat.jpg", url);
        FileAttachment::new(descriptor.unwrap(), FileKey::from_bytes([1; 32]), None)
    };
    let draft = draft.attach(file);
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let sent = phone
        .courier
        .send(account("bob"), draft, now, &mut phone.rng);
    let id = sent.unwrap();
    town.live(MINUTE_MS);
    let courier = &mut town.phones[1].courier;
    for index in 0..3 {
        let target = Box::new(Shared::default());
        let saved = courier.save_file(&alice(), &id, index, target);
        assert!(matches!(saved, Err(SaveFileError::NoFile)), "{index}");
    }
    let other = waxseal::FrankingTag::from_bytes([1; 32]);
    let saved = courier.save_file(&alice(), &other, 0, Box::new(Shared::default()));
    assert!(matches!(saved, Err(SaveFileError::NoSuchMessage)));
}

#[test]
fn chk589_a_file_of_a_request_is_not_saved() {
    let mut town = Town::registered(&["alice", "bob"]);
    town.send_file(0, account("bob"), b"a cat");
    town.live(MINUTE_MS);
    let courier = &mut town.phones[1].courier;
    let messages = courier.client().messages(alice(), None, 9).unwrap().items;
    let id = *messages.last().unwrap().id();
    let saved = courier.save_file(alice(), &id, 0, Box::new(Shared::default()));
    assert!(matches!(saved, Err(SaveFileError::Request)));
    courier.accept_contact(&account("alice")).unwrap();
    assert_eq!(town.save(1, account("alice")), b"a cat");
}

#[test]
fn a_file_is_forwarded_sealed_again_or_as_the_provider_has_it() {
    let mut town = Town::registered(&["alice", "bob", "carol"]);
    town.send_file(0, account("bob"), b"a cat");
    town.live(MINUTE_MS);
    let (now, phone) = (town.now(), &mut town.phones[1]);
    phone.courier.accept_contact(&account("alice")).unwrap();
    let (courier, rng) = (&mut phone.courier, &mut phone.rng);
    let messages = courier.client().messages(alice(), None, 9).unwrap().items;
    let id = *messages.last().unwrap().id();
    let (to, limits) = (
        [Conversation::from(account("carol"))],
        ForwardLimits::default(),
    );
    let sent = courier
        .forward(alice(), &id, &to, limits, now, rng)
        .unwrap();
    assert!(sent.iter().all(Result::is_ok));
    let copy = (photo(), Box::new(Memory::new(b"a cat")) as _);
    let sealed = courier.forward_file(alice(), &id, to[0].clone(), limits, copy, now, rng);
    sealed.unwrap();
    // A text has no file to seal again.
    let text = courier.send(account("alice"), "thanks", now, rng).unwrap();
    let copy = (photo(), Box::new(Memory::new(b"a cat")) as _);
    let none = courier.forward_file(alice(), &text, to[0].clone(), limits, copy, now, rng);
    assert!(matches!(
        none,
        Err(ForwardFileError::Forward(ForwardError::OneFile))
    ));
    town.live(10 * MINUTE_MS);
    let carol = &mut town.phones[2].courier;
    carol.accept_contact(&account("bob")).unwrap();
    let got = carol
        .client()
        .messages(account("bob"), None, 9)
        .unwrap()
        .items;
    assert_eq!(got.len(), 2);
    let blobs = got.iter().map(|message| {
        assert_eq!(message.header().forward_count, 1);
        let file = message.attachments()[0].file().unwrap();
        file.descriptor().blob().unwrap()
    });
    let blobs: Vec<_> = blobs.collect();
    let first = messages.last().unwrap().attachments()[0].file().unwrap();
    assert_eq!(Some(blobs[0]), first.descriptor().blob());
    assert_ne!(blobs[0], blobs[1]);
    assert_eq!(town.save(2, account("bob")), b"a cat");
}

#[test]
fn any_request_about_a_download_may_fail() {
    let content = bytes(700_000);
    let mut town = with_file(&content);
    for fault in [
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::AnswerAltered,
        Fault::AnswerCut,
        Fault::OtherAnswer,
        waxseal_interface::ErrorCode::TooManyRequests.into(),
        waxseal_interface::ErrorCode::Internal.into(),
    ] {
        for which in 0..5 {
            let mut left = which;
            let fault = fault.clone();
            town.relay.fail(move |asked| {
                if !asked.path.starts_with("/v1/blobs") {
                    return None;
                }
                left -= 1;
                (left == -1).then(|| fault.clone())
            });
            assert_eq!(town.save(1, account("alice")), content, "{which}");
        }
    }
    assert_eq!(town.phones[1].failures(), []);
}

#[test]
fn a_file_in_a_directory_is_never_half_there_under_its_name() {
    let content = bytes(700_000);
    let mut town = with_file(&content);
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("photo.jpg");
    let (message, index, _) = town.phones[1].files(&alice())[0];
    for requests in 0.. {
        let target = Box::new(SavedFile::create(&destination).unwrap());
        let courier = &mut town.phones[1].courier;
        courier
            .save_file(&alice(), &message, index, target)
            .unwrap();
        town.phones[1].ends_after = Some(requests);
        town.live(MINUTE_MS);
        if town.phones[1].ends_after.take().is_some() {
            break;
        }
        assert!(!destination.exists());
    }
    assert_eq!(fs::read(&destination).unwrap(), content);
    let mut names = fs::read_dir(directory.path()).unwrap();
    assert_eq!(names.next().unwrap().unwrap().file_name(), "photo.jpg");
    assert!(names.next().is_none());
}

#[test]
fn chk577_files_of_a_message_that_is_not_shown_are_not_saved() {
    let content = bytes(1_000_000);
    let mut town = with_file(&content);
    let (message, index, _) = *town.phones[1].files(&alice()).last().unwrap();
    // One download waits for room, and the other one is on its way.
    let (full, other) = (Shared::default(), Shared::default());
    full.set_room(Some(300_000));
    town.phones[1].save_to(&alice(), &full);
    town.live(MINUTE_MS);
    let is_of_file = |asked: &Asked| asked.is("GET", "/v1/blobs");
    town.relay
        .fail(move |asked| is_of_file(asked).then_some(Fault::RequestLost));
    town.phones[1].save_to(&alice(), &other);
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let bob = account("bob");
    let deletion = Draft::delete(message);
    phone
        .courier
        .send(&bob, deletion, now, &mut phone.rng)
        .unwrap();
    town.live(MINUTE_MS);
    town.relay.work();
    town.live(10 * MINUTE_MS);
    let failures = town.phones[1].failures();
    let ended = failures.iter().filter(|why| **why == FileFailure::NotShown);
    assert_eq!(ended.count(), 2, "{failures:?}");
    assert!(!full.is_finished() && !other.is_finished());
    let target = Box::new(Shared::default());
    let refused = town.phones[1]
        .courier
        .save_file(alice(), &message, index, target);
    assert!(matches!(refused, Err(SaveFileError::NotShown)));
}
