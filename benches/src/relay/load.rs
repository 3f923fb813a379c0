//! The load: senders that wait for each receipt before they send the next message, and recipients
//! that are connected and acknowledge every delivery.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use waxseal_interface::{
    Answer, ContactHeaders, ContactToken, ErrorCode, Event, FrameMacs, HttpAnswer,
};
use waxseal_reporting::{AccountId, FrankingTag};

use super::device::{Device, Sealed, other};
use super::http::{Frames, Http, close};
use super::servers::Ports;
use super::verdict::{Sent, Shown};

/// How long a client waits after its connection broke.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a sender tries to send one message.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all clients share.
pub(super) struct Shared {
    pub(super) ports: Ports,
    pub(super) phase: watch::Sender<Phase>,
    /// When the clock started.
    pub(super) began: OnceLock<Instant>,
    pub(super) accepted: AtomicUsize,
    /// How many messages recipients saw for the first time.
    pub(super) shown: AtomicUsize,
    /// How many deliveries were of messages that their recipients had seen.
    pub(super) twice: AtomicUsize,
    /// How many of these came on the last connections, though all were acknowledged before.
    pub(super) unacknowledged: AtomicUsize,
    /// How many recipients have received all that was left for them on their last connections.
    pub(super) caught_up: AtomicUsize,
    /// How many recipients are connected.
    pub(super) connected: AtomicUsize,
    /// How many connections broke.
    pub(super) broken: AtomicUsize,
    /// What senders were told to try again later, and how often.
    pub(super) refused: Mutex<BTreeMap<String, usize>>,
}

/// What clients do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Sending,
    /// Senders end after the message that they are sending.
    Receiving,
    /// Recipients connect again, and receive what is left in their queues.
    CatchingUp,
    /// They connect once more. They have acknowledged everything.
    ReceivingAgain,
    Ended,
}

impl Shared {
    pub(super) fn new(ports: Ports) -> Self {
        Self {
            ports,
            phase: watch::Sender::new(Phase::Sending),
            began: OnceLock::new(),
            accepted: AtomicUsize::new(0),
            shown: AtomicUsize::new(0),
            twice: AtomicUsize::new(0),
            unacknowledged: AtomicUsize::new(0),
            caught_up: AtomicUsize::new(0),
            connected: AtomicUsize::new(0),
            broken: AtomicUsize::new(0),
            refused: Mutex::default(),
        }
    }

    /// Microseconds since the clock started. 0 before.
    fn micros(&self) -> u64 {
        let since = self.began.get().map(Instant::elapsed);
        since.map_or(0, |since| {
            u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
        })
    }

    /// Waits until recipients have seen all that was accepted, or nothing more for a while. Returns
    /// whether they have.
    pub(super) async fn settle(&self, patience: Duration) -> bool {
        let (mut shown, mut at) = (0, Instant::now());
        loop {
            let present = self.shown.load(Relaxed);
            if present >= self.accepted.load(Relaxed) {
                return true;
            }
            if present != shown {
                (shown, at) = (present, Instant::now());
            }
            if at.elapsed() > patience {
                return false;
            }
            sleep(PAUSE).await;
        }
    }
}

/// The relay to which a client is connected, or will be.
struct Place<'a> {
    shared: &'a Shared,
    number: usize,
}

impl<'a> Place<'a> {
    fn new(shared: &'a Shared, client: usize) -> Self {
        let number = client % shared.ports.len();
        Self { shared, number }
    }

    /// Connects, to another relay if this one does not run.
    async fn connect(&mut self, device: &Device) -> io::Result<Http> {
        loop {
            match self.shared.ports[self.number].load(Relaxed) {
                0 => self.leave().await,
                port => return Http::connect(port, device.from).await,
            }
        }
    }

    /// Goes to any relay, after a while.
    async fn leave(&mut self) {
        sleep(PAUSE).await;
        self.number = rand::random_range(0..self.shared.ports.len());
    }
}

/// A device that sends to some accounts in turn.
pub(super) struct Sender {
    pub(super) number: usize,
    pub(super) device: Device,
    /// To whom it writes.
    pub(super) contacts: Vec<Contact>,
}

