//! Reports of files: whole, in part, and of blobs that the provider has no more.

use waxseal::courier::{Event, FileFailure, UploadPurpose, WantedFile};
use waxseal::errors::ResumeUploadError;
use waxseal::reporting::intake::ReportId as SubmittedId;
use waxseal::reporting::reporter::PreviewFileOpens;
use waxseal::reporting::reviewer::FileAccess;
use waxseal::{Disclosure, FrankingTag, Reason, ReportDraft};
use waxseal_interface::{ReportTaken, report_id_text};
use waxseal_world::{Fault, account};

use super::media::Memory;
use super::{bytes, with_file};
use crate::phone::{DAY_MS, HOUR_MS, MINUTE_MS, Town};

/// The part of the message that describes the file.
const PART: usize = 2;

fn draft(town: &Town, shown: Disclosure) -> (FrankingTag, ReportDraft) {
    let bob = &town.phones[1];
    let (id, ..) = bob.files(&account("alice").into())[0];
    let client = bob.courier.client();
    let draft = client.draft_report(&account("alice"), Reason::Threat, [(id, shown)]);
    (id, draft.unwrap())
}

fn report(town: &mut Town, shown: Disclosure) -> FrankingTag {
    let (id, draft) = draft(town, shown);
    let bob = &mut town.phones[1];
    bob.courier.report(&draft, &mut bob.rng).unwrap();
    id
}

fn chunks(chunks: &[u32]) -> Disclosure {
    Disclosure::Chunks {
        parts: vec![1],
        chunks: chunks.iter().map(|index| (PART, *index)).collect(),
    }
}

fn wanted(town: &Town) -> Vec<WantedFile> {
    let wanted = town.phones[1]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::FileWanted(file) => Some(*file),
            _ => None,
        });
    wanted.collect()
}

#[test]
fn a_file_is_reported_whole_and_the_provider_keeps_its_blob() {
    let content = bytes(200_000);
    let mut town = with_file(&content);
    report(&mut town, Disclosure::Whole);
    town.live(HOUR_MS);
    assert_eq!(wanted(&town), []);
    let blob = town.relay.blob_ids()[0];
    let message = &town.relay.reports()[0].verified.messages()[0];
    let file = &message.files()[0];
    assert_eq!(file.blob(), Some(blob));
    let mut sealed = std::io::Cursor::new(town.relay.blob_mut(&blob).unwrap().clone());
    let message = &town.relay.reports()[0].verified.messages()[0];
    let mut opened = std::io::Cursor::new(Vec::new());
    message.files()[0].open(&mut sealed, &mut opened).unwrap();
    assert_eq!(opened.into_inner(), content);
    // It is there as long as the review takes.
    town.live(40 * DAY_MS);
    assert_eq!(town.relay.blob_ids(), [blob]);
}

#[test]
fn chosen_chunks_are_kept_with_the_draft_until_it_is_sealed() {
    let mut town = with_file(&bytes(300_000));
    town.relay.fail(|_| Some(Fault::RequestLost));
    report(&mut town, chunks(&[0, 3]));
    town.turn();
    town.phones[1].restart();
    town.relay.work();
    town.live(HOUR_MS);
    let message = &town.relay.reports()[0].verified.messages()[0];
    let file = &message.files()[0];
    assert!(file.blob().is_some());
    let FileAccess::Chunks(shown) = file.access() else {
        panic!()
    };
    let shown: Vec<_> = shown.iter().map(|(index, _)| *index).collect();
    assert_eq!(shown, [0, 3]);
}

#[test]
fn a_draft_that_names_no_blobs_names_none_after_it_was_kept() {
    for names in [true, false] {
        let mut town = with_file(&bytes(300_000));
        let (_, mut draft) = draft(&town, chunks(&[1]));
        if !names {
            draft.without_blobs();
        }
        let opens = PreviewFileOpens::Chunks(vec![1]);
        let preview = draft.preview();
        assert_eq!(preview.messages()[0].files()[0].opens, opens);
        let bob = &mut town.phones[1];
        bob.courier.report(&draft, &mut bob.rng).unwrap();
        bob.restart();
        town.live(HOUR_MS);
        let message = &town.relay.reports()[0].verified.messages()[0];
        assert_eq!(message.files()[0].blob().is_some(), names);
    }
}

/// Bob has reported a file whose blob is gone.
fn with_wanted(content: &[u8]) -> (Town, WantedFile, Vec<u8>) {
    let mut town = with_file(content);
    let blob = town.relay.blob_ids()[0];
    let sealed = town.relay.blob_mut(&blob).unwrap().clone();
    town.relay.delete_blob(&blob);
    let message = report(&mut town, Disclosure::Whole);
    town.live(HOUR_MS);
    let told = wanted(&town);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].message, told[0].part), (message, PART));
    (town, told[0], sealed)
}

fn upload_again(town: &mut Town, wanted: &WantedFile, content: &[u8]) {
    let (now, bob) = (town.now(), &mut town.phones[1]);
    let source = Box::new(Memory::new(content));
    let begun = bob
        .courier
        .upload_again(wanted, "copy", source, now, &mut bob.rng);
    begun.unwrap();
}

