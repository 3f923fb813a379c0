//! The work from the command line: the steps of most cases, without a browser. Everything that the
//! pages do besides is on the pages alone.

mod act;
mod read;
mod view;
mod wrapped;

use std::error::Error;

use clap::Subcommand;
use serde::de::DeserializeOwned;
use waxseal_desk::officer::OfficerKey;
use waxseal_log::entry::{Measure, Purpose, ReasonCode};
use waxseal_log::keys::LogKeys;
use waxseal_relay::desk::{CaseDetail, DeskCard, DeskClient, Hex, Open, read_json};
use waxseal_relay::system_rng;
use waxseal_reporting::reporter::Reason;

use crate::app::Desk;
use crate::clock::now;
use crate::problem::Problem;
use crate::seen::SeenPolicy;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A step of the work. Each act is shown before it is signed.
#[derive(Subcommand)]
pub enum Step {
    /// List the open cases, the most severe first
    Queue {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a case: its reports, and what was done
    Case {
        /// The case: 32 hex digits
        case: Hex<16>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a case for eight hours
    Take {
        /// The case: 32 hex digits
        case: Hex<16>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Ask for a grant to open all reports of a case once, within 24 hours
    Ask {
        /// The case: 32 hex digits
        case: Hex<16>,
        /// What for, such as `user_report` or `identify`
        #[arg(long, value_parser = purpose, default_value = "user_report")]
        purpose: Purpose,
        /// The name of the officer who is to approve
        #[arg(long, value_name = "NAME")]
        approver: Option<String>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Approve a grant that another officer asked for. It is shown, and asks before it is signed
    Approve {
        /// The grant: 32 hex digits
        grant: Hex<16>,
    },
    /// Open a report of a case under a grant, and print what the reporter showed
    Open {
        /// The case: 32 hex digits
        case: Hex<16>,
        /// The grant: 32 hex digits
        grant: Hex<16>,
        /// The report: 32 hex digits
        report: Hex<16>,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
    /// Decide a case
    Decide {
        /// The case: 32 hex digits
        case: Hex<16>,
        /// The reason that was found, such as `threat`
        #[arg(long, value_parser = reason)]
        reason: ReasonCode,
        /// What is done, such as `none`, `warning` or `suspended`
        #[arg(long, value_parser = measure)]
        measure: Measure,
        /// The rule that was broken, or by which nothing is done
        #[arg(long)]
        rule: String,
        /// Why: both sides read it
        #[arg(long)]
        statement: String,
        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
}

fn purpose(name: &str) -> std::result::Result<Purpose, String> {
    let mut all = Purpose::ALL.iter().copied();
    let known = all.clone().map(Purpose::name).collect::<Vec<_>>();
    let found = all.find(|purpose| purpose.name() == name);
    found.ok_or_else(|| format!("one of {}", known.join(", ")))
}

fn measure(name: &str) -> std::result::Result<Measure, String> {
    let mut all = Measure::ALL.iter().copied();
    let known = all.clone().map(Measure::name).collect::<Vec<_>>();
    let found = all.find(|measure| measure.name() == name);
    found.ok_or_else(|| format!("one of {}", known.join(", ")))
}

fn reason(name: &str) -> std::result::Result<ReasonCode, String> {
    let all = || (1..=u8::MAX).map_while(ReasonCode::from_number);
    let name_of = |code: ReasonCode| Reason::from_number(code.number()).map(|one| one.to_string());
    let found = all().find(|code| name_of(*code).as_deref() == Some(name));
    found.ok_or_else(|| {
        let known: Vec<_> = all().filter_map(name_of).collect();
        format!("one of {}", known.join(", "))
    })
}

/// An officer with the pinned desk.
pub struct Officer {
    pub key: OfficerKey,
    pub keys: LogKeys,
    pub desk: DeskClient,
    pub seen: SeenPolicy,
}

impl Officer {
    /// Does one step, and returns what to print.
    pub fn run(&self, step: Step) -> Result<String> {
        match step {
            Step::Queue { json } => read::queue(self, json),
            Step::Case { case, json } => read::case(self, &case, json),
            Step::Take { case, yes } => act::take(self, case, yes),
            Step::Ask {
                case,
                purpose,
                approver,
                yes,
            } => act::ask(self, &case, (purpose, approver.as_deref()), yes),
            Step::Approve { grant } => act::approve(self, &grant),
            Step::Open {
                case,
                grant,
                report,
                yes,
            } => act::open(self, case, Open { grant, report }, yes),
            Step::Decide {
                case,
                reason,
                measure,
                rule,
                statement,
                yes,
            } => act::decide(self, &case, (reason, measure), (rule, statement), yes),
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.desk.get(&self.key, path, now(), &mut system_rng())?;
        Ok(read_json(&answer)?)
    }

    /// A case with its first 1,000 reports.
    fn case(&self, case: &Hex<16>) -> Result<CaseDetail> {
        let mut detail: CaseDetail = self.get(&format!("/v1/cases/{case}"))?;
        while let Some(next) = detail.reports_next.filter(|_| detail.reports.len() < 1_000) {
            let path = format!("/v1/cases/{case}?reports_after={next}");
            let page: CaseDetail = self.get(&path)?;
            detail.reports.extend(page.reports);
            detail.reports_next = page.reports_next;
        }
        // CHK-641: the desk shows the case that was asked for.
        if detail.case.id != *case {
            return Err(Problem::Malformed.into());
        }
        Ok(detail)
    }

    /// The desk with the policy in force.
    fn desk(&self) -> Result<Desk> {
        let card: DeskCard = self.get("/v1/desk")?;
        Ok(Desk::verified(card, &self.keys, &self.seen)?)
    }
}
