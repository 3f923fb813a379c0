//! The accounts that write to each other, and the reports of those who got spam.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use waxseal::{
    AccountId, Client, DeviceAddress, DeviceId, Disclosure, FrankingTag, MemoryStore,
    OutgoingReport, Reason, Timestamp,
};
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::vault::digest_of;
use waxseal_log::promise::{Promise, PromisedReport};
use waxseal_reporting::intake::{AcceptedReport, ReportId};
use waxseal_reporting::reporter::{ModerationPublicKey, Report};

use crate::lines::Line;
use crate::office::Office;
use crate::support::network::{Flight, Network};
use crate::support::progress::Progress;
use crate::support::provider::{Provider, Refusal};
use crate::{DAY_MS, Result, Rng};

/// How many people a person writes to.
const FRIENDS: usize = 5;
/// How many recipients a spammer writes to, at most.
const TARGETS: usize = 6;
/// A reporter sends every 50th report a second time.
const REPEATED: usize = 50;

/// An accepted report, as those who sent and took it know it.
pub struct Filed {
    pub id: ReportId,
    /// Digest of the accepted report.
    pub accepted: AcceptedDigest,
    /// The reported message.
    pub tag: FrankingTag,
    /// Index of the reporter among the clients.
    pub reporter: usize,
    /// Index of the sender among the clients.
    pub accused: usize,
    /// What was sent, in the order of the report's claims.
    pub texts: Vec<String>,
    pub promised: PromisedReport,
}

impl Filed {
    /// The bits of all its messages.
    pub fn all(&self) -> u32 {
        (1 << self.texts.len()) - 1
    }
}

/// A report that the intake rejected.
pub struct Rejected {
    pub reporter: usize,
    pub promised: PromisedReport,
}

/// A report that someone at the provider wants to hide.
pub struct Hidden {
    pub accepted: AcceptedReport,
    pub encoded: Vec<u8>,
}

/// The accounts, the relay and the intake.
pub struct People {
    pub network: Network<MemoryStore>,
    /// To whom each one writes.
    circles: Vec<Vec<usize>>,
    spammers: usize,
    /// The last spam of a sender to a recipient, which goes into the next report for context.
    last: HashMap<(usize, usize), FrankingTag>,
    texts: HashMap<FrankingTag, String>,
    pub filed: Vec<Filed>,
    pub rejected: Vec<Rejected>,
    rng: Rng,
}

