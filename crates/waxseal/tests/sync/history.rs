//! A device gives its history to another one of the account.

use std::collections::HashMap;

use waxseal::errors::HistoryError;
use waxseal::sync::history::ChunkError;
use waxseal::{
    Client, Disclosure, HistoryChunk, MemoryStore, ModerationPublicKey, Reason, Status, Store,
    Synced,
};
use waxseal_world::{account, snapshot};

use super::support::{Net, bob, synced, texts};

/// The provider's mailboxes.
#[derive(Default)]
pub(crate) struct Mailboxes(HashMap<([u8; 16], u8), Vec<u8>>);

impl Mailboxes {
    /// Posts chunk `number`, in a slot that was never written. Returns whether it is the last.
    pub(crate) fn post<S: Store>(&mut self, from: &mut Client<S>, number: u32) -> bool {
        let chunk = from.history_chunk(number, &mut rand::rng()).unwrap();
        assert_eq!(chunk.number, number);
        self.put(&chunk);
        chunk.is_last
    }

    pub(crate) fn put(&mut self, chunk: &HistoryChunk) {
        let slot = (chunk.place.mailbox, chunk.place.slot);
        assert!(self.0.insert(slot, chunk.bytes.clone()).is_none());
    }

    /// The chunk that a device wants next.
    pub(crate) fn next<S: Store>(&self, to: &Client<S>) -> Option<Vec<u8>> {
        let place = to.history_import().unwrap()?.place?;
        self.0.get(&(place.mailbox, place.slot)).cloned()
    }

    /// Posts all chunks of the present round.
    pub(crate) fn post_all<S: Store>(&mut self, from: &mut Client<S>) -> u32 {
        let first = from.history_export().unwrap().unwrap().first;
        let mut number = first;
        while !self.post(from, number) {
            number += 1;
        }
        number + 1
    }
}

/// Lets the laptop ask and the phone agree.
pub(crate) fn agree<S: Store>(net: &mut Net, phone: &mut Client<S>, laptop: &mut Client<S>) {
    let request = laptop.ask_history(net.now(), &mut rand::rng()).unwrap();
    net.agree(phone, laptop, request);
}

/// A phone with a conversation of `count` messages each way, and a laptop that was linked then.
fn with_history(count: usize) -> (Net, [Client<MemoryStore>; 3]) {
    let mut net = Net::new();
    let mut phone = net.provider.register("alice");
    let mut other = net.provider.register("bob");
    for number in 0..count {
        net.send(&mut phone, &bob(), format!("To Bob, {number}.").as_str());
        net.settle(&mut [&mut phone, &mut other]);
        net.send(
            &mut other,
            &account("alice"),
            format!("To Alice, {number}.").as_str(),
        );
        net.settle(&mut [&mut phone, &mut other]);
    }
    let mut laptop = net.link(&mut phone, MemoryStore::new());
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    (net, [phone, laptop, other])
}

#[test]
fn a_new_device_has_the_history_and_can_report_it() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_history(5);
    let last = phone
        .messages(&bob(), None, 100)
        .unwrap()
        .items
        .pop()
        .unwrap();
    other
        .opened(
            &account("alice"),
            &phone.messages(&bob(), None, 1).unwrap().items[0]
                .id()
                .clone(),
            net.now(),
        )
        .unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(texts(&laptop, &bob()).is_empty());

    agree(&mut net, &mut phone, &mut laptop);
    let mut mailboxes = Mailboxes::default();
    assert_eq!(mailboxes.post_all(&mut phone), 1);
    let chunk = mailboxes.next(&laptop).unwrap();
    let progress = laptop.import_history(&chunk).unwrap();
    assert_eq!(
        (progress.taken, progress.known, progress.refused),
        (10, 0, 0)
    );
    assert!(progress.is_done);
    assert_eq!(texts(&phone, &bob()), texts(&laptop, &bob()));
    let messages =
        [&phone, &laptop].map(|device| device.messages(&bob(), None, 100).unwrap().items);
    for (one, other) in messages[0].iter().zip(&messages[1]) {
        assert_eq!(one.id(), other.id());
        assert_eq!(one.direction(), other.direction());
        assert_eq!(one.status(), other.status());
        let encoded = |one: &waxseal::Message| one.evidence().unwrap().encode();
        assert_eq!(encoded(one), encoded(other));
    }
    assert!(matches!(
        messages[1][0].status(),
        Some(Status::Opened { .. })
    ));

    // The key is gone on both.
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert!(phone.history_export().unwrap().is_none());
    assert!(laptop.history_import().unwrap().is_none());
    assert!(matches!(
        laptop.import_history(&chunk),
        Err(HistoryError::None)
    ));

    let shown = [(*last.id(), Disclosure::Whole)];
    let draft = laptop.draft_report(&bob(), Reason::Spam, shown).unwrap();
    let reviewers: &ModerationPublicKey = &net.provider.moderation.public_key().clone();
    let report = laptop.report(&draft, reviewers, &mut rand::rng()).unwrap();
    let verified = net.provider.verify(&report.report).unwrap();
    let content = verified.messages()[0].content().unwrap();
    assert_eq!(content.as_text(), last.text());
}

