//! What the user is told of what the courier did.

use waxseal::courier::{Event, Trouble, WantedFile};
use waxseal::errors::Damage;
use waxseal::{AccountId, DamagedRow, Notice};
use waxseal_interface::report_id_text;

use crate::chat::Chat;
use crate::failure::Failure;
use crate::text::{printable, short};
use crate::{devices, files, group, report, sync};

impl Chat {
    /// Keeps the notices of what happened, until the caller prints them.
    pub fn tell(&mut self, events: Vec<Event>) {
        for event in events {
            self.tell_one(event);
        }
    }

    fn tell_one(&mut self, event: Event) {
        match event {
            Event::Pinned { relay, moderation } => self.notice(format!(
                "the relay's keys are pinned: relay key {relay}, moderation key {moderation}. \
                 Compare both with what the provider publishes"
            )),
            Event::SetBack(_) => self.notice(
                "THIS HOME IS OLDER than what was sent from it: it comes from a backup, or the \
                 disk lost what was written last. Messages since then are missing here. \
                 Conversations go on",
            ),
            Event::Accepted { to, id } => self.accepted.push((to, id)),
            Event::Message { .. } => self.has_unseen = true,
            Event::NotDelivered { to, id, .. } => {
                let (id, to) = (short(&id), self.conversation(&to));
                self.notice(format!("message {id} to {to} did not arrive"));
            }
            Event::GivenUp { to, message, code } => {
                let id = message.map_or_else(|| "?".into(), |message| short(message.id()));
                let (to, why) = (self.conversation(&to), code.message());
                self.notice(format!("message {id} to {to} is given up: {why}"));
                let failure = Failure::new(format!("message {id} was not sent"));
                self.failed.get_or_insert(failure);
            }
            Event::Group(update) => self.tell_group(&update),
            Event::GroupFailed { group, why } => self.tell_group_failed(&group, &why),
            Event::Notice(notice) => self.tell_devices(&notice),
            Event::Removed => self.tell_removed(),
            Event::Sent { .. } => self.has_unseen = true,
            Event::Synced { changes, .. } => self.tell_synced(&changes),
            Event::History(progress) if progress.is_done => self.notice(sync::end(&progress)),
            Event::Started {
                device,
                has_one_time,
                held_back,
            } => self.tell_started(&device.account, has_one_time, held_back),
            Event::QueueExpired { .. } => self.notice(
                "MESSAGES MAY BE MISSING: the relay dropped some that waited for this device for \
                 too long, or too many waited",
            ),
            Event::RosterRefused(code) => self.notice(format!(
                "the relay does not take the list of your devices: {}",
                code.message()
            )),
            Event::NotChanged(error) => self.notice(format!(
                "your devices were not changed, because another one of them was faster: {error}"
            )),
            Event::ModerationKeyChanged(change) if change.before.is_empty() => {}
            Event::ModerationKeyChanged(change) => self.notice(format!(
                "THE MODERATION KEY CHANGED: {} -> {}. Your relay signed the new one. Reports now \
                 go to its holders: compare it with what the provider publishes",
                change.before, change.now
            )),
            Event::ReportTaken { submitted_as, .. } => self.notice(format!(
                "a waiting report was submitted as {}",
                report_id_text(&submitted_as)
            )),
            Event::LogPinned(_)
            | Event::LogKeysChanged { .. }
            | Event::Promised(_)
            | Event::PromiseRefused { .. }
            | Event::PromiseOverdue(_)
            | Event::Receipt(_)
            | Event::ReceiptRefused { .. }
            | Event::Appeal(_) => self.tell_receipts(event),
            Event::FileWanted(wanted) => self.tell_wanted(&wanted),
            Event::FileUploadedAgain { .. } => {
                self.detail("the moderators have a file of a report again");
            }
            Event::FileFailed { why, .. } => self.notice(format!("a file does not go on: {why}")),
            Event::LeftOut { message, .. } => self.notice(report::too_old(&message)),
            Event::ReportSealedAgain { .. } => {
                self.notice("the moderators lost the key of a report: it is sealed again");
            }
            Event::ReportGivenUp { code, .. } => {
                let why = code.map_or("its messages are gone or too old", |code| code.message());
                let message = format!("a waiting report was given up: {why}");
                self.notice(&message);
                self.failed.get_or_insert(Failure::new(message));
            }
            Event::AskedAgain { from } => self.detail(format!(
                "a message from {} does not open, and is asked for again",
                name(from.as_ref())
            )),
            Event::Dropped { from, why } => self.notice(format!(
                "a message from {} was dropped: {why}",
                name(from.as_ref())
            )),
            Event::Expired { id, .. } => self.detail(format!("message {} expired", short(&id))),
            Event::StrangerBudget { to, challenge, .. } => {
                let to = printable(to.as_str());
                let how = challenge.map_or_else(String::new, |challenge| {
                    format!(
                        ". To go on at once, run `pass` with what you get there: {}",
                        printable(&challenge)
                    )
                });
                self.notice(format!(
                    "a message to {to} waits until tomorrow, because you wrote to many people who \
                     do not know you{how}"
                ));
            }
            Event::Damaged(damage) => self.tell_damage(&damage),
            Event::DamagedRows(rows) => self.notice_damage(&rows, "records"),
            Event::Trouble(Trouble::ClockDiffers) => {
                self.notice("this device's clock differs from the relay's by minutes: set it");
            }
            Event::Trouble(trouble) => self.trouble = Some(trouble),
            Event::Registered => self.detail("the relay has registered this device"),
            _ => {}
        }
    }

