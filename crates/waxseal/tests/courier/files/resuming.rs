//! Restarts in the middle: of an upload, and of a download.

use waxseal::courier::{FileFailure, UploadPurpose};
use waxseal::errors::ResumeUploadError;
use waxseal::store::{Cursor, Row, Table, Transaction};
use waxseal::{Conversation, Store};
use waxseal_world::account;

use super::media::{Memory, Shared};
use super::{bytes, with_file};
use crate::disk::Stop;
use crate::phone::{MINUTE_MS, Town};

/// Alice's upload for Bob, after this many parts and a restart.
fn interrupted(content: &[u8], parts: usize) -> (Town, waxseal::courier::UploadId) {
    let mut town = Town::of_two();
    let upload = town.send_file(0, account("bob"), content);
    while town.asked("PUT", "/v1/blobs") < parts {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    town.phones[0].restart();
    (town, upload)
}

fn resume(town: &mut Town, upload: waxseal::courier::UploadId, content: &[u8]) {
    let source = Box::new(Memory::new(content));
    let resumed = town.phones[0].courier.resume_upload(upload, source);
    resumed.unwrap();
}

#[test]
fn an_upload_is_listed_after_a_restart_and_goes_on_where_it_was() {
    let content = bytes(3_000_000);
    for parts in [0, 1, 3] {
        let (mut town, upload) = interrupted(&content, parts);
        town.live(MINUTE_MS);
        assert_eq!(town.phones[0].sent_files(), 0);
        let listed = town.phones[0].courier.uploads(None, 9).unwrap().items;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].id, upload);
        assert_eq!(listed[0].label, "/home/alice/photo.jpg");
        assert_eq!(listed[0].name, "photo.jpg");
        assert_eq!(listed[0].size_bytes, 3_000_000);
        let to = Conversation::from(account("bob"));
        assert_eq!(listed[0].purpose, UploadPurpose::Message(to));

        let blobs = town.relay.blob_ids();
        let received = |town: &mut Town| {
            blobs
                .first()
                .map(|id| town.relay.blob_mut(id).unwrap().len())
        };
        let there = received(&mut town);
        town.relay.asked.clear();
        resume(&mut town, upload, &content);
        town.live(MINUTE_MS);
        // Nothing that the relay had was posted again.
        if let Some(there) = there {
            let first = town
                .relay
                .asked
                .iter()
                .find(|one| one.is("PUT", "/v1/blobs"));
            let at = format!("?at={there}&");
            assert!(first.unwrap().path.contains(&at), "{first:?}");
        }
        assert_eq!(town.phones[0].sent_files(), 1);
        assert_eq!(town.save(1, account("alice")), content);
        assert_eq!(town.phones[1].files(&account("alice").into()).len(), 1);
        assert_eq!(town.relay.blob_ids().len(), 1);
    }
}

#[test]
fn an_upload_whose_last_answer_was_lost_with_the_process_sends_its_message_once() {
    let content = bytes(500_000);
    let (mut town, upload) = interrupted(&content, 2);
    town.live(MINUTE_MS);
    let blob = town.relay.blob_ids()[0];
    resume(&mut town, upload, &content);
    town.live(MINUTE_MS);
    assert_eq!(town.relay.blob_ids(), [blob]);
    assert_eq!(town.save(1, account("alice")), content);
}

#[test]
fn chk532_another_file_than_the_one_that_began_is_not_posted() {
    let content = bytes(2_000_000);
    let mut other = content.clone();
    other[1_999_999] ^= 1;
    let (mut town, upload) = interrupted(&content, 1);
    let courier = &mut town.phones[0].courier;
    let short = Box::new(Memory::new(&content[1..]));
    let error = courier.resume_upload(upload, short).unwrap_err();
    assert!(matches!(error, ResumeUploadError::Changed), "{error:?}");
    town.relay.asked.clear();
    resume(&mut town, upload, &other);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].failures(), [FileFailure::SourceChanged]);
    assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
    resume(&mut town, upload, &content);
    town.live(MINUTE_MS);
    assert_eq!(town.save(1, account("alice")), content);
    let error = town.phones[0]
        .courier
        .resume_upload(upload, Box::new(Memory::new(&content)));
    assert!(matches!(error, Err(ResumeUploadError::NoSuchUpload)));
}

