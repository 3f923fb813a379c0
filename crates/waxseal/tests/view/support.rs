//! What the tests ask of views.

use waxseal::core::SessionSet;
use waxseal::reporting::Audience;
use waxseal::reporting::message::{Content, Payload, PayloadHeader};
use waxseal::reporting::sender::seal;
use waxseal::view::{MessageView, ViewState};
use waxseal::{Client, FrankingTag, Received, Store, Timestamp};
use waxseal_world::{BareDevice, Provider, account};

pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

pub(crate) fn after(now: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis() + ms)
}

pub(crate) fn view<S: Store>(
    client: &Client<S>,
    peer: &str,
    id: &FrankingTag,
    now: Timestamp,
) -> MessageView {
    client.view(&account(peer), id, now).unwrap().unwrap()
}

/// All that the views of a conversation show, one line each.
pub(crate) fn shown<S: Store>(client: &Client<S>, peer: &str, now: Timestamp) -> Vec<String> {
    let page = client.views(&account(peer), None, 1_000, now).unwrap();
    assert!(page.damaged.is_empty() && page.next.is_none());
    page.items.iter().map(line).collect()
}

pub(crate) fn line(view: &MessageView) -> String {
    let state = match view.state() {
        ViewState::Shown => String::new(),
        ViewState::Deleted { by } => format!(" deleted by {}", by.account.as_str()),
        ViewState::Expired => " expired".to_owned(),
        _ => panic!(),
    };
    let mut line = format!("{}{state}", view.text().unwrap_or("-"));
    if view.is_edited() {
        line += &format!(" ({} edits)", view.edit_count());
    }
    for one in view.reactions() {
        line += &format!(" {}:{}", one.account.as_str(), *one.reaction);
    }
    line
}

/// An account without a client, which sends Bob what no honest client would.
pub(crate) struct Mallory {
    device: BareDevice,
    sessions: SessionSet,
    sequence: u64,
}

impl Mallory {
    pub(crate) fn new<S: Store>(world: &mut Provider, bob: &mut Client<S>) -> Self {
        let device = BareDevice::new(world, "mallory");
        world.show_roster(bob, &account("mallory"));
        Self {
            sessions: device.initiate(world, "bob"),
            device,
            sequence: 0,
        }
    }

    /// Sends a message to Bob with a clock that is `ahead_ms` ahead, and gives it to him.
    pub(crate) fn send<S: Store>(
        &mut self,
        world: &mut Provider,
        bob: &mut Client<S>,
        content: Content,
        ahead_ms: u64,
    ) -> FrankingTag {
        world.now = after(world.now, 1_000);
        let me = self.device.me.clone();
        let sent_at = Timestamp::from_millis(world.now.as_millis().saturating_add(ahead_ms));
        let header = PayloadHeader::new(self.sequence, sent_at);
        self.sequence += 1;
        let payload = Payload::new(header, content).unwrap();
        let conversation = Audience::Direct(account("bob")).conversation(&me.account);
        let mut channel = self.device.channel(&mut self.sessions);
        let sealed = seal(&mut channel, &me, &conversation, &payload, &mut world.rng);
        let envelope = sealed.unwrap().envelope;
        let (delivery, _) = world.stamp_as(&me, bob.me(), &envelope);
        let received = bob.receive(&delivery).unwrap();
        assert!(matches!(received, Received::Message { .. }));
        *envelope.tag()
    }
}