/// An account that a sender writes to.
pub(super) struct Contact {
    /// Its number among the recipients.
    pub(super) number: usize,
    pub(super) account: AccountId,
    /// What it gave the sender, which is no stranger to it.
    pub(super) token: Option<ContactToken>,
}

impl Contact {
    /// What the sender says with each message.
    fn headers(&self) -> ContactHeaders {
        ContactHeaders {
            token: self.token,
            ..ContactHeaders::default()
        }
    }
}

impl Sender {
    /// Sends a message to each contact, and checks its receipt.
    pub(super) async fn greet(mut self, shared: &Shared) -> io::Result<Self> {
        let mut line = Line::new(shared, self.number);
        for contact in &self.contacts {
            let sealed = self.device.seal(&contact.account, contact.headers());
            let receipt = line.post(&self.device, &sealed).await?;
            self.device.check_receipt(&sealed, &receipt)?;
            shared.accepted.fetch_add(1, Relaxed);
        }
        Ok(self)
    }

    /// Sends until the clock stops.
    pub(super) async fn send(mut self, shared: &Shared) -> io::Result<Vec<Sent>> {
        let mut line = Line::new(shared, self.number);
        let mut sent = Vec::new();
        for contact in self.contacts.iter().cycle() {
            if *shared.phase.borrow() != Phase::Sending {
                break;
            }
            let sealed = self.device.seal(&contact.account, contact.headers());
            let posted_at = shared.micros();
            line.post(&self.device, &sealed).await?;
            shared.accepted.fetch_add(1, Relaxed);
            sent.push(Sent {
                tag: sealed.tag,
                to: contact.number,
                posted_at,
                accepted_at: shared.micros(),
            });
        }
        Ok(sent)
    }
}

/// A sender's connection.
struct Line<'a> {
    place: Place<'a>,
    http: Option<Http>,
}

impl<'a> Line<'a> {
    fn new(shared: &'a Shared, client: usize) -> Self {
        Self {
            place: Place::new(shared, client),
            http: None,
        }
    }

    /// Posts a message until a relay has accepted it. Returns the receipt.
    async fn post(&mut self, device: &Device, sealed: &Sealed) -> io::Result<Vec<u8>> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match self.attempt(device, sealed).await {
                Ok(answer) if answer.is_success() => return Ok(answer.body),
                Ok(answer) if answer.status == 429 || answer.status >= 500 => {
                    let error = answer.error();
                    self.note(error.error);
                    sleep(Duration::from_secs(error.retry_after_secs.unwrap_or(1))).await;
                }
                Ok(answer) => return Err(other(answer.error().message)),
                Err(_) => {
                    self.http = None;
                    self.place.shared.broken.fetch_add(1, Relaxed);
                    self.place.leave().await;
                }
            }
        }
        Err(other("no relay accepts a message"))
    }

    async fn attempt(&mut self, device: &Device, sealed: &Sealed) -> io::Result<HttpAnswer> {
        if self.http.is_none() {
            self.http = Some(self.place.connect(device).await?);
        }
        let http = self.http.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let (request, asked) = device.post(sealed);
        let answer = http.call(&request).await?;
        device.check(answer, &asked)
    }

    fn note(&self, code: ErrorCode) {
        let refused = &self.place.shared.refused;
        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(format!("{code:?}")).or_default() += 1;
    }
}

/// A device that receives.
pub(super) struct Recipient {
    pub(super) number: usize,
    pub(super) device: Device,
}

