//! The lane of messages between two accounts.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use postgres::{Client, Error, Statement};
use waxseal_reporting::Timestamp;
use waxseal_roster::Pinned;

use super::Lane;
use crate::store::devices::Listed;
use crate::store::postgres::Shared;
use crate::store::postgres::statements::numbered;
use crate::store::processes::{By, MAY_COMMIT};
use crate::store::sending::{Facts, Party, Way};

/// Maximum number of accounts whose rosters a lane keeps.
const MAX_ROSTERS: usize = 10_000;

/// A message that waits for the lane.
pub trait Sending: Send {
    fn way(&self) -> Way;
    /// Stamps the message, if it is plain. Returns what is written.
    fn stamp(&mut self, facts: &Facts<'_>) -> Option<Written>;
    /// Answers, after the commit.
    fn answer(self: Box<Self>);
    fn go_slowly(self: Box<Self>);
    fn refuse(self: Box<Self>);
}

/// What is written for one message.
pub struct Written {
    pub by: By,
    pub accepted_at: Timestamp,
    pub mark: Option<Vec<u8>>,
    /// The recipients, each with what it gets and whether it gets a token with it.
    pub to: Vec<(i64, Vec<u8>, bool)>,
    pub epoch: u32,
}

pub struct Sends {
    devices: Statement,
    versions: Statement,
    rosters: Statement,
    inboxes: Statement,
    shares: Statement,
    push: Statement,
    count: Statement,
    share: Statement,
    sent: Statement,
    may_commit: Statement,
    /// The newest rosters of accounts, each with the version of its row.
    known: HashMap<i64, (i64, Arc<Pinned>)>,
}

/// A device's row, as far as sending goes.
struct Row {
    listed: Listed,
    last: Option<i64>,
}

/// What accounts are at one moment.
#[derive(Default)]
struct State {
    /// The devices of each account, in ascending order.
    devices: HashMap<i64, Vec<Row>>,
    /// The version of each account's row.
    versions: HashMap<i64, i64>,
}

impl State {
    /// When the last message of a sender was accepted, if it sent one. `None` if it is not there.
    fn last(&self, way: &Way) -> Option<Option<i64>> {
        let mut devices = self.devices.get(&way.account)?.iter();
        let device = devices.find(|row| row.listed.id == way.device)?;
        Some(device.last)
    }

    /// Whether a message that was stamped in this state can be written in a later one: both
    /// accounts have the same rosters and devices, and the sender has sent nothing else.
    fn holds_for(&self, way: &Way, later: &Self) -> bool {
        let is_same = |account: &i64| {
            let listed = |state: &Self| -> Option<Vec<Listed>> {
                let devices = state.devices.get(account)?.iter();
                Some(devices.map(|row| row.listed).collect())
            };
            self.versions.get(account) == later.versions.get(account)
                && listed(self) == listed(later)
        };
        is_same(&way.account) && is_same(&way.peer) && self.last(way) == later.last(way)
    }
}

impl Lane for Sends {
    type Request = Box<dyn Sending>;

    const MAX_BATCH: usize = 256;

    fn prepare(client: &mut Client) -> Result<Self, Error> {
        Ok(Self {
            devices: client.prepare(
                "SELECT account, number, id, has_left, accepted_at_ms FROM device
                 WHERE account = ANY($1) AND number >= 0 ORDER BY id",
            )?,
            // A row that was changed has another xmin.
            versions: client
                .prepare("SELECT id, xmin::text::bigint FROM account WHERE id = ANY($1)")?,
            rosters: client.prepare("SELECT id, pinned FROM account WHERE id = ANY($1)")?,
            inboxes: client.prepare(
                "SELECT recipient, next, messages, bytes FROM inbox
                 WHERE recipient = ANY($1) ORDER BY recipient FOR UPDATE",
            )?,
            shares: client.prepare(
                "SELECT s.recipient, s.sender, s.messages, s.bytes
                 FROM unnest($1::bigint[], $2::bigint[]) AS w (recipient, sender),
                     LATERAL (SELECT * FROM share s
                         WHERE s.recipient = w.recipient AND s.sender = w.sender LIMIT 1) s",
            )?,
            push: client.prepare(
                "INSERT INTO queue (recipient, number, sender, epoch, stamped, accepts)
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                     $5::bytea[], $6::bigint[])",
            )?,
            count: client.prepare(
                "UPDATE inbox SET next = w.next, messages = w.messages, bytes = w.bytes
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                     AS w (recipient, next, messages, bytes)
                 WHERE inbox.recipient = w.recipient",
            )?,
            share: client.prepare(
                "INSERT INTO share AS s
                 SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
                 ON CONFLICT (recipient, sender) DO UPDATE
                     SET messages = s.messages + excluded.messages,
                         bytes = s.bytes + excluded.bytes",
            )?,
            sent: client.prepare(
                "UPDATE device SET accepted_at_ms = w.at,
                     mark = CASE WHEN w.mark IS NULL
                             OR substr(device.mark, 1, 8) >= substr(w.mark, 1, 8)
                         THEN device.mark ELSE w.mark END
                 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
                     AS w (id, at, last, mark)
                 WHERE device.id = w.id AND device.accepted_at_ms IS NOT DISTINCT FROM w.last
                     AND device.number >= 0 AND device.has_left = 0",
            )?,
            may_commit: client.prepare(&numbered(MAY_COMMIT))?,
            known: HashMap::new(),
        })
    }

