//! Tests of the chunks of a history, and of the records in them.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use waxseal_reporting::AccountId;
use waxseal_reporting::limits::MAX_EVIDENCE_LEN;
use waxseal_reporting::recipient::Evidence;
use waxseal_world::Provider;

use super::body::{BodyWriter, HistoryMessage, HistoryRecord, records};
use super::chunk::EARLIER_VERSION;
use super::{ChunkError, HistoryKey, MAX_BODY_LEN, MAX_CHUNK_LEN, MAX_CHUNKS, RequestId};

const REQUEST: RequestId = RequestId([3; 16]);

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn key() -> HistoryKey {
    HistoryKey::generate(&mut rng())
}

fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

/// A message of Alice as Bob has it, with both accounts.
fn evidence() -> (Evidence, AccountId, AccountId) {
    let (mut provider, mut alice, mut bob) = Provider::of_two();
    provider.exchange(&mut alice, &mut bob, "Hello!");
    let page = bob.messages(&alice.me().account, None, 1).unwrap();
    let evidence = page.items[0].evidence().unwrap().clone();
    (
        evidence,
        alice.me().account.clone(),
        bob.me().account.clone(),
    )
}

fn message(evidence: Evidence, is_sent: bool) -> HistoryMessage {
    HistoryMessage {
        is_sent,
        delivered_ms: 5,
        opened_ms: 6,
        not_delivered: 2,
        from_removed_device: false,
        account_key: None,
        evidence,
    }
}

#[test]
fn chk345_a_chunk_opens_in_its_place_only() {
    let (key, rng) = (key(), &mut rng());
    let chunk = key.seal_chunk(REQUEST, 4, false, b"records", rng).unwrap();
    let opened = key.open_chunk(REQUEST, 4, &chunk).unwrap();
    assert_eq!((opened.is_last, &**opened.body), (false, &b"records"[..]));

    let error = |request, number, chunk: &[u8]| key.open_chunk(request, number, chunk).unwrap_err();
    assert_eq!(error(REQUEST, 5, &chunk), ChunkError::OtherChunk);
    let other = RequestId([4; 16]);
    assert_eq!(error(other, 4, &chunk), ChunkError::Unauthenticated);
    let changed = |at: usize, to: u8| {
        let mut chunk = chunk.clone();
        chunk[at] = to;
        chunk
    };
    // Said to be the last one, or to be another one.
    assert_eq!(
        error(REQUEST, 4, &changed(5, 1)),
        ChunkError::Unauthenticated
    );
    assert_eq!(
        error(REQUEST, 5, &changed(4, 5)),
        ChunkError::Unauthenticated
    );
    assert_eq!(error(REQUEST, 4, &changed(5, 2)), ChunkError::Malformed);
    assert_eq!(error(REQUEST, 4, &changed(0, 3)), ChunkError::OtherVersion);
    // Said to be of the earlier version.
    let earlier = changed(0, EARLIER_VERSION);
    assert_eq!(error(REQUEST, 4, &earlier), ChunkError::Unauthenticated);
    for at in [6, 37, 38, chunk.len() - 1] {
        let chunk = changed(at, chunk[at] ^ 1);
        assert_eq!(error(REQUEST, 4, &chunk), ChunkError::Unauthenticated);
    }
    for len in 0..chunk.len() {
        assert!(key.open_chunk(REQUEST, 4, &chunk[..len]).is_err());
    }
    let other = HistoryKey::from_bytes([9; 32]);
    let opened = other.open_chunk(REQUEST, 4, &chunk);
    assert_eq!(opened.unwrap_err(), ChunkError::Unauthenticated);
}

#[test]
fn chk345_a_chunk_says_its_version_and_one_of_an_earlier_version_opens() {
    let (key, rng) = (key(), &mut rng());
    let chunk = key.seal_chunk(REQUEST, 4, true, b"records", rng).unwrap();
    // A device that knows only the first one says that it is another version.
    assert_eq!((chunk[0], EARLIER_VERSION), (2, 1));
    let place = (REQUEST, 4, true);
    let earlier = key.seal_as(EARLIER_VERSION, place, b"records", rng);
    let mut earlier = earlier.unwrap();
    assert_eq!((earlier[0], earlier.len()), (1, chunk.len()));
    let opened = key.open_chunk(REQUEST, 4, &earlier).unwrap();
    assert_eq!((opened.is_last, &**opened.body), (true, &b"records"[..]));
    earlier[0] = 2;
    let opened = key.open_chunk(REQUEST, 4, &earlier);
    assert_eq!(opened.unwrap_err(), ChunkError::Unauthenticated);
}