impl People {
    /// Registers spammers and recipients, as many as suit the lines.
    pub fn new(lines: &[Line], start: Timestamp, seed: u64) -> Result<Self> {
        let spam = lines.iter().filter(|line| line.is_spam).count();
        let targets = (spam / 20).clamp(3, TARGETS);
        let spammers = (spam / 12).clamp(3, 60);
        let recipients = (lines.len() / 50).clamp(8, 100);
        let mut rng = Rng::seed_from_u64(seed);
        let mut provider = Provider::new(start, &mut rng);
        let mut clients = Vec::new();
        let mut circles = Vec::new();
        for number in 0..spammers + recipients {
            let name = match number < spammers {
                true => format!("seller-{number}"),
                false => format!("person-{}", number - spammers),
            };
            clients.push(register(&name, &mut provider, start, &mut rng)?);
            let circle = if number < spammers { targets } else { FRIENDS };
            let mut others: Vec<usize> = Vec::new();
            while others.len() < circle {
                let other = rng.random_range(spammers..spammers + recipients);
                if other != number && !others.contains(&other) {
                    others.push(other);
                }
            }
            circles.push(others);
        }
        Ok(Self {
            network: Network::new(clients, provider, start, seed),
            circles,
            spammers,
            last: HashMap::new(),
            texts: HashMap::new(),
            filed: Vec::new(),
            rejected: Vec::new(),
            rng,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.network.now()
    }

    /// Lets time pass until this time of a later day.
    pub fn wait_until(&mut self, day: u64, at_ms: u64) -> Result<()> {
        let until = day * DAY_MS + at_ms;
        let left = until
            .checked_sub(self.now().as_millis())
            .ok_or("the time is over already")?;
        self.network.run(Some(left))?;
        self.network.provider.advance_to(self.now());
        Ok(())
    }

    pub fn account(&self, index: usize) -> &AccountId {
        &self.network.clients[index].me().account
    }

    /// The client of this account.
    pub fn index_of(&self, account: &str) -> Option<usize> {
        (0..self.network.clients.len()).find(|index| self.account(*index).as_str() == account)
    }

    /// Sends lines over the faulty network, and returns which flights were spam.
    pub fn send(&mut self, lines: &[Line], pause_ms: u64) -> Result<Vec<usize>> {
        let mut progress = Progress::new("sending", lines.len());
        let mut spam = Vec::new();
        let first = self.network.flights.len();
        for line in lines {
            let from = match line.is_spam {
                true => self.rng.random_range(0..self.spammers),
                false => self.rng.random_range(self.spammers..self.circles.len()),
            };
            let circle = &self.circles[from];
            let to = circle[self.rng.random_range(0..circle.len())];
            self.network.send(from, to, line.text.as_str())?;
            if line.is_spam {
                spam.push(self.network.flights.len() - 1);
            }
            self.network.run(Some(pause_ms))?;
            progress.step();
        }
        self.network.run(None)?;
        for (flight, line) in self.network.flights[first..].iter().zip(lines) {
            if flight.shown != 1 || flight.text.as_deref() != Some(&line.text) {
                return Err("a message did not arrive once and unchanged".into());
            }
            self.texts.insert(flight.id, line.text.clone());
        }
        Ok(spam)
    }

    /// The recipient of a spam message reports it, and keeps the promise of the intake.
    pub fn report(&mut self, flight: usize, office: &mut Office) -> Result<()> {
        let Flight { from, to, id, .. } = self.network.flights[flight];
        let earlier = self.last.insert((from, to), id);
        let shown: Vec<_> = earlier.into_iter().chain([id]).collect();
        let reason = reason(self.filed.len());
        let key = office.moderation_key()?;
        let sent = self.seal(to, from, reason, &shown, &key)?;
        let now = self.now();
        let intake = self
            .network
            .provider
            .intake(&sent.report, now, &mut self.rng);
        let accepted = intake.map_err(|refusal| format!("the intake refused: {refusal:?}"))?;
        let encoded = accepted.encode(&self.network.provider.acceptance_key());
        let promise = office
            .desk
            .take_in(&accepted, &encoded, now, &mut office.rng)?;
        let promised = self.keep(&promise, &sent, to, office)?;
        let filed = Filed {
            id: *accepted.id(),
            accepted: AcceptedDigest::of(&encoded),
            tag: id,
            reporter: to,
            accused: from,
            texts: self.texts_of(&accepted)?,
            promised,
        };
        self.filed.push(filed);
        if self.filed.len() % REPEATED == 2 {
            let again = self.seal(to, from, reason, &[id], &key)?;
            self.report_again(again, to, office)?;
        }
        Ok(())
    }

    /// A report of a message that was reported already. The intake rejects it, and promises to say
    /// so in the log.
    fn report_again(&mut self, sent: OutgoingReport, to: usize, office: &mut Office) -> Result<()> {
        let now = self.now();
        let check = match self
            .network
            .provider
            .intake(&sent.report, now, &mut self.rng)
        {
            Err(Refusal::Rejected(rejection)) => rejection.check(),
            Err(refusal) => return Err(format!("the intake refused: {refusal:?}").into()),
            Ok(_) => return Err("the intake accepted a message twice".into()),
        };
        let digest = digest_of(&Report::decode(&sent.report)?);
        let promise = office.desk.refuse(&digest, check, now, &mut office.rng)?;
        let promised = self.keep(&promise, &sent, to, office)?;
        let rejected = Rejected {
            reporter: to,
            promised,
        };
        self.rejected.push(rejected);
        Ok(())
    }

    /// A report of a message that no one reported yet. The intake accepts it, and the desk does not
    /// have it: the insider wants to hide it.
    pub fn hidden(&mut self, office: &mut Office) -> Result<Hidden> {
        let flights = self.network.flights.iter();
        let flight = flights.rev().find(|flight| flight.from >= self.spammers);
        let Flight { from, to, id, .. } = *flight.ok_or("no one but sellers wrote")?;
        let key = office.moderation_key()?;
        let sent = self.seal(to, from, Reason::Harassment, &[id], &key)?;
        let now = self.now();
        let intake = self
            .network
            .provider
            .intake(&sent.report, now, &mut self.rng);
        let accepted = intake.map_err(|refusal| format!("the intake refused: {refusal:?}"))?;
        let encoded = accepted.encode(&self.network.provider.acceptance_key());
        Ok(Hidden { accepted, encoded })
    }

    fn seal(
        &mut self,
        to: usize,
        from: usize,
        reason: Reason,
        shown: &[FrankingTag],
        key: &ModerationPublicKey,
    ) -> Result<OutgoingReport> {
        let peer = self.account(from).clone();
        let client = &mut self.network.clients[to];
        let shown = shown.iter().map(|tag| (*tag, Disclosure::Whole));
        let draft = client.draft_report(&peer, reason, shown)?;
        Ok(client.report(&draft, key, &mut self.rng)?)
    }

    /// The reporter's step: keeps the promise, with which the report is done for now.
    fn keep(
        &mut self,
        promise: &Promise,
        sent: &OutgoingReport,
        to: usize,
        office: &Office,
    ) -> Result<PromisedReport> {
        let now = self.now();
        let client = &mut self.network.clients[to];
        let kept = client.keep_promise(sent, &promise.encode(), &office.keys, now)?;
        client.confirm_report(sent.id)?;
        Ok(*kept.promised())
    }

    fn texts_of(&self, accepted: &AcceptedReport) -> Result<Vec<String>> {
        let claims = accepted.report().claims().iter();
        let text = |tag| {
            self.texts
                .get(tag)
                .cloned()
                .ok_or("a message was never sent")
        };
        Ok(claims
            .map(|claim| text(claim.tag()))
            .collect::<Result<_, _>>()?)
    }
}

/// Why the n-th report is made: most for spam, some for a scam, a few for something grave.
fn reason(number: usize) -> Reason {
    match number % 120 {
        1 => Reason::Threat,
        2 => Reason::Grooming,
        other if other % 5 == 3 => Reason::Scam,
        _ => Reason::Spam,
    }
}

/// Creates an account, and publishes its roster and its prekeys.
fn register(
    name: &str,
    provider: &mut Provider,
    now: Timestamp,
    rng: &mut Rng,
) -> Result<Client<MemoryStore>> {
    let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
    let delivery_key = provider.register(&me, rng);
    let mut client = Client::create(MemoryStore::new(), me.clone(), delivery_key, now, rng)?;
    let roster = client.own_roster()?.ok_or("a new account has one")?;
    provider.put_roster(&me, roster.signed().encode());
    let upload = client.publish_prekeys(0, rng)?;
    provider.publish(&me.account, upload.base.clone(), upload.one_time.clone());
    client.confirm_prekeys(&upload)?;
    Ok(client)
}
