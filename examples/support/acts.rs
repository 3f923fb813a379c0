//! What people do with messages that were sent: they edit, delete, react and forward. Says in the
//! end whether both sides of each conversation show what was meant.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use waxseal::view::{MessageView, ViewState};
use waxseal::{Draft, ForwardLimits, FrankingTag, Store};

use super::network::{Flight, Network};
use super::outcome::Outcome;

/// Chances that something happens after a line: an edit, a deletion, a reaction, a forward.
const EDIT: f64 = 0.06;
const DELETE: f64 = 0.02;
const REACT: f64 = 0.10;
const FORWARD: f64 = 0.06;
/// Chance that a line is set to disappear.
const EXPIRE: f64 = 0.04;
/// Chance that a line comes from a stranger.
const STRANGER: f64 = 0.03;
/// How long after it was read it disappears.
const EXPIRES_AFTER_SECS: u32 = 30;
/// How many of the newest lines people act on.
const NEWEST: usize = 40;

const REACTIONS: [&str; 5] = ["👍", "❤️", "😂", "😮", ""];

/// What a message is meant to show.
#[derive(Default)]
struct Meant {
    text: String,
    edits: u32,
    is_deleted: bool,
    expires: bool,
    /// The newest reaction of its sender and of its recipient.
    reactions: [String; 2],
}

/// The messages that people act on, by the numbers of their flights.
pub struct Acts {
    messages: BTreeMap<usize, Meant>,
    /// How much more people do in a short conversation, so that a short run shows all of it.
    zeal: f64,
}

impl Acts {
    /// For a conversation of this many lines.
    pub fn new(lines: usize) -> Self {
        let zeal = 200.0 / lines.max(1) as f64;
        Self {
            messages: BTreeMap::new(),
            zeal: zeal.clamp(1.0, 6.0),
        }
    }

    /// The draft of a line. Some are set to disappear.
    pub fn draft(&self, text: &str, rng: &mut ChaCha20Rng) -> Draft {
        match rng.random_bool(EXPIRE * self.zeal) {
            true => Draft::from(text).expires_after_secs(EXPIRES_AFTER_SECS),
            false => Draft::from(text),
        }
    }

    /// Whether a line comes from a stranger.
    pub fn is_strangers(&self, rng: &mut ChaCha20Rng) -> bool {
        rng.random_bool(STRANGER * self.zeal)
    }

    /// Notes a message that was sent.
    pub fn note<S: Store>(
        &mut self,
        network: &Network<S>,
        flight: usize,
        text: &str,
    ) -> Result<(), String> {
        let Flight { from, to, id, .. } = network.flights[flight];
        let peer = &network.clients[to].me().account;
        let message = network.clients[from].message(peer, &id);
        let message = message.map_err(|error| error.to_string())?;
        let meant = Meant {
            text: text.to_owned(),
            expires: message.is_some_and(|one| one.header().expires_after_secs != 0),
            ..Meant::default()
        };
        self.messages.insert(flight, meant);
        Ok(())
    }

    /// Does something with some of the newest messages. `friends` are the people who do.
    pub fn some<S: Store>(
        &mut self,
        network: &mut Network<S>,
        friends: usize,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), String> {
        let newest = self.messages.keys().rev().take(NEWEST).copied();
        let newest: Vec<_> = newest
            .filter(|flight| {
                let Flight { from, to, .. } = network.flights[*flight];
                from <= friends && to <= friends
            })
            .collect();
        if newest.is_empty() {
            return Ok(());
        }
        let any = |rng: &mut ChaCha20Rng| newest[rng.random_range(0..newest.len())];
        let flight = any(rng);
        if rng.random_bool(EDIT * self.zeal) && is_shown_to_its_sender(network, flight)? {
            let Flight { from, to, id, .. } = network.flights[flight];
            let meant = self.messages.entry(flight).or_default();
            meant.edits += 1;
            meant.text = format!("{} (edit {})", meant.text, meant.edits);
            network.send(from, to, Draft::edit(id, meant.text.as_str()))?;
        }
        let flight = any(rng);
        if rng.random_bool(DELETE * self.zeal) && is_shown_to_its_sender(network, flight)? {
            let Flight { from, to, id, .. } = network.flights[flight];
            self.messages.entry(flight).or_default().is_deleted = true;
            network.send(from, to, Draft::delete(id))?;
        }
        let flight = any(rng);
        if rng.random_bool(REACT * self.zeal) {
            self.react(network, flight, rng)?;
        }
        let flight = any(rng);
        if rng.random_bool(FORWARD * self.zeal) {
            let to = rng.random_range(1..=friends);
            self.forward(network, flight, to)?;
        }
        Ok(())
    }

    /// Has one side react to a message, if the message is shown there.
    fn react<S: Store>(
        &mut self,
        network: &mut Network<S>,
        flight: usize,
        rng: &mut ChaCha20Rng,
    ) -> Result<(), String> {
        let Flight { from, to, id, .. } = network.flights[flight];
        let is_sender = rng.random_bool(0.2);
        let (by, other) = if is_sender { (from, to) } else { (to, from) };
        let view = view(network, by, other, &id)?;
        if view.is_none_or(|view| *view.state() != ViewState::Shown) {
            return Ok(());
        }
        let reaction = REACTIONS[rng.random_range(0..REACTIONS.len())];
        let meant = self.messages.entry(flight).or_default();
        meant.reactions[usize::from(!is_sender)] = reaction.to_owned();
        network.send(by, other, Draft::react(id, reaction))?;
        Ok(())
    }

