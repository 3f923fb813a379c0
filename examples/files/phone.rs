//! A phone: a courier, and an application that sends and saves files with it.

use std::path::Path;

use rand::SeedableRng;
use waxseal::courier::{Courier, Event, Request};
use waxseal::{AccountId, MemoryStore, Message, Timestamp};
use waxseal_interface::Request as Call;
use waxseal_world::{Relay, account, address};

use crate::{Result, Rng};

/// Requests in one turn, after which the other phone has its turn.
const REQUESTS: usize = 64;

/// A device with a courier. Its store survives a restart, and nothing else does.
pub struct Phone {
    /// `None` only while the process restarts.
    courier: Option<Courier<MemoryStore>>,
    connection: Option<u64>,
    rng: Rng,
    /// What the courier told.
    pub events: Vec<Event>,
    /// Bytes of blobs in requests and answers.
    pub wire_bytes: u64,
    /// Number of requests about blobs whose answer did not come.
    pub lost: u64,
    name: &'static str,
}

impl Phone {
    pub fn new(name: &'static str, seed: u64, now: Timestamp) -> Result<Self> {
        let mut rng = Rng::seed_from_u64(seed);
        let courier = Courier::create(MemoryStore::new(), address(name), now, &mut rng)?;
        Ok(Self {
            courier: Some(courier),
            connection: None,
            rng,
            events: Vec::new(),
            wire_bytes: 0,
            lost: 0,
            name,
        })
    }

    pub fn account(&self) -> AccountId {
        account(self.name)
    }

    pub fn courier(&mut self) -> Result<(&mut Courier<MemoryStore>, &mut Rng)> {
        let courier = self.courier.as_mut().ok_or("the process ended")?;
        Ok((courier, &mut self.rng))
    }

    /// The process ends and starts again. What its courier had in memory is gone.
    pub fn restart(&mut self) -> Result<()> {
        let courier = self.courier.take().ok_or("the process ended")?;
        let store = courier.into_client().into_store();
        let records = store.records();
        let records: Vec<_> = records
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect();
        self.courier = Some(Courier::open(MemoryStore::from_records(records))?);
        self.connection = None;
        Ok(())
    }

    /// Does what the courier asks for, and takes what arrives. Returns whether there was anything.
    pub fn turn(&mut self, relay: &mut Relay) -> Result<bool> {
        let now = relay.provider.now;
        let mut is_busy = false;
        for _ in 0..REQUESTS {
            let (courier, rng) = self.courier()?;
            match courier.next(now, rng)? {
                Some(request) => self.carry_out(request, relay, now)?,
                None if self.receive(relay, now)? => {}
                None => break,
            }
            is_busy = true;
        }
        let events = self.courier()?.0.events();
        self.events.extend(events);
        Ok(is_busy)
    }

    fn carry_out(&mut self, request: Request, relay: &mut Relay, now: Timestamp) -> Result<()> {
        let (id, answer) = match request {
            Request::Call { id, call, http } => {
                let answer = relay.send(&http);
                if is_about_blobs(&call) {
                    let answered = answer.as_ref().map_or(0, |answer| answer.body.len());
                    self.wire_bytes += (http.body.len() + answered) as u64;
                    self.lost += u64::from(answer.is_none());
                }
                (id, answer)
            }
            Request::Connect { id, http } => {
                let (answer, connection) = relay.open(&http);
                self.connection = connection;
                (id, answer)
            }
            Request::Frame(frame) => {
                if let Some(connection) = self.connection.filter(|id| relay.is_connected(*id)) {
                    relay.take(connection, &frame);
                }
                return Ok(());
            }
        };
        let (courier, rng) = self.courier()?;
        courier.answer(id, answer, now, rng)?;
        Ok(())
    }

    /// Takes what has arrived on the connection. Returns whether there was anything.
    fn receive(&mut self, relay: &mut Relay, now: Timestamp) -> Result<bool> {
        let Some(connection) = self.connection else {
            return Ok(false);
        };
        if !relay.is_connected(connection) {
            self.connection = None;
            self.courier()?.0.disconnected();
            return Ok(true);
        }
        let frames = relay.frames(connection);
        self.courier()?.0.deliver(&frames, now)?;
        Ok(!frames.is_empty())
    }

    /// The last message in the conversation with a peer.
    pub fn last_message(&mut self, with: &AccountId) -> Result<Message> {
        let page = self.courier()?.0.client().messages(with, None, 100)?;
        let last = page.items.into_iter().max_by_key(Message::ordinal);
        last.ok_or_else(|| "there is no message".into())
    }
}

fn is_about_blobs(call: &Call) -> bool {
    matches!(
        call,
        Call::PutBlob { .. } | Call::BlobState(_) | Call::Blob { .. }
    )
}

/// The name of a file as its sender claims it.
pub fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    waxseal::files::safe_name(&name)
}
