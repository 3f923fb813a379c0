//! The script: two devices make every call that commits. One of them is stopped in one commit,
//! started again, and goes on.

use std::collections::{BTreeMap, BTreeSet};

use waxseal::core::PreKeyUpload;
use waxseal::errors::{OpenAccountError, ReceiveError, TakeRosterError};
use waxseal::log::entry::Day;
use waxseal::log::receipt::Role;
use waxseal::{
    AccountId, Client, DeviceId, Direction, Disclosure, Draft, FrankingTag, OutgoingReport,
    PromiseState, Reason, Received, Timestamp,
};

use crate::disk::{Disk, until_done};
use waxseal_world::{Liar, Log, NOW, Provider, account, address};

/// The account of each disk.
pub(crate) const NAMES: [&str; 2] = ["alice", "bob"];
/// How many one-time prekeys the provider claims to have left. So few are missing that each device
/// makes only a few new ones.
pub(crate) const AT_PROVIDER: usize = 97;

pub(crate) struct Script<'a> {
    pub(crate) world: Provider,
    pub(crate) disks: &'a [Disk; 2],
    /// Every envelope that ever left a device, by the message's tag.
    left: BTreeMap<FrankingTag, Vec<u8>>,
    /// The messages that each application has shown, in order.
    pub(crate) shown: [Vec<(FrankingTag, String)>; 2],
    uploaded: BTreeSet<Vec<u8>>,
}

/// Runs the script; panics if a promise is broken.
pub(crate) fn run(disks: &[Disk; 2]) {
    let mut script = Script::new(disks);
    (0..2).for_each(|who| script.register(who));
    script.start();
    script.say(0, "first");
    script.say(1, "answer");
    script.say(0, "second");
    // The message "late" arrives after the next ones, and the message "lost" never arrives.
    let (_, late) = script.seal(0, "late");
    script.seal(0, "lost");
    let deleted = script.say(0, "to be deleted");
    script.receive(1, &late);
    script.rotate();
    script.carol_writes("before the change");
    script.carol_writes("after the change");
    let withheld = script.withhold();
    script.delete(deleted);
    script.forget(&withheld);
    script.give_up();
    (0..2).for_each(|who| script.renew(who));
    script.say(1, "and on");
    script.report();
    script.start();
    script.say(0, "on a new session");
    script.say(1, "good bye");
    script.say(0, "good bye yourself");
    script.end();
}

impl<'a> Script<'a> {
    pub(crate) fn new(disks: &'a [Disk; 2]) -> Self {
        Self {
            world: Provider::new(7),
            disks,
            left: BTreeMap::new(),
            shown: Default::default(),
            uploaded: BTreeSet::new(),
        }
    }

    pub(crate) fn register(&mut self, who: usize) {
        let me = self.world.register_only(NAMES[who]);
        let key = self.world.key(&me);
        until_done(|| {
            let disk = self.disks[who].clone();
            match Client::open(disk.clone()) {
                Ok(client) => {
                    // The account was created before the stop. The provider is given the same key
                    // again.
                    assert_eq!(client.delivery_key().to_bytes(), key.to_bytes());
                    Some(())
                }
                Err(OpenAccountError::NoAccount) => {
                    Client::create(disk, me.clone(), key.clone(), NOW, &mut self.world.rng)
                        .is_ok()
                        .then_some(())
                }
                Err(error) => panic!("{error}"),
            }
        });
        self.world.take_own_roster(&self.disks[who].client());
        let upload = self.disks[who].until_done(|client| {
            client
                .publish_prekeys(AT_PROVIDER, &mut self.world.rng)
                .ok()
        });
        self.upload(who, upload);
    }

    pub(crate) fn upload(&mut self, who: usize, upload: PreKeyUpload) {
        let mut new = upload.clone();
        new.one_time
            .retain(|part| self.uploaded.insert(part.clone()));
        self.world.publish(&account(NAMES[who]), &new);
        self.disks[who].until_done(|client| client.confirm_prekeys(&upload).ok());
    }

    pub(crate) fn start(&mut self) {
        let bundles = self.world.bundles(&account("bob"));
        self.disks[0].until_done(|alice| {
            alice
                .start(&account("bob"), &bundles, NOW, &mut self.world.rng)
                .ok()
        });
    }

    fn rotate(&mut self) {
        let mut is_first = true;
        let upload = self.disks[1].until_done(|bob| {
            if std::mem::take(&mut is_first) {
                return bob.rotate_prekeys(&mut self.world.rng).ok();
            }
            // Whether or not the rotation was stored, this call returns the base bundle to hand
            // out.
            bob.publish_prekeys(AT_PROVIDER, &mut self.world.rng).ok()
        });
        self.upload(1, upload);
    }

