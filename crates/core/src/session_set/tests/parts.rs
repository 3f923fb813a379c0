//! Exports in parts: storing what is returned keeps storage complete, and only complete storage is
//! read.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::errors::DecodeError;
use crate::export::{PageId, SessionSetParts};
use crate::limits::PAGE_ID_LEN;

mod versions;

/// What an application stores for one peer.
#[derive(Default)]
struct Stored {
    state: Vec<u8>,
    pages: BTreeMap<PageId, Vec<u8>>,
}

impl Stored {
    fn apply(&mut self, parts: SessionSetParts) {
        self.state = parts.state.to_vec();
        for change in parts.pages {
            match change.bytes {
                Some(bytes) => {
                    assert_eq!(PageId::of_page(&bytes), Ok(change.id));
                    self.pages.insert(change.id, bytes.to_vec());
                }
                None => assert!(
                    self.pages.remove(&change.id).is_some(),
                    "a page is removed that was never stored"
                ),
            }
        }
    }

    fn read(&self) -> Result<SessionSet, DecodeError> {
        SessionSet::import_parts(&self.state, self.pages.values())
    }
}

impl Party {
    /// Stores what changed, and reads it back.
    fn store(&mut self, stored: &mut Stored) {
        let sessions = self.sessions.as_mut().unwrap();
        stored.apply(sessions.export_parts());
        let len: usize = stored.pages.values().map(Vec::len).sum();
        assert_eq!(sessions.pages_len(), len);
        let mut read = stored.read().unwrap();
        assert_eq!(read.export(), sessions.export());
        assert!(
            read.export_parts().pages.is_empty(),
            "a page changes although nothing happened"
        );
    }

    /// Seals `count` messages and returns them all.
    fn send_many(&mut self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.send(b"text")).collect()
    }
}

/// Two parties that have heard each other, and what the second one stores.
fn talking() -> (Party, Party, Stored) {
    let (mut a, mut b) = (Party::new(1), Party::new(2));
    a.start(&b.device, Some(0), 10);
    let first = a.send(b"first");
    b.receive(&first).unwrap();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let mut stored = Stored::default();
    b.store(&mut stored);
    (a, b, stored)
}

/// Two parties of which the second lacks 129 messages, in three pages.
fn lacking() -> (Party, Party, Stored, Vec<Vec<u8>>) {
    let (mut a, mut b, mut stored) = talking();
    let sent = a.send_many(130);
    b.receive(&sent[129]).unwrap();
    b.store(&mut stored);
    assert_eq!(stored.pages.len(), 3);
    (a, b, stored, sent)
}

#[test]
fn a_message_gives_the_pages_that_it_changed_and_no_other() {
    let (mut a, mut b, mut stored, sent) = lacking();
    let changed = |b: &mut Party, stored: &mut Stored| {
        let parts = b.sessions.as_mut().unwrap().export_parts();
        let lens = parts.pages.iter().map(|page| {
            let [.., index] = *page.id.as_bytes();
            (index, page.bytes.as_ref().map(|bytes| bytes.len()))
        });
        let lens: Vec<_> = lens.collect();
        stored.apply(parts);
        lens
    };
    let next = a.send(b"in order");
    b.receive(&next).unwrap();
    assert_eq!(changed(&mut b, &mut stored), []);
    b.send(b"sent");
    assert_eq!(changed(&mut b, &mut stored), []);
    b.receive(&sent[70]).unwrap();
    assert_eq!(changed(&mut b, &mut stored), [(1, Some(45 + 63 * 76))]);
    b.receive(&sent[128]).unwrap();
    assert_eq!(changed(&mut b, &mut stored), [(2, None)]);
    assert_eq!(
        stored.read().unwrap().export(),
        b.sessions.unwrap().export()
    );
}

#[test]
fn nothing_is_remembered_before_parts_are_taken_and_no_more_than_they_have_after() {
    let (mut a, mut b, _) = talking();
    // After a whole import no parts have been taken, so nothing is recorded.
    b.sessions = Some(SessionSet::import(&b.sessions.unwrap().export()).unwrap());
    let sent = a.send_many(130);
    b.receive(&sent[129]).unwrap();
    b.receive(&sent[64]).unwrap();
    b.receive(&sent[128]).unwrap();
    assert_eq!(
        SessionSet::import(&b.sessions.as_ref().unwrap().export())
            .unwrap()
            .destroy(),
        []
    );
    let first = b.sessions.as_mut().unwrap().export_parts();
    assert_eq!(
        first.pages.len(),
        2,
        "all existing pages and no removed ones"
    );
    // Pages that come and go between two calls leave no trace.
    let sent = a.send_many(200);
    b.receive(&sent[199]).unwrap();
    for message in &sent[..199] {
        b.receive(message).unwrap();
    }
    assert!(b.sessions.as_mut().unwrap().export_parts().pages.is_empty());
    let mut kept: Vec<_> = first.pages.iter().map(|page| page.id).collect();
    let mut destroyed = b.sessions.unwrap().destroy();
    kept.sort();
    destroyed.sort();
    assert_eq!(destroyed, kept);
}

