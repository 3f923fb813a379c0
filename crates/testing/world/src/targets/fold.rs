//! Two accounts write, edit, delete, react, read and let messages expire, and what they write
//! arrives in any order.
//!
//! Asserts that both show the same of each message that both show, that this is what a reviewer
//! folds from the same messages, and that in the end nothing waits any more to expire or be wiped.

use waxseal::reporting::fold::{Author, Foldable, Order, Role, fold as fold_all};
use waxseal::reporting::message::Content;
use waxseal::view::{MessageView, ViewState};
use waxseal::{Client, Draft, FrankingTag, MemoryStore, Message, Timestamp};

use crate::account;
use crate::provider::Provider;

const NAMES: [&str; 2] = ["alice", "bob"];

/// Steps of a script that are carried out, so that no message waits longer than a session takes.
const MAX_STEPS: usize = 48;

/// One conversation, with what is on its way to each of the two.
struct Talk {
    provider: Provider,
    clients: [Client<MemoryStore>; 2],
    waiting: [Vec<Vec<u8>>; 2],
    ids: Vec<FrankingTag>,
}

/// Runs a script of two bytes for each step: what is done by whom, and to which message.
pub fn fold(script: &[u8]) {
    let mut provider = Provider::new(1);
    let [mut alice, mut bob] = NAMES.map(|name| provider.register_with(name, 1));
    provider.start(&mut alice, &account("bob"));
    provider.show_roster(&mut bob, &account("alice"));
    provider.exchange(&mut alice, &mut bob, "hello");
    provider.exchange(&mut bob, &mut alice, "hello yourself");
    let mut talk = Talk {
        provider,
        clients: [alice, bob],
        waiting: [Vec::new(), Vec::new()],
        ids: Vec::new(),
    };
    for [what, which] in script.as_chunks::<2>().0.iter().take(MAX_STEPS) {
        talk.step(usize::from(what >> 7), what & 0x7f, *which);
    }
    for who in 0..2 {
        while !talk.waiting[who].is_empty() {
            talk.deliver(who, 0);
        }
    }
    talk.assert_same();
    for client in &mut talk.clients {
        let expiry = client.expire(Timestamp::from_millis(u64::MAX), 10_000);
        assert_eq!(expiry.unwrap().next, None);
    }
    talk.assert_same();
}

impl Talk {
    fn step(&mut self, who: usize, what: u8, which: u8) {
        let of = match self.ids.len() {
            0 => FrankingTag::from_bytes([which; 32]),
            len => self.ids[usize::from(which) % len],
        };
        let text = format!("text {which}");
        let draft = match what % 10 {
            0 => Draft::from(text.as_str()),
            1 => Draft::from(text.as_str()).expires_after_secs(u32::from(which)),
            2 => Draft::edit(of, text),
            3 => Draft::delete(of),
            4 => Draft::react(of, ["", "a", "b", "c"][usize::from(which >> 6)]),
            5 => Draft::new(Content::Timer {
                after_secs: u32::from(which),
            }),
            6 | 7 => return self.deliver(who, usize::from(which)),
            8 => {
                let (peer, now) = (account(NAMES[1 - who]), self.provider.now);
                let client = &mut self.clients[who];
                match which % 3 {
                    0 => client.mark_read(&peer, &of, now).unwrap(),
                    1 => client.opened(&peer, &of, now).unwrap(),
                    _ => client.delete_message(&peer, &of).unwrap(),
                }
                return;
            }
            _ => {
                self.pass(u64::from(which) * u64::from(which) * 60_000);
                let now = self.provider.now;
                self.clients[who].expire(now, 100).unwrap();
                return;
            }
        };
        self.pass(1_000);
        let (peer, now) = (account(NAMES[1 - who]), self.provider.now);
        let sent = self.clients[who].send(&peer, draft, now, &mut self.provider.rng);
        // What cannot count is refused.
        let Ok(sent) = sent else { return };
        let (from, to) = (&self.clients[who], &self.clients[1 - who]);
        let (delivery, receipt) = self.provider.relay(from, to, &sent.envelope);
        self.clients[who].confirm(&peer, &receipt).unwrap();
        self.waiting[1 - who].push(delivery);
        self.ids.push(sent.id);
    }

