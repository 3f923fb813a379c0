//! Forged reports: of what one was not a member for, and of messages in another conversation.

use waxseal::reporting::Audience;
use waxseal::reporting::relay::Claim;
use waxseal::{Conversation, Disclosure, Evidence, Reason, ReportDraft};

use crate::Result;
use crate::people::Standing;
use crate::world::World;

impl World {
    /// Members and others report messages as they were not sent, or not to them.
    pub fn forged_reports(&mut self) -> Result<()> {
        let group = Conversation::from(self.group());
        let Some(device) = self.some_devices(1)?.first().copied() else {
            return Ok(());
        };
        let client = &self.people.devices[device].client;
        let me = client.me().clone();
        let messages = client.messages(&group, None, 64)?.items;
        let genuine = messages.iter().find_map(|message| {
            let evidence = message.evidence()?;
            (evidence.sender().account != me.account).then_some(evidence)
        });
        let Some(genuine) = genuine.cloned() else {
            return Ok(());
        };
        // Someone who was no member then, and got the message from a member.
        let outsider = self.people.persons.iter().enumerate().find(|(_, person)| {
            let at = genuine.accepted_at();
            let is_near = person.standing == Standing::Outside;
            is_near
                && !self
                    .provider
                    .is_member_at(&self.group(), &person.account, at)
        });
        let outsider = outsider.map(|(_, person)| person.devices[0]);
        if let Some(outsider) = outsider {
            let outsider = self.people.devices[outsider].me().clone();
            self.forged_report(&outsider, &genuine)?;
        }
        // The message as a direct one, in another group, and of another sender.
        let mut other_group = self.group().to_bytes();
        other_group[0] ^= 1;
        let audiences = [
            Audience::Direct(me.account.clone()),
            Audience::Group(waxseal::reporting::ConversationId::from_bytes(other_group)),
        ];
        for audience in audiences {
            let mut context = genuine.claim().context().clone();
            context.audience = audience;
            self.moved(&me, &genuine, context)?;
        }
        let mut context = genuine.claim().context().clone();
        context.sender.device.0 += 1;
        self.moved(&me, &genuine, context)
    }

    /// Reports a message under another claim.
    fn moved(
        &mut self,
        me: &waxseal::DeviceAddress,
        genuine: &Evidence,
        context: waxseal::reporting::relay::StampContext,
    ) -> Result<()> {
        let Some((sent, claim)) = genuine.sent().zip(Some(genuine.claim())) else {
            return Ok(());
        };
        let claim = Claim::new(*claim.tag(), context, *claim.stamp());
        self.forged_report(me, &Evidence::unverified(claim, sent))
    }

    fn forged_report(
        &mut self,
        reporter: &waxseal::DeviceAddress,
        evidence: &Evidence,
    ) -> Result<()> {
        let mut draft = ReportDraft::new(reporter.clone(), Reason::Spam);
        draft.add(evidence, Disclosure::Whole)?;
        let key = self.provider.key(reporter);
        let sealed = draft.seal(&key, self.provider.moderation.public_key(), &mut self.rng)?;
        self.outcome.forgeries_tried += 1;
        if self.provider.take_report(&sealed.encode()).is_ok() {
            self.outcome.forgeries_accepted += 1;
            self.wrong("a forged report was accepted");
        }
        Ok(())
    }
}
