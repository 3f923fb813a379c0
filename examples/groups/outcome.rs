//! Holds and prints what `groups` counted.

use std::time::Duration;

/// A mean of measured times.
#[derive(Default)]
pub struct Times {
    sum: Duration,
    count: u32,
}

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.sum += time;
        self.count += 1;
    }

    fn mean_us(&self) -> f64 {
        let us = self.sum.as_secs_f64() * 1e6 / f64::from(self.count.max(1));
        (us * 10.0).round() / 10.0
    }
}

/// What one run counted.
#[derive(Default)]
pub struct Outcome {
    pub members: usize,
    pub devices: usize,
    pub messages: u64,
    /// Messages that the relay accepted. The others were written by members who were removed before
    /// the relay had them.
    pub accepted: u64,
    /// Each message counts once for each device that it was for when the relay accepted it, unless
    /// that device, or its account, was removed before it fetched the message.
    pub deliveries_expected: u64,
    pub delivered: u64,
    /// Messages that a device that stayed a member has not opened in the end.
    pub undecryptable: u64,
    /// Deliveries that did not open at once. They were asked for and sealed again.
    pub unopened: u64,
    /// Deliveries that are not expected any more: the device could not open the message, and its
    /// author was removed before it could seal it again.
    pub given_up: u64,
    /// Messages that a device showed although the relay had not accepted them for it.
    pub not_for_them: u64,
    pub opened_by_removed: u64,
    pub opened_before_joining: u64,
    /// How often former members, and newcomers, were given messages that are not for them.
    pub read_on_tried: u64,
    pub read_back_tried: u64,
    pub ghosts_tried: u64,
    pub ghosts_accepted: u64,
    pub forgeries_tried: u64,
    pub forgeries_accepted: u64,
    pub forks_tried: u64,
    pub forks_noticed: u64,
    pub reported: u64,
    pub verified: u64,
    /// Messages with keys of their chain for all devices.
    pub renewals: u64,
    /// Bytes of each accepted message as it was posted.
    pub bytes_up: Vec<u64>,
    pub sender: Times,
    pub recipient: Times,
    pub joined: u64,
    pub left: u64,
    pub removed: u64,
    /// How often two admins posted an entry at once.
    pub conflicts: u64,
    pub changes_dropped: u64,
    /// How often the relay said that a message is for another state or for other devices.
    pub mismatches: u64,
    pub seconds: f64,
    /// What is not as it should be, in words.
    pub wrong: Vec<String>,
}

impl Outcome {
    /// Names everything that is not as it should be. A number that is zero because nothing was
    /// tried is wrong, too.
    pub fn judge(&mut self) {
        let claims = [
            ("nobody joined", self.joined > 0),
            ("nobody left", self.left > 0),
            ("nobody was removed", self.removed > 0),
            ("no two admins acted at once", self.conflicts > 0),
            ("no message was accepted", self.deliveries_expected > 0),
            (
                "a message is missing",
                self.delivered == self.deliveries_expected,
            ),
            ("a message did not open", self.undecryptable == 0),
            ("a device read what was not for it", self.not_for_them == 0),
            ("no former member tried to read on", self.read_on_tried > 0),
            ("a former member read on", self.opened_by_removed == 0),
            ("no newcomer tried to read back", self.read_back_tried > 0),
            ("a newcomer read back", self.opened_before_joining == 0),
            ("no ghost was tried", self.ghosts_tried > 0),
            ("a ghost was accepted", self.ghosts_accepted == 0),
            ("no forgery was tried", self.forgeries_tried > 0),
            ("a forgery was accepted", self.forgeries_accepted == 0),
            ("no fork was tried", self.forks_tried > 0),
            (
                "a fork went unnoticed",
                self.forks_noticed == self.forks_tried,
            ),
            ("nothing was reported", self.reported > 0),
            ("a report failed", self.verified == self.reported),
        ];
        let wrong = claims.into_iter().filter(|(_, holds)| !holds);
        self.wrong.extend(wrong.map(|(claim, _)| claim.to_owned()));
    }

    fn bytes_up_mean(&self) -> u64 {
        let count = (self.bytes_up.len() as u64).max(1);
        self.bytes_up.iter().sum::<u64>() / count
    }

    /// Prints one JSON object, or a table. What is wrong goes to stderr.
    pub fn print(&self, json: bool) {
        let object = serde_json::json!({
            "members": self.members,
            "devices": self.devices,
            "messages": self.messages,
            "deliveries_expected": self.deliveries_expected,
            "delivered": self.delivered,
            "undecryptable": self.undecryptable,
            "opened_by_removed": self.opened_by_removed,
            "opened_before_joining": self.opened_before_joining,
            "ghosts_tried": self.ghosts_tried,
            "ghosts_accepted": self.ghosts_accepted,
            "forgeries_tried": self.forgeries_tried,
            "forgeries_accepted": self.forgeries_accepted,
            "forks_tried": self.forks_tried,
            "forks_noticed": self.forks_noticed,
            "reported": self.reported,
            "verified": self.verified,
            "renewals": self.renewals,
            "bytes_up_mean": self.bytes_up_mean(),
            "bytes_up_max": self.bytes_up.iter().max().copied().unwrap_or_default(),
            "sender_us_mean": self.sender.mean_us(),
            "recipient_us_mean": self.recipient.mean_us(),
            "seconds": (self.seconds * 100.0).round() / 100.0,
        });
        match json {
            true => println!("{object}"),
            false => self.print_table(&object),
        }
        for what in &self.wrong {
            eprintln!("groups: {what}");
        }
    }

    fn print_table(&self, object: &serde_json::Value) {
        for (name, value) in object.as_object().into_iter().flatten() {
            println!("{:<26} {value:>12}", name.replace('_', " "));
        }
        let more = [
            ("accepted by the relay", self.accepted),
            ("not opened at once", self.unopened),
            ("given up with their author", self.given_up),
            ("members that joined", self.joined),
            ("members that left", self.left),
            ("members that were removed", self.removed),
            ("entries at once", self.conflicts),
            ("changes dropped", self.changes_dropped),
            ("messages retargeted", self.mismatches),
            ("former members read on", self.read_on_tried),
            ("newcomers read back", self.read_back_tried),
        ];
        println!();
        for (what, count) in more {
            println!("{what:<26} {count:>12}");
        }
    }
}