    fn run(
        &mut self,
        client: &mut Client,
        shared: &Shared,
        requests: &mut Vec<Self::Request>,
    ) -> Result<(), Error> {
        let ways = requests.iter().map(|request| request.way());
        let accounts: BTreeSet<i64> = ways.flat_map(|way| [way.account, way.peer]).collect();
        let accounts: Vec<i64> = accounts.into_iter().collect();
        let state = self.state(client, &accounts)?;
        self.read_rosters(client, &state.versions)?;
        let parties = self.parties(&state);
        let mut stamped = Vec::with_capacity(requests.len());
        let mut senders: HashMap<i64, Option<i64>> = HashMap::new();
        for (place, request) in requests.iter_mut().enumerate() {
            let way = request.way();
            let (Some(own), Some(peer)) = (parties.get(&way.account), parties.get(&way.peer))
            else {
                continue;
            };
            let last = match senders.get(&way.device) {
                Some(last) => *last,
                None => match state.last(&way) {
                    Some(last) => last,
                    None => continue,
                },
            };
            let facts = Facts {
                last: last.map(|ms| Timestamp::from_millis(u64::try_from(ms).unwrap_or_default())),
                own,
                peer,
            };
            if let Some(written) = request.stamp(&facts) {
                let at = i64::try_from(written.accepted_at.as_millis()).unwrap_or(i64::MAX);
                senders.insert(way.device, Some(at));
                stamped.push((place, way, last, written));
            }
        }
        let taken = self.write(client, shared, (&accounts, &state), stamped)?;
        let Some(taken) = taken else {
            // Another relay took a message of the same device meanwhile, or this one may not stamp.
            client.batch_execute("ROLLBACK")?;
            return Ok(());
        };
        client.batch_execute("COMMIT")?;
        let mut place = 0;
        let (answered, left): (Vec<_>, Vec<_>) = requests.drain(..).partition(|_| {
            place += 1;
            taken.contains(&(place - 1))
        });
        *requests = left;
        answered.into_iter().for_each(Sending::answer);
        Ok(())
    }

    fn go_slowly(request: Self::Request) {
        request.go_slowly();
    }

    fn refuse(request: Self::Request) {
        request.refuse();
    }
}

impl Sends {
    /// What these accounts are now.
    fn state(&self, client: &mut Client, accounts: &[i64]) -> Result<State, Error> {
        let mut state = State::default();
        for row in client.query(&self.devices, &[&accounts])? {
            let number: i64 = row.try_get(1)?;
            let Ok(number) = u32::try_from(number) else {
                continue;
            };
            let listed = Listed {
                number,
                id: row.try_get(2)?,
                has_left: row.try_get::<_, i64>(3)? != 0,
            };
            let last = row.try_get(4)?;
            let devices = state.devices.entry(row.try_get(0)?).or_default();
            devices.push(Row { listed, last });
        }
        for row in client.query(&self.versions, &[&accounts])? {
            state.versions.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(state)
    }

    /// The accounts whose rosters are known.
    fn parties(&self, state: &State) -> HashMap<i64, Party> {
        let parties = state.devices.iter().filter_map(|(account, rows)| {
            let (_, newest) = self.known.get(account)?;
            let party = Party {
                newest: newest.clone(),
                listed: rows.iter().map(|row| row.listed).collect(),
            };
            Some((*account, party))
        });
        parties.collect()
    }

    /// Reads the rosters that the lane does not have in these versions.
    fn read_rosters(
        &mut self,
        client: &mut Client,
        versions: &HashMap<i64, i64>,
    ) -> Result<(), Error> {
        if self.known.len() > MAX_ROSTERS {
            self.known.clear();
        }
        let is_known = |account: &i64, version: &i64| {
            let known = self.known.get(account);
            known.is_some_and(|(known, _)| known == version)
        };
        let lacking = versions
            .iter()
            .filter(|(account, version)| !is_known(account, version));
        let lacking: Vec<i64> = lacking.map(|(account, _)| *account).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        for row in client.query(&self.rosters, &[&lacking])? {
            let (account, pinned): (i64, Option<&[u8]>) = (row.try_get(0)?, row.try_get(1)?);
            self.known.remove(&account);
            let pinned = pinned.and_then(|pinned| Pinned::decode(pinned).ok());
            if let (Some(pinned), Some(version)) = (pinned, versions.get(&account)) {
                self.known.insert(account, (*version, Arc::new(pinned)));
            }
        }
        Ok(())
    }
}

mod writing;
