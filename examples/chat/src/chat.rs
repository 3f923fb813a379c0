//! An account with its home folder and the way to its relay. The courier does everything that is
//! due, whatever the command is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use waxseal::courier::{Courier, Event, Trouble};
use waxseal::errors::OpenAccountError;
use waxseal::transport::{Transport, now, system_rng};
use waxseal::{
    AccountId, Client, Conversation, Evidence, FrankingTag, Message, SqliteStore, Timestamp,
};
use waxseal_interface::{CardError, ErrorCode, account_name};

use crate::failure::{Failure, Outcome, TRY_LATER};
use crate::home::Home;
use crate::reach::RelayOptions;
use crate::text::printable;

/// How long one turn waits for what arrives.
pub const TURN: Duration = Duration::from_millis(100);
/// Maximum time without news while something is awaited.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest pause that a command waits out.
const PAUSE_MS: u64 = 3_000;
/// Maximum time that a command spends on pauses.
const PATIENCE: Duration = Duration::from_secs(20);
/// Maximum time that a command waits for what the user does on another device.
const PATIENCE_WITH_USER: Duration = Duration::from_secs(600);
/// Number of records to read at once.
pub const PAGE: usize = 64;

/// The account that a command works with.
pub struct Chat {
    pub courier: Courier<SqliteStore>,
    pub home: Home,
    transport: Transport,
    pub verbose: bool,
    /// The trouble with the relay that the courier told last.
    pub trouble: Option<Trouble>,
    /// The peers about whose change of identity the user was warned.
    pub changed: BTreeSet<AccountId>,
    /// Messages that the relay accepted.
    pub accepted: Vec<(Conversation, FrankingTag)>,
    /// Whether there may be messages that were not shown yet.
    pub has_unseen: bool,
    /// The first message or report that was given up.
    pub failed: Option<Failure>,
    /// Whether this device leaves its account, so that its end is no surprise.
    pub leaves: bool,
    /// Whether the prekeys were found damaged.
    pub prekeys_damaged: bool,
    /// The notices about damage that the user got already.
    pub told: RefCell<BTreeSet<String>>,
    pub notices: RefCell<Vec<String>>,
}

impl Chat {
    /// Opens the account that `register` made.
    pub fn open(folder: &Path, options: &RelayOptions, verbose: bool) -> Outcome<Self> {
        let unregistered = || Failure::new("no account here: run `register NAME` first");
        if !folder.join("store.sqlite").exists() {
            return Err(unregistered());
        }
        let (home, store) = Home::open(folder, &mut system_rng())?;
        let courier = match Courier::open(store) {
            Err(OpenAccountError::NoAccount) => return Err(unregistered()),
            courier => courier?,
        };
        let remembered = home.memory.relay.as_ref().ok_or_else(unregistered)?;
        let transport = options.address(Some(&remembered.address))?.transport()?;
        Self::new(courier, home, transport, verbose)
    }

    pub fn new(
        mut courier: Courier<SqliteStore>,
        home: Home,
        transport: Transport,
        verbose: bool,
    ) -> Outcome<Self> {
        if courier.pinned().is_none()
            && let Some(keys) = home.memory.pinned()?
        {
            courier.pin(&keys)?;
        }
        Ok(Self {
            courier,
            home,
            transport,
            verbose,
            trouble: None,
            changed: BTreeSet::new(),
            accepted: Vec::new(),
            has_unseen: true,
            failed: None,
            leaves: false,
            prekeys_damaged: false,
            told: RefCell::default(),
            notices: RefCell::default(),
        })
    }

    pub fn client(&self) -> &Client<SqliteStore> {
        self.courier.client()
    }

    /// Sends what is to be sent, and receives what arrives. Waits this long for something.
    pub fn turn(&mut self, wait: Duration) -> Outcome<Vec<Event>> {
        Ok(self.transport.turn(&mut self.courier, wait)?)
    }

    /// Runs the courier until it has nothing more to do now. `each` takes what happened, keeps the
    /// rest for the notices, and says whether nothing more is awaited.
    ///
    /// Fails if the relay cannot be used at the moment.
    pub fn run(
        &mut self,
        mut each: impl FnMut(&mut Self, &mut Vec<Event>) -> Outcome<bool>,
    ) -> Outcome<()> {
        let (began, mut heard) = (Instant::now(), Instant::now());
        let mut wait = Duration::ZERO;
        loop {
            let mut events = self.turn(wait)?;
            if !events.is_empty() {
                heard = Instant::now();
            }
            let is_done = each(self, &mut events)?;
            self.tell_and_go_on(events)?;
            wait = Duration::ZERO;
            if self.courier.is_busy(now()) {
                continue;
            }
            match self.courier.paused_until(now()) {
                Some(until) if self.is_worth_waiting(until) && began.elapsed() < PATIENCE => {}
                Some(_) => return Err(self.why_not()),
                None if is_done => return Ok(()),
                None if heard.elapsed() > SILENCE => {
                    return Err(Failure::with_code(TRY_LATER, "the relay fell silent"));
                }
                None => {}
            }
            wait = TURN;
        }
    }

    /// Receives what waits at the relay, and does everything that is due. Shows no messages.
    pub fn catch_up(&mut self) -> Outcome<()> {
        let mut is_caught_up = false;
        self.run(|_, events| {
            is_caught_up |= has_caught_up(events);
            Ok(is_caught_up)
        })
    }