#[test]
fn chk345_a_chunk_has_at_most_98304_bytes() {
    let (key, rng) = (key(), &mut rng());
    let body = vec![7; MAX_BODY_LEN + 1];
    assert!(key.seal_chunk(REQUEST, 0, true, &body, rng).is_none());
    let mut chunk = key.seal_chunk(REQUEST, 0, true, &body[1..], rng).unwrap();
    assert_eq!(chunk.len(), MAX_CHUNK_LEN);
    assert!(key.open_chunk(REQUEST, 0, &chunk).unwrap().is_last);
    chunk.push(0);
    let opened = key.open_chunk(REQUEST, 0, &chunk);
    assert_eq!(opened.unwrap_err(), ChunkError::Malformed);

    let last = MAX_CHUNKS - 1;
    assert!(key.seal_chunk(REQUEST, last, true, b"", rng).is_some());
    assert!(
        key.seal_chunk(REQUEST, MAX_CHUNKS, true, b"", rng)
            .is_none()
    );
}

#[test]
fn a_chunk_that_is_sealed_again_has_another_key_stream() {
    let (key, rng) = (key(), &mut rng());
    let mut seal = || key.seal_chunk(REQUEST, 0, false, &[0; 64], rng).unwrap();
    let (one, other) = (seal(), seal());
    assert_ne!(one[38..], other[38..]);
}

#[test]
fn each_chunk_has_its_own_place_in_each_round() {
    let key = key();
    let places: Vec<_> = (0..600)
        .flat_map(|number| [key.place(0, number), key.place(1, number)])
        .map(|place| (place.mailbox, place.slot))
        .collect();
    let distinct: std::collections::BTreeSet<_> = places.iter().collect();
    assert_eq!(distinct.len(), places.len());
    assert_eq!(key.place(0, 0).mailbox, key.place(0, 255).mailbox);
    assert_ne!(key.place(0, 255).mailbox, key.place(0, 256).mailbox);
    assert_ne!(key.place(0, 0).mailbox, key.place(1, 0).mailbox);
}

#[test]
fn records_are_read_as_they_were_written() {
    let (evidence, alice, _) = evidence();
    let mut body = BodyWriter::new();
    assert!(body.conversation(&alice.clone().into()));
    let written = message(evidence.clone(), false);
    assert!(body.message(&written));
    let body = body.finish();
    let mut read = records(&body);
    let Some(Ok(HistoryRecord::Conversation(peer))) = read.next() else {
        panic!("the peer comes first");
    };
    assert_eq!(peer, alice);
    let Some(Ok(HistoryRecord::Message(message))) = read.next() else {
        panic!("the message comes next");
    };
    assert!(!message.is_sent);
    assert_eq!((message.delivered_ms, message.opened_ms), (5, 6));
    assert_eq!(message.not_delivered, 2);
    assert_eq!(message.evidence.encode(), evidence.encode());
    assert!(read.next().is_none());
}

#[test]
fn a_chunk_has_room_for_a_peer_and_the_longest_message() {
    let name = "n".repeat(128);
    let longest = 4 + 1 + name.len() + 4 + 1 + 1 + 8 + 8 + 1 + MAX_EVIDENCE_LEN;
    assert!(longest <= MAX_BODY_LEN);
    let (evidence, ..) = evidence();
    let mut body = BodyWriter::new();
    let mut count = 0;
    while body.message(&message(evidence.clone(), true)) {
        count += 1;
    }
    assert!(body.finish().len() <= MAX_BODY_LEN);
    assert!(count > 200, "{count}");
}

