//! The provider's desk behind the relay: it does what a test tells it, and can lie.

use std::collections::BTreeMap;

use waxseal::log::entry::{Day, Event, Mark, Number, Purpose, Side};
use waxseal::log::promise::Promise;
use waxseal::log::receipt::Role;
use waxseal::log::report::ReportDigest;
use waxseal::reporting::reporter::Report;
use waxseal::{AccountId, DeviceAddress};
use waxseal_interface::{
    Appeal, AppealTaken, DecisionNotice, DecisionNotices, ErrorCode, MAX_NOTICES, leaf_text,
    report_id_text,
};

use super::{Answered, IntoBody, Relay, json, read};
use crate::Log;

/// A desk with a log.
pub struct Desk {
    /// The log. A test can replace it by another one.
    pub log: Log,
    /// Whether the relay gets no answer from the desk.
    pub is_away: bool,
    /// Whether the desk takes no appeals.
    pub refuses_appeals: bool,
    /// What reaches the log in place of the text of an appeal.
    pub alters_appeals: Option<String>,
    /// The appeals that the desk filed, with who made them.
    pub appeals: Vec<(AccountId, Appeal)>,
    /// What was filed: decision as text, side, text as it reached the desk, and leaf hash.
    filed: Vec<(String, u8, String, [u8; 32])>,
    /// The promises, by the digest of the report.
    promises: BTreeMap<[u8; 32], Promise>,
    /// Each report that the relay took: its id, what was sealed, and its entries.
    reports: BTreeMap<String, OfReport>,
    /// The entries about each report that a check refused, by its digest as text.
    refused: BTreeMap<String, Vec<u64>>,
    /// Each decision: its leaf hash as text, the account, and its entries.
    decisions: BTreeMap<String, OfDecision>,
    notices: Vec<(AccountId, DecisionNotice)>,
}

struct OfReport {
    sealed: Vec<u8>,
    by: AccountId,
    entries: Vec<u64>,
}

struct OfDecision {
    account: AccountId,
    index: u64,
    report: String,
    entries: Vec<u64>,
}

impl Desk {
    fn number(&self, sealed: &[u8]) -> Number {
        let digest = digest_of(sealed);
        self.promises[digest.as_bytes()].entry().number
    }
}

impl Relay {
    /// Gives the provider a desk.
    pub fn open_desk(&mut self, name: &str) {
        self.desk = Some(Desk {
            log: Log::new(name),
            is_away: false,
            refuses_appeals: false,
            alters_appeals: None,
            appeals: Vec::new(),
            filed: Vec::new(),
            promises: BTreeMap::new(),
            reports: BTreeMap::new(),
            refused: BTreeMap::new(),
            decisions: BTreeMap::new(),
            notices: Vec::new(),
        });
    }

    /// The provider's desk.
    ///
    /// # Panics
    /// If it has none.
    pub fn desk(&mut self) -> &mut Desk {
        self.desk.as_mut().unwrap()
    }

    fn today(&self) -> Day {
        Day::of_ms(self.provider.now.as_millis())
    }

    /// Appends the promised entry about a report that the relay took.
    pub fn log_report(&mut self, report: usize) -> u64 {
        let id = report_id_text(&self.reports[report].id);
        let desk = self.desk();
        let digest = digest_of(&desk.reports[&id].sealed);
        let index = desk.log.append_promised(&desk.promises[digest.as_bytes()]);
        desk.reports.get_mut(&id).unwrap().entries.push(index);
        index
    }

    /// Appends the promised entry about each report that a check refused.
    pub fn log_refused(&mut self) {
        let desk = self.desk();
        for (digest, promise) in &desk.promises {
            if let Some(entries) = desk.refused.get_mut(&leaf_text(digest)) {
                entries.push(desk.log.append_promised(promise));
            }
        }
    }

    /// The receipt about the only report that a check refused shows this entry too.
    ///
    /// # Panics
    /// If no check refused a report.
    pub fn show_of_refused(&mut self, index: u64) {
        let entries = self.desk().refused.values_mut().next();
        entries.unwrap().push(index);
    }

