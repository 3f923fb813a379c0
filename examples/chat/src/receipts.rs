//! Receipts: what the provider's log proves about the user's reports, and about decisions against
//! the user.

mod json;
mod story;

use waxseal::courier::{Event, KeptAppeal, ReceiptNews};
use waxseal::log::entry::Side;
use waxseal::log::keys::LogKeys;
use waxseal::log::receipt::Told;
use waxseal::log::tree::TreeHash;
use waxseal::transport::now;
use waxseal::{Client, DamagedRow, KeptPromise, PromiseState, SqliteStore};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::show::ask;
use crate::text::printable;

/// Receipts that are read at once. Each can be long.
const AT_ONCE: usize = 16;

/// What the log proves about one report of the user, or about one case against the user.
pub struct Entry {
    /// The promise about the report. `None` for a case against the user.
    promise: Option<KeptPromise>,
    /// What the last receipt told. `None` before the first.
    told: Option<Told>,
    /// Whether another receipt contradicted it.
    is_contradicted: bool,
}

/// All of them, with the appeals that this device made.
pub struct Receipts {
    entries: Vec<Entry>,
    appeals: Vec<KeptAppeal>,
}

impl Receipts {
    /// Reads what is stored.
    fn read(chat: &Chat) -> Outcome<Self> {
        let (client, mut entries, mut appeals) = (chat.client(), Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let page = client.promises(after.as_ref(), AT_ONCE, now())?;
            chat.notice_damage(&page.damaged, "promises");
            for promise in page.items {
                let last = promise.receipt();
                entries.push(Entry {
                    told: last.map(|receipt| receipt.told().clone()),
                    is_contradicted: last.is_some_and(|receipt| receipt.is_contradicted()),
                    promise: Some(promise),
                });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = client.account_receipts(after.as_ref(), AT_ONCE)?;
            chat.notice_damage(&page.damaged, "receipts");
            entries.extend(page.items.iter().map(|receipt| Entry {
                promise: None,
                told: Some(receipt.told().clone()),
                is_contradicted: receipt.is_contradicted(),
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = client.appeals(after.as_ref(), AT_ONCE)?;
            chat.notice_damage(&page.damaged, "appeals");
            appeals.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        entries.sort_by_key(Entry::began);
        Ok(Self { entries, appeals })
    }

    /// The decisions in the order in which they are listed. Their numbers begin with 1.
    fn decisions(&self) -> impl Iterator<Item = TreeHash> {
        let told = self.entries.iter().filter_map(|entry| entry.told.as_ref());
        let decisions = told.flat_map(|told| &told.decisions);
        decisions.map(|decision| decision.leaf_hash)
    }

    /// The number of the first decision with this leaf hash.
    fn number(&self, decision: &TreeHash) -> usize {
        let at = self.decisions().position(|leaf| leaf == *decision);
        at.map_or(0, |at| at + 1)
    }

    fn appeal(&self, decision: &TreeHash, side: Side) -> Option<&KeptAppeal> {
        let mut appeals = self.appeals.iter();
        appeals.find(|appeal| appeal.decision == *decision && appeal.side == side)
    }
}

impl Entry {
    /// The time of the report, or of the first decision.
    fn began(&self) -> u64 {
        match (&self.promise, &self.told) {
            (Some(promise), _) => promise.promised().accepted_at_ms(),
            (None, Some(told)) => told.decisions.first().map_or(0, |one| one.day.start_ms()),
            (None, None) => 0,
        }
    }

    fn side(&self) -> Side {
        match self.promise {
            Some(_) => Side::Reporter,
            None => Side::Account,
        }
    }
}

/// The promises, receipts and appeals that cannot be read.
pub fn damaged(client: &Client<SqliteStore>) -> Outcome<Vec<DamagedRow>> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = client.promises(after.as_ref(), AT_ONCE, now())?;
        rows.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = client.account_receipts(after.as_ref(), AT_ONCE)?;
        rows.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = client.appeals(after.as_ref(), AT_ONCE)?;
        rows.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

/// Asks for receipts and lists what they show.
pub fn list(chat: &mut Chat, as_json: bool) -> Outcome<()> {
    chat.courier.ask_receipts(now());
    let ended = chat.run(|_, events| {
        // All of it is listed below.
        events.retain(|event| !matches!(event, Event::Receipt(_)));
        Ok(true)
    });
    if let Err(failure) = &ended {
        chat.notice(format!("the receipts may be old: {}", failure.message));
    }
    let receipts = Receipts::read(chat)?;
    match as_json {
        true => json::print(&receipts),
        false => {
            story::print(&receipts);
            Ok(())
        }
    }
}

/// Appeals against the decision with this number.
pub fn appeal(chat: &mut Chat, number: usize, text: &str) -> Outcome<()> {
    let receipts = Receipts::read(chat)?;
    let at = number.checked_sub(1);
    let decision = at.and_then(|at| receipts.decisions().nth(at));
    let decision = decision.ok_or_else(|| Failure::new("`receipts` lists no such decision"))?;
    chat.courier.appeal(&decision, text, now())?;
    let mut state = None;
    let ended = chat.run(|_, events| {
        events.retain(|event| match event {
            Event::Appeal(appeal) if appeal.decision == decision => {
                state = Some(appeal.state);
                false
            }
            _ => true,
        });
        Ok(true)
    });
    match (state, ended) {
        (Some(state), _) => println!("{}", story::appeal_words(state)),
        (None, Ok(())) => println!("the appeal waits until the provider can take it"),
        (None, Err(why)) => {
            let message = format!("the appeal waits and goes out later: {}", why.message);
            return Err(Failure::with_code(TRY_LATER, message));
        }
    }
    Ok(())
}

/// Pins the keys that the provider shows, after the user compared them.
pub fn accept_keys(chat: &mut Chat, yes: bool) -> Outcome<()> {
    let reached = chat.run(|_, _| Ok(true));
    let Some(keys) = chat.courier.changed_log_keys() else {
        return reached.and(Err(Failure::new(
            "the provider shows no other keys of its log",
        )));
    };
    println!("The provider shows these keys of its log:");
    print!("{}", indented(&keys));
    println!(
        "Compare them with those that it publishes. Under other keys, it could show you a log"
    );
    println!("that it shows to nobody else.");
    if !yes && !ask("Pin them?")? {
        return Err(Failure::new("not pinned"));
    }
    chat.courier.accept_log_keys(&keys)?;
    println!("pinned");
    chat.run(|_, _| Ok(true))
}

fn indented(keys: &LogKeys) -> String {
    let lines = keys.to_string();
    let lines = lines.lines().map(|line| format!("  {}\n", printable(line)));
    lines.collect()
}

impl Chat {
    /// Tells what the courier told of promises, receipts and appeals.
    pub fn tell_receipts(&mut self, event: Event) {
        match event {
            Event::LogPinned(keys) => {
                self.notice("the keys of the provider's log are pinned. Compare them with what the provider publishes:");
                for line in indented(&keys).lines() {
                    self.notice(line);
                }
            }
            Event::LogKeysChanged { .. } => self.notice(
                "THE KEYS OF THE PROVIDER'S LOG CHANGED. Nothing that it says of your reports is \
                 believed until they are the old ones again, or you run `receipts --accept-keys`",
            ),
            Event::Promised(promise) => match promise.promised().rejected() {
                Some(_) => self.detail("the provider promised to log that it refused a report"),
                None => self.detail("the provider promised to log a report"),
            },
            Event::PromiseRefused { why, .. } => self.notice(format!(
                "THE PROVIDER ANSWERED A REPORT WITH A PROMISE THAT DOES NOT BIND IT: {why}"
            )),
            Event::PromiseOverdue(promise) => {
                let since = match promise.state() {
                    PromiseState::Overdue { since } => story::day_of_ms(since.as_millis()),
                    _ => return,
                };
                self.notice(format!(
                    "THE PROVIDER BREAKS A PROMISE: since {since}, its log must show what became \
                     of a report of yours, and no receipt shows it"
                ));
            }
            Event::Receipt(news) => self.tell_news(&news),
            Event::ReceiptRefused { why, .. } => self.notice(format!(
                "THE PROVIDER ANSWERED WITH A RECEIPT THAT SHOWS NOTHING: {why}"
            )),
            Event::Appeal(appeal) => self.notice(story::appeal_words(appeal.state)),
            _ => {}
        }
    }

    fn tell_news(&self, news: &ReceiptNews) {
        for contradiction in &news.told.contradictions {
            self.notice(format!("THE PROVIDER CONTRADICTS ITSELF: {contradiction}"));
        }
        for line in story::news(news) {
            self.notice(line);
        }
    }
}

#[cfg(test)]
mod tests;