#[test]
fn the_history_comes_before_what_the_new_device_saw_itself() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_history(3);
    let before = texts(&phone, &bob());
    net.send(&mut other, &account("alice"), "Live.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    net.send(&mut laptop, &bob(), "Also live.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(texts(&laptop, &bob()), ["Live.", "Also live."]);
    agree(&mut net, &mut phone, &mut laptop);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut phone);
    let progress = laptop
        .import_history(&mailboxes.next(&laptop).unwrap())
        .unwrap();
    assert_eq!((progress.taken, progress.known), (6, 2));
    let all = [before, vec!["Live.".to_owned(), "Also live.".to_owned()]].concat();
    assert_eq!(texts(&laptop, &bob()), all);
    assert_eq!(texts(&phone, &bob()), all);
    // New messages still come last.
    net.send(&mut other, &account("alice"), "Later.");
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    assert_eq!(texts(&laptop, &bob()).last().unwrap(), "Later.");
}

#[test]
fn chk345_chunks_are_taken_in_their_order_and_the_rest_can_be_asked_for() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_history(1);
    let long = "long ".repeat(6_000);
    for _ in 0..12 {
        net.send(&mut phone, &bob(), long.as_str());
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    }
    // The laptop has copies of them, and loses these.
    laptop.forget_contact(&bob()).unwrap();
    agree(&mut net, &mut phone, &mut laptop);
    let mut mailboxes = Mailboxes::default();
    let count = mailboxes.post_all(&mut phone);
    assert!(count >= 4, "{count}");
    let first = mailboxes.next(&laptop).unwrap();
    assert!(matches!(
        phone.history_chunk(count, &mut rand::rng()),
        Err(HistoryError::NoSuchChunk)
    ));
    let second = phone.history_chunk(1, &mut rand::rng()).unwrap().bytes;
    let last = phone
        .history_chunk(count - 1, &mut rand::rng())
        .unwrap()
        .bytes;
    let before = snapshot(&laptop);
    for chunk in [&second, &last] {
        let error = laptop.import_history(chunk).unwrap_err();
        assert!(matches!(error, HistoryError::Chunk(ChunkError::OtherChunk)));
    }
    let mut changed = first.clone();
    *changed.last_mut().unwrap() ^= 1;
    let error = laptop.import_history(&changed).unwrap_err();
    assert!(matches!(
        error,
        HistoryError::Chunk(ChunkError::Unauthenticated)
    ));
    assert!(snapshot(&laptop) == before);
    laptop.import_history(&first).unwrap();
    let error = laptop.import_history(&first).unwrap_err();
    assert!(matches!(error, HistoryError::Chunk(ChunkError::OtherChunk)));

    // The chunks expire, and both devices are started again.
    drop(mailboxes);
    let mut phone = Client::open(phone.into_store()).unwrap();
    let mut laptop = Client::open(laptop.into_store()).unwrap();
    let request = laptop.history_import().unwrap().unwrap().request;
    assert_eq!(
        laptop.ask_history(net.now(), &mut rand::rng()).unwrap(),
        request
    );
    let received = net.settle(&mut [&mut phone, &mut laptop]).concat();
    assert!(synced(&received).contains(&Synced::HistoryResumed));
    let export = phone.history_export().unwrap().unwrap();
    assert_eq!((export.round, export.first), (1, 1));
    let mut mailboxes = Mailboxes::default();
    assert_eq!(mailboxes.post_all(&mut phone), count);
    loop {
        let chunk = mailboxes.next(&laptop).unwrap();
        if laptop.import_history(&chunk).unwrap().is_done {
            break;
        }
    }
    assert_eq!(texts(&phone, &bob()), texts(&laptop, &bob()));
}