#[test]
fn a_message_comes_with_its_account_key_or_as_of_an_earlier_version() {
    let (evidence, alice, _) = evidence();
    let mut body = BodyWriter::new();
    assert!(body.conversation(&alice.into()));
    for (account_key, from_removed_device) in
        [(None, false), (Some([5; 32]), false), (Some([6; 32]), true)]
    {
        assert!(body.message(&HistoryMessage {
            account_key,
            from_removed_device,
            ..message(evidence.clone(), true)
        }));
    }
    let body = body.finish();
    let lens = [evidence.encode().len() + 19, evidence.encode().len() + 52];
    let kinds: Vec<_> = [lens[0], lens[1], lens[1]]
        .iter()
        .scan(4 + 1 + "alice".len(), |at, len| {
            let kind = body[*at + 4];
            *at += 4 + len;
            Some(kind)
        })
        .collect();
    assert_eq!(kinds, [2, 4, 4]);
    let read: Vec<_> = records(&body)
        .skip(1)
        .map(|record| match record.unwrap() {
            HistoryRecord::Message(message) => message,
            _ => panic!("a message"),
        })
        .map(|message| {
            (
                message.account_key,
                message.from_removed_device,
                message.opened_ms,
            )
        })
        .collect();
    assert_eq!(
        read,
        [
            (None, false, 6),
            (Some([5; 32]), false, 6),
            (Some([6; 32]), true, 6)
        ]
    );
}

#[test]
fn chk346_a_message_belongs_to_its_peer_in_its_direction_and_nowhere_else() {
    let (evidence, alice, bob) = evidence();
    let carol = account("carol");
    let belongs = |is_sent, me: &AccountId, peer: &AccountId| {
        message(evidence.clone(), is_sent).belongs(me, &peer.into())
    };
    assert!(belongs(false, &bob, &alice));
    assert!(belongs(true, &alice, &bob));
    assert!(!belongs(true, &bob, &alice));
    assert!(!belongs(false, &alice, &bob));
    assert!(!belongs(false, &bob, &carol));
    assert!(!belongs(false, &carol, &alice));
    assert!(!belongs(true, &alice, &carol));
    assert!(!belongs(true, &alice, &alice));
}

#[test]
fn chk346_evidence_of_another_message_than_its_tag_commits_to_is_refused() {
    let (evidence, alice, _) = evidence();
    let mut body = BodyWriter::new();
    assert!(body.conversation(&alice.clone().into()));
    assert!(body.message(&message(evidence, false)));
    let mut body = body.finish();
    *body.last_mut().unwrap() ^= 1;
    let read: Vec<_> = records(&body).collect();
    assert!(matches!(read[1], Ok(HistoryRecord::Refused)));
}

#[test]
fn chk345_records_out_of_form_end_the_chunk() {
    let (evidence, alice, _) = evidence();
    let mut body = BodyWriter::new();
    assert!(body.conversation(&alice.clone().into()));
    assert!(body.message(&message(evidence, false)));
    let body = body.finish();
    for len in 1..body.len() {
        let read: Vec<_> = records(&body[..len]).collect();
        let is_whole = len == 4 + 1 + alice.as_str().len();
        assert_eq!(read.last().unwrap().is_ok(), is_whole, "{len}");
        assert!(read.len() <= 2);
    }
    // An unknown type, and a message in no direction.
    for (at, to) in [(4, 9), (4 + 1 + alice.as_str().len() + 4 + 1, 3)] {
        let mut body = body.to_vec();
        body[at] = to;
        assert!(records(&body).last().unwrap().is_err());
    }
}

#[test]
fn chk345_a_removed_flag_that_is_not_0_or_1_ends_the_chunk() {
    let (evidence, alice, _) = evidence();
    let mut body = BodyWriter::new();
    assert!(body.conversation(&alice.clone().into()));
    assert!(body.message(&HistoryMessage {
        account_key: Some([5; 32]),
        from_removed_device: true,
        ..message(evidence, false)
    }));
    // After the record of the peer: length, type, direction, two times, and who has not got it.
    let at = 4 + 1 + alice.as_str().len() + 4 + 1 + 1 + 8 + 8 + 1;
    let mut body = body.finish();
    assert_eq!(body[at], 1);
    for (flag, is_read) in [(0, true), (1, true), (2, false), (255, false)] {
        body[at] = flag;
        let read: Vec<_> = records(&body).collect();
        assert_eq!(read.len(), 2);
        match &read[1] {
            Ok(HistoryRecord::Message(message)) if is_read => {
                assert_eq!(message.from_removed_device, flag == 1);
            }
            Err(ChunkError::Malformed) if !is_read => {}
            _ => panic!("{flag}"),
        }
    }
}
