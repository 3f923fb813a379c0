//! Runs a [`Courier`] over HTTP and a WebSocket, one blocking step at a time.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};
use waxseal_interface::HttpAnswer;
use waxseal_interface::http::{Frames, Link};

pub use waxseal_interface::http::LinkError;
use waxseal_reporting::Timestamp;

use crate::client::MAX_RECEIVED_AT_ONCE;
use crate::courier::{Courier, Event, Linking, LinkingState, Recovering, RecoveringState, Request};
use crate::error::{JoinError, StateError};
use crate::store::Store;

/// Maximum pause between deliveries that are stored together.
const BATCH_PAUSE: Duration = Duration::from_millis(5);

/// Shortest time to wait for something to arrive.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// How long requests are sent before looking at what has arrived meanwhile.
const TURN: Duration = Duration::from_millis(100);

/// The way to a relay: HTTPS, and a WebSocket for deliveries. Keep one for a [`Courier`].
///
/// ```no_run
/// use std::time::Duration;
/// use waxseal::courier::{Courier, Event};
/// use waxseal::transport::{Transport, now, system_rng};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (store, bob) = (waxseal::MemoryStore::new(), waxseal::AccountId::new("bob")?);
/// # let me = waxseal::DeviceAddress::new(waxseal::AccountId::new("alice")?, waxseal::DeviceId(1));
/// let mut courier = Courier::create(store, me, now(), &mut system_rng())?;
/// let mut transport = Transport::new("https://relay.example")?;
/// courier.send(&bob, "Hello!", now(), &mut system_rng())?;
/// loop {
///     for event in transport.turn(&mut courier, Duration::from_millis(500))? {
///         if let Event::Message { from, message, .. } = event {
///             println!("{}: {}", from.as_str(), message.text().unwrap_or_default());
///         }
///     }
/// }
/// # }
/// ```
///
/// # Security
/// TLS hides from the network who talks to whom, and the tokens. Plain HTTP to another machine is
/// refused, unless you use [`with_plain_http`](Self::with_plain_http).
#[derive(Debug)]
pub struct Transport {
    link: Link,
    frames: Option<Frames>,
    last_error: Option<LinkError>,
}