    /// Opens a report. Each opening has another mark.
    pub fn open_report(&mut self, report: usize, mark: u8) {
        let (id, day) = (report_id_text(&self.reports[report].id), self.today());
        let desk = self.desk();
        let number = desk.number(&desk.reports[&id].sealed);
        let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([mark; 16]));
        let event = Event::ContentOpened { purpose, mark };
        let index = desk.log.append(day, number, event);
        desk.reports.get_mut(&id).unwrap().entries.push(index);
    }

    /// Decides about a report against this account, and tells both. Returns the leaf hash.
    pub fn decide(&mut self, report: usize, account: &AccountId, case: u8) -> [u8; 32] {
        let (id, day) = (report_id_text(&self.reports[report].id), self.today());
        let desk = self.desk();
        let sealed = desk.reports[&id].sealed.clone();
        let index = desk.log.decide(day, case, account, &sealed);
        let leaf = *desk.log.leaf(index).as_bytes();
        let of_report = desk.reports.get_mut(&id).unwrap();
        of_report.entries.push(index);
        let by = of_report.by.clone();
        let decided = OfDecision {
            account: account.clone(),
            index,
            report: id.clone(),
            entries: vec![index],
        };
        desk.decisions.insert(leaf_text(&leaf), decided);
        self.tell_of(&by, leaf, Some(id));
        self.tell_of(account, leaf, None);
        leaf
    }

    /// Tells an account of a decision, whether or not there is one.
    pub fn tell_of(&mut self, account: &AccountId, decision: [u8; 32], report_id: Option<String>) {
        let notices = &mut self.desk().notices;
        let notice = DecisionNotice {
            number: notices.len() as u64 + 1,
            decision,
            side: if report_id.is_some() { 1 } else { 2 },
            report_id,
        };
        notices.push((account.clone(), notice));
    }

    /// The promise about a report, also about one that a check refused. `None` if the desk does not
    /// answer.
    pub(super) fn promise(
        &mut self,
        me: &DeviceAddress,
        body: &[u8],
        id: Option<&str>,
        rejected: Option<u8>,
    ) -> Option<Vec<u8>> {
        let now = self.provider.now;
        let desk = self.desk.as_mut()?;
        if let Some(id) = id {
            let new = || OfReport {
                sealed: body.to_vec(),
                by: me.account.clone(),
                entries: Vec::new(),
            };
            desk.reports.entry(id.to_owned()).or_insert_with(new);
        }
        if desk.is_away {
            return None;
        }
        let digest = *digest_of(body).as_bytes();
        let rng = &mut self.provider.rng;
        let make = || desk.log.promise(body, rejected, now, rng);
        let promise = desk.promises.entry(digest).or_insert_with(make);
        if rejected.is_some() {
            desk.refused.entry(leaf_text(&digest)).or_default();
        }
        Some(promise.encode())
    }

    pub(super) fn of_desk(
        &mut self,
        me: &DeviceAddress,
        method: &str,
        parts: &[&str],
        body: &[u8],
    ) -> Answered {
        if self.desk.is_none() {
            return Err(ErrorCode::NoDesk.into_body());
        }
        let no_receipt = || Err(ErrorCode::NoReceipt.into_body());
        let (now, day) = (self.provider.now, self.today());
        let is_away = self.desk().is_away;
        let answer = |bytes: Vec<u8>| Ok((200, bytes, Vec::new()));
        match (method, parts) {
            ("GET", ["log", "keys"]) if is_away => no_receipt(),
            ("GET", ["log", "keys"]) => answer(self.desk().log.keys().to_string().into_bytes()),
            ("GET", ["reports", id, what @ ("promise" | "receipt")]) => {
                let desk = self.desk();
                let report = desk.reports.get(*id).filter(|one| one.by == me.account);
                let Some(report) = report else {
                    return Err(ErrorCode::NoSuchReport.into_body());
                };
                if is_away {
                    return no_receipt();
                }
                if *what == "receipt" {
                    return answer(desk.log.receipt(Role::Reporter, &report.entries, now));
                }
                let sealed = report.sealed.clone();
                match self.promise(me, &sealed, None, None) {
                    Some(promise) => answer(promise),
                    None => no_receipt(),
                }
            }
            ("GET", ["refused", digest, "receipt"]) => {
                let desk = self.desk();
                match desk.refused.get(*digest) {
                    Some(_) if is_away => no_receipt(),
                    Some(entries) => answer(desk.log.receipt(Role::Reporter, entries, now)),
                    None => Err(ErrorCode::NoSuchReport.into_body()),
                }
            }
            ("GET", [notices]) => {
                let after = notices.strip_prefix("notices?after=");
                let after: u64 = after.unwrap().parse().unwrap();
                let notices = self.desk().notices.iter();
                let own = notices.filter(|(account, _)| *account == me.account);
                let new = own
                    .map(|(_, notice)| notice)
                    .filter(|one| one.number > after);
                let notices = new.take(MAX_NOTICES).cloned().collect();
                json(200, &DecisionNotices { notices })
            }
            ("GET", ["decisions", leaf, "receipt"]) => {
                let desk = self.desk();
                let decision = desk.decisions.get(*leaf);
                match decision.filter(|one| one.account == me.account) {
                    Some(_) if is_away => no_receipt(),
                    Some(one) => answer(desk.log.receipt(Role::Account, &one.entries, now)),
                    None => Err(ErrorCode::NoSuchDecision.into_body()),
                }
            }
            ("POST", ["decisions", leaf, "appeals"]) => {
                if is_away {
                    return no_receipt();
                }
                let appeal: Appeal = read(body)?;
                self.file_appeal(me, leaf, appeal, day)
            }
            _ => Err(ErrorCode::NotFound.into_body()),
        }
    }

    fn file_appeal(
        &mut self,
        me: &DeviceAddress,
        leaf: &str,
        appeal: Appeal,
        day: Day,
    ) -> Answered {
        let desk = self.desk();
        let Some(decision) = desk.decisions.get_mut(leaf) else {
            return Err(ErrorCode::NoSuchDecision.into_body());
        };
        let side = Side::from_number(appeal.side).unwrap();
        let text = desk.alters_appeals.as_ref().unwrap_or(&appeal.text).clone();
        let mut same = desk
            .filed
            .iter()
            .filter(|(of, by, filed, _)| (of.as_str(), *by, filed) == (leaf, appeal.side, &text));
        if let Some((.., filed)) = same.next() {
            return json(201, &AppealTaken { appeal: *filed });
        }
        let known = desk.filed.iter();
        let mut known = known.filter(|(of, by, ..)| (of.as_str(), *by) == (leaf, appeal.side));
        if desk.refuses_appeals || known.next().is_some() {
            return Err(ErrorCode::AppealRefused.into_body());
        }
        let index = desk.log.appeal(day, decision.index, side, &text);
        decision.entries.push(index);
        let report = desk.reports.get_mut(&decision.report).unwrap();
        report.entries.push(index);
        let filed = *desk.log.leaf(index).as_bytes();
        let by = appeal.side;
        desk.filed.push((leaf.to_owned(), by, text, filed));
        desk.appeals.push((me.account.clone(), appeal));
        json(201, &AppealTaken { appeal: filed })
    }
}

fn digest_of(sealed: &[u8]) -> ReportDigest {
    ReportDigest::of(&Report::decode(sealed).unwrap().without_mac())
}
