//! Files in reports: what the relay keeps of them for the review, and what the reviewer's command
//! shows and saves.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::{Value, json};
use waxseal_interface::{BlobState, ErrorCode, ReportTaken};
use waxseal_relay::{ClientError, ReportBlob};
use waxseal_reporting::BlobId;
use waxseal_reporting::file::{FileDescriptor, FileKey, FileShape, seal};
use waxseal_reporting::message::{Attachment, Content, FileAttachment, FilePreview, Payload};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use world::conversation::Conversation;
use world::{Device, SOON, World, code, count, database, request};

/// A sealed file, and the message that carries it.
struct File {
    blob: BlobId,
    content: Vec<u8>,
    sealed: Vec<u8>,
    evidence: Evidence,
}

/// Alice sends a file of this length. The blob is not uploaded.
fn send(talk: &mut Conversation, len: usize, name: &str, preview: Option<FilePreview>) -> File {
    let rng = &mut rand::rng();
    let content: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
    let (blob, key) = (BlobId::generate(rng), FileKey::generate(rng));
    let (mut sealed, size) = (Vec::new(), len as u64);
    let root = seal(&mut &content[..], size, &key, &mut sealed).unwrap();
    let location = FileDescriptor::blob_location(&blob);
    let shape = FileShape::new(size).unwrap();
    let descriptor = FileDescriptor::new(shape, root, "image/png", name, &location).unwrap();
    let file = Attachment::from(FileAttachment::new(descriptor, key, preview));
    let header = talk.header(true);
    let caption = Content::Text("look".to_owned());
    let payload = Payload::with_attachments(header, caption, vec![file]).unwrap();
    talk.send(true, payload, |envelope| envelope);
    File {
        blob,
        content,
        sealed,
        evidence: talk.kept.last().unwrap().clone(),
    }
}

fn put(device: &Device, file: &File) -> Result<BlobState, ClientError> {
    let (session, len) = (device.session(), file.sealed.len() as u64);
    let client = &device.client;
    client.put_blob(session, &file.blob, 0, len, &file.sealed)
}

fn get(device: &Device, file: &File) -> Result<Vec<u8>, ClientError> {
    let len = file.sealed.len();
    device.client.blob(device.session(), &file.blob, 0, len)
}

/// Bob reports messages, and shows this much of each.
fn report(talk: &Conversation, shown: &[(&File, Disclosure)]) -> (Vec<u8>, ReportTaken) {
    let bob = &talk.bob;
    let mut draft = ReportDraft::new(bob.me.clone(), Reason::Scam);
    for (file, disclosure) in shown {
        draft.add(&file.evidence, disclosure.clone()).unwrap();
    }
    let key = talk.world.vault.moderation.public_key();
    let report = draft.seal(&bob.delivery_key, key, &mut rand::rng());
    let report = report.unwrap().encode();
    let taken = bob.client.report(bob.session(), &report).unwrap();
    (report, taken)
}

/// The reviewer fetches the beginning of a blob for a report.
fn fetch(world: &World, report_id: &str, file: &File) -> Result<Vec<u8>, ClientError> {
    let len = file.sealed.len();
    let client = world.client();
    client.reported_blob(&world.reviewer(), report_id, &file.blob, 0, len)
}

fn review(world: &World, command: &[&str]) -> Output {
    let mut review = Command::new(env!("CARGO_BIN_EXE_review"));
    review
        .args(["--relay", world.url(), "--key", "review.key"])
        .args(command)
        .current_dir(world.dir.path());
    review.output().unwrap()
}

fn opened(world: &World, report_id: &str) -> (String, Value) {
    let text = review(world, &["open", report_id]);
    let json = review(world, &["open", report_id, "--json"]);
    assert!(text.status.success() && json.status.success());
    let text = String::from_utf8(text.stdout).unwrap();
    (text, serde_json::from_slice(&json.stdout).unwrap())
}

/// What `save` says, and the bytes that it saved, if it did.
fn saved(world: &World, report_id: &str, part: &str) -> (Result<String, String>, Option<Vec<u8>>) {
    let out = world.dir.path().join("out");
    let output = review(world, &["save", report_id, "1", part, "--out", "out"]);
    let said = match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    };
    let bytes = std::fs::read(&out).ok();
    if bytes.is_some() {
        let mode = out.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(out).unwrap();
    }
    (said, bytes)
}