#[test]
fn a_blob_that_is_gone_is_uploaded_again_from_a_saved_copy() {
    let content = bytes(700_000);
    let (mut town, file, sealed) = with_wanted(&content);
    // What is wanted is still known after a restart, and so is the upload.
    town.phones[1].restart();
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].courier.files_wanted().unwrap(), [file]);
    upload_again(&mut town, &file, &content);
    let before = town.asked("PUT", "/v1/blobs");
    while town.asked("PUT", "/v1/blobs") < before + 1 {
        let (now, relay) = (town.now(), &mut town.relay);
        town.phones[1].step(relay, now);
    }
    town.phones[1].restart();
    let uploads = town.phones[1].courier.uploads(None, 9).unwrap().items;
    assert_eq!(uploads.len(), 1);
    assert_eq!(uploads[0].purpose, UploadPurpose::Report(file));
    assert_eq!(uploads[0].label, "copy");
    // Beginning again is the same upload.
    upload_again(&mut town, &file, &content);
    assert_eq!(
        town.phones[1].courier.uploads(None, 9).unwrap().items.len(),
        1
    );
    town.live(MINUTE_MS);
    let again = |event: &Event| matches!(event, Event::FileUploadedAgain { .. });
    assert_eq!(
        town.phones[1].count(again),
        1,
        "{:?}",
        town.phones[1].events
    );
    let blob = town.relay.blob_ids()[0];
    assert_eq!(*town.relay.blob_mut(&blob).unwrap(), sealed);
    assert!(town.phones[1].courier.files_wanted().unwrap().is_empty());
    assert!(
        town.phones[1]
            .courier
            .uploads(None, 9)
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(town.phones[1].files(&account("alice").into()).len(), 1);
}

#[test]
fn chk542_another_file_than_the_reported_one_is_not_uploaded() {
    let content = bytes(100_000);
    let (mut town, file, _) = with_wanted(&content);
    let mut other = content.clone();
    other[99_999] ^= 1;
    town.relay.asked.clear();
    upload_again(&mut town, &file, &other);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].failures(), [FileFailure::SourceChanged]);
    assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
    let (now, bob) = (town.now(), &mut town.phones[1]);
    let mut begin = |file: &WantedFile, content: &[u8]| {
        let source = Box::new(Memory::new(content));
        let begun = bob
            .courier
            .upload_again(file, "copy", source, now, &mut bob.rng);
        begun.unwrap_err()
    };
    assert!(matches!(
        begin(&file, &other[1..]),
        ResumeUploadError::Changed
    ));
    let others = [
        WantedFile { part: 1, ..file },
        WantedFile { part: 4, ..file },
        WantedFile {
            message: FrankingTag::from_bytes([1; 32]),
            ..file
        },
    ];
    for file in others {
        assert!(matches!(
            begin(&file, &content),
            ResumeUploadError::NotWanted
        ));
    }
    assert_eq!(town.phones[1].courier.files_wanted().unwrap(), [file]);
}

#[test]
fn a_file_counts_as_uploaded_again_only_when_the_relay_holds_it_for_the_report() {
    let content = bytes(100_000);
    let mut town = with_file(&content);
    let blob = town.relay.blob_ids()[0];
    // The file is there for everyone, and the account's reports may hold no more.
    town.relay.hold_quota = 1_000;
    report(&mut town, Disclosure::Whole);
    town.live(HOUR_MS);
    let file = wanted(&town)[0];
    let again = |event: &Event| matches!(event, Event::FileUploadedAgain { .. });
    for times in 1..=2 {
        upload_again(&mut town, &file, &content);
        town.live(MINUTE_MS);
        let failures = town.phones[1].failures();
        assert_eq!(failures, vec![FileFailure::Quota; times]);
        // The second time it asks first what the relay has.
        town.phones[1].restart();
    }
    assert_eq!(town.phones[1].count(again), 0);
    assert_eq!(town.phones[1].courier.files_wanted().unwrap(), [file]);
    assert!(!town.relay.holds(&account("bob"), &blob));
    // A report has ended, and there is room.
    town.relay.hold_quota = 1 << 30;
    upload_again(&mut town, &file, &content);
    town.live(MINUTE_MS);
    assert_eq!(town.phones[1].count(again), 1);
    assert!(town.phones[1].courier.files_wanted().unwrap().is_empty());
    town.live(40 * DAY_MS);
    assert!(town.relay.holds(&account("bob"), &blob));
}

#[test]
fn nothing_is_wanted_of_a_report_that_ended() {
    let content = bytes(100_000);
    let (mut town, file, _) = with_wanted(&content);
    upload_again(&mut town, &file, &content);
    let bob = &mut town.phones[1];
    bob.courier
        .client_mut()
        .confirm_report(file.report)
        .unwrap();
    assert!(bob.courier.files_wanted().unwrap().is_empty());
    assert!(bob.courier.uploads(None, 9).unwrap().items.is_empty());
    town.relay.asked.clear();
    town.live(MINUTE_MS);
    assert_eq!(town.asked("PUT", "/v1/blobs"), 0);
}

#[test]
fn chk541_what_the_provider_lacks_is_of_the_report_and_told_once() {
    let mut town = with_file(&bytes(1_000));
    let taken = ReportTaken {
        report_id: report_id_text(&SubmittedId::from_bytes([1; 16])),
        duplicate: false,
        missing_blobs: vec![7, 0, 0, usize::MAX],
        promise: None,
    };
    let body = serde_json::to_vec(&taken).unwrap();
    town.relay.fail(move |asked| {
        let fault = Fault::Answered {
            status: 201,
            body: body.clone(),
            headers: Vec::new(),
        };
        asked.is("POST", "/v1/reports").then_some(fault)
    });
    report(&mut town, Disclosure::Whole);
    town.live(HOUR_MS);
    assert_eq!(wanted(&town).len(), 1);
    assert_eq!(
        town.phones[1].courier.files_wanted().unwrap(),
        wanted(&town)
    );
}
