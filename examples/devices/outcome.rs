//! Holds and prints what `devices` counted.

/// What one run counted.
#[derive(Default)]
pub struct Outcome {
    pub accounts: usize,
    pub devices_linked: u64,
    pub devices_removed: u64,
    pub messages: u64,
    /// Each message counts once for each device that the rosters listed when the relay accepted it,
    /// unless that device was removed before it fetched the message.
    pub deliveries_expected: u64,
    pub delivered: u64,
    /// Deliveries that are not expected any more: the device could not open the message, and its
    /// author was removed before it could seal it again.
    pub given_up: u64,
    /// Messages that a removed device opened, although they were sealed after its removal.
    pub opened_by_removed: u64,
    /// Messages that peers took from a device that had been removed.
    pub taken_from_removed: u64,
    pub thefts_tried: u64,
    pub ghosts_tried: u64,
    pub ghosts_accepted: u64,
    pub rollbacks_tried: u64,
    pub rollbacks_accepted: u64,
    pub split_views_tried: u64,
    pub split_views_noticed: u64,
    pub frozen_tried: u64,
    pub frozen_noticed: u64,
    pub recovered: u64,
    pub safety_numbers: u64,
    pub safety_numbers_changed: u64,
    pub reported_from_second_device: u64,
    pub verified: u64,
    /// How often the relay said that a message is for other devices, and it was sealed for those.
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
            ("nothing was linked", self.devices_linked > 0),
            ("nothing was removed", self.devices_removed > 0),
            ("no message was accepted", self.deliveries_expected > 0),
            (
                "a message is missing",
                self.delivered == self.deliveries_expected,
            ),
            ("a removed device read on", self.opened_by_removed == 0),
            ("a removed device wrote on", self.taken_from_removed == 0),
            ("nothing was stolen", self.thefts_tried > 0),
            ("no ghost was tried", self.ghosts_tried > 0),
            ("a ghost was accepted", self.ghosts_accepted == 0),
            ("no old roster was tried", self.rollbacks_tried > 0),
            ("an old roster was accepted", self.rollbacks_accepted == 0),
            ("no split view was tried", self.split_views_tried > 0),
            (
                "a split view went unnoticed",
                self.split_views_noticed == self.split_views_tried,
            ),
            ("no roster was frozen", self.frozen_tried > 0),
            (
                "a frozen roster went unnoticed",
                self.frozen_noticed == self.frozen_tried,
            ),
            ("no account was recovered", self.recovered > 0),
            ("no safety number was compared", self.safety_numbers > 0),
            ("a safety number changed", self.safety_numbers_changed == 0),
            ("nothing was reported", self.reported_from_second_device > 0),
            (
                "a report failed",
                self.verified == self.reported_from_second_device,
            ),
        ];
        let wrong = claims.into_iter().filter(|(_, holds)| !holds);
        self.wrong.extend(wrong.map(|(claim, _)| claim.to_owned()));
    }

    /// Prints one JSON object, or a table.
    pub fn print(&self, json: bool) {
        let object = serde_json::json!({
            "accounts": self.accounts,
            "devices_linked": self.devices_linked,
            "devices_removed": self.devices_removed,
            "messages": self.messages,
            "deliveries_expected": self.deliveries_expected,
            "delivered": self.delivered,
            "given_up": self.given_up,
            "opened_by_removed": self.opened_by_removed,
            "taken_from_removed": self.taken_from_removed,
            "thefts_tried": self.thefts_tried,
            "ghosts_tried": self.ghosts_tried,
            "ghosts_accepted": self.ghosts_accepted,
            "rollbacks_tried": self.rollbacks_tried,
            "rollbacks_accepted": self.rollbacks_accepted,
            "split_views_tried": self.split_views_tried,
            "split_views_noticed": self.split_views_noticed,
            "frozen_tried": self.frozen_tried,
            "frozen_noticed": self.frozen_noticed,
            "recovered": self.recovered,
            "safety_numbers": self.safety_numbers,
            "safety_numbers_changed": self.safety_numbers_changed,
            "reported_from_second_device": self.reported_from_second_device,
            "verified": self.verified,
            "mismatches": self.mismatches,
            "seconds": (self.seconds * 100.0).round() / 100.0,
            "wrong": self.wrong,
        });
        if json {
            println!("{object}");
            return;
        }
        for (name, value) in object.as_object().into_iter().flatten() {
            println!("{:<28} {value}", name.replace('_', " "));
        }
    }
}
