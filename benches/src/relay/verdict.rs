//! What became of the messages.

use std::collections::HashMap;

use waxseal_reporting::FrankingTag;

/// A message that a relay accepted. Times are microseconds since the clock started.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Names the message.
    pub tag: FrankingTag,
    /// The number of its recipient.
    pub to: usize,
    /// When it was posted for the first time.
    pub posted_at: u64,
    /// When its receipt arrived.
    pub accepted_at: u64,
}

/// A message as its recipient saw it for the first time.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Names the message.
    pub tag: FrankingTag,
    /// When it arrived.
    pub at: u64,
}

/// What became of the messages that were accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many were accepted.
    pub accepted: usize,
    /// How many of these their recipients saw.
    pub delivered: usize,
    /// How many of these they saw before this many microseconds.
    pub delivered_in_time: usize,
    /// How many of these they did not see.
    pub lost: usize,
    /// How many of these they saw after one that was posted only after this one was accepted.
    pub out_of_order: usize,
    /// From the first posting to the receipt, in rising order.
    pub until_accepted: Vec<u64>,
    /// From the first posting to the recipient, in rising order.
    pub until_delivered: Vec<u64>,
}

impl Verdict {
    /// Compares what was accepted with what each recipient saw, in its order. `end` is when the
    /// clock stopped.
    ///
    /// Somewhere between its first posting and its receipt, a message is accepted. So one whose
    /// receipt arrived before another was posted is the earlier one, whichever relays took them.
    #[must_use]
    pub fn new(sent: &[Sent], shown: &[Vec<Shown>], end: u64) -> Self {
        let of_tag: HashMap<&FrankingTag, &Sent> =
            sent.iter().map(|sent| (&sent.tag, sent)).collect();
        let mut verdict = Self {
            accepted: sent.len(),
            until_accepted: sent
                .iter()
                .map(|sent| sent.accepted_at - sent.posted_at)
                .collect(),
            ..Self::default()
        };
        for (recipient, shown) in shown.iter().enumerate() {
            let mut latest_posting = 0;
            for Shown { tag, at } in shown {
                let Some(sent) = of_tag.get(tag).filter(|sent| sent.to == recipient) else {
                    continue; // from before the clock started
                };
                verdict.delivered += 1;
                verdict.delivered_in_time += usize::from(*at <= end);
                verdict.out_of_order += usize::from(sent.accepted_at < latest_posting);
                verdict
                    .until_delivered
                    .push(at.saturating_sub(sent.posted_at));
                latest_posting = latest_posting.max(sent.posted_at);
            }
        }
        verdict.lost = verdict.accepted - verdict.delivered;
        verdict.until_accepted.sort_unstable();
        verdict.until_delivered.sort_unstable();
        verdict
    }
}

/// The time within which this share of the messages was done, in milliseconds.
#[must_use]
pub fn percentile_ms(rising: &[u64], share: f64) -> f64 {
    let at = (rising.len() as f64 * share) as usize;
    let micros = rising.get(at.min(rising.len().saturating_sub(1)));
    micros.copied().unwrap_or(0) as f64 / 1_000.0
}