    /// The moderators lack a file of a report.
    fn tell_wanted(&self, wanted: &WantedFile) {
        let message = short(&wanted.message);
        let what = match files::saved_copy(self, wanted) {
            Some(_) => "`files --resume` gives the moderators the copy that you saved",
            None => "it was not saved here, so the moderators cannot open it",
        };
        self.notice(format!(
            "the relay has the file of message {message} no more: {what}"
        ));
    }

    /// Tells the user that a session starts without a one-time prekey. Until the peer answers, its
    /// messages can be read by someone who steals the peer's keys later.
    fn tell_started(&self, peer: &AccountId, has_one_time: bool, held_back: bool) {
        let peer = peer.as_str();
        self.detail(format!("a new session with {peer} was started"));
        if !has_one_time {
            let why = match held_back {
                true => "too many were asked for",
                false => "none is left",
            };
            self.notice(format!(
                "no one-time prekey of {peer} ({why}): until they answer, someone who steals their \
                 keys could read what you send"
            ));
        }
    }

    /// Tells the user about the devices of an account. Each notice is told once.
    pub fn tell_devices(&mut self, notice: &Notice) {
        let told = match notice.group() {
            Some(id) => group::told(notice, &self.group_name(id)),
            None => devices::told(notice, &self.client().me().account),
        };
        for line in told.lines() {
            self.notice(line);
        }
        match notice {
            Notice::IdentityChanged { account, .. } => {
                self.changed.insert(account.clone());
            }
            _ => self.dismiss(notice),
        }
    }

    pub fn dismiss(&mut self, notice: &Notice) {
        if let Err(error) = self.courier.client_mut().dismiss(notice) {
            self.notice(format!("a notice will come again: {error}"));
        }
    }

    fn tell_removed(&mut self) {
        if self.leaves {
            return;
        }
        let message = "THIS DEVICE WAS REMOVED from its account, or left it: it neither sends nor \
                       receives. Link it again with another --home";
        self.notice(message);
        self.failed
            .get_or_insert(Failure::new("this device was removed from its account"));
    }

    fn tell_damage(&mut self, damage: &Damage) {
        let what = match damage {
            Damage::PreKeys => {
                self.prekeys_damaged = true;
                "the prekeys are damaged, so first messages wait".into()
            }
            Damage::Peer(peer) => {
                let peer = peer.as_str();
                format!("the session with {peer} is damaged, so messages from {peer} wait")
            }
            Damage::Message(with) => {
                format!("a message with {} is damaged", self.conversation(with))
            }
            Damage::Group(group) => format!("{} is damaged", self.group_name(group)),
            _ => "the store is damaged".into(),
        };
        self.notice_once(format!("{what}: run `repair`"));
    }

    /// Tells the user once that something cannot be read.
    pub fn notice_damage(&self, damaged: &[DamagedRow], what: &str) {
        if !damaged.is_empty() {
            let count = damaged.len();
            self.notice_once(format!(
                "{count} {what} cannot be read, because the store is damaged: run `repair`"
            ));
        }
    }

    fn notice_once(&self, notice: String) {
        if self.told.borrow_mut().insert(notice.clone()) {
            self.notice(notice);
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

    /// What to print of the messages that the relay accepted.
    pub fn take_sent(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.accepted).into_iter();
        let line = |(to, id)| format!("sent {} to {}", short(&id), self.conversation(&to));
        sent.map(line).collect()
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

fn name(account: Option<&AccountId>) -> &str {
    account.map_or("an unknown sender", AccountId::as_str)
}
