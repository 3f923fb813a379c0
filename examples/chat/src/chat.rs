//! An account with its home folder and its relay. Every command first finishes what earlier
//! commands left undone.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use waxseal::errors::OpenAccountError;
use waxseal::{AccountId, Client, Evidence, FrankingTag, Message, SqliteStore, Timestamp};
use waxseal_interface::{ErrorCode, RelayCard, account_name};
use waxseal_relay::{ClientError, DeviceSession, RelayClient, system_rng};

use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::reach::RelayOptions;
use crate::text::{hex, printable};

/// If the relay has fewer one-time prekeys than this, it gets new ones.
const FEW_PREKEYS: usize = 25;
/// Maximum number of pauses when the relay answers that there were too many requests.
const MAX_PAUSES: u32 = 5;
/// Maximum length of one such pause.
const MAX_PAUSE_SECS: u64 = 3;
pub const DAY_MS: u64 = 24 * 3600 * 1000;
const WEEK_MS: u64 = 7 * DAY_MS;
/// Number of records to read at once.
pub const PAGE: usize = 64;

/// The account that a command works with: its client, its home folder and its relay.
pub struct Chat {
    pub client: Client<SqliteStore>,
    pub home: Home,
    pub relay: RelayClient,
    pub session: Option<DeviceSession>,
    /// How far the relay's clock is ahead of this one. The relay says so when it refuses a message
    /// because of the time at which it was posted.
    pub relay_ahead_ms: i64,
    verbose: bool,
    /// Whether a report is being sealed again, which is tried once.
    pub is_resealing: bool,
    /// Whether a peer's identity has changed, which decides the exit code.
    pub identity_changed: bool,
    /// The peers about whose change of identity the user was warned.
    pub warned: BTreeSet<AccountId>,
    /// The notices about damage that the user got already.
    pub told: RefCell<BTreeSet<String>>,
    notices: RefCell<Vec<String>>,
}

impl Chat {
    /// Opens the account that `register` made.
    pub fn open(folder: &Path, options: &RelayOptions, verbose: bool) -> Outcome<Self> {
        let unregistered = || Failure::new("no account here: run `register NAME` first");
        if !folder.join("store.sqlite").exists() {
            return Err(unregistered());
        }
        let (home, store) = Home::open(folder, &mut system_rng())?;
        let client = match Client::open(store) {
            Err(OpenAccountError::NoAccount) => return Err(unregistered()),
            client => client?,
        };
        let pinned = home.memory.relay.as_ref().ok_or_else(unregistered)?;
        let relay = options.address(Some(&pinned.address))?.client()?;
        Ok(Self::new(client, home, relay, verbose))
    }

    pub fn new(client: Client<SqliteStore>, home: Home, relay: RelayClient, verbose: bool) -> Self {
        Self {
            client,
            home,
            relay,
            session: None,
            relay_ahead_ms: 0,
            verbose,
            is_resealing: false,
            identity_changed: false,
            warned: BTreeSet::new(),
            told: RefCell::default(),
            notices: RefCell::default(),
        }
    }

    /// Sends the messages, reports and prekeys that are still waiting, and what upkeep asks for.
    /// Every command that talks to the relay calls this. If one of them fails, the others are still
    /// sent.
    pub fn catch_up(&mut self) -> Outcome<()> {
        let rotated = self.rotate_when_due();
        self.open_session()?;
        let outcomes = [
            rotated,
            self.flush_outbox(),
            self.flush_reports(),
            self.maintain_prekeys(),
            self.upkeep(),
        ];
        outcomes.into_iter().collect()
    }

    /// Replaces the signed prekeys once a week, whether or not the relay can be reached.
    fn rotate_when_due(&mut self) -> Outcome<()> {
        if is_week_old(self.home.memory.rotated_at_ms) && !self.home.memory.upload_pending {
            // Records the upload as pending first, so that the prekeys are not replaced again
            // before the relay has them.
            self.home.memory.rotated_at_ms = now().as_millis();
            self.home.memory.upload_pending = true;
            self.home.remember()?;
            self.client.rotate_prekeys(&mut system_rng())?;
        }
        Ok(())
    }

    /// Uploads prekeys if the relay has few or an upload may be missing.
    fn maintain_prekeys(&mut self) -> Outcome<()> {
        let left = self.with_session(|relay, session| relay.prekeys_left(session))?;
        if left < FEW_PREKEYS || self.home.memory.upload_pending {
            self.upload_prekeys(left)?;
        }
        Ok(())
    }