impl Recipient {
    /// Receives until the run ends. Returns what it saw, in its order, each message once.
    pub(super) async fn receive(self, shared: &Shared) -> Vec<Shown> {
        let mut place = Place::new(shared, self.number);
        let mut phase = shared.phase.subscribe();
        let mut seen = Seen {
            shared,
            phase: Phase::Sending,
            caught_up_in: None,
            tags: HashSet::new(),
            shown: Vec::new(),
        };
        loop {
            let present = *phase.borrow_and_update();
            if present == Phase::Ended {
                return seen.shown;
            }
            seen.phase = present;
            let ended = match self.connect(&mut place).await {
                Ok((frames, macs)) => {
                    shared.connected.fetch_add(1, Relaxed);
                    let ended = self.stay(frames, macs, &mut phase, &mut seen).await;
                    shared.connected.fetch_sub(1, Relaxed);
                    ended
                }
                Err(error) => Err(error),
            };
            if ended.is_err() {
                shared.broken.fetch_add(1, Relaxed);
                place.leave().await;
            }
        }
    }

    async fn connect(&self, place: &mut Place<'_>) -> io::Result<(Frames, FrameMacs)> {
        let http = place.connect(&self.device).await?;
        let (request, asked) = self.device.connect();
        let (answer, frames) = http.upgrade(&request).await?;
        let answer = self.device.check(answer, &asked)?;
        let frames = frames.ok_or_else(|| other(answer.error().message))?;
        Ok((frames, self.device.macs(&asked, &answer)?))
    }

    /// Receives on a connection until the recipients are to connect again, or the run ends.
    async fn stay(
        &self,
        mut frames: Frames,
        mut macs: FrameMacs,
        phase: &mut watch::Receiver<Phase>,
        seen: &mut Seen<'_>,
    ) -> io::Result<()> {
        loop {
            let mut next = tokio::select! {
                frame = frames.next() => Some(frame),
                _ = phase.changed() => {
                    if *phase.borrow_and_update() == Phase::Receiving {
                        continue;
                    }
                    close(frames).await;
                    return Ok(());
                }
            };
            // All that has arrived is acknowledged with one write.
            while let Some(frame) = next {
                let frame = frame.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(other)?;
                if let Message::Binary(frame) = frame
                    && let Some(id) = self.take(&frame, &mut macs, seen)?
                {
                    let answer = macs.seal(Answer::Acknowledged { id }.encode());
                    let answer = Message::Binary(answer.into());
                    frames.feed(answer).await.map_err(other)?;
                }
                next = frames.next().now_or_never();
            }
            frames.flush().await.map_err(other)?;
        }
    }

    /// Takes a frame. Returns the number to acknowledge.
    fn take(
        &self,
        frame: &[u8],
        macs: &mut FrameMacs,
        seen: &mut Seen<'_>,
    ) -> io::Result<Option<u64>> {
        let event = macs.open(frame).and_then(Event::decode);
        match event.ok_or_else(|| other("a frame that the relay did not make"))? {
            Event::CaughtUp => {
                seen.catch_up();
                Ok(None)
            }
            Event::QueueExpired { .. } => Err(other("the relay dropped messages")),
            Event::Delivery { id, delivery, .. } => {
                let is_whole = seen.shared.began.get().is_none();
                seen.note(self.device.receive(&delivery, is_whole)?);
                Ok(Some(id))
            }
        }
    }
}

/// What a recipient has seen.
struct Seen<'a> {
    shared: &'a Shared,
    /// When its connection began.
    phase: Phase,
    /// When it has last received all that was left.
    caught_up_in: Option<Phase>,
    tags: HashSet<FrankingTag>,
    shown: Vec<Shown>,
}

impl Seen<'_> {
    fn note(&mut self, tag: FrankingTag) {
        if !self.tags.insert(tag) {
            self.shared.twice.fetch_add(1, Relaxed);
            let unacknowledged = &self.shared.unacknowledged;
            let is_last = self.phase == Phase::ReceivingAgain;
            unacknowledged.fetch_add(is_last.into(), Relaxed);
            return;
        }
        self.shared.shown.fetch_add(1, Relaxed);
        let at = self.shared.micros();
        self.shown.push(Shown { tag, at });
    }

    fn catch_up(&mut self) {
        if matches!(self.phase, Phase::CatchingUp | Phase::ReceivingAgain)
            && self.caught_up_in.replace(self.phase) != Some(self.phase)
        {
            self.shared.caught_up.fetch_add(1, Relaxed);
        }
    }
}