    /// Agrees with the provider on another delivery key. The provider registers it at each attempt,
    /// whether or not the device hears of it.
    fn renew(&mut self, who: usize) {
        self.disks[who].until_done(|client| {
            let key = client.renew_delivery_key(&mut self.world.rng).ok()?;
            self.world.register_key(client.me(), key.clone());
            client.confirm_delivery_key(&key, NOW).ok()
        });
        let client = self.disks[who].client();
        let registered = self.world.key(client.me());
        assert!(client.delivery_key().is_same(&registered));
        assert!(!client.is_delivery_key_due(NOW));
    }

    /// Sends one message, relays it and receives it.
    pub(crate) fn say(&mut self, from: usize, text: &str) -> FrankingTag {
        let (id, delivery) = self.seal(from, text);
        self.receive(1 - from, &delivery);
        // The relay delivers the message again, although it was acknowledged.
        self.receive(1 - from, &delivery);
        id
    }

    /// Sends one message to the relay, and returns the message's tag and its delivery.
    pub(crate) fn seal(&mut self, from: usize, text: &str) -> (FrankingTag, Vec<u8>) {
        let to = 1 - from;
        let (id, envelope) = self.send(from, text);
        let devices = [from, to].map(|who| address(NAMES[who]));
        let (delivery, receipt) = self.world.relay_as(&devices[0], &devices[1], &envelope);
        let recipient = account(NAMES[to]);
        let confirmed =
            self.disks[from].until_done(|client| client.confirm(&recipient, &receipt).ok());
        assert_eq!(confirmed, id);
        (id, delivery)
    }

    fn send(&mut self, from: usize, text: &str) -> (FrankingTag, Vec<u8>) {
        let recipient = account(NAMES[1 - from]);
        let sent = self.disks[from].until_done(|client| {
            // An application that was stopped looks into its outbox before it sends the message
            // again.
            let waiting = client.outbox(None, 10, NOW).unwrap().items.pop();
            let draft = Draft::from(text).expires_after_secs(60);
            waiting.or_else(|| {
                client
                    .send(&recipient, draft, NOW, &mut self.world.rng)
                    .ok()
            })
        });
        let earlier = self.left.insert(sent.id, sent.envelope.clone());
        assert!(earlier.is_none(), "two messages under one tag");
        let waiting = self.disks[from]
            .client()
            .outbox(None, 10, NOW)
            .unwrap()
            .items;
        assert_eq!(waiting.len(), 1);
        assert_eq!(
            waiting[0].envelope, sent.envelope,
            "the envelope is sent again unchanged"
        );
        (sent.id, sent.envelope)
    }

    /// Receives a delivery until it is acknowledged, and asserts that its message is shown once.
    pub(crate) fn receive(&mut self, who: usize, delivery: &[u8]) {
        let shown = &mut self.shown[who];
        let mut unknown = None;
        self.disks[who].until_done(|client| match client.receive(delivery) {
            Ok(Received::Message { message, .. }) => {
                let is_new = shown.iter().all(|(id, _)| id != message.id());
                assert!(is_new, "a message was shown twice");
                shown.push((*message.id(), message.text().unwrap().to_owned()));
                Some(())
            }
            Ok(Received::Duplicate { conversation, id }) => {
                // A message that was stored before the stop and never shown is shown now.
                if shown.iter().all(|(shown, _)| *shown != id) {
                    let stored = client.message(&conversation, &id).unwrap().unwrap();
                    shown.push((id, stored.text().unwrap().to_owned()));
                }
                Some(())
            }
            Err(ReceiveError::UnknownDevice { device }) => {
                unknown = Some(device.account);
                Some(())
            }
            Err(ReceiveError::State(_)) => None,
            other => panic!("a message key was used twice, or a message was lost: {other:?}"),
        });
        if let Some(from) = unknown {
            self.learn(who, &from);
            self.receive(who, delivery);
        }
    }

    /// Gives a device the roster of an account, and accepts another account key.
    fn learn(&mut self, who: usize, from: &AccountId) {
        let roster = self.world.roster(from);
        let disk = &self.disks[who];
        // After a stop these calls are made again. The second time they change nothing.
        let changed = disk.until_done(|client| match client.take_roster(from, &roster, NOW) {
            Ok(_) => Some(None),
            Err(TakeRosterError::IdentityChanged { new }) => Some(Some(new)),
            Err(_) => None,
        });
        if let Some(new) = changed {
            disk.until_done(|client| client.accept_identity(from, &new).ok());
            disk.until_done(|client| client.take_roster(from, &roster, NOW).ok());
        }
    }

