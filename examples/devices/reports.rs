//! Reports from devices other than the first of an account, of messages that any device of it sent
//! or received.

use waxseal::{Content, Disclosure, FrankingTag, Reason};

use crate::Result;
use crate::relay::World;

/// Maximum number of messages that one account reports.
const MAX_REPORTS: usize = 40;

impl World {
    /// Every account with a second device reports from it, and the provider reviews the reports.
    pub fn report(&mut self) -> Result<()> {
        for person in 0..self.people.persons.len() {
            let Some(device) = self.people.persons[person].devices.get(1).copied() else {
                continue;
            };
            let mut left = MAX_REPORTS;
            for peer in 0..self.people.persons.len() {
                let peer = self.people.persons[peer].account.clone();
                let mut after = None;
                while left > 0 {
                    let client = &self.people.devices[device].client;
                    let page = client.messages(&peer, after, 16)?;
                    let stamped = page.items.iter().filter(|one| one.evidence().is_some());
                    let ids: Vec<_> = stamped.map(|one| *one.id()).take(left).collect();
                    for id in ids {
                        self.report_one(device, &peer, id)?;
                        left -= 1;
                    }
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn report_one(
        &mut self,
        device: usize,
        peer: &waxseal::AccountId,
        id: FrankingTag,
    ) -> Result<()> {
        let client = &mut self.people.devices[device].client;
        let draft = client.draft_report(peer, Reason::Harassment, [(id, Disclosure::Whole)])?;
        let key = self.provider.moderation.public_key();
        let report = client.report(&draft, key, &mut self.rng)?;
        client.confirm_report(report.id)?;
        let me = client.me().clone();
        self.outcome.reported_from_second_device += 1;
        match self.provider.take_report(&report.report) {
            Ok(verified) => {
                let shown = verified.messages().first();
                let text = shown.and_then(|message| message.content());
                let text = text.and_then(Content::as_text);
                let holds = text.is_some() && text == self.text(&id) && *verified.reporter() == me;
                self.outcome.verified += u64::from(holds);
            }
            Err(refusal) => self.wrong(format!("a report was refused: {refusal:?}")),
        }
        Ok(())
    }
}