    /// Uploads the prekeys that the relay lacks. After an interruption, this can be repeated.
    pub fn upload_prekeys(&mut self, left: usize) -> Outcome<()> {
        let replace = self.home.memory.replace_prekeys;
        let left = if replace { 0 } else { left };
        let upload = self.client.publish_prekeys(left, &mut system_rng())?;
        self.with_session(|relay, session| match replace {
            true => relay.replace_prekeys(session, &upload.base, &upload.one_time),
            false => relay.put_prekeys(session, &upload.base, &upload.one_time),
        })?;
        self.client.confirm_prekeys(&upload)?;
        self.home.memory.upload_pending = false;
        self.home.memory.replace_prekeys = false;
        self.home.remember()?;
        self.detail(format!(
            "{} one-time prekeys published",
            upload.one_time.len()
        ));
        Ok(())
    }

    /// Fetches the relay's card and checks that the pinned key signed it. Tells the user, once, if
    /// the moderation key is another one than before.
    pub fn card(&mut self) -> Outcome<RelayCard> {
        let card = self.relay.card()?;
        let pinned = self.home.memory.relay.as_mut();
        let pinned = pinned.ok_or_else(|| Failure::new("no relay is pinned"))?;
        let before = pinned.clone();
        let change = pinned.take(&card)?;
        let is_new = *pinned != before;
        if let Some(change) = change {
            self.notice(format!(
                "THE MODERATION KEY CHANGED: {} -> {}. Your relay signed the new one. Reports now \
                 go to its holders: compare it with what the provider publishes",
                change.before, change.now
            ));
        }
        if is_new {
            self.home.remember()?;
        }
        Ok(card)
    }

    /// Whether the relay can still verify a report of the message.
    pub fn is_reportable(&self, message: &Message) -> bool {
        let relay = self.home.memory.relay.as_ref();
        let days = relay.and_then(|relay| relay.verify_days);
        let until = |evidence: &Evidence| match days {
            Some(days) => evidence.reportable_until(days) >= self.relay_time(),
            None => true,
        };
        message.evidence().is_some_and(until)
    }