#[test]
fn chk515_the_reviewer_gets_the_blobs_that_the_report_names_and_no_others() {
    let mut talk = Conversation::new();
    let files = [(); 3].map(|()| send(&mut talk, 1_000, "a", None));
    for file in &files {
        put(&talk.alice, file).unwrap();
    }
    let [first, second, third] = &files;
    let (_, taken) = report(&talk, &[(first, Disclosure::Whole)]);
    assert!(taken.missing_blobs.is_empty());
    // The descriptor alone names no blob.
    let shown = [
        (second, Disclosure::Whole),
        (third, Disclosure::Parts(vec![1, 2])),
    ];
    let (_, other) = report(&talk, &shown);
    let world = &talk.world;
    let fetch = |report: &ReportTaken, file| fetch(world, &report.report_id, file);
    assert_eq!(fetch(&taken, first).unwrap(), first.sealed);
    assert_eq!(fetch(&other, second).unwrap(), second.sealed);
    for (report, file) in [
        (&taken, second),
        (&taken, third),
        (&other, first),
        (&other, third),
    ] {
        assert_eq!(code(fetch(report, file)), ErrorCode::NoSuchBlob);
    }
    let (client, reviewer) = (world.client(), world.reviewer());
    let range = |at, len| {
        let blob = &first.blob;
        code(client.reported_blob(&reviewer, &taken.report_id, blob, at, len))
    };
    let len = first.sealed.len();
    assert_eq!(range(1, len), ErrorCode::Malformed);
    assert_eq!(range(0, 0), ErrorCode::Malformed);
    let listed = client.report_blobs(&reviewer, &other.report_id).unwrap();
    let second = ReportBlob {
        blob: second.blob.to_text(),
        is_kept: true,
    };
    assert_eq!(listed.blobs, [second]);

    // No device asks in the reviewer's place.
    let blobs = format!("/v1/review/reports/{}/blobs", taken.report_id);
    for path in [
        format!("{blobs}/{}?at=0&len=1", first.blob.to_text()),
        blobs,
    ] {
        let answer = request(world, "GET", &path, talk.bob.token(), "", b"");
        assert_eq!(answer, (401, "unauthorized".to_owned()));
    }
    client.close_report(&reviewer, &taken.report_id).unwrap();
    assert_eq!(code(fetch(&taken, first)), ErrorCode::NoSuchBlob);
    let none = ReportTaken {
        report_id: "0".repeat(32),
        ..taken
    };
    assert_eq!(code(fetch(&none, first)), ErrorCode::NoSuchReport);
}