#[test]
fn pages_of_a_session_that_gives_way_are_removed() {
    let (mut a, mut b, mut stored, sent) = lacking();
    // One page is gone already and another has changed. Neither change was taken yet.
    b.receive(&sent[128]).unwrap();
    b.receive(&sent[0]).unwrap();
    for seed in 0..5 {
        a.start(&b.device, None, 20 + seed);
        let start = a.send_many(3);
        b.receive(&start[2]).unwrap();
    }
    assert_eq!(b.sessions.as_ref().unwrap().count(), MAX);
    let parts = b.sessions.as_mut().unwrap().export_parts();
    let removed = parts.pages.iter().filter(|page| page.bytes.is_none());
    assert_eq!(removed.count(), 3);
    stored.apply(parts);
    assert_eq!(stored.pages.len(), 5, "one for each new session");
    assert_eq!(
        stored.read().unwrap().export(),
        b.sessions.as_ref().unwrap().export()
    );
    let mut all = b.sessions.unwrap().destroy();
    all.sort();
    assert!(all.iter().eq(stored.pages.keys()));
}

#[test]
fn pages_of_sessions_that_were_given_up_are_named_when_all_are_destroyed() {
    let (mut a, mut b, stored, _) = lacking();
    for seed in 0..5 {
        a.start(&b.device, None, 20 + seed);
        let start = a.send(b"start");
        b.receive(&start).unwrap();
    }
    let mut all = b.sessions.unwrap().destroy();
    all.sort();
    assert!(all.iter().eq(stored.pages.keys()));
}

#[test]
fn chk47_pages_that_are_not_the_states_are_refused() {
    let malformed = Some(DecodeError::Malformed);
    let not_canonical = Some(DecodeError::NotCanonical);
    let (mut a, mut b, stored, _) = lacking();
    // One party has an earlier chain that lacks messages. Another session has pages of its own.
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let next = a.send(b"next");
    b.receive(&next).unwrap();
    let mut stored = stored;
    b.store(&mut stored);
    let (.., other, _) = {
        let (mut a, mut b) = (Party::new(3), Party::new(2));
        a.start(&b.device, Some(1), 30);
        let sent = a.send_many(3);
        b.receive(&sent[2]).unwrap();
        let mut stored = Stored::default();
        b.store(&mut stored);
        (a, b, stored, sent)
    };
    let pages: Vec<_> = stored.pages.values().cloned().collect();
    let read = |pages: &[Vec<u8>]| SessionSet::import_parts(&stored.state, pages).err();
    assert_eq!(read(&pages), None);
    let reversed: Vec<_> = pages.iter().rev().cloned().collect();
    assert_eq!(read(&reversed), None, "in any order");

    for missing in 0..pages.len() {
        let mut fewer = pages.clone();
        fewer.remove(missing);
        assert_eq!(read(&fewer), malformed, "a page is missing");
    }
    let with = |page: &[u8]| read(&[pages.as_slice(), &[page.to_vec()]].concat());
    let foreign = other.pages.values().next().unwrap();
    assert_eq!(with(foreign), malformed, "a page of another session");
    assert_eq!(with(&pages[1]), not_canonical, "a page comes twice");
    // Now edit the last page, which has one key, or add one more page of the same form.
    let [first, second, last] = &pages[..] else {
        panic!("three pages")
    };
    let edited = |at: usize, byte: u8| {
        let mut page = last.clone();
        page[at] = byte;
        read(&[first.clone(), second.clone(), page])
    };
    let (chain, index, n) = (1 + 32 + 7, 1 + 32 + 11, 1 + PAGE_ID_LEN + 3);
    assert_eq!(last[chain], 2);
    assert_eq!(
        edited(chain, 3),
        not_canonical,
        "a key past the last received message"
    );
    assert_eq!(
        edited(chain, 4),
        not_canonical,
        "a key of a chain yet to come"
    );
    assert_eq!(
        edited(index, 3),
        not_canonical,
        "the page's number is not its key's"
    );
    assert_eq!(
        edited(n, 64),
        not_canonical,
        "the key's number is not its page's"
    );
    let mut more = last.clone();
    more[index] = 3;
    more[n] = 192;
    assert_eq!(with(&more), malformed, "a key too many");
    let longer = [last.as_slice(), &[0]].concat();
    assert_eq!(
        read(&[first.clone(), second.clone(), longer]),
        malformed,
        "a byte after the keys"
    );
    more.truncate(1 + PAGE_ID_LEN);
    assert_eq!(with(&more), malformed, "no key at all");
    let (records, _) = last[1 + PAGE_ID_LEN..].as_chunks::<76>();
    let of = |keys: &[[u8; 76]], cut: usize| {
        let mut page = last[..1 + PAGE_ID_LEN].to_vec();
        page.extend(keys.as_flattened());
        page.truncate(page.len() - cut);
        read(&[first.clone(), second.clone(), page])
    };
    assert_eq!(of(records, 0), None);
    assert_eq!(of(&[], 0), malformed, "an empty page");
    assert_eq!(of(records, 1), malformed, "a key cut short");
    let twice = [records, records].concat();
    assert_eq!(of(&twice, 0), not_canonical, "not ascending");
    for len in 0..last.len() {
        let cut = [first.clone(), second.clone(), last[..len].to_vec()];
        assert!(read(&cut).is_some(), "cut at {len}");
    }
    let long = DecodeError::TooLong {
        len: 4_910,
        max: 4_909,
    };
    assert_eq!(with(&[1; 4_910]), Some(long));
}

