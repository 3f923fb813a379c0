//! Holds and prints what `desk` counted.

use serde_json::json;

use crate::insider::Attack;

/// What one run counted.
#[derive(Default)]
pub struct Outcome {
    /// Lines labelled `spam`, each of which is to be reported.
    pub to_report: u64,
    pub messages: u64,
    /// Reports that were accepted and are in the log.
    pub reports: u64,
    pub rejected: u64,
    pub cases: u64,
    pub undecided: u64,
    /// Views that the vault gave out.
    pub openings: u64,
    pub wrong_views: u64,
    pub openings_without_entry: u64,
    pub log_entries: u64,
    pub checkpoints: u64,
    pub receipts_made: u64,
    pub receipts_verified: u64,
    pub openings_told: u64,
    pub appeals: u64,
    pub reversed: u64,
    pub decisions: u64,
    pub erased: u64,
    pub transparency_equal: bool,
    pub numbers: u64,
    /// Entries whose tiles are held back if they are published after seven days.
    pub held_back: u64,
    pub attacks: Vec<Attack>,
    /// What is not as it should be, in words.
    pub wrong: Vec<String>,
    pub seconds: f64,
    pub tiles: String,
    /// The folder with the files of a reporter and of an account.
    pub receipts: String,
    /// The account whose receipt is there.
    pub account: String,
}

impl Outcome {
    pub fn attacks_succeeded(&self) -> usize {
        self.attacks
            .iter()
            .filter(|attack| attack.succeeded())
            .count()
    }

    /// Whether all is as it should be.
    pub fn holds(&self) -> bool {
        self.reports == self.to_report
            && self.to_report > 0
            && self.openings >= self.reports
            && self.undecided == 0
            && self.decisions >= self.cases
            && self.wrong_views == 0
            && self.openings_without_entry == 0
            && self.openings_told == self.openings
            && self.receipts_verified == self.receipts_made
            && self.receipts_made >= self.reports + self.cases
            && self.appeals > 0
            && self.erased > 0
            && self.transparency_equal
            && self.held_back > 0
            && !self.attacks.is_empty()
            && self.attacks.iter().all(Attack::failed)
            && self.wrong.is_empty()
    }

    pub fn print(&self, as_json: bool) {
        if as_json {
            println!("{}", self.json());
        } else {
            self.print_words();
        }
    }

    fn json(&self) -> String {
        let attacks: Vec<_> = self
            .attacks
            .iter()
            .map(|attack| json!({"name": attack.name, "outcome": attack.to_string()}))
            .collect();
        let fields = [
            ("reports", json!(self.reports)),
            ("cases", json!(self.cases)),
            ("openings", json!(self.openings)),
            ("openings_without_entry", json!(self.openings_without_entry)),
            ("attacks_tried", json!(self.attacks.len())),
            ("attacks_succeeded", json!(self.attacks_succeeded())),
            ("log_entries", json!(self.log_entries)),
            ("receipts_verified", json!(self.receipts_verified)),
            ("appeals", json!(self.appeals)),
            ("decisions", json!(self.decisions)),
            ("transparency_equal", json!(self.transparency_equal)),
            ("seconds", json!((self.seconds * 100.0).round() / 100.0)),
            ("tiles", json!(self.tiles)),
            ("receipts", json!(self.receipts)),
            ("messages", json!(self.messages)),
            ("reports_rejected", json!(self.rejected)),
            ("wrong_views", json!(self.wrong_views)),
            ("receipts_made", json!(self.receipts_made)),
            ("reversed", json!(self.reversed)),
            ("cases_erased", json!(self.erased)),
            ("checkpoints", json!(self.checkpoints)),
            ("transparency_numbers", json!(self.numbers)),
            ("held_back_for_seven_days", json!(self.held_back)),
            ("attacks", json!(attacks)),
            ("wrong", json!(self.wrong)),
        ];
        // A map of `serde_json` would sort the keys.
        let fields: Vec<_> = fields
            .iter()
            .map(|(key, value)| format!("\"{key}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    fn print_words(&self) {
        let rows = [
            ("messages sent", self.messages),
            ("reports accepted", self.reports),
            ("reports rejected", self.rejected),
            ("cases", self.cases),
            ("openings", self.openings),
            ("openings without entry", self.openings_without_entry),
            ("decisions", self.decisions),
            ("appeals", self.appeals),
            ("appeals that reversed", self.reversed),
            ("cases erased", self.erased),
            ("entries of the log", self.log_entries),
            ("checkpoints", self.checkpoints),
            ("receipts made", self.receipts_made),
            ("receipts verified", self.receipts_verified),
            ("transparency numbers", self.numbers),
            ("entries held back", self.held_back),
            ("attacks tried", self.attacks.len() as u64),
            ("attacks succeeded", self.attacks_succeeded() as u64),
        ];
        for (what, count) in rows {
            println!("{what:<24}{count:>12}");
        }
        println!("{:<24}{:>12.2}\n", "seconds", self.seconds);
        let equal = if self.transparency_equal {
            "the same"
        } else {
            "OTHER"
        };
        println!(
            "Outsiders count {equal} numbers as the desk. The log is in {}",
            self.tiles
        );
        println!(
            "Receipts of a reporter and of the account {} are in {}\n",
            self.account, self.receipts
        );
        println!("What the insider tried:");
        for attack in &self.attacks {
            println!("- {}: {attack}", attack.name);
        }
        for wrong in &self.wrong {
            println!("wrong: {wrong}");
        }
        match self.holds() {
            true => println!("\nEverything held."),
            false => println!("\nSOMETHING DID NOT HOLD."),
        }
    }
}