#[test]
fn an_upload_that_was_cancelled_sends_nothing() {
    let content = bytes(2_000_000);
    for parts in [0, 2] {
        let (mut town, upload) = interrupted(&content, parts);
        resume(&mut town, upload, &content);
        assert!(town.phones[0].courier.cancel_upload(upload).unwrap());
        town.live(MINUTE_MS);
        assert_eq!(town.phones[0].sent_files(), 0);
        assert!(town.phones[1].files(&account("alice").into()).is_empty());
    }
}

#[test]
fn a_damaged_record_costs_its_upload_and_no_other() {
    let content = bytes(1_000);
    let mut town = Town::of_two();
    for _ in 0..2 {
        town.send_file(0, account("bob"), &content);
    }
    let table = Table::new(b"U");
    let disk = &mut town.phones[0].disk;
    let rows = disk.list(&table, None, 9).unwrap();
    assert_eq!(rows.len(), 2);
    let mut transaction = Transaction::default();
    let Cursor::Name(name) = rows[0].cursor.clone() else {
        panic!()
    };
    let key = waxseal::store::Key::new(table, Row::Name(name));
    transaction.put(key, vec![9; 40].into());
    disk.commit(transaction).unwrap();
    town.phones[0].restart();
    let page = town.phones[0].courier.uploads(None, 9).unwrap();
    assert_eq!((page.items.len(), page.damaged.len()), (1, 1));
    resume(&mut town, page.items[0].id, &content);
    let client = town.phones[0].courier.client_mut();
    client.delete_damaged(&page.damaged[0]).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].sent_files(), 1);
    let page = town.phones[0].courier.uploads(None, 9).unwrap();
    assert!(page.items.is_empty() && page.damaged.is_empty());
}

#[test]
fn an_upload_whose_record_was_damaged_meanwhile_is_told() {
    let content = bytes(3_000_000);
    let mut town = Town::of_two();
    town.send_file(0, account("bob"), &content);
    while town.asked("PUT", "/v1/blobs") < 2 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[0].step(relay, now);
    }
    let table = Table::new(b"U");
    let disk = &mut town.phones[0].disk;
    let rows = disk.list(&table, None, 9).unwrap();
    let Cursor::Name(name) = rows[0].cursor.clone() else {
        panic!()
    };
    let mut transaction = Transaction::default();
    let key = waxseal::store::Key::new(table, Row::Name(name));
    transaction.put(key, vec![9; 40].into());
    disk.commit(transaction).unwrap();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[0].failures(), [FileFailure::Damaged]);
    assert_eq!(town.phones[0].sent_files(), 0);
    let page = town.phones[0].courier.uploads(None, 9).unwrap();
    assert_eq!(page.damaged.len(), 1);
}

/// The application at each start: it goes on with every upload.
fn resume_all(town: &mut Town, content: &[u8]) {
    let courier = &mut town.phones[0].courier;
    for upload in courier.uploads(None, 9).unwrap().items {
        let source = Box::new(Memory::new(content));
        courier.resume_upload(upload.id, source).unwrap();
    }
}

