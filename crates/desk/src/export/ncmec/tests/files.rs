//! What a tip says about whether a file was viewed.

use waxseal_reporting::file::FileShape;
use waxseal_reporting::reporter::Reason;

use super::read::{read, value};
use super::{facts, tip};
use crate::export::ncmec::files_of;
use crate::export::{CaseFacts, ExportError};
use crate::vault::{FileAccess, ViewedAttachment};

#[test]
fn chk688_a_file_was_viewed_only_if_it_was_fetched() {
    let blob = super::blob().to_text();
    let viewed = |facts: &CaseFacts, pairs: &[(&str, &str)]| {
        let package = tip(facts, pairs)?;
        let files = files_of(&package).unwrap();
        let read = read(&files[0].xml(7, "f").unwrap());
        let viewed = value(&read, "fileViewedByEsp").map(str::to_owned);
        assert_eq!(value(&read, "exifViewedByEsp"), None);
        assert_eq!(value(&read, "publiclyAvailable"), None);
        Ok(viewed)
    };
    let fetched = facts(Reason::Csam);
    let said: &[(&str, &str)] = &[("viewed", &blob)];
    assert_eq!(viewed(&fetched, said), Ok(Some("true".to_owned())));
    assert_eq!(viewed(&fetched, &[]), Ok(None));
    let mut unfetched = facts(Reason::Csam);
    unfetched.reports[0].fetched.clear();
    assert_eq!(viewed(&unfetched, &[]), Ok(Some("false".to_owned())));
    assert_eq!(viewed(&unfetched, said), Err(ExportError::NotFetched));
    // A fetch of another file says nothing about this one.
    let other = waxseal_reporting::BlobId::from_bytes([1; 32]);
    unfetched.reports[0].fetched.insert(other, 1 << 20);
    assert_eq!(viewed(&unfetched, said), Err(ExportError::NotFetched));
    // Not all of it: 70,000 bytes are sealed as 71,680.
    let mut partly = facts(Reason::Csam);
    let sealed = FileShape::new(70_000).unwrap().sealed_len();
    for (out, is_all) in [(0, false), (1, false), (sealed - 1, false), (sealed, true)] {
        partly.reports[0].fetched.insert(super::blob(), out);
        let expected = match is_all {
            true => Ok(Some("true".to_owned())),
            false => Err(ExportError::NotFetched),
        };
        assert_eq!(viewed(&partly, said), expected, "{out}");
        assert_eq!(viewed(&partly, &[]), Ok(None));
    }
    // Without the key of the whole file nobody viewed all of it.
    with_access(&mut partly, FileAccess::Chunks(vec![(0, [7; 32].into())]));
    assert_eq!(viewed(&partly, said), Err(ExportError::NotFetched));
    // A file that the report does not name may be fetched elsewhere, if its key was shown.
    let mut unnamed = facts(Reason::Csam);
    unnamed.reports[0].blobs.clear();
    assert_eq!(viewed(&unnamed, &[]), Ok(None));
    let invalid = Err(ExportError::Invalid { field: "viewed" });
    assert_eq!(viewed(&unnamed, said), invalid);
    assert_eq!(viewed(&fetched, &[("viewed", "b1")]), invalid);
    with_access(&mut unnamed, FileAccess::Descriptor);
    assert_eq!(viewed(&unnamed, &[]), Ok(Some("false".to_owned())));
}

fn with_access(facts: &mut CaseFacts, access: FileAccess) {
    let view = facts.reports[0].view.as_mut().unwrap();
    let ViewedAttachment::Chunked(file) = &mut view.messages[0].attachments[0].1 else {
        panic!("another attachment");
    };
    file.access = access;
}

#[test]
fn chk688_two_reports_that_name_one_file_say_the_same_of_it() {
    let mut facts = facts(Reason::Csam);
    let mut second = super::facts(Reason::Csam).reports.remove(0);
    second.id = [2; 16];
    facts.reports.push(second);
    let id = super::blob().to_text();
    let files = files_of(&tip(&facts, &[("viewed", &id)]).unwrap()).unwrap();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| file.viewed == Some(true)));
}