    /// Has the recipient of everything forward a message to someone else, if it is shown there.
    fn forward<S: Store>(
        &mut self,
        network: &mut Network<S>,
        flight: usize,
        to: usize,
    ) -> Result<(), String> {
        let Flight {
            from, to: at, id, ..
        } = network.flights[flight];
        let other = if at == 0 { from } else { at };
        let view = view(network, 0, other, &id)?;
        let Some(text) = view.as_ref().and_then(MessageView::text).map(str::to_owned) else {
            return Ok(());
        };
        network.meet(0, to)?;
        let (with, recipient) = (account(network, other), account(network, to));
        let (limits, now) = (ForwardLimits::default(), network.now());
        let forwarded = network.clients[0].forward(
            with,
            &id,
            &[recipient.into()],
            limits,
            now,
            &mut network.rng,
        );
        for sent in forwarded.map_err(|error| error.to_string())? {
            let sent = sent.map_err(|error| error.to_string())?;
            let flight = network.carry(0, to, sent)?;
            self.note(network, flight, &text)?;
        }
        Ok(())
    }

    /// Lets messages expire, counts what is shown, and says whether both sides of each conversation
    /// show the same, and what was meant.
    pub fn look<S: Store>(
        &self,
        network: &mut Network<S>,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        network.run(Some(u64::from(EXPIRES_AFTER_SECS) * 1_000))?;
        let now = network.now();
        for client in &mut network.clients {
            let expiry = client.expire(now, usize::MAX);
            expiry.map_err(|error| error.to_string())?;
        }
        outcome.views_equal = true;
        for (flight, meant) in &self.messages {
            let Flight { from, to, id, .. } = network.flights[*flight];
            let sides = [view(network, to, from, &id)?, view(network, from, to, &id)?];
            let accounts = [account(network, from), account(network, to)];
            let meant = Seen::meant(meant, &accounts);
            for side in &sides {
                outcome.views_equal &= side.as_ref().map(Seen::of).as_ref() == Some(&meant);
            }
            let [Some(view), _] = sides else { continue };
            outcome.edits += u64::from(view.edit_count());
            outcome.reactions += view.reactions().len() as u64;
            outcome.forwards += u64::from(view.forward_count() > 0);
            match view.state() {
                ViewState::Deleted { .. } => outcome.deletions += 1,
                ViewState::Expired => outcome.expired += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// What one side shows of a message.
#[derive(PartialEq, Eq)]
struct Seen {
    state: &'static str,
    text: Option<String>,
    edits: u32,
    reactions: BTreeMap<String, String>,
}

impl Seen {
    fn of(view: &MessageView) -> Self {
        let reactions = view.reactions().iter();
        let reactions =
            reactions.map(|one| (one.account.as_str().to_owned(), one.reaction.to_string()));
        Self {
            state: match view.state() {
                ViewState::Shown => "shown",
                ViewState::Deleted { .. } => "deleted",
                _ => "expired",
            },
            text: view.text().map(str::to_owned),
            edits: view.edit_count(),
            reactions: reactions.collect(),
        }
    }

    fn meant(meant: &Meant, [from, to]: &[waxseal::AccountId; 2]) -> Self {
        let state = match (meant.is_deleted, meant.expires) {
            (true, _) => "deleted",
            (_, true) => "expired",
            _ => "shown",
        };
        if state != "shown" {
            return Self {
                state,
                text: None,
                edits: 0,
                reactions: BTreeMap::new(),
            };
        }
        let reactions = [from, to].into_iter().zip(&meant.reactions);
        let reactions = reactions.filter(|(_, reaction)| !reaction.is_empty());
        Self {
            state,
            text: Some(meant.text.clone()),
            edits: meant.edits,
            reactions: reactions
                .map(|(account, reaction)| (account.as_str().to_owned(), reaction.clone()))
                .collect(),
        }
    }
}

fn account<S: Store>(network: &Network<S>, client: usize) -> waxseal::AccountId {
    network.clients[client].me().account.clone()
}

/// What a client shows of a message in its conversation with another one.
fn view<S: Store>(
    network: &Network<S>,
    client: usize,
    with: usize,
    id: &FrankingTag,
) -> Result<Option<MessageView>, String> {
    let with = account(network, with);
    let view = network.clients[client].view(&with, id, network.now());
    view.map_err(|error| error.to_string())
}

/// Whether the sender of a message still shows it, so that it can edit or delete it.
fn is_shown_to_its_sender<S: Store>(network: &Network<S>, flight: usize) -> Result<bool, String> {
    let Flight { from, to, id, .. } = network.flights[flight];
    let view = view(network, from, to, &id)?;
    Ok(view.is_some_and(|view| *view.state() == ViewState::Shown))
}
