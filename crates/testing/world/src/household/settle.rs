//! The end of a run: everything arrives, and what must hold then.

use waxseal::reporting::Audience;
use waxseal::reporting::limits::MAX_REPORTED;
use waxseal::reporting::relay::{AuthenticFanout, PostedFanout, StampedEnvelope};
use waxseal::{Disclosure, FrankingTag, Reason, Received};

use super::{Fate, Household};

/// A little more than the pause between two sessions that refusals make necessary.
const HOUR_MS: u64 = 3_700_000;
/// Number of hours after which everything must have arrived.
const HOURS: usize = 8;
/// Number of times that devices post and receive in an hour.
const TURNS: usize = 4;

impl Household {
    /// Makes the network fair: from now on everything that is posted arrives, and applications do
    /// what their clients ask for. Makes the assertions of [`Household`].
    ///
    /// # Panics
    /// If one of them does not hold.
    pub fn settle(&mut self) {
        self.is_fair = true;
        self.settle_rosters();
        self.live();
        // Each device writes once more, and everyone gets it.
        let first = self.written.len();
        for account in [0, 1] {
            for who in self.listed(account) {
                self.write(who, true).expect("a session");
                self.wait(1_000);
                self.turn(who);
            }
        }
        self.live();
        self.assert_settled(first);
        self.assert_mute();
    }

    /// Hours pass, in which devices do everything there is to do.
    fn live(&mut self) {
        for _ in 0..HOURS {
            self.wait(HOUR_MS);
            for _ in 0..TURNS {
                for who in 0..self.members.len() {
                    self.turn(who);
                }
            }
        }
    }

    /// Every device that signed a roster posts it, until none is left to post.
    fn settle_rosters(&mut self) {
        for _ in 0..8 {
            for who in 0..self.members.len() {
                self.wait(1_000);
                self.post_roster(who, true);
            }
        }
        for who in 0..self.members.len() {
            if !self.is_removed(who) {
                let pending = self.members[who].client.pending_roster().unwrap();
                assert_eq!(pending, None, "a roster was never taken");
                if !self.members[who].has_published {
                    self.publish(who);
                }
            }
        }
    }

    /// A device does everything there is to do now.
    fn turn(&mut self, who: usize) {
        if self.is_removed(who) {
            return;
        }
        self.upkeep(who);
        self.upkeep(who);
        let client = &self.members[who].client;
        let outbox = client.outbox(None, 1_000, self.provider.now).unwrap().items;
        for outgoing in outbox {
            self.wait(1);
            self.post_one(who, &outgoing, Fate::Delivered);
        }
        let queue = self.queues.remove(&self.address(who)).unwrap_or_default();
        for item in queue {
            if !self.receive(who, &item) {
                self.queues
                    .entry(self.address(who))
                    .or_default()
                    .push_back(item);
            }
        }
    }

    fn assert_settled(&mut self, first: usize) {
        for account in [0, 1] {
            for who in self.listed(account) {
                self.assert_complete(who, first);
                self.assert_reportable(who);
            }
        }
    }

    /// Asserts that a device shows all messages that were accepted for it, that it has those of its
    /// account's devices as they have them, and that it goes by the newest roster.
    fn assert_complete(&self, who: usize, first: usize) {
        let (me, account) = (self.address(who), self.members[who].account);
        let client = &self.members[who].client;
        for (number, written) in self.written.iter().enumerate() {
            let is_author_listed = !self.is_removed(written.from);
            // What was given up may have been accepted before, without an answer. The author was
            // told that it did not arrive, and does not seal it again.
            if written.targets.contains(&me) && is_author_listed && !written.given_up {
                let is_shown = written.shown.contains(&me);
                assert!(is_shown, "message {number} is not on {me:?}");
            }
            assert!(number < first || !written.accepted.is_empty());
            let has = written.from == who || written.shown.contains(&me);
            if has && !written.accepted.is_empty() {
                let peer = self.account(1 - account);
                let message = client.message(&peer, &written.id).unwrap();
                let message = message.expect("what was shown is kept");
                assert_eq!(message.text(), Some(number.to_string().as_str()));
                assert_eq!(message.sender(), &self.address(written.from));
            }
        }
        let newest = self.provider.newest_roster(&me.account);
        let own = client.own_roster().unwrap();
        assert_eq!(own.as_ref(), newest, "{me:?} goes by an old roster");
    }

    /// Asserts that a device can report every message that it has.
    fn assert_reportable(&mut self, who: usize) {
        let peer = self.account(1 - self.members[who].account);
        let client = &mut self.members[who].client;
        let messages = client.messages(&peer, None, 1_000).unwrap().items;
        let stamped = messages
            .iter()
            .filter(|message| message.evidence().is_some());
        let ids: Vec<FrankingTag> = stamped.map(|message| *message.id()).collect();
        for ids in ids.chunks(MAX_REPORTED) {
            let shown = ids.iter().map(|id| (*id, Disclosure::Whole));
            let draft = client.draft_report(&peer, Reason::Spam, shown).unwrap();
            let key = self.provider.moderation.public_key();
            let rng = &mut self.provider.rng;
            let report = client.report(&draft, key, rng).unwrap();
            client.confirm_report(report.id).unwrap();
            let verified = self.provider.verify(&report.report).unwrap();
            assert_eq!(verified.messages().len(), ids.len());
            for message in verified.messages() {
                let text = message.content().and_then(|content| content.as_text());
                let number: usize = text.unwrap().parse().unwrap();
                let written = &self.written[number];
                assert_eq!(message.tag(), &written.id);
                assert!(written.accepted.contains(&message.accepted_at()));
            }
        }
    }

    /// Asserts that nothing opens that a removed device writes now, even if the relay stamps it and
    /// hands it over.
    fn assert_mute(&mut self) {
        let removed = (0..self.members.len()).filter(|who| self.is_removed(*who));
        for who in removed.collect::<Vec<_>>() {
            let Some(number) = self.write(who, false) else {
                continue;
            };
            let client = &self.members[who].client;
            let outbox = client.outbox(None, 1_000, self.provider.now).unwrap().items;
            let id = self.written[number].id;
            let outgoing = outbox.iter().find(|outgoing| outgoing.id == id).unwrap();
            for (target, stamped) in self.stamp_lying(who, &outgoing.envelope) {
                let mut members = self.members.iter_mut();
                let Some(member) = members.find(|member| *member.client.me() == target) else {
                    continue;
                };
                if member.removed_at.is_none() {
                    let delivery = stamped.deliver(member.client.delivery_key()).encode();
                    let received = member.client.receive(&delivery);
                    let is_shown = matches!(
                        received,
                        Ok(Received::Message { .. } | Received::Sent { .. })
                    );
                    assert!(!is_shown, "a message of a removed device was shown");
                }
            }
        }
    }

    /// What a lying relay stamps: a message of a device that was removed.
    fn stamp_lying(
        &self,
        who: usize,
        posted: &[u8],
    ) -> Vec<(waxseal::DeviceAddress, StampedEnvelope)> {
        let me = self.address(who);
        let to = self.account(1 - self.members[who].account);
        let posted = PostedFanout::decode(posted).unwrap();
        let key = self.members[who].client.delivery_key();
        let audience = Audience::Direct(to);
        let now = self.provider.now;
        let fanout: AuthenticFanout = posted.authenticate(key, &me, &audience, now).unwrap();
        let claim = self.provider.stamp_keys.stamp(&fanout, now).unwrap();
        StampedEnvelope::fan_out(claim, fanout).unwrap()
    }
}
