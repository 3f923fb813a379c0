//! What a device does with what arrives.

use std::time::Instant;

use waxseal::core::errors::ChainOpenError;
use waxseal::errors::ReceiveError;
use waxseal::reporting::Audience;
use waxseal::{Advice, Content, DeviceAddress, FrankingTag, Received};

use crate::Result;
use crate::network::Packet;
use crate::people::Standing;
use crate::world::{Queued, RESEND_MS, World};

/// How often a message comes before the keys of its chain until it is asked for.
const MAX_OVERTAKEN: u32 = 2;

impl World {
    pub fn deliver(&mut self, to: usize, number: u64, bytes: &[u8]) -> Result<()> {
        if self.people.devices[to].is_removed {
            return Ok(());
        }
        let queued = self.queue.get(&(to, number));
        let claim = queued.map(|queued| match queued {
            Queued::Direct(stamped) => stamped.claim().clone(),
            Queued::Group(queued) => queued.stamped.claim().clone(),
        });
        let is_to_all = matches!(queued, Some(Queued::Group(_)));
        let audience = claim.as_ref().map(|claim| &claim.context().audience);
        let is_group = matches!(audience, Some(Audience::Group(_)));
        let began = Instant::now();
        let received = self.people.devices[to].client.receive(bytes);
        let is_shown = matches!(
            received,
            Ok(Received::Message { .. } | Received::Sent { .. })
        );
        if is_to_all && is_shown {
            self.outcome.recipient.add(began.elapsed());
        }
        let now_ms = self.network.now_ms();
        match received {
            Ok(received) => self.show(to, received)?,
            Err(error) => {
                let claim = claim.as_ref();
                let author = claim.and_then(|claim| {
                    let author = self.people.find(&claim.context().sender)?;
                    Some((author, *claim.tag()))
                });
                if !self.give_back((to, is_group), author, &error)? {
                    return Ok(()); // it comes again
                }
            }
        }
        let device = self.device(to);
        device.upkeep_ms = Some(now_ms);
        device.is_busy = true;
        self.network
            .send(&Packet::Acknowledgement { from: to, number });
        Ok(())
    }

    /// What becomes of a delivery that yielded nothing. Returns whether it is acknowledged.
    fn give_back(
        &mut self,
        (to, is_group): (usize, bool),
        author: Option<(usize, FrankingTag)>,
        error: &ReceiveError<std::convert::Infallible>,
    ) -> Result<bool> {
        let is_gone = author.is_some_and(|(author, _)| match is_group {
            true => self.is_gone(author),
            false => self.people.devices[author].is_removed,
        });
        match error {
            ReceiveError::UnknownDevice { device } if !is_gone => {
                self.fetch_roster(to, device);
                Ok(false)
            }
            ReceiveError::GroupNews { .. } => {
                self.fetch_news(to)?;
                Ok(false)
            }
            _ if is_group && self.people.standing(to) != Standing::Member => Ok(true),
            // The acceptance of another device of the account is still on its way.
            ReceiveError::NotInGroup => Ok(false),
            ReceiveError::Chain(ChainOpenError::UnknownChain) if self.has_overtaken(to, author) => {
                Ok(false)
            }
            // What does not open is noted, and asked for.
            error if error.advice() == Advice::AskAgain || is_gone => {
                self.outcome.unopened += 1;
                if let Some((author, id)) = author {
                    self.unopened.insert((to, author, id));
                    self.give_up(author);
                }
                Ok(true)
            }
            error => {
                self.wrong(format!("device {to} refused a delivery: {error:?}"));
                Ok(true)
            }
        }
    }

    /// A message came before the keys of its chain. Returns whether the device lets it come again,
    /// before it asks for it.
    fn has_overtaken(&mut self, to: usize, author: Option<(usize, FrankingTag)>) -> bool {
        let Some((_, id)) = author else {
            return false;
        };
        let now_ms = self.network.now_ms();
        let device = self.device(to);
        let times = device.overtaken.entry(id).or_default();
        *times += 1;
        let waits = *times <= MAX_OVERTAKEN;
        if waits {
            device.quiet_ms = now_ms + 2 * RESEND_MS;
            device.upkeep_ms = Some(0);
        }
        waits
    }

    fn fetch_roster(&mut self, device: usize, of: &DeviceAddress) {
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let roster = self
            .provider
            .roster_for(Some(&client.me().account), &of.account);
        if client.take_roster(&of.account, &roster, now).is_err() {
            let _ = client.take_group_rosters(&group, &[roster], now);
        }
        self.device(device).upkeep_ms = Some(0);
    }

    /// What a device does with something that it received.
    fn show(&mut self, device: usize, received: Received) -> Result<()> {
        let (message, from, conversation) = match received {
            Received::Message {
                message,
                from,
                conversation,
                ..
            } => (message, Some(from), conversation),
            Received::Sent { message, to } => (message, None, to),
            _ => return Ok(()),
        };
        let one = &mut self.people.devices[device];
        match (&from, message.content()) {
            (Some(from), Content::Invitation { .. }) => {
                one.client.accept_contact(from)?;
                return self.answer(device, from);
            }
            (Some(from), Content::Acceptance { .. }) => one.client.accept_contact(from)?,
            (_, Content::Text(text)) if conversation.group().is_some() => {
                let id = *message.id();
                let Some(written) = self.written.get(&id) else {
                    self.wrong("a device showed a message that nobody wrote");
                    return Ok(());
                };
                if self.line(written).text != *text {
                    self.wrong("another text arrived");
                }
                let one = self.device(device);
                if one.possible.remove(&id) {
                    one.expected.insert(id);
                }
                let is_denied = one.denied.contains(&id);
                if !one.shown.insert(id) {
                    self.wrong("a message was shown twice");
                }
                self.outcome.opened_before_joining += u64::from(is_denied);
                self.read_back(device)?;
            }
            _ => {}
        }
        Ok(())
    }
}
