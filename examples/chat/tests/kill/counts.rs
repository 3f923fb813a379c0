//! What the kill test counts.

/// What happened.
#[derive(Default, Debug)]
pub struct Counts {
    pub messages: usize,
    pub relay_kills: usize,
    pub client_kills: usize,
    /// Messages that were not in the store when its process was killed: written again.
    pub written_again: usize,
    /// Envelopes that were in the store and not confirmed: the client sent them again.
    pub sent_again: usize,
    /// Deliveries that came again and were not shown again.
    pub duplicates_ignored: usize,
    /// Lines printed, but not noted as shown, when their process was killed: printed again, with the same id.
    pub lines_repeated: usize,
    pub reports: usize,
    /// Runs of `report` for a message that was reported already.
    pub reports_again: usize,
}
