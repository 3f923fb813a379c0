//! Version bytes of states and pages.

use super::*;

#[test]
fn chk02_pages_of_version_01_tell_their_id_but_are_not_read() {
    let (_, _, stored, _) = lacking();
    let mut pages: Vec<_> = stored.pages.values().cloned().collect();
    for (id, page) in stored.pages.keys().zip(&mut pages) {
        page[0] = 1;
        assert_eq!(PageId::of_page(page), Ok(*id));
        assert!(PageId::of_page(&page[..44]).is_err());
    }
    let refused = DecodeError::UnknownVersion { version: 1 };
    let read = SessionSet::import_parts(&stored.state, &pages);
    assert_eq!(read.err(), Some(refused));
    let mut state = stored.state.clone();
    state[0] = 1;
    let read = SessionSet::import_parts(&state, stored.pages.values());
    assert_eq!(read.err(), Some(refused));
    for version in [0, 3, 255] {
        let refused = DecodeError::UnknownVersion { version };
        for (at, page) in pages.iter_mut().enumerate() {
            page[0] = version;
            assert_eq!(PageId::of_page(page), Err(refused));
            // One page of another version is enough.
            let mut mixed: Vec<_> = stored.pages.values().cloned().collect();
            mixed[at][0] = version;
            let read = SessionSet::import_parts(&stored.state, &mixed);
            assert_eq!(read.err(), Some(refused));
        }
    }
}
