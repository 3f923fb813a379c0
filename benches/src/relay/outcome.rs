//! The outcome of a run, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::RelayOptions;
use super::verdict::{Verdict, percentile_ms};

/// What a run measured.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub(super) options: RelayOptions,
    pub(super) verdict: Verdict,
    /// How many deliveries were of messages that their recipients had seen.
    pub(super) twice: usize,
    /// How many of these came again after the end, though their recipients had acknowledged them.
    pub(super) unacknowledged: usize,
    /// How many messages came only once their recipients connected again, after the end.
    pub(super) after_reconnect: usize,
    /// How many connections broke.
    pub(super) broken: usize,
    /// What senders were told to try again later, and how often.
    pub(super) refused: BTreeMap<String, usize>,
    pub(super) kills_relay: usize,
    pub(super) kills_database: usize,
    /// Processor time of the relays, the database and the clients while the clock ran.
    pub(super) spent: [Duration; 3],
    /// What relays warned of.
    pub(super) warnings: Vec<String>,
}

impl Outcome {
    /// What became of the messages.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Whether every accepted message was delivered, in order, and none came again after it was
    /// acknowledged.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict.lost + self.verdict.out_of_order + self.unacknowledged == 0
    }

    /// The outcome for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let verdict = &self.verdict;
        let [relays, database, clients] = self.spent.map(|spent| self.micros(spent));
        json!({
            "engine": self.options.engine(),
            "relays": self.options.relays,
            "senders": self.options.senders,
            "seconds": self.options.seconds,
            "accepted": verdict.accepted,
            "delivered": verdict.delivered,
            "lost": verdict.lost,
            "out_of_order": verdict.out_of_order,
            "delivered_twice": self.twice,
            "unacknowledged": self.unacknowledged,
            "delivered_after_reconnect": self.after_reconnect,
            "broken_connections": self.broken,
            "refused": self.refused,
            "kills_relay": self.kills_relay,
            "kills_database": self.kills_database,
            "messages_per_s": self.a_second().round(),
            "p50_ms": percentile_ms(&verdict.until_delivered, 0.5),
            "p99_ms": percentile_ms(&verdict.until_delivered, 0.99),
            "accepted_p50_ms": percentile_ms(&verdict.until_accepted, 0.5),
            "accepted_p99_ms": percentile_ms(&verdict.until_accepted, 0.99),
            "cpu_us_per_message": relays + database,
            "relays_cpu_us_per_message": relays,
            "database_cpu_us_per_message": database,
            "clients_cpu_us_per_message": clients,
        })
    }

    /// The outcome for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (options, verdict) = (&self.options, &self.verdict);
        let [relays, database, clients] = self.spent.map(|spent| self.micros(spent));
        let mut text = format!(
            "{} of {}, {} senders and as many recipients, {} s\n\
             {:.0} messages a second, delivered and acknowledged\n\
             {} accepted, {} delivered, {} lost, {} out of order, {} delivered twice\n",
            plural(options.relays, "relay"),
            options.engine(),
            options.senders,
            options.seconds,
            self.a_second(),
            verdict.accepted,
            verdict.delivered,
            verdict.lost,
            verdict.out_of_order,
            self.twice,
        );
        for (what, rising) in [
            ("receipt", &verdict.until_accepted),
            ("delivery", &verdict.until_delivered),
        ] {
            let [half, most] = [0.5, 0.99].map(|share| percentile_ms(rising, share));
            let _ = writeln!(text, "until the {what}: p50 {half:.1} ms, p99 {most:.1} ms");
        }
        let _ = writeln!(
            text,
            "processor time of a message: relays {relays:.0} µs, database {database:.0} µs, and \
             the clients of this load {clients:.0} µs",
        );
        let _ = writeln!(
            text,
            "killed: {}, the database {} times; {} broke",
            plural(self.kills_relay, "relay"),
            self.kills_database,
            plural(self.broken, "connection"),
        );
        if self.unacknowledged > 0 {
            let again = self.unacknowledged;
            let _ = writeln!(text, "{again} came again though they were acknowledged");
        }
        if self.after_reconnect > 0 {
            let late = self.after_reconnect;
            let _ = writeln!(
                text,
                "{late} came only after the recipients connected again"
            );
        }
        for (code, times) in &self.refused {
            let _ = writeln!(text, "{times} times told to try again later: {code}");
        }
        text
    }

    /// Messages delivered a second while the clock ran.
    fn a_second(&self) -> f64 {
        self.verdict.delivered_in_time as f64 / self.options.seconds as f64
    }

    /// Microseconds for each message that was delivered while the clock ran.
    fn micros(&self, spent: Duration) -> f64 {
        let messages = self.verdict.delivered_in_time.max(1) as f64;
        (spent.as_secs_f64() * 1e7 / messages).round() / 10.0
    }

    /// What relays warned of.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
