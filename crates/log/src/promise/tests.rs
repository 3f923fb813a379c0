use super::*;
use crate::checkpoint::Checkpoint;
use crate::tests::world::*;

fn verify(promise: &Promise, sealed: &[u8], now_ms: u64) -> Result<PromisedReport, PromiseError> {
    let (log, report) = (World::new().log.verifier(), ReportDigest::of(sealed));
    promise.verify(&log, &report, now_ms)
}

#[test]
fn a_promise_tells_what_it_was_made_of() {
    let mut world = World::new();
    for rejected in [None, Some(81)] {
        let promise = world.promise(DAY, SEALED, rejected);
        let decoded = Promise::decode(&promise.encode()).unwrap();
        assert_eq!(decoded, promise);
        let told = verify(&decoded, SEALED, noon_ms(DAY)).unwrap();
        assert_eq!(told.rejected(), rejected);
        assert_eq!(told.accepted_at_ms(), noon_ms(DAY));
        assert_eq!(told.number(), ReportDigest::of(SEALED).number());
        assert_eq!(*told.report(), ReportDigest::of(SEALED));
        assert_eq!(told.leaf().leaf_hash, promise.entry().leaf_hash());
    }
}

#[test]
fn it_is_overdue_two_days_after_its_day_ended() {
    let promise = World::new().promise(DAY, SEALED, None);
    let told = verify(&promise, SEALED, noon_ms(DAY)).unwrap();
    let due = u64::from(DAY + 3) * 86_400_000;
    assert_eq!(told.leaf().due_at_ms(), due);
    assert!(!told.is_overdue(due - 1));
    assert!(told.is_overdue(due));
}

#[test]
fn chk148_promise_out_of_form_is_refused() {
    let bytes = World::new().promise(DAY, SEALED, None).encode();
    assert_eq!(Promise::decode(&[]), Err(PromiseError::UnknownVersion));
    let version = [&[2], &bytes[1..]].concat();
    assert_eq!(Promise::decode(&version), Err(PromiseError::UnknownVersion));
    for len in 1..bytes.len() {
        assert_eq!(Promise::decode(&bytes[..len]), Err(PromiseError::Malformed));
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Promise::decode(&longer), Err(PromiseError::Malformed));
    let at = vec![1; MAX_PROMISE_LEN];
    assert_eq!(Promise::decode(&at), Err(PromiseError::Malformed));
    let past = vec![1; MAX_PROMISE_LEN + 1];
    assert_eq!(Promise::decode(&past), Err(PromiseError::TooLong));
}

#[test]
fn chk149_note_of_another_key_or_another_text_promises_nothing() {
    let mut world = World::new();
    let promise = world.promise(DAY, SEALED, None);
    let (log, good) = (world.log.verifier(), PromisedLeaf::verify);
    assert!(good(promise.note(), &log).is_ok());
    let other = Signer::from_seed(ORIGIN, &[0x12; 32]).unwrap();
    let other = Promise {
        note: Note::sign(promise.note.text().to_owned(), &other).unwrap(),
        ..promise.clone()
    };
    assert_eq!(
        good(other.note(), &log),
        Err(PromiseError::Note(NoteError::NotSigned))
    );
    let text = promise.note.text();
    let texts = [
        text.replace("promise/1", "promise/2"),
        text.replace(ORIGIN, "other.example"),
        text.replace("20000", "020000"),
        text.replace("20000", "4294967296"),
        format!("{text}more\n"),
    ];
    for text in texts {
        let note = Note::sign(text, &world.log).unwrap();
        assert_eq!(good(&note, &log), Err(PromiseError::OtherText));
    }
    // A checkpoint is no promise, and a promise is no checkpoint.
    world.report(DAY, SEALED, None);
    assert_eq!(good(&world.signed(1), &log), Err(PromiseError::OtherText));
    assert!(Checkpoint::decode(promise.note.text()).is_err());
}

#[test]
fn chk150_promise_with_another_entry_is_refused() {
    let mut world = World::new();
    let promise = world.promise(DAY, SEALED, None);
    let mut changed = promise.clone();
    changed.entry.event = Event::ReportRejected { check: 81 };
    assert_eq!(
        verify(&changed, SEALED, noon_ms(DAY)),
        Err(PromiseError::OtherEntry)
    );
    // The entry has another day than the note.
    let mut changed = promise.clone();
    changed.entry.day = Day(DAY + 1);
    let promised = PromisedLeaf {
        day: Day(DAY),
        leaf_hash: changed.entry.leaf_hash(),
    };
    changed.note = Note::sign(promised.text(ORIGIN), &world.log).unwrap();
    assert_eq!(
        verify(&changed, SEALED, noon_ms(DAY)),
        Err(PromiseError::OtherEntry)
    );
    // The entry says something else than that a report arrived.
    let mut changed = promise;
    changed.entry.event = Event::HoldPlaced;
    let promised = PromisedLeaf {
        day: Day(DAY),
        leaf_hash: changed.entry.leaf_hash(),
    };
    changed.note = Note::sign(promised.text(ORIGIN), &world.log).unwrap();
    assert_eq!(
        verify(&changed, SEALED, noon_ms(DAY)),
        Err(PromiseError::OtherEntry)
    );
}

/// A promise with this detail and number, signed by the log.
fn signed(world: &mut World, detail: ReportDetail, number: Number, day: u32) -> Promise {
    let detail = detail.encode(&mut world.rng).unwrap();
    let (event, digest, day) = (Event::ReportReceived, detail.digest(), Day(day));
    let entry = Entry {
        day,
        number,
        event,
        digest,
    };
    let leaf_hash = entry.leaf_hash();
    let note = Note::sign(PromisedLeaf { day, leaf_hash }.text(ORIGIN), &world.log).unwrap();
    Promise {
        note,
        entry,
        detail,
    }
}

#[test]
fn chk151_promise_about_another_report_number_or_day_is_refused() {
    let mut world = World::new();
    let report = ReportDigest::of(SEALED);
    let (number, accepted_at_ms) = (report.number(), noon_ms(DAY));
    let detail = ReportDetail {
        report,
        accepted_at_ms,
    };
    let good = signed(&mut world, detail, number, DAY);
    assert!(verify(&good, SEALED, noon_ms(DAY)).is_ok());
    let other = Err(PromiseError::OtherReport);
    assert_eq!(verify(&good, OTHER, noon_ms(DAY)), other);
    let elsewhere = signed(&mut world, detail, Number::from_bytes([7; 16]), DAY);
    assert_eq!(verify(&elsewhere, SEALED, noon_ms(DAY)), other);
    let later = signed(&mut world, detail, number, DAY + 1);
    assert_eq!(verify(&later, SEALED, noon_ms(DAY)), other);
    let mut salted = good;
    salted.detail = Detail::from_parts([9; 32], salted.detail.bytes().to_vec()).unwrap();
    assert_eq!(verify(&salted, SEALED, noon_ms(DAY)), other);
}

#[test]
fn chk152_promise_for_a_day_after_tomorrow_is_refused() {
    let promise = World::new().promise(DAY, SEALED, None);
    assert!(verify(&promise, SEALED, noon_ms(DAY - 1)).is_ok());
    assert!(verify(&promise, SEALED, noon_ms(DAY + 400)).is_ok());
    let early = verify(&promise, SEALED, noon_ms(DAY - 2));
    assert_eq!(early, Err(PromiseError::InTheFuture));
}

#[test]
fn debug_shows_no_detail() {
    let promise = World::new().promise(DAY, SEALED, None);
    assert!(!format!("{promise:?}").contains("detail"));
}
