//! From a source to the relay, and the message with it.

use waxseal::courier::{Event, FileFailure, Request};
use waxseal::{Attachment, Content, Conversation, Direction, Draft};
use waxseal_interface::{ErrorCode, Request as Call};
use waxseal_world::{Fault, account};

use super::media::Memory;
use super::{bytes, with_file};
use crate::devices::of_three;
use crate::history::{agree, ask};
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

#[test]
fn a_file_reaches_all_devices_of_both_accounts_and_each_can_save_it() {
    let mut town = of_three();
    let content = bytes(300_000);
    town.send_file(2, account("bob"), &content);
    town.live(MINUTE_MS);
    for (who, peer, direction) in [
        (0, "bob", Direction::Sent),
        (1, "alice", Direction::Received),
        (2, "bob", Direction::Sent),
    ] {
        let with = Conversation::from(account(peer));
        let files = town.phones[who].files(&with);
        assert_eq!(files.len(), 1, "{who}");
        assert_eq!(files[0].2, direction);
        assert_eq!(town.save(who, account(peer)), content, "{who}");
        let client = town.phones[who].courier.client();
        let message = client.message(&with, &files[0].0).unwrap().unwrap();
        assert_eq!(message.text(), Some("look"));
        let Attachment::File(file) = &message.attachments()[files[0].1] else {
            panic!()
        };
        assert_eq!(file.descriptor().name(), "photo.jpg");
        assert_eq!(file.descriptor().media_type(), "image/jpeg");
        assert_eq!(file.descriptor().size_bytes(), 300_000);
        assert_eq!(file.preview().unwrap().picture(), [7; 300]);
    }
    assert_eq!(town.phones[2].sent_files(), 1);
    assert!(
        town.phones[2]
            .courier
            .uploads(None, 9)
            .unwrap()
            .items
            .is_empty()
    );
}

#[test]
fn a_file_to_a_group_reaches_every_member() {
    let (mut town, group) = Town::with_group(&["alice", "bob", "carol"]);
    let content = bytes(70_000);
    town.send_file(0, group, &content);
    town.live(MINUTE_MS);
    for who in 0..3 {
        assert_eq!(town.save(who, group), content, "{who}");
    }
}

#[test]
fn a_device_that_is_linked_later_saves_the_files_of_the_history() {
    let content = bytes(100_000);
    let mut town = with_file(&content);
    town.link_new(0, 50);
    town.live(MINUTE_MS);
    ask(&mut town);
    town.live(MINUTE_MS);
    assert!(agree(&mut town));
    town.live(10 * MINUTE_MS);
    assert_eq!(town.phones[2].files(&account("bob").into()).len(), 1);
    assert_eq!(town.save(2, account("bob")), content);
}

#[test]
fn a_file_to_a_new_peer_is_sent_once_there_is_a_session() {
    let mut town = Town::quick(&["alice", "bob"]);
    town.turn_of(1);
    let content = bytes(1_000);
    town.send_file(0, account("bob"), &content);
    town.live(MINUTE_MS);
    town.accept(1, "alice");
    assert_eq!(town.save(1, account("alice")), content);
}

#[test]
fn files_of_every_size_arrive_as_they_are() {
    let mut town = Town::of_two();
    for len in [0, 1, 64, 65_535, 65_536, 65_537, 130_000, 2_000_000] {
        let content = bytes(len);
        town.send_file(0, account("bob"), &content);
        town.live(MINUTE_MS);
        assert_eq!(town.save(1, account("alice")), content, "{len}");
    }
    assert!(town.phones.iter().all(|phone| phone.failures().is_empty()));
}

#[test]
fn an_attachment_of_a_received_message_can_be_sent_on() {
    let mut town = with_file(&bytes(1_000));
    let client = town.phones[1].courier.client();
    let messages = client.messages(account("alice"), None, 99).unwrap().items;
    let message = messages.iter().find(|one| !one.attachments().is_empty());
    let attachment = message.unwrap().attachments()[0].clone();
    let draft = Draft::new(Content::Text("back to you".to_owned())).forwarded(1);
    let (now, phone) = (town.now(), &mut town.phones[1]);
    let draft = draft.attach(attachment);
    phone
        .courier
        .send(account("alice"), draft, now, &mut phone.rng)
        .unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.save(0, account("bob")), bytes(1_000));
}

#[test]
fn a_message_waits_for_no_more_than_the_part_on_its_way() {
    let mut town = Town::of_two();
    town.send_file(0, account("bob"), &bytes(5_000_000));
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    let before = town.asked("PUT", "/v1/blobs");
    town.say(0, "bob", "quick");
    let (now, phone) = (town.now(), &mut town.phones[0]);
    let request = phone.courier.next(now, &mut phone.rng).unwrap();
    let Some(Request::Call { call, http, id }) = request else {
        panic!()
    };
    assert!(matches!(call, Call::Post { .. }), "{call:?}");
    let answer = town.relay.send(&http);
    phone
        .courier
        .answer(id, answer, now, &mut phone.rng)
        .unwrap();
    assert_eq!(town.asked("PUT", "/v1/blobs"), before);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].sent_files(), 1);
    assert_eq!(town.phones[1].heard("alice")[1..], ["quick", "look"]);
}

#[test]
fn progress_grows_to_the_size_of_the_file() {
    let town = with_file(&bytes(1_000_000));
    let progress = town.phones[0]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::FileProgress { done, of, .. } => Some((*done, *of)),
            _ => None,
        });
    let progress: Vec<_> = progress.collect();
    assert!(progress.is_sorted() && progress.len() > 1, "{progress:?}");
    assert!(progress.iter().all(|(_, of)| *of == 1_000_000));
    assert_eq!(progress.last().unwrap().0, 1_000_000);
}