#[test]
fn a_second_history_brings_only_what_is_missing() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_history(3);
    for round in 0..2 {
        agree(&mut net, &mut phone, &mut laptop);
        let mut mailboxes = Mailboxes::default();
        mailboxes.post_all(&mut phone);
        let progress = laptop
            .import_history(&mailboxes.next(&laptop).unwrap())
            .unwrap();
        let expected = if round == 0 { (6, 0) } else { (0, 6) };
        assert_eq!((progress.taken, progress.known), expected);
        net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    }
    // And back: the phone has all of it.
    agree(&mut net, &mut laptop, &mut phone);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut laptop);
    let progress = phone
        .import_history(&mailboxes.next(&phone).unwrap())
        .unwrap();
    assert_eq!((progress.taken, progress.known), (0, 6));
    assert_eq!(texts(&phone, &bob()), texts(&laptop, &bob()));
}

#[test]
fn what_was_deleted_does_not_come_back_with_the_history() {
    let (mut net, [mut phone, mut laptop, mut other]) = with_history(3);
    agree(&mut net, &mut phone, &mut laptop);
    let ids: Vec<_> = phone
        .messages(&bob(), None, 100)
        .unwrap()
        .items
        .iter()
        .map(|one| *one.id())
        .collect();
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut phone);
    // The laptop's user deletes one that the laptop does not have yet, on the phone.
    phone
        .delete_on_all_devices(&bob(), &ids[2], net.now())
        .unwrap();
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);
    let progress = laptop
        .import_history(&mailboxes.next(&laptop).unwrap())
        .unwrap();
    assert_eq!((progress.taken, progress.known), (5, 1));
    assert_eq!(texts(&phone, &bob()), texts(&laptop, &bob()));
    net.settle(&mut [&mut phone, &mut laptop, &mut other]);

    agree(&mut net, &mut laptop, &mut phone);
    let mut mailboxes = Mailboxes::default();
    mailboxes.post_all(&mut laptop);
    phone.delete_conversation_on_all_devices(&bob()).unwrap();
    let progress = phone
        .import_history(&mailboxes.next(&phone).unwrap())
        .unwrap();
    assert_eq!(progress.taken, 0);
    assert!(texts(&phone, &bob()).is_empty());
}

#[test]
fn a_chunk_that_is_made_again_leaves_out_what_was_deleted() {
    let (mut net, [mut phone, mut laptop, _]) = with_history(4);
    agree(&mut net, &mut phone, &mut laptop);
    let first = phone.history_chunk(0, &mut rand::rng()).unwrap();
    assert!(first.is_last);
    let id = *phone.messages(&bob(), None, 1).unwrap().items[0].id();
    phone.delete_message(&bob(), &id).unwrap();
    let again = phone.history_chunk(0, &mut rand::rng()).unwrap();
    assert!(again.is_last && again.bytes.len() < first.bytes.len());
    let progress = laptop.import_history(&again.bytes).unwrap();
    assert_eq!((progress.taken, progress.is_done), (7, true));
}

#[test]
fn an_empty_history_is_one_empty_chunk() {
    let (mut net, [mut phone, mut laptop, _]) = Net::of_three();
    net.settle(&mut [&mut phone, &mut laptop]);
    agree(&mut net, &mut phone, &mut laptop);
    let chunk = phone.history_chunk(0, &mut rand::rng()).unwrap();
    assert!(chunk.is_last);
    let progress = laptop.import_history(&chunk.bytes).unwrap();
    assert_eq!((progress.taken, progress.is_done), (0, true));
}

#[test]
fn a_history_that_nobody_takes_is_forgotten_with_its_key() {
    let (mut net, [mut phone, mut laptop, _]) = with_history(1);
    agree(&mut net, &mut phone, &mut laptop);
    net.pass(25 * 3_600_000);
    net.upkeep(&mut phone);
    assert!(phone.history_export().unwrap().is_none());
    net.pass(7 * 24 * 3_600_000);
    net.upkeep(&mut laptop);
    assert!(laptop.history_import().unwrap().is_none());
}
