//! Holds and prints what `replay` counted.

/// What one run counted. `--json` prints all of it but `refused` and `to_report`.
#[derive(Default)]
pub struct Outcome {
    pub messages: u64,
    pub delivered: u64,
    pub duplicates_ignored: u64,
    pub out_of_order: u64,
    /// Deliveries that the recipient refused. There should be none, because the network alters
    /// nothing.
    pub refused: u64,
    pub to_report: u64,
    pub reported: u64,
    pub verified: u64,
    pub forgeries_tried: u64,
    pub forgeries_accepted: u64,
    /// What the recipients' devices show in the end.
    pub edits: u64,
    pub deletions: u64,
    pub reactions: u64,
    pub forwards: u64,
    pub expired: u64,
    /// Strangers that waited for a decision, and what became of some.
    pub requests: u64,
    pub requests_declined: u64,
    pub blocked: u64,
    /// Whether both sides of each conversation show the same of each message, and what was meant.
    pub views_equal: bool,
    pub plaintext_bytes: u64,
    pub wire_bytes: u64,
    pub dh_ratchet_steps: u64,
    pub pq_epochs: u64,
    pub seconds: f64,
    /// Size of all clients' stores in bytes, if they are files.
    pub store_bytes: Option<u64>,
}

impl Outcome {
    /// Whether every message arrived once and unchanged, every spam message was reported and its
    /// report verified, no forgery was accepted, all devices show the same, and each
    /// decision about a stranger was carried out.
    pub fn holds(&self) -> bool {
        self.messages > 0
            && self.delivered == self.messages
            && self.refused == 0
            && self.reported == self.to_report
            && self.verified == self.reported
            && self.forgeries_accepted == 0
            && self.views_equal
            // Of three requests one is accepted, one declined and one blocked.
            && self.requests_declined == (self.requests + 1) / 3
            && self.blocked == self.requests / 3
    }

    /// Prints one JSON object, or a table.
    pub fn print(&self, json: bool) {
        if json {
            let mut object = serde_json::json!({
                "messages": self.messages,
                "delivered": self.delivered,
                "duplicates_ignored": self.duplicates_ignored,
                "out_of_order": self.out_of_order,
                "reported": self.reported,
                "verified": self.verified,
                "forgeries_tried": self.forgeries_tried,
                "forgeries_accepted": self.forgeries_accepted,
                "edits": self.edits,
                "deletions": self.deletions,
                "reactions": self.reactions,
                "forwards": self.forwards,
                "expired": self.expired,
                "requests": self.requests,
                "requests_declined": self.requests_declined,
                "blocked": self.blocked,
                "views_equal": self.views_equal,
                "plaintext_bytes": self.plaintext_bytes,
                "wire_bytes": self.wire_bytes,
                "dh_ratchet_steps": self.dh_ratchet_steps,
                "pq_epochs": self.pq_epochs,
                "seconds": self.seconds,
            });
            if let Some(bytes) = self.store_bytes {
                object["store_bytes"] = bytes.into();
            }
            println!("{object}");
            return;
        }
        let rows = [
            ("messages sent", self.messages),
            ("delivered, each once", self.delivered),
            ("duplicates ignored", self.duplicates_ignored),
            ("opened out of order", self.out_of_order),
            ("reported", self.reported),
            ("verified", self.verified),
            ("forgeries tried", self.forgeries_tried),
            ("forgeries accepted", self.forgeries_accepted),
            ("edits shown", self.edits),
            ("messages deleted", self.deletions),
            ("reactions shown", self.reactions),
            ("forwarded messages", self.forwards),
            ("messages expired", self.expired),
            ("requests of strangers", self.requests),
            ("requests declined", self.requests_declined),
            ("strangers blocked", self.blocked),
            ("bytes of text", self.plaintext_bytes),
            ("bytes of envelopes", self.wire_bytes),
            ("DH ratchet steps", self.dh_ratchet_steps),
            ("post-quantum epochs", self.pq_epochs),
        ];
        for (what, count) in rows {
            println!("{what:<24}{count:>12}");
        }
        if let Some(bytes) = self.store_bytes {
            println!("{:<24}{bytes:>12}", "bytes of stores");
        }
        println!("{:<24}{:>12.2}", "seconds", self.seconds);
        println!(
            "\n{}",
            if self.holds() {
                "Everything held."
            } else {
                "SOMETHING DID NOT HOLD."
            }
        );
    }
}