#[test]
fn a_provider_without_room_is_told_and_the_upload_goes_on_when_asked() {
    for code in [ErrorCode::BlobQuota, ErrorCode::RelayFull] {
        let mut town = Town::of_two();
        match code {
            ErrorCode::BlobQuota => town.relay.blob_quota = 1_000,
            code => town.relay.fail(move |asked| {
                let is_put = asked.is("PUT", "/v1/blobs");
                is_put.then(|| code.into())
            }),
        }
        let upload = town.send_file(0, account("bob"), &bytes(5_000));
        town.live(10 * MINUTE_MS);
        assert_eq!(town.phones[0].failures(), [FileFailure::Quota], "{code:?}");
        assert_eq!(town.asked("PUT", "/v1/blobs"), 1);
        // Nothing else waits for it.
        town.say(0, "bob", "and on");
        town.live(MINUTE_MS);
        assert_eq!(town.phones[1].heard("alice").last().unwrap(), "and on");
        town.relay.work();
        town.relay.blob_quota = 1 << 30;
        let courier = &mut town.phones[0].courier;
        let source = Box::new(Memory::new(&bytes(5_000)));
        courier.resume_upload(upload, source).unwrap();
        town.live(MINUTE_MS);
        assert_eq!(town.save(1, account("alice")), bytes(5_000));
    }
}

#[test]
fn a_proxy_that_takes_only_short_bodies_gets_short_parts() {
    let mut town = Town::of_two();
    let mut left = 2;
    town.relay.fail(move |asked| {
        if !asked.is("PUT", "/v1/blobs") || left == 0 {
            return None;
        }
        left -= 1;
        Some(ErrorCode::TooLarge.into())
    });
    let content = bytes(400_000);
    town.send_file(0, account("bob"), &content);
    town.live(MINUTE_MS);
    assert_eq!(town.save(1, account("alice")), content);
    assert!(town.asked("PUT", "/v1/blobs") >= 8);
}

#[test]
fn a_blob_that_was_deleted_before_it_was_whole_is_begun_under_another_id() {
    let mut town = Town::of_two();
    let content = bytes(2_000_000);
    let upload = town.send_file(0, account("bob"), &content);
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    let first = town.relay.blob_ids()[0];
    town.phones[0].restart();
    town.live(2 * DAY_MS); // the relay deletes what is unfinished
    assert!(town.relay.blob_ids().is_empty());
    let courier = &mut town.phones[0].courier;
    let source = Box::new(Memory::new(&content));
    courier.resume_upload(upload, source).unwrap();
    town.live(HOUR_MS);
    assert_eq!(town.phones[0].failures(), []);
    assert_ne!(town.relay.blob_ids(), [first]);
    assert_eq!(town.save(1, account("alice")), content);
}

#[test]
fn a_message_that_cannot_be_sent_leaves_its_upload() {
    let (mut town, group) = Town::with_group(&["alice", "bob"]);
    let upload = town.send_file(1, group, &bytes(3_000_000));
    while town.asked("PUT", "/v1/blobs") < 1 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[1].step(relay, now);
    }
    let (now, phone) = (town.now(), &mut town.phones[1]);
    let Ok(()) = phone
        .courier
        .leave_group(&group, now, &mut phone.rng)
        .map(drop)
    else {
        panic!()
    };
    town.live(HOUR_MS);
    let failures = town.phones[1].failures();
    assert!(
        matches!(&failures[..], [FileFailure::NotSent(_)]),
        "{failures:?}"
    );
    let uploads = town.phones[1].courier.uploads(None, 9).unwrap().items;
    assert_eq!(uploads[0].id, upload);
    assert!(town.phones[1].courier.cancel_upload(upload).unwrap());
    assert!(!town.phones[1].courier.cancel_upload(upload).unwrap());
}

#[test]
fn a_file_for_a_conversation_that_is_deleted_is_not_sent() {
    let mut town = Town::of_two();
    town.send_file(0, account("bob"), &bytes(5_000_000));
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    let client = town.phones[0].courier.client_mut();
    client.delete_conversation(account("bob")).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].sent_files(), 0);
    assert!(
        town.phones[0]
            .courier
            .uploads(None, 9)
            .unwrap()
            .items
            .is_empty()
    );
    assert!(town.phones[1].files(&account("alice").into()).is_empty());
}

#[test]
fn any_request_about_a_file_may_fail() {
    let content = bytes(300_000);
    for fault in [
        Fault::RequestLost,
        Fault::AnswerLost,
        Fault::AnswerAltered,
        Fault::AnswerCut,
        ErrorCode::Busy.into(),
        ErrorCode::TooSlow.into(),
        ErrorCode::BodyAltered.into(),
        ErrorCode::TokenExpired.into(),
    ] {
        for which in 0..2 {
            let mut town = Town::of_two();
            let fault = fault.clone();
            let mut left = which;
            town.relay.fail(move |asked| {
                if !asked.path.starts_with("/v1/blobs") {
                    return None;
                }
                left -= 1;
                (left == -1).then(|| fault.clone())
            });
            town.send_file(0, account("bob"), &content);
            town.live(10 * MINUTE_MS);
            assert_eq!(town.save(1, account("alice")), content);
            assert_eq!(town.phones[1].files(&account("alice").into()).len(), 1);
            for phone in &town.phones {
                assert_eq!(phone.failures(), []);
            }
        }
    }
}
