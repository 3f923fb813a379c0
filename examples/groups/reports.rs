//! Members report messages that they received, and the provider reviews the reports.

use waxseal::{Content, Conversation, Disclosure, FrankingTag, Reason};

use crate::Result;
use crate::world::World;

impl World {
    /// Of each accepted message whose line is labelled so, one device that showed it reports it:
    /// any device of a member, or of a person who was one then.
    pub fn report(&mut self) -> Result<()> {
        let spam = self
            .written
            .iter()
            .filter(|(_, written)| written.is_accepted && self.line(written).is_spam);
        let spam: Vec<_> = spam.map(|(id, _)| *id).collect();
        for id in spam {
            let devices = self.people.devices.iter().enumerate();
            let who = devices.filter(|(_, one)| !one.is_removed && one.shown.contains(&id));
            let who: Vec<_> = who.map(|(number, _)| number).collect();
            if let Some(device) = self.any(&who) {
                self.report_one(device, id)?;
            }
        }
        Ok(())
    }

    fn report_one(&mut self, device: usize, id: FrankingTag) -> Result<()> {
        let group = Conversation::from(self.group());
        let client = &mut self.people.devices[device].client;
        let draft = client.draft_report(&group, Reason::Spam, [(id, Disclosure::Whole)])?;
        let key = self.provider.moderation.public_key();
        let report = client.report(&draft, key, &mut self.rng)?;
        client.confirm_report(report.id)?;
        let me = client.me().clone();
        self.outcome.reported += 1;
        match self.provider.take_report(&report.report) {
            Ok(verified) => {
                let written = self.written.get(&id).ok_or("nobody wrote it")?;
                let author = self.people.devices[written.author].me();
                let shown = verified.messages().first();
                let is_its = shown.is_some_and(|message| message.sender() == author);
                let text = shown.and_then(|message| message.content());
                let text = text.and_then(Content::as_text);
                let is_text = text == Some(&self.line(written).text);
                let holds = is_its && is_text && *verified.reporter() == me;
                self.outcome.verified += u64::from(holds);
            }
            Err(refusal) => self.wrong(format!("a report was refused: {refusal:?}")),
        }
        Ok(())
    }
}