impl Transport {
    /// The way to the relay at `https://HOST:PORT`, whose certificate is by one of the platform's
    /// authorities. Takes `http://` only for this machine. Does not connect yet.
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], [`LinkError::PlainHttp`], [`LinkError::NoAuthority`].
    pub fn new(url: &str) -> Result<Self, LinkError> {
        Ok(Self::over(Link::new(url)?))
    }

    /// Like [`new`](Self::new), and accepts only certificates by the authorities in this PEM file.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_ca(url: &str, pem: &[u8]) -> Result<Self, LinkError> {
        Ok(Self::over(Link::with_ca(url, pem)?))
    }

    /// The way to the relay at `http://HOST:PORT`, also on another machine.
    ///
    /// # Errors
    /// [`LinkError::BadUrl`], also for `https://`.
    ///
    /// # Security
    /// Anyone who listens learns who talks to whom, and can use a token for up to an hour.
    pub fn with_plain_http(url: &str) -> Result<Self, LinkError> {
        Ok(Self::over(Link::with_plain_http(url)?))
    }

    fn over(link: Link) -> Self {
        Self {
            link,
            frames: None,
            last_error: None,
        }
    }

    /// Sends what the courier has to send, and receives what arrives. Returns what happened, as
    /// soon as something did, or nothing after `wait`.
    ///
    /// A request blocks until it is answered, for 20 seconds at most. Call this again and again,
    /// because the relay wants an answer to its pings every minute.
    ///
    /// # Errors
    /// [`StateError::Store`]. Trouble with the relay is an [`Event::Trouble`], and is tried again.
    pub fn turn<S: Store>(
        &mut self,
        courier: &mut Courier<S>,
        wait: Duration,
    ) -> Result<Vec<Event>, StateError<S::Error>> {
        let (began, rng) = (Instant::now(), &mut system_rng());
        loop {
            let sending = Instant::now();
            while sending.elapsed() < TURN
                && let Some(request) = courier.next(now(), rng)?
            {
                self.carry_out(courier, request, rng)?;
            }
            let left = match courier.is_busy(now()) {
                true => Duration::ZERO,
                false => wait.saturating_sub(began.elapsed()),
            };
            self.receive(courier, left)?;
            let events = courier.events();
            if !events.is_empty() || began.elapsed() >= wait && !courier.is_busy(now()) {
                return Ok(events);
            }
        }
    }

    /// Sends what a new device has to send to join an account. Returns how far the link is, as soon
    /// as that changed, or after `wait`.
    ///
    /// # Errors
    /// As for [`Linking::next`]. Trouble with the relay is tried again.
    pub fn link<S: Store>(
        &mut self,
        linking: &mut Linking<S>,
        wait: Duration,
    ) -> Result<LinkingState, JoinError<S::Error>> {
        let (began, before) = (Instant::now(), linking.state());
        loop {
            let rng = &mut system_rng();
            while let Some(request) = linking.next(now(), rng)? {
                if let Some((id, answer)) = self.call(request) {
                    linking.answer(id, answer, now(), rng);
                }
            }
            let state = linking.state();
            if state != before || began.elapsed() >= wait {
                return Ok(state);
            }
            sleep(linking.wake_at(now()), wait.saturating_sub(began.elapsed()));
        }
    }

    /// Sends what a new device has to send to get its account back. Returns how far it is, as soon
    /// as that changed, or after `wait`.
    pub fn recover(&mut self, recovering: &mut Recovering, wait: Duration) -> RecoveringState {
        let (began, before) = (Instant::now(), recovering.state());
        loop {
            let rng = &mut system_rng();
            while let Some(request) = recovering.next(now(), rng) {
                if let Some((id, answer)) = self.call(request) {
                    recovering.answer(id, answer, now(), rng);
                }
            }
            let state = recovering.state();
            if state != before || began.elapsed() >= wait {
                return state;
            }
            let left = wait.saturating_sub(began.elapsed());
            sleep(recovering.wake_at(now()), left);
        }
    }

    fn call(&mut self, request: Request) -> Option<(u64, Option<HttpAnswer>)> {
        let Request::Call { id, http, .. } = request else {
            return None;
        };
        let answer = self.link.call(&http);
        Some((id, self.noted(answer)))
    }

    /// Why the relay could not be reached when it was last tried.
    pub fn last_error(&self) -> Option<&LinkError> {
        self.last_error.as_ref()
    }

    /// Ends the connection for deliveries, and waits until the relay has every acknowledgement.
    /// Gives up after ten seconds.
    pub fn close<S: Store>(mut self, courier: &mut Courier<S>) {
        if let Some(mut frames) = self.frames.take() {
            // What arrived in the last turn is acknowledged now.
            while let Some(frame) = courier.next_frame() {
                if frames.send(frame).is_err() {
                    break;
                }
            }
            frames.close();
        }
        courier.disconnected();
    }

    fn carry_out<S: Store>(
        &mut self,
        courier: &mut Courier<S>,
        request: Request,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StateError<S::Error>> {
        match request {
            Request::Call { id, http, .. } => {
                let answer = self.link.call(&http);
                let answer = self.noted(answer);
                courier.answer(id, answer, now(), rng)
            }
            Request::Connect { id, http } => {
                let connected = self.link.connect(&http);
                let (answer, frames) = self.noted(connected).unzip();
                courier.answer(id, answer, now(), rng)?;
                self.frames = frames.flatten().filter(|_| courier.is_connected());
                Ok(())
            }
            Request::Frame(frame) => {
                let sent = self.frames.as_mut().map(|frames| frames.send(frame));
                if let Some(Err(error)) = sent {
                    self.disconnected(courier, error);
                }
                Ok(())
            }
        }
    }

    /// Waits for what arrives, and passes all of it on at once.
    fn receive<S: Store>(
        &mut self,
        courier: &mut Courier<S>,
        wait: Duration,
    ) -> Result<(), StateError<S::Error>> {
        let until_wake = courier.wake_at(now()).map(|at| {
            let left = at.as_millis().saturating_sub(now().as_millis());
            Duration::from_millis(left)
        });
        let wait = until_wake.map_or(wait, |left| left.max(SHORTEST_WAIT).min(wait));
        let Some(frames) = self.frames.as_mut().filter(|_| courier.is_connected()) else {
            self.frames = None;
            thread::sleep(wait);
            return Ok(());
        };
        let (mut arrived, mut broken, mut wait) = (Vec::new(), None, wait);
        while arrived.len() < MAX_RECEIVED_AT_ONCE {
            match frames.next(wait) {
                Ok(Some(frame)) => arrived.push(frame),
                Ok(None) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
            wait = BATCH_PAUSE;
        }
        if !arrived.is_empty() {
            courier.deliver(&arrived, now())?;
        }
        if let Some(error) = broken {
            self.disconnected(courier, error);
        }
        Ok(())
    }

    fn disconnected<S: Store>(&mut self, courier: &mut Courier<S>, error: LinkError) {
        self.last_error = Some(error);
        self.frames = None;
        courier.disconnected();
    }

    fn noted<T>(&mut self, answer: Result<T, LinkError>) -> Option<T> {
        match answer {
            Ok(answer) => {
                self.last_error = None;
                Some(answer)
            }
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

/// Sleeps until it is time to ask again, or for as long as there is time.
fn sleep(wake_at: Option<Timestamp>, most: Duration) {
    let until = wake_at.map_or(most, |at| {
        Duration::from_millis(at.as_millis().saturating_sub(now().as_millis()))
    });
    thread::sleep(until.max(SHORTEST_WAIT).min(most));
}

/// The present time by this device's clock.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The generator of the operating system.
pub fn system_rng() -> impl CryptoRng {
    UnwrapErr(SysRng)
}
