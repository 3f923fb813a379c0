//! Asserts that every stamped message that a device holds can be reported, and that the report
//! states truthfully what happened.

use waxseal::reporting::Audience;
use waxseal::reporting::limits::MAX_REPORTED;
use waxseal::reporting::reviewer::{Contradiction, LastSeen, VerifiedMessage, VerifiedReport};
use waxseal::{Disclosure, FrankingTag, Reason};

use super::{NAMES, Sent, World, number_of};
use crate::{account, address};

impl World {
    /// Asserts that one device can report every stamped message of a conversation, and that the
    /// reviewer sees what was sent.
    pub fn assert_reportable(&mut self, who: usize, about: usize) {
        let peer = self.account(about);
        let messages = self.clients[who]
            .messages(&peer, None, usize::MAX)
            .unwrap()
            .items;
        let stamped = messages
            .iter()
            .filter(|message| message.evidence().is_some());
        let ids: Vec<FrankingTag> = stamped.map(|message| *message.id()).collect();
        for ids in ids.chunks(MAX_REPORTED) {
            let shown = ids.iter().map(|id| (*id, Disclosure::Whole));
            let client = &mut self.clients[who];
            let draft = client.draft_report(&peer, Reason::Spam, shown).unwrap();
            let (key, rng) = (
                self.provider.moderation.public_key(),
                &mut self.provider.rng,
            );
            let report = client.report(&draft, key, rng).unwrap();
            client.confirm_report(report.id).unwrap();
            let verified = self.provider.verify(&report.report).unwrap();
            assert_eq!(verified.messages().len(), ids.len());
            assert_eq!(verified.reporter(), &address(NAMES[who]));
            self.assert_true(&verified);
        }
    }

    /// Asserts that what a verified report says of each message is true: its sender and audience,
    /// when the relay accepted it, the order of messages, and the gaps between them.
    pub fn assert_true(&self, report: &VerifiedReport) {
        let messages = report.messages();
        for (index, message) in messages.iter().enumerate() {
            let sent = self.find(message);
            assert!(sent.accepted.contains(&message.accepted_at()));
            assert_eq!(
                message.audience(),
                &Audience::Direct(account(NAMES[sent.to]))
            );
            assert_eq!(message.sequence(), sent.sequence);
            assert_eq!(message.header().last_seen, sent.last_seen);

            let earlier = &messages[..index];
            // A message that was sealed again has a later time. If it is much later, the report
            // takes that for a step back of the clock, and times order nothing.
            let times_order = !report.clock_stepped_back();
            let mut before = earlier.iter();
            let in_order = before.all(|m| m.accepted_at() <= message.accepted_at());
            assert!(in_order || !times_order);
            let same = earlier.iter().filter(|m| m.sender() == message.sender());
            let before: Vec<u64> = same.map(|m| self.find(m).sequence).collect();
            let runs_back = times_order && before.iter().any(|before| *before > sent.sequence);
            let contradicts = |what| message.contradictions().contains(&what);
            assert_eq!(contradicts(Contradiction::SequenceRunsBack), runs_back);
            let disturbed = [&self.set_back, &self.started_over, &self.forgotten];
            if disturbed.iter().all(|counts| counts[sent.from] == 0) {
                assert!(!contradicts(Contradiction::SequenceRepeated));
                let last = before.iter().max().filter(|_| !runs_back);
                let gap = last.map(|last| self.sent_between(sent, *last));
                assert_eq!(
                    message.gap_before(),
                    gap,
                    "the gap must be the number of messages in between"
                );
            }
            let seen = messages
                .iter()
                .position(|m| Some(m.tag()) == sent.last_seen.as_ref());
            let seen = match (seen, sent.last_seen) {
                (Some(index), _) => LastSeen::InReport(index),
                (None, Some(_)) => LastSeen::NotInReport,
                (None, None) => LastSeen::None,
            };
            assert_eq!(message.last_seen(), seen);
        }
    }

    fn find(&self, message: &VerifiedMessage) -> &Sent {
        let number = number_of(message.content().and_then(|content| content.as_text()));
        let sent = &self.sent[number];
        assert_eq!(message.sender(), &address(NAMES[sent.from]));
        assert_eq!(message.tag(), &sent.id);
        sent
    }

    /// Number of messages from the sender of `until` to the same recipient, after sequence number
    /// `after` and before `until`.
    fn sent_between(&self, until: &Sent, after: u64) -> u64 {
        let ends = (until.from, until.to);
        let sent = self.sent.iter().filter(|s| (s.from, s.to) == ends);
        let between = sent.filter(|s| after < s.sequence && s.sequence < until.sequence);
        between.count().try_into().unwrap()
    }
}