    /// Lets Carol write to Bob. Each call gives Carol a new identity, so the second call changes
    /// hers.
    fn carol_writes(&mut self, text: &str) {
        let mut carol = self.world.register("carol");
        self.world.start(&mut carol, &account("bob"));
        // Only the second of two messages arrives, so that Bob stores the skipped key of the first.
        let sent = [(); 2].map(|()| {
            let rng = &mut self.world.rng;
            carol.send(&account("bob"), text, NOW, rng).unwrap()
        });
        let (delivery, _) = self
            .world
            .relay_as(carol.me(), &address("bob"), &sent[1].envelope);
        self.receive(1, &delivery);
        let known = self.disks[1].client().devices(&account("carol"));
        assert_eq!(known.unwrap(), [(DeviceId(1), *carol.identity())]);
        assert_eq!(self.disks[1].pages_of("carol"), 1);
    }

    /// Gives Bob a message whose content is withheld. Returns the delivery.
    fn withhold(&mut self) -> Vec<u8> {
        let mut liar = Liar::new(&mut self.world);
        liar.seal("lost", 40, &mut self.world.rng);
        let envelope = liar.seal("lies", 40, &mut self.world.rng);
        let liar = self.world.register_only("liar");
        let (delivery, _) = self.world.stamp_as(&liar, &address("bob"), &envelope);
        for _ in 0..2 {
            let roster = self.world.roster(&liar.account);
            self.disks[1].until_done(|bob| bob.take_roster(&liar.account, &roster, NOW).ok());
            self.disks[1].until_done(|bob| match bob.receive(&delivery) {
                Err(ReceiveError::Withheld) | Ok(Received::Duplicate { .. }) => Some(()),
                Err(ReceiveError::State(_)) => None,
                other => panic!("{other:?}"),
            });
        }
        let kept = self.disks[1]
            .client()
            .messages(&account("liar"), None, 10)
            .unwrap()
            .items;
        assert!(kept.is_empty());
        assert_eq!(self.disks[1].pages_of("liar"), 1);
        delivery
    }

    fn delete(&mut self, id: FrankingTag) {
        let alice = account("alice");
        self.disks[1].until_done(|bob| bob.delete_message(&alice, &id).ok());
        assert!(
            self.disks[1]
                .client()
                .message(&alice, &id)
                .unwrap()
                .is_none()
        );
    }

    /// Lets Bob delete the conversation with Carol, and forget the liar, whose message then comes
    /// again.
    fn forget(&mut self, withheld: &[u8]) {
        let (carol, liar) = (account("carol"), account("liar"));
        let bob = &self.disks[1];
        bob.until_done(|bob| {
            let deleted = bob.delete_conversation(&carol);
            // If it was interrupted, it was not begun, or nothing of it is shown.
            let left = bob.messages(&carol, None, 10).unwrap().items.len();
            assert!(left == 0 || left == 2 && deleted.is_err());
            deleted.ok()
        });
        assert!(bob.client().has_session(&carol).unwrap());
        bob.until_done(|bob| bob.forget_contact(&liar).ok());
        assert_eq!(bob.pages_of("liar"), 0);
        let peers = bob.client().peers(None, 10).unwrap().items;
        assert!(!peers.contains(&liar));
        let roster = self.world.roster(&liar);
        bob.until_done(|bob| bob.take_roster(&liar, &roster, NOW).ok());
        bob.until_done(|bob| match bob.receive(withheld) {
            Ok(Received::Duplicate { .. }) => Some(()),
            other => panic!("{other:?}"),
        });
    }

    /// Lets Alice give up a message, as if the relay had refused it for good.
    fn give_up(&mut self) {
        let (id, _) = self.send(0, "never arrives");
        let bob = account("bob");
        self.disks[0].until_done(|alice| alice.delete_message(&bob, &id).ok());
        assert!(
            self.disks[0]
                .client()
                .outbox(None, 10, NOW)
                .unwrap()
                .items
                .is_empty()
        );
    }