#[test]
fn chk516_a_reported_blob_is_kept_for_its_review_and_gone_for_its_sender() {
    let mut talk = Conversation::new();
    let (first, second) = (
        send(&mut talk, 1_000, "a", None),
        send(&mut talk, 70_000, "b", None),
    );
    put(&talk.alice, &first).unwrap();
    let shown = [(&first, Disclosure::Whole), (&second, Disclosure::Whole)];
    let (report, taken) = report(&talk, &shown);
    assert_eq!(taken.missing_blobs, [1]);
    database(&talk.world)
        .execute("UPDATE blob SET kept_until_ms = 1", [])
        .unwrap();
    talk.world.restart_with(&[]);
    talk.alice.use_relay_of(&talk.world);
    talk.bob.use_relay_of(&talk.world);
    let Conversation {
        world, alice, bob, ..
    } = &talk;
    let began = Instant::now();
    while count(world, "SELECT count(*) FROM blob WHERE place = 0") > 0 {
        assert!(began.elapsed() < SOON);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    for device in [alice, bob] {
        assert_eq!(code(get(device, &first)), ErrorCode::NoSuchBlob);
        assert_eq!(code(put(device, &first)), ErrorCode::BlobTaken);
    }
    let fetch = |file| fetch(world, &taken.report_id, file);
    assert_eq!(fetch(&first).unwrap(), first.sealed);

    // The answer may have been lost: the report again says what is missing. The reporter has a
    // copy, and the reviewer alone gets it.
    assert_eq!(code(fetch(&second)), ErrorCode::NoSuchBlob);
    let again = || bob.client.report(bob.session(), &report).unwrap();
    assert_eq!((again().duplicate, again().missing_blobs), (true, vec![1]));
    assert!(put(bob, &second).unwrap().is_complete());
    assert_eq!((again().duplicate, again().missing_blobs), (true, vec![]));
    for device in [alice, bob] {
        assert_eq!(code(get(device, &second)), ErrorCode::NoSuchBlob);
    }
    assert_eq!(fetch(&second).unwrap(), second.sealed);
    let client = world.client();
    client
        .close_report(&world.reviewer(), &taken.report_id)
        .unwrap();
    assert_eq!(code(fetch(&first)), ErrorCode::NoSuchBlob);
    // They go at the next clean-up.
    assert_eq!(
        count(world, "SELECT count(*) FROM blob WHERE kept_until_ms = 0"),
        2
    );
}

#[test]
fn chk517_the_reviewer_fetches_no_blob_without_a_record() {
    let mut talk = Conversation::new();
    let file = send(&mut talk, 1_000, "a", None);
    put(&talk.alice, &file).unwrap();
    let (_, taken) = report(&talk, &[(&file, Disclosure::Whole)]);
    let (world, id) = (&talk.world, &taken.report_id);
    opened(world, id);
    let looks = || count(world, "SELECT count(*) FROM blob_look");
    assert_eq!(looks(), 0);
    let (client, blob) = (world.client(), &file.blob);
    for sign_in in 1..=2 {
        let reviewer = world.reviewer();
        for at in 0..3 {
            client.reported_blob(&reviewer, id, blob, at, 9).unwrap();
            assert_eq!(looks(), sign_in);
        }
    }
    // What is refused is no look.
    let unknown = client.reported_blob(&world.reviewer(), id, &BlobId::from_bytes([0; 32]), 0, 9);
    assert_eq!(code(unknown), ErrorCode::NoSuchBlob);
    assert_eq!(looks(), 2);
    let named = "SELECT count(*) FROM blob_look JOIN report ON report.id = report
         WHERE report.messages = 1 AND length(reviewer) > 10 AND at_ms > 0";
    assert_eq!(count(world, named), 2);
}

#[test]
fn the_command_shows_of_each_file_what_the_report_shows_and_what_its_sender_claims() {
    let mut talk = Conversation::new();
    let preview = FilePreview::new("image/webp", b"small").unwrap();
    // A name cannot hold control characters; these turn text around, or show nothing.
    let odd = "\u{202e}gnp.exe\u{200b}/../../etc/passwd\u{2066}";
    let long = format!(
        "a.png   part 9: file of 7 bytes, all of it shown {}",
        "x".repeat(90)
    );
    let whole = send(&mut talk, 1_000, odd, Some(preview));
    let chunks = send(&mut talk, 200_000, &long, None);
    let described = send(&mut talk, 5, "", None);
    for file in [&whole, &described] {
        put(&talk.alice, file).unwrap();
    }
    let some = Disclosure::Chunks {
        parts: vec![1],
        chunks: vec![(2, 1), (2, 3)],
    };
    let shown = [
        (&whole, Disclosure::Whole),
        (&chunks, some),
        (&described, Disclosure::Parts(vec![1, 2])),
    ];
    let (_, taken) = report(&talk, &shown);
    let (text, json) = opened(&talk.world, &taken.report_id);
    let lines: Vec<_> = text
        .lines()
        .skip_while(|line| !line.contains("part 2"))
        .filter(|line| !line.contains(" ms "))
        .collect();
    let location = FileDescriptor::blob_location(&described.blob);
    let expected = format!(
        "      part 2: file of 1000 bytes, all of it shown; the relay keeps it
      part 2: name as its sender claims:
      | \\u{{202e}}gnp.exe\\u{{200b}}/../../etc/passwd\\u{{2066}}
      part 2: type as its sender claims: image/png
      part 2: small picture of 5 bytes, type as its sender claims: image/webp
      last seen by its sender: none
      withheld parts: [3]
      part 2: file of 200000 bytes, 2 of its 4 chunks shown; the relay DOES NOT HAVE it
      part 2: name as its sender claims:
      | a.png   part 9: file of 7 bytes, all of it shown xxxxxxxxxxxxxxxxxxxx
      | xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
      | x
      part 2: type as its sender claims: image/png
      last seen by its sender: none
      withheld parts: [3]
      part 2: file of 5 bytes, no content shown; the report does not name its blob
      part 2: name as its sender claims: 
      part 2: type as its sender claims: image/png
      part 2: location:
      | {location}"
    );
    assert_eq!(lines.join("\n"), expected);

    let file = |message: usize| &json["messages"][message]["files"][0];
    assert_eq!(file(0)["name"], odd);
    assert_eq!(file(0)["preview"]["picture"], "c21hbGw=");
    let fields = |message: usize| {
        let file = file(message);
        let chunks = file["chunks"].as_array().unwrap().iter();
        let chunks: Vec<_> = chunks
            .map(|chunk| chunk["index"].as_u64().unwrap())
            .collect();
        let key = file["key"].as_str().map(str::len);
        (
            file["shown"].as_str().unwrap().to_owned(),
            key,
            chunks,
            file["kept"] == true,
        )
    };
    assert_eq!(fields(0), ("whole".to_owned(), Some(44), vec![], true));
    assert_eq!(fields(1), ("chunks".to_owned(), None, vec![1, 3], false));
    assert_eq!(fields(2), ("description".to_owned(), None, vec![], false));
    let attached = &json["messages"][0]["attachments"];
    assert_eq!(*attached, json!([{ "part": 2, "kind": "file" }]));
    assert_eq!(file(1)["blob"], chunks.blob.to_text());
    assert_eq!(file(2)["blob"], Value::Null);
}

#[test]
fn the_command_saves_what_a_report_shows_of_a_file_and_nothing_unverified() {
    let mut talk = Conversation::new();
    let len = 3_000_001;
    let whole = send(&mut talk, len, "whole", None);
    let chunks = send(&mut talk, len, "chunks", None);
    let described = send(&mut talk, 10, "described", None);
    let lost = send(&mut talk, 10, "lost", None);
    for file in [&whole, &chunks, &described] {
        let (device, of) = (&talk.alice, file.sealed.len());
        for at in (0..of).step_by(1 << 20) {
            let part = &file.sealed[at..of.min(at + (1 << 20))];
            let state =
                device
                    .client
                    .put_blob(device.session(), &file.blob, at as u64, of as u64, part);
            state.unwrap();
        }
    }
    let last = FileShape::new(len as u64).unwrap().chunk_count() - 1;
    let some = Disclosure::Chunks {
        parts: vec![],
        chunks: vec![(2, 0), (2, 20), (2, 21), (2, last)],
    };
    let reported = |file, disclosure| report(&talk, &[(file, disclosure)]).1.report_id;
    let report_of_whole = reported(&whole, Disclosure::Whole);
    let report_of_chunks = reported(&chunks, some);
    let world = &talk.world;

    let (said, bytes) = saved(world, &report_of_whole, "2");
    assert_eq!(said.unwrap(), "size: 3000001 bytes\nverified: all of it\n");
    assert!(bytes.unwrap() == whole.content);
    let (said, bytes) = saved(world, &report_of_chunks, "2");
    let last_byte = len - 1;
    let begin = last as usize * 65_536;
    let mut expected = "size: 3000001 bytes\nverified: bytes 0 to 65535\n\
        verified: bytes 1310720 to 1441791\n"
        .to_owned();
    let mut content = vec![0; len];
    let mut shown = vec![0..65_536, 1_310_720..1_441_792];
    if begin < len {
        expected += &format!("verified: bytes {begin} to {last_byte}\n");
        shown.push(begin..len);
    }
    expected += "withheld: all other bytes, which are zeros in the saved file\n";
    for range in shown {
        content[range.clone()].copy_from_slice(&chunks.content[range]);
    }
    assert_eq!(said.unwrap(), expected);
    assert!(bytes.unwrap() == content);

    // Nothing is overwritten, also not by a file that cannot be had.
    std::fs::write(world.dir.path().join("there"), b"kept").unwrap();
    let refused = review(
        world,
        &["save", &report_of_whole, "1", "2", "--out", "there"],
    );
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert_eq!(
        std::fs::read(world.dir.path().join("there")).unwrap(),
        b"kept"
    );
    let refused = |report: &str, part: &str, why: &str| {
        let (said, bytes) = saved(world, report, part);
        let said = said.unwrap_err();
        assert!(said.contains(why), "{said}");
        assert!(bytes.is_none());
    };
    refused(
        &report_of_whole,
        "3",
        "is not the description of a sealed file",
    );
    let report_of_described = reported(&described, Disclosure::Parts(vec![1, 2]));
    refused(&report_of_described, "2", "nothing of the content");
    refused(&reported(&lost, Disclosure::Whole), "2", "no such blob");

    // The relay or its disk alters a byte near the end. What was verified before is not left.
    let (name, start): (String, i64) = database(world)
        .query_row(
            "SELECT name, start FROM blob_part WHERE blob = 1 AND start <= 2900000
             ORDER BY start DESC LIMIT 1",
            [],
            |row| row.try_into(),
        )
        .unwrap();
    let file = world.dir.path().join("data/blobs").join(name);
    let mut on_disk = std::fs::read(&file).unwrap();
    on_disk[2_900_000 - usize::try_from(start).unwrap()] ^= 1;
    std::fs::write(&file, &on_disk).unwrap();
    refused(&report_of_whole, "2", "the blob is not that of the file");
    on_disk.pop();
    std::fs::write(&file, &on_disk).unwrap();
    refused(&report_of_whole, "2", "no such blob");
}
