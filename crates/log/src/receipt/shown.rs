//! Goes through the entries of a verified receipt, in the order of the log.

use crate::decision::{AppealDecisionDetail, AppealDetail, DecisionDetail, NoticeDetail};
use crate::entry::{Day, Detail, Event, Mark, Number};
use crate::keys::VerifiedCheckpoint;
use crate::merkle::TreeHash;
use crate::order::{Newest, vault_time_ms};

use super::told::{Contradiction, Expected, Told, ToldAppeal, ToldDecision};
use super::{Item, ReceiptError};

/// A decision that was shown: number of its case, and its leaf hash.
struct ShownDecision {
    number: Number,
    leaf: TreeHash,
}

/// An appeal that was shown.
struct ShownAppeal {
    number: Number,
    leaf: TreeHash,
    is_open: bool,
}

/// What the entries so far have shown.
pub(super) struct Shown<'a> {
    told: Told,
    expected: Expected<'a>,
    decisions: Vec<ShownDecision>,
    appeals: Vec<ShownAppeal>,
    marks: Vec<Mark>,
    newest: Newest,
    /// Numbers of the cases whose content was erased, by any entry of the receipt.
    erased: Vec<Number>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(checkpoint: VerifiedCheckpoint, expected: Expected<'a>) -> Self {
        let promise = match expected {
            Expected::Report { promise } => Some(*promise),
            Expected::Account { .. } => None,
        };
        let told = Told {
            checkpoint,
            received: None,
            rejected: None,
            sorted: None,
            openings: Vec::new(),
            decisions: Vec::new(),
            notices: Vec::new(),
            appeals: Vec::new(),
            erased: None,
            contradictions: Vec::new(),
            entries: Vec::new(),
            numbers: promise.iter().map(|promise| promise.number).collect(),
            promise,
        };
        Self {
            told,
            expected,
            decisions: Vec::new(),
            appeals: Vec::new(),
            marks: Vec::new(),
            newest: Newest::default(),
            erased: Vec::new(),
        }
    }

    /// Takes all entries, in their order.
    pub(super) fn walk(mut self, items: &[Item]) -> Result<Told, ReceiptError> {
        let erased = items
            .iter()
            .filter(|item| item.entry.event == Event::ContentErased);
        self.erased = erased.map(|item| item.entry.number).collect();
        for item in items {
            self.told.entries.push((item.index, item.entry.leaf_hash()));
            if !self.newest.take(&item.entry) {
                let index = item.index;
                self.told
                    .contradictions
                    .push(Contradiction::BackDated { index });
            }
            // CHK-157: what the entries show agrees with the promise and with each other.
            if let Some(contradiction) = self.take(item)? {
                self.told.contradictions.push(contradiction);
            }
        }
        self.end();
        Ok(self.told)
    }

    fn take(&mut self, item: &Item) -> Result<Option<Contradiction>, ReceiptError> {
        let (index, day) = (item.index, item.entry.day);
        Ok(match item.entry.event {
            Event::ReportReceived => self.arrival(item, None),
            Event::ReportRejected { check } => self.arrival(item, Some(check)),
            Event::ReportSorted { reason } => {
                if self.told.sorted.is_some() {
                    return Ok(Some(Contradiction::Repeated { index }));
                }
                self.told.sorted = Some((day, reason));
                self.use_of_rejected(index)
            }
            Event::ContentOpened { purpose, mark } => {
                self.told.openings.push((day, purpose));
                let is_new = !self.marks.contains(&mark);
                self.marks.push(mark);
                let twice = (!is_new).then_some(Contradiction::MarkTwice { index });
                self.use_of_rejected(index).or(twice)
            }
            Event::Decision { .. } => self.decision(item)?,
            Event::NoticeSent { side } => {
                let detail = decoded(item, NoticeDetail::decode)?;
                if !self.follows(item, detail.map(|detail| detail.decision)) {
                    return Ok(Some(Contradiction::WithoutDecision { index }));
                }
                self.told.notices.push((day, side));
                None
            }
            Event::AppealFiled { side } => {
                let detail = decoded(item, AppealDetail::decode)?;
                let of = detail.as_ref().map(|detail| detail.decision);
                if !self.follows(item, of) {
                    return Ok(Some(Contradiction::WithoutDecision { index }));
                }
                self.appeals.push(ShownAppeal {
                    number: item.entry.number,
                    leaf: item.entry.leaf_hash(),
                    is_open: true,
                });
                let filed = ToldAppeal::Filed { day, side, detail };
                self.told.appeals.push(filed);
                None
            }
            Event::AppealDecided { outcome, days } => {
                let detail = decoded(item, AppealDecisionDetail::decode)?;
                let of = detail.as_ref().map(|detail| detail.appeal);
                if !self.decides_appeal(item.entry.number, of) {
                    return Ok(Some(Contradiction::WithoutAppeal { index }));
                }
                self.told.appeals.push(ToldAppeal::Decided {
                    day,
                    outcome,
                    days,
                    statement: detail.map(|detail| detail.statement),
                });
                None
            }
            Event::ContentErased => self.erasure(item),
            _ => None,
        })
    }

    /// An entry that says the report arrived, or that check `rejected` rejected it.
    fn arrival(&mut self, item: &Item, rejected: Option<u8>) -> Option<Contradiction> {
        let Expected::Report { promise } = self.expected else {
            return None;
        };
        if item.entry.leaf_hash() != promise.leaf().leaf_hash {
            return Some(Contradiction::NotAsPromised { index: item.index });
        }
        match rejected {
            None if self.told.received.is_none() => self.told.received = Some(item.entry.day),
            Some(check) if self.told.rejected.is_none() => {
                self.told.rejected = Some((item.entry.day, check));
            }
            _ => return Some(Contradiction::Repeated { index: item.index }),
        }
        None
    }

    /// A rejected report is neither sorted nor opened.
    fn use_of_rejected(&self, index: u64) -> Option<Contradiction> {
        let rejected = self.told.promise.and_then(|promise| promise.rejected);
        rejected.map(|_| Contradiction::RejectedYetUsed { index })
    }

    fn decision(&mut self, item: &Item) -> Result<Option<Contradiction>, ReceiptError> {
        let (index, number) = (item.index, item.entry.number);
        let Event::Decision {
            reason,
            measure,
            openings,
            days,
        } = item.entry.event
        else {
            return Ok(None);
        };
        let detail = decoded(item, DecisionDetail::decode)?;
        match &detail {
            Some(detail) if !self.is_about_reader(item, detail) => {
                return Ok(Some(Contradiction::NotAboutReader { index }));
            }
            None if !self.erased.contains(&number) => {
                return Ok(Some(Contradiction::NoDetail { index }));
            }
            _ => {}
        }
        self.decisions.push(ShownDecision {
            number,
            leaf: item.entry.leaf_hash(),
        });
        if !self.told.numbers.contains(&number) {
            self.told.numbers.push(number);
        }
        self.told.decisions.push(ToldDecision {
            leaf_hash: item.entry.leaf_hash(),
            day: item.entry.day,
            reason,
            measure,
            statement: detail.as_ref().map(|detail| detail.statement.clone()),
            rule: detail.as_ref().map(|detail| detail.rule.clone()),
            appeal_until_ms: detail.as_ref().map(|detail| detail.appeal_until_ms),
            openings,
            days,
        });
        Ok(self.miscounts(item))
    }

    /// A decision that counts less than the entries before it show.
    fn miscounts(&self, item: &Item) -> Option<Contradiction> {
        let Event::Decision { openings, days, .. } = item.entry.event else {
            return None;
        };
        let index = item.index;
        let shown = u32::try_from(self.told.openings.len()).unwrap_or(u32::MAX);
        if openings < shown {
            let told = openings;
            return Some(Contradiction::FewerOpenings { index, told, shown });
        }
        // Days are counted in whole days, so the last one may not be over.
        let shown = item.entry.day.0.saturating_sub(self.told.received?.0);
        let told = days;
        let is_short = told.saturating_add(1) < shown;
        is_short.then_some(Contradiction::FewerDays { index, told, shown })
    }

    fn is_about_reader(&self, item: &Item, detail: &DecisionDetail) -> bool {
        item.link.as_ref().is_some_and(|link| match self.expected {
            Expected::Report { promise } => {
                link.names_report(promise.report(), &detail.reports_root, detail.reports_count)
            }
            Expected::Account { account } => link.names_account(account, &detail.account),
        })
    }

    /// Whether a decision of this case was shown before, and is the one in the detail, if any.
    fn follows(&self, item: &Item, decision: Option<TreeHash>) -> bool {
        self.decisions.iter().any(|shown| {
            shown.number == item.entry.number && decision.is_none_or(|leaf| leaf == shown.leaf)
        })
    }

    /// Closes an open appeal of this case. `false` if no such appeal is open.
    fn decides_appeal(&mut self, number: Number, appeal: Option<TreeHash>) -> bool {
        let open = self.appeals.iter_mut().find(|shown| {
            shown.is_open && shown.number == number && appeal.is_none_or(|leaf| leaf == shown.leaf)
        });
        open.map(|shown| shown.is_open = false).is_some()
    }

    fn erasure(&mut self, item: &Item) -> Option<Contradiction> {
        let index = item.index;
        if !self.follows(item, None) {
            return Some(Contradiction::WithoutDecision { index });
        }
        let day: Day = item.entry.day;
        self.told.erased = Some(day);
        None
    }

    /// What is missing after the last entry.
    fn end(&mut self) {
        let Some(promise) = self.told.promise else {
            return;
        };
        let is_shown = self.told.received.is_some() || self.told.rejected.is_some();
        if !is_shown && promise.is_overdue(vault_time_ms(&self.told.checkpoint)) {
            self.told.contradictions.push(Contradiction::PromiseBroken);
        }
    }
}

/// The decoded detail of an item, if it is shown.
fn decoded<T>(
    item: &Item,
    decode: impl FnOnce(&Detail) -> Option<T>,
) -> Result<Option<T>, ReceiptError> {
    let index = item.index;
    let Some(detail) = &item.detail else {
        return Ok(None);
    };
    // CHK-155: the detail has the form of its kind.
    let decoded = decode(detail).ok_or(ReceiptError::OtherDetail { index })?;
    Ok(Some(decoded))
}