    fn pass(&mut self, ms: u64) {
        self.provider.now = Timestamp::from_millis(self.provider.now.as_millis() + ms);
    }

    fn deliver(&mut self, who: usize, which: usize) {
        if !self.waiting[who].is_empty() {
            let which = which % self.waiting[who].len();
            let delivery = self.waiting[who].remove(which);
            self.clients[who].receive(&delivery).unwrap();
        }
    }

    fn assert_same(&self) {
        let now = self.provider.now;
        for id in &self.ids {
            let views = [0, 1].map(|who| {
                let peer = account(NAMES[1 - who]);
                self.clients[who].view(&peer, id, now).unwrap()
            });
            if let [Some(one), Some(other)] = &views
                && *one.state() == ViewState::Shown
                && *other.state() == ViewState::Shown
            {
                assert!(shows(one) == shows(other), "a message shows two things");
            }
        }
        for (client, peer) in self.clients.iter().zip([NAMES[1], NAMES[0]]) {
            assert_folded(client, peer, now);
        }
    }
}

fn shows(view: &MessageView) -> (Option<&str>, u32, Vec<(&str, &str)>) {
    let reactions = view.reactions().iter();
    let reactions = reactions.map(|one| (one.account.as_str(), one.reaction.as_str()));
    (view.text(), view.edit_count(), reactions.collect())
}

/// Asserts that a client shows what a reviewer folds from its messages.
fn assert_folded(client: &Client<MemoryStore>, peer: &str, now: Timestamp) {
    let messages = client.messages(&account(peer), None, 1_000).unwrap().items;
    let foldable = |message: &Message| Foldable {
        author: Author::new(message.sender().account.clone()),
        order: Order {
            sent_at: message.header().sent_at,
            device: message.sender().device,
            sequence: message.header().sequence,
            tag: *message.id(),
        },
        role: Role::of(message.content()),
    };
    let all: Vec<_> = messages.iter().map(foldable).collect();
    for folded in fold_all(&all).views {
        let base = &messages[folded.message];
        let view = client.view(&account(peer), base.id(), now).unwrap();
        let view = view.expect("a message that is stored has a view");
        let is_deleted = matches!(view.state(), ViewState::Deleted { .. });
        assert_eq!(is_deleted, folded.deletion.is_some());
        if *view.state() != ViewState::Shown {
            assert!(view.text().is_none() && view.reactions().is_empty());
            continue;
        }
        let last = folded.edits.last().map(|index| &messages[*index]);
        let text = last.map_or(base.text(), |edit| edit.content().as_text());
        assert_eq!(view.text(), text);
        assert_eq!(u64::from(view.edit_count()), folded.edits.count());
        let given = folded.reactions.iter().filter(|index| {
            let content = messages[**index].content();
            matches!(content, Content::Reaction { reaction, .. } if !reaction.is_empty())
        });
        assert_eq!(view.reactions().len(), given.count());
    }
}

/// Scripts that reach each step. Each is as a seed is committed.
pub(crate) fn fold_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let (bob, deliver, read, expire) = (0x80, 6, 8, 9);
    let orders = vec![
        0,
        1,
        2,
        0,
        2,
        0,
        4,
        64,
        bob | deliver,
        2,
        bob | deliver,
        0,
        bob | deliver,
        1,
        bob | 4,
        128,
        3,
        0,
        deliver,
        0,
        bob | deliver,
        0,
    ];
    let disappears = vec![
        5,
        60,
        0,
        7,
        2,
        1,
        bob | deliver,
        0,
        bob | deliver,
        1,
        bob | deliver,
        0,
        bob | read,
        3,
        bob | expire,
        9,
        bob | expire,
        200,
        expire,
        200,
    ];
    let deletes = vec![
        1,
        9,
        bob | deliver,
        0,
        bob | 4,
        64,
        bob | read,
        1,
        2,
        0,
        bob | read,
        2,
        bob | deliver,
        0,
        bob | expire,
        250,
        3,
        0,
        bob | deliver,
        0,
    ];
    vec![
        ("orders", orders),
        ("disappears", disappears),
        ("deletes", deletes),
    ]
}