    fn report(&mut self) {
        let (bob, alice) = (&self.disks[1], account("alice"));
        let client = bob.client();
        let messages = client.messages(&alice, None, 100).unwrap().items;
        let shown = messages
            .iter()
            .map(|message| (*message.id(), Disclosure::Whole));
        let draft = client.draft_report(&alice, Reason::Spam, shown).unwrap();
        bob.until_done(|client| {
            let waiting = client.pending_reports(None, 10).unwrap().items.pop();
            let key = self.world.moderation.public_key();
            waiting.or_else(|| client.report(&draft, key, &mut self.world.rng).ok())
        });
        // The report waits while the delivery key is renewed.
        self.renew(1);
        let bob = &self.disks[1];
        let mut waiting = bob.client().pending_reports(None, 10).unwrap().items;
        let report = waiting.pop().unwrap();
        let accepted = self.world.examine(&report.report).unwrap();
        assert_eq!(accepted.report().claims().len(), messages.len());
        bob.until_done(|client| client.confirm_report(report.id).ok());
        assert!(
            bob.client()
                .pending_reports(None, 10)
                .unwrap()
                .items
                .is_empty()
        );
        self.answer_for(&report);
    }

    /// The provider promises the entry about a report, and shows it. Bob keeps both, then forgets.
    fn answer_for(&mut self, report: &OutgoingReport) {
        let (bob, mut log) = (&self.disks[1], Log::new("desk.example/log"));
        let (keys, day) = (log.keys(), Day::of_ms(NOW.as_millis()));
        let promise = log.promise(&report.report, None, NOW, &mut self.world.rng);
        let kept = bob.until_done(|client| {
            let promise = promise.encode();
            client.keep_promise(report, &promise, &keys, NOW).ok()
        });
        let index = log.append_promised(&promise);
        let [one, two] = [1, 2].map(|case| log.decide(day, case, &account("bob"), b"another"));
        let shown = [
            (Role::Reporter, index),
            (Role::Account, one),
            (Role::Account, two),
        ];
        for (role, index) in shown {
            let receipt = log.receipt(role, &[index], NOW);
            let told = bob.until_done(|client| client.verify_receipt(&receipt, &keys).ok());
            assert!(told.contradictions.is_empty());
        }
        let listed = bob.client().promises(None, 10, NOW).unwrap().items;
        assert_eq!(listed[0].state(), PromiseState::Included);
        let receipts = bob.client().account_receipts(None, 10).unwrap().items;
        assert_eq!(receipts.len(), 2);
        bob.until_done(|client| client.forget_promise(&kept.number()).ok());
        for receipt in &receipts {
            bob.until_done(|client| client.forget_account_receipt(&receipt.number()).ok());
        }
        assert!(
            bob.client()
                .promises(None, 10, NOW)
                .unwrap()
                .items
                .is_empty()
        );
        let left = bob.client().account_receipts(None, 10).unwrap().items;
        assert!(left.is_empty());
    }

    fn end(&mut self) {
        let texts = |who: usize| -> Vec<_> {
            let texts = self.shown[who].iter().map(|(_, text)| text.as_str());
            texts.collect()
        };
        assert_eq!(texts(0), ["answer", "and on", "good bye"]);
        assert_eq!(
            texts(1),
            [
                "first",
                "second",
                "to be deleted",
                "late",
                "before the change",
                "after the change",
                "on a new session",
                "good bye yourself"
            ]
        );
        let stored = |who: usize| -> Vec<_> {
            let client = self.disks[who].client();
            assert!(client.outbox(None, 10, NOW).unwrap().items.is_empty());
            let peer = account(NAMES[1 - who]);
            let messages = client.messages(&peer, None, 100).unwrap().items;
            assert!(messages.iter().all(|message| message.evidence().is_some()));
            // Those that are sent expire, the others were not read, and no other row is left.
            let due = client.due(None, 100, Timestamp::from_millis(u64::MAX));
            let due = due.unwrap();
            let ids: BTreeSet<_> = due.items.iter().map(|due| due.id).collect();
            let sent = messages
                .iter()
                .filter(|message| message.direction() == Direction::Sent);
            let sent: BTreeSet<_> = sent.map(|message| *message.id()).collect();
            assert_eq!(ids, sent);
            assert!(due.damaged.is_empty() && due.items.len() == sent.len());
            messages
                .iter()
                .filter_map(|message| message.text().map(str::to_owned))
                .collect()
        };
        let first = ["first", "answer", "second"];
        let last = [
            "and on",
            "on a new session",
            "good bye",
            "good bye yourself",
        ];
        assert_eq!(stored(1), [first.as_slice(), &["late"], &last].concat());
        let own = ["late", "lost", "to be deleted"];
        assert_eq!(stored(0), [first.as_slice(), &own, &last].concat());
        assert_eq!(self.disks[1].pages_of("alice"), 1);
    }
}