#[test]
fn chk530_a_device_that_stops_in_any_commit_of_an_upload_sends_the_file_once() {
    let content = bytes(300_000);
    let mut commits = 0;
    for goes_on in [false, true] {
        for stop in 0.. {
            let mut town = Town::of_two();
            town.phones[0].goes_on = goes_on;
            let upload = town.send_file(0, account("bob"), &content);
            let (commits_before, way) = (stop / 2, stop % 2);
            *town.phones[0].disk.stop.borrow_mut() = Some(Stop {
                commits_before,
                way,
            });
            for _ in 0..3 {
                town.live(MINUTE_MS);
                if !goes_on {
                    resume_all(&mut town, &content);
                }
            }
            town.live(MINUTE_MS);
            let files = town.phones[1].files(&account("alice").into());
            assert_eq!(files.len(), 1, "{goes_on} {stop}");
            let uploads = town.phones[0].courier.uploads(None, 9).unwrap().items;
            assert!(uploads.is_empty(), "{goes_on} {stop}");
            assert!(!town.phones[0].courier.cancel_upload(upload).unwrap());
            let is_over = town.phones[0].disk.stop.borrow().is_some();
            *town.phones[0].disk.stop.borrow_mut() = None;
            assert_eq!(town.save(1, account("alice")), content);
            if is_over {
                commits += stop / 2;
                break;
            }
        }
    }
    assert!(commits >= 6, "{commits}"); // root, message, receipt, each twice
}

#[test]
fn an_upload_whose_record_is_not_written_is_not_begun() {
    for way in 0..2 {
        let mut town = Town::of_two();
        *town.phones[0].disk.stop.borrow_mut() = Some(Stop {
            commits_before: 0,
            way,
        });
        let (now, phone) = (town.now(), &mut town.phones[0]);
        let source = Box::new(Memory::new(b"x"));
        let sent = phone.courier.send_file(
            account("bob"),
            "look",
            super::photo(),
            source,
            now,
            &mut phone.rng,
        );
        assert!(sent.is_err());
        town.live(MINUTE_MS);
        assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
        // The record may be there nevertheless, and is listed.
        let uploads = town.phones[0].courier.uploads(None, 9).unwrap().items;
        assert_eq!(uploads.len(), way as usize);
    }
}

#[test]
fn a_process_that_ends_after_any_request_of_an_upload_sends_the_file_once() {
    let content = bytes(700_000);
    for asked in 0.. {
        let mut town = Town::of_two();
        town.send_file(0, account("bob"), &content);
        town.phones[0].ends_after = Some(asked);
        for _ in 0..2 {
            town.live(MINUTE_MS);
            resume_all(&mut town, &content);
        }
        town.live(MINUTE_MS);
        let is_over = town.phones[0].ends_after.take().is_some();
        assert_eq!(town.phones[1].files(&account("alice").into()).len(), 1);
        assert_eq!(town.save(1, account("alice")), content, "{asked}");
        if is_over {
            assert!(asked >= 3);
            break;
        }
    }
}

#[test]
fn chk538_a_download_goes_on_after_what_its_target_has() {
    let content = bytes(2_000_000);
    let mut town = with_file(&content);
    let alice = Conversation::from(account("alice"));
    for (there, fetched) in [
        (content[..1_000_000].to_vec(), 16),
        (content[..65_536].to_vec(), 30),
        (content.clone(), 0),
        ([&content[..], b"and more"].concat(), 0),
        (Vec::new(), 31),
        (vec![0; 2_000_000], 31),
        ([&content[..65_536], &[0; 65_536]].concat(), 30),
    ] {
        let target = Shared::with(&there);
        town.phones[1].save_to(&alice, &target);
        town.live(MINUTE_MS);
        assert_eq!(target.finished(), content);
        let written = target.written().div_ceil(65_536);
        assert_eq!(written, fetched, "{}", there.len());
    }
}

#[test]
fn a_download_goes_on_after_a_restart() {
    let content = bytes(2_000_000);
    let alice = Conversation::from(account("alice"));
    for requests in 1..5 {
        let mut town = with_file(&content);
        let target = Shared::default();
        town.phones[1].save_to(&alice, &target);
        town.phones[1].ends_after = Some(requests);
        town.live(MINUTE_MS);
        assert!(!target.is_finished());
        let there = target.content().len();
        assert!(there < content.len() && there % 65_536 == 0);
        let before = target.written();
        town.phones[1].save_to(&alice, &target);
        town.live(MINUTE_MS);
        assert_eq!(target.finished(), content);
        assert_eq!(target.written() - before, content.len() - there);
    }
}