    /// Runs the courier while the user does something on another device. `each` takes what
    /// happened, keeps the rest for the notices, and says whether that is over.
    ///
    /// Fails after ten minutes, and if this device was removed.
    pub fn wait(
        &mut self,
        mut each: impl FnMut(&mut Self, &mut Vec<Event>) -> Outcome<bool>,
    ) -> Outcome<()> {
        let (began, mut is_done) = (Instant::now(), false);
        while !is_done || self.courier.is_busy(now()) {
            let mut events = self.turn(TURN)?;
            is_done |= each(self, &mut events)?;
            let is_away = |one: &Event| matches!(one, Event::Trouble(Trouble::Unreachable));
            let is_away = events.iter().any(is_away);
            self.tell_and_go_on(events)?;
            if is_away {
                self.detail(self.why_not().message);
            }
            self.print_notices();
            if began.elapsed() > PATIENCE_WITH_USER {
                let message = "nothing came from the other device for ten minutes";
                return Err(Failure::with_code(TRY_LATER, message));
            }
        }
        Ok(())
    }

    /// Tells what happened. Fails if this device was removed, because then nothing else comes.
    fn tell_and_go_on(&mut self, events: Vec<Event>) -> Outcome<()> {
        let is_removed = events.iter().any(|one| matches!(one, Event::Removed));
        self.tell(events);
        match self.failed.take_if(|_| is_removed) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Whether the relay only asks for a short pause.
    fn is_worth_waiting(&self, until: Timestamp) -> bool {
        let left_ms = until.as_millis().saturating_sub(now().as_millis());
        let asks_for_it = match &self.trouble {
            Some(Trouble::Refused { code, .. }) => {
                matches!(code, ErrorCode::TooManyRequests | ErrorCode::Busy)
            }
            Some(Trouble::Unreachable | Trouble::OtherRelay { .. }) => false,
            _ => true,
        };
        left_ms <= PAUSE_MS && asks_for_it && self.transport.last_error().is_none()
    }

    /// Why the relay cannot be used at the moment.
    pub fn why_not(&self) -> Failure {
        if let Some(error) = self.transport.last_error() {
            return error.clone().into();
        }
        match &self.trouble {
            Some(Trouble::OtherRelay { fingerprint }) => CardError::OtherRelay {
                fingerprint: fingerprint.clone(),
            }
            .into(),
            Some(Trouble::Refused {
                code: ErrorCode::AccountTaken,
                ..
            }) => Failure::new("this name is taken: choose another, with another --home"),
            Some(Trouble::Refused { code, message }) => {
                let mut failure =
                    Failure::new(format!("the relay refused: {}", printable(message)));
                if code.is_transient() {
                    failure.code = TRY_LATER;
                }
                failure
            }
            Some(Trouble::Unreachable) => {
                let message = "no answer from the relay: what answers does not have its keys";
                Failure::with_code(TRY_LATER, message)
            }
            Some(Trouble::QueueFull) => {
                let message = "messages wait until their recipients fetch earlier ones";
                Failure::with_code(TRY_LATER, message)
            }
            _ => Failure::with_code(TRY_LATER, "the relay asks to wait"),
        }
    }

    /// Ends the connection, so that the relay has every acknowledgement.
    pub fn close(mut self) {
        self.transport.close(&mut self.courier);
    }

    /// Fails if messages wait.
    pub fn expect_nothing_waits(&self) -> Outcome<()> {
        let waiting = self.waiting()?;
        if waiting == 0 {
            return Ok(());
        }
        let until = match self.trouble {
            Some(Trouble::QueueFull) => "until their recipients fetch earlier ones",
            _ => "and go out with a later command",
        };
        let message = format!("{waiting} messages wait {until}");
        Err(Failure::with_code(TRY_LATER, message))
    }

    /// Number of messages that wait in the outbox or for a session.
    fn waiting(&self) -> Outcome<usize> {
        let (client, mut waiting, mut after) = (self.client(), 0_usize, None);
        loop {
            let page = client.outbox(after, PAGE, self.relay_time())?;
            for outgoing in page.items {
                let message = client.message(&outgoing.to, &outgoing.id)?;
                waiting += usize::from(message.is_some());
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        for with in self.conversations()? {
            waiting += client.held(&with)?.len();
        }
        Ok(waiting)
    }

    /// Whether the relay can still verify a report of the message.
    pub fn is_reportable(&self, message: &Message) -> bool {
        let until = |evidence: &Evidence| match self.courier.verify_days() {
            Some(days) => evidence.reportable_until(days) >= self.relay_time(),
            None => true,
        };
        message.evidence().is_some_and(until)
    }

    /// The present time by the relay's clock, as far as it is known.
    pub fn relay_time(&self) -> Timestamp {
        self.courier.relay_time(now())
    }

    /// Parses the name of a peer. Refuses the user's own name.
    pub fn peer(&self, name: &str) -> Outcome<AccountId> {
        let peer = account_name(name)?;
        if peer == self.client().me().account {
            return Err(Failure::new("that is you"));
        }
        Ok(peer)
    }

    /// All peers that this account has been in contact with.
    pub fn peers(&self) -> Outcome<Vec<AccountId>> {
        let (mut peers, mut after) = (Vec::new(), None);
        loop {
            let page = self.client().peers(after.as_ref(), PAGE)?;
            self.notice_damage(&page.damaged, "contacts");
            peers.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(peers);
            }
        }
    }
}

/// Whether the relay has delivered everything that waited.
pub fn has_caught_up(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::CaughtUp))
}