    /// Makes a call with a session. Signs in again if the session has expired.
    pub fn with_session<T>(
        &mut self,
        call: impl Fn(&RelayClient, &DeviceSession) -> Result<T, ClientError>,
    ) -> Outcome<T> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.new_session()?,
        };
        match with_pauses(|| call(&self.relay, &session)) {
            Err(error) if is_expired(&error) => {}
            outcome => {
                self.session = Some(session);
                return Ok(outcome?);
            }
        }
        // The delivery key is not renewed here: the call may send what the present one
        // authenticates.
        let card = self.card()?;
        let session = self.sign_in(&card)?;
        let outcome = with_pauses(|| call(&self.relay, &session));
        self.session = Some(session);
        Ok(outcome?)
    }

    /// Signs in, if that is needed, and renews the delivery key when it is due. Call this before
    /// reading from the store what is to be sent, because the key authenticates that.
    pub fn open_session(&mut self) -> Outcome<()> {
        if self.session.is_none() || self.client.is_delivery_key_due(now()) {
            self.session = Some(self.new_session()?);
        }
        Ok(())
    }

    fn new_session(&mut self) -> Outcome<DeviceSession> {
        let card = self.card()?;
        if self.client.is_delivery_key_due(now()) {
            self.register_device(&card)
        } else {
            self.sign_in(&card)
        }
    }

    fn sign_in(&self, card: &RelayCard) -> Outcome<DeviceSession> {
        let (client, me) = (&self.client, self.client.me());
        let prove = |context: &[u8]| client.prove_account(context);
        let key = client.delivery_key();
        match self.relay.sign_in(&card.relay_key, me, key, prove) {
            Err(error) if error.code() == Some(ErrorCode::ProofRefused) => {
                let message = format!("{error}; if `register` was interrupted, run it again");
                Err(Failure::new(printable(&message)))
            }
            session => Ok(session?),
        }
    }

    /// Registers the device with another delivery key, whether or not the relay already knows the
    /// device. After an interruption, this can be repeated: the key is stored before the relay has
    /// it, and used only once the relay has said so.
    pub fn register_device(&mut self, card: &RelayCard) -> Outcome<DeviceSession> {
        let rng = &mut system_rng();
        let key = self.client.renew_delivery_key(rng)?;
        let (client, me) = (&self.client, self.client.me());
        let prove = |context: &[u8]| client.prove_account(context);
        let identity = client.identity().to_bytes();
        let session = match self.relay.register(card, me, &identity, &key, prove, rng) {
            Err(error) if error.code() == Some(ErrorCode::AccountTaken) => {
                return Err(Failure::new(
                    "this name is taken: choose another, with another --home",
                ));
            }
            session => session?,
        };
        self.client.confirm_delivery_key(&key, now())?;
        Ok(session)
    }

    /// The present time by the relay's clock, as far as it is known.
    pub fn relay_time(&self) -> Timestamp {
        let now = now().as_millis();
        Timestamp::from_millis(now.saturating_add_signed(self.relay_ahead_ms))
    }

    /// Parses the name of a peer. Refuses the user's own name.
    pub fn peer(&self, name: &str) -> Outcome<AccountId> {
        let peer = account_name(name)?;
        if peer == self.client.me().account {
            return Err(Failure::new("that is you"));
        }
        Ok(peer)
    }

    /// All peers that this account has been in contact with.
    pub fn peers(&self) -> Outcome<Vec<AccountId>> {
        let (mut peers, mut after) = (Vec::new(), None);
        loop {
            let page = self.client.peers(after.as_ref(), PAGE)?;
            self.notice_damage(&page.damaged, "contacts");
            peers.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(peers);
            }
        }
    }

    /// Calls `each` for all stored messages exchanged with a peer, in order, beginning with the
    /// ordinal `from`.
    pub fn each_message(
        &self,
        peer: &AccountId,
        from: u64,
        mut each: impl FnMut(Message),
    ) -> Outcome<()> {
        let mut after = from.checked_sub(1);
        loop {
            let page = self.client.messages(peer, after, PAGE)?;
            self.notice_damage(&page.damaged, &format!("messages with {}", peer.as_str()));
            page.items.into_iter().for_each(&mut each);
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Finds the message whose id begins with `id`, and the peer it was exchanged with.
    pub fn find(&self, id: &str) -> Outcome<(AccountId, FrankingTag)> {
        let id = id.to_lowercase();
        if id.len() < 4 || !id.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(Failure::new(
                "a message id is at least 4 hexadecimal digits",
            ));
        }
        let mut found = Vec::new();
        for peer in self.peers()? {
            self.each_message(&peer, 0, |message| {
                if hex(message.id().as_bytes()).starts_with(&id) {
                    found.push((peer.clone(), *message.id()));
                }
            })?;
        }
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Failure::new("no message has this id")),
            _ => Err(Failure::new(
                "several messages have ids that begin like this: give more digits",
            )),
        }
    }

    /// Keeps a notice until the caller can print it, because the user may be typing now.
    pub fn notice(&self, notice: impl AsRef<str>) {
        let notice = printable(notice.as_ref());
        self.notices.borrow_mut().push(notice);
    }

    /// Keeps a notice if the user asked for details.
    pub fn detail(&self, notice: impl AsRef<str>) {
        if self.verbose {
            self.notice(notice);
        }
    }

    pub fn take_notices(&self) -> Vec<String> {
        self.notices.take()
    }

    /// Prints all notices. Call this only when the user is not typing.
    pub fn print_notices(&self) {
        for notice in self.take_notices() {
            eprintln!("{notice}");
        }
    }
}

/// Makes a call, and repeats it after a pause if the relay answers that there were too many
/// requests.
fn with_pauses<T>(call: impl Fn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    for _ in 0..MAX_PAUSES {
        match call() {
            Err(error) if error.code() == Some(ErrorCode::TooManyRequests) => {
                let pause = error.retry_after_secs().unwrap_or(1).min(MAX_PAUSE_SECS);
                thread::sleep(Duration::from_secs(pause));
            }
            outcome => return outcome,
        }
    }
    call()
}

/// Whether a noted time was more than a week ago. A time that is more than a day ahead was noted
/// while this device's clock was wrong, so it counts as long ago. One that is less ahead counts as
/// now, because prekeys that are replaced twice in a row lose the messages on their way.
fn is_week_old(noted_ms: u64) -> bool {
    match age_ms(noted_ms) {
        Some(age_ms) => age_ms > WEEK_MS,
        None => noted_ms - now().as_millis() > DAY_MS,
    }
}

/// How long ago a noted time was. `None` if it is ahead: this device's clock was wrong then, or is
/// now, so the note says nothing.
pub fn age_ms(noted_ms: u64) -> Option<u64> {
    now().as_millis().checked_sub(noted_ms)
}

fn is_expired(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(ErrorCode::TokenExpired | ErrorCode::Unauthorized)
    )
}

pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_millis(since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }))
}