#[test]
fn an_earlier_chain_without_a_key_is_refused() {
    let (mut a, mut b, mut stored) = talking();
    let sent = a.send_many(2);
    b.receive(&sent[1]).unwrap();
    let reply = b.send(b"reply");
    a.receive(&reply).unwrap();
    let sent = a.send_many(2);
    b.receive(&sent[1]).unwrap();
    b.store(&mut stored);
    // The page of the earlier chain is replaced by a second page of the current chain, with as many
    // keys.
    let pages: Vec<_> = stored.pages.values().cloned().collect();
    assert_eq!(pages.len(), 2);
    let mut moved = pages[1].clone();
    moved[1 + 32 + 11] = 1;
    moved[1 + PAGE_ID_LEN + 3] = 64;
    let read = SessionSet::import_parts(&stored.state, [&pages[1], &moved]);
    assert_eq!(read.err(), Some(DecodeError::NotCanonical));
}

#[test]
fn a_state_is_read_in_parts_only() {
    let (.., mut b, stored, _) = lacking();
    for len in 0..stored.state.len() {
        let cut = SessionSet::import_parts(&stored.state[..len], stored.pages.values());
        assert!(cut.is_err(), "cut at {len}");
    }
    let longer = [stored.state.as_slice(), &[0]].concat();
    assert!(SessionSet::import_parts(&longer, stored.pages.values()).is_err());
    assert!(SessionSet::import(&stored.state).is_err());
    let whole = b.sessions.as_mut().unwrap().export();
    assert!(SessionSet::import_parts(&whole, stored.pages.values()).is_err());
}

#[test]
fn debug_shows_no_keys() {
    let (.., mut b, _) = talking();
    let parts = b.sessions.as_mut().unwrap().export_parts();
    assert_eq!(format!("{parts:?}"), "SessionSetParts { pages: [], .. }");
    let (.., stored, _) = lacking();
    let change = crate::export::PageChange {
        id: *stored.pages.keys().next().unwrap(),
        bytes: Some(Zeroizing::new(vec![7])),
    };
    let expected = format!("PageChange {{ id: {:?}, .. }}", change.id);
    assert_eq!(format!("{change:?}"), expected);
}

/// Generates events: which party, which action, and how many messages.
fn happenings() -> impl Strategy<Value = Vec<(usize, u8, usize)>> {
    proptest::collection::vec((0..2_usize, 0..8_u8, 0..90_usize), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    /// Messages are skipped, come late or come twice, and sessions are evicted. Storage always
    /// reads back as the sessions in memory.
    #[test]
    fn what_was_stored_gives_the_sessions_there_are(happenings in happenings()) {
        let mut parties = [Party::new(1), Party::new(2)];
        let mut stored = [Stored::default(), Stored::default()];
        let mut flying = [VecDeque::new(), VecDeque::new()];
        for (seed, (who, what, count)) in happenings.into_iter().enumerate() {
            let [to, from] = [who, 1 - who];
            match what {
                // The last message of a burst arrives. The others are late.
                0..=2 if parties[from].sessions.is_some() => {
                    let mut sent = parties[from].send_many(count / 3 + 1);
                    let last = sent.pop().unwrap();
                    let _ = parties[to].receive(&last);
                    flying[to].extend(sent);
                }
                3..=5 => {
                    let len = flying[to].len();
                    for _ in 0..len.min(count / 4) {
                        let message = flying[to].remove(seed * 31 % flying[to].len()).unwrap();
                        let first = parties[to].receive(&message).is_ok();
                        assert!(!first || parties[to].receive(&message).is_err());
                    }
                }
                6 => {
                    let [a, b] = &mut parties;
                    let (from, to) = if from == 0 { (a, b) } else { (b, a) };
                    from.start(&to.device, None, seed as u64);
                }
                // The application restarts.
                7 if parties[to].sessions.is_some() => {
                    parties[to].store(&mut stored[to]);
                    parties[to].sessions = Some(stored[to].read().unwrap());
                }
                _ => {}
            }
            // Storage lags behind: it is not written after each message.
            if what % 2 == 0 {
                for (party, stored) in parties.iter_mut().zip(&mut stored) {
                    if party.sessions.is_some() {
                        party.store(stored);
                    }
                }
            }
        }
    }
}
