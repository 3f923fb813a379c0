//! Where the attacks take place: backups of the office, and what is known about its cases.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use waxseal::Timestamp;
use waxseal_desk::ids::CaseId;
use waxseal_desk::store::{Order, Query, Store};
use waxseal_log::witness::Witness;

use crate::Result;
use crate::keys::Secrets;
use crate::office::Office;
use crate::officers::Officers;
use crate::people::{Filed, Hidden, People};
use crate::work::Decided;

/// A copy of an office, from which each attack gets its own.
pub struct Backup {
    folder: PathBuf,
    secrets: Rc<Secrets>,
    witnesses: Vec<Witness>,
    pub now: Timestamp,
}

impl Backup {
    pub fn of(office: &Office, folder: PathBuf, now: Timestamp) -> Result<Self> {
        office.back_up(&folder)?;
        Ok(Self {
            folder,
            secrets: Rc::clone(&office.secrets),
            witnesses: office.witnesses.clone(),
            now,
        })
    }
}

/// What all attacks share.
pub struct Scene<'a> {
    /// Before the last night's work: some cases wait.
    pub before: Backup,
    /// After the last day.
    pub after: Backup,
    pub people: &'a People,
    pub officers: &'a Officers,
    pub decided: &'a [Decided],
    pub hidden: Hidden,
    /// The published log.
    pub public: PathBuf,
    pub scratch: PathBuf,
    pub copies: Cell<u64>,
}

/// A case with its reports.
pub struct Target<'a> {
    pub case: CaseId,
    pub reports: Vec<&'a Filed>,
}

impl<'a> Scene<'a> {
    /// A copy of the office, for one attack.
    pub fn office(&self, backup: &Backup, with_witnesses: bool) -> Result<Office> {
        let number = self.copies.get();
        self.copies.set(number + 1);
        let witnesses = match with_witnesses {
            true => backup.witnesses.clone(),
            false => Vec::new(),
        };
        let to = self.folder(&format!("office-{number}"));
        Office::restore(&backup.folder, &to, &backup.secrets, witnesses, number)
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Two waiting cases. The first one has at least two reports, of which the first has at least
    /// two messages.
    pub fn targets(&self, office: &Office) -> Result<[Target<'a>; 2]> {
        let query = Query::open(Order::Age, 0, 1_000);
        let mut targets = Vec::new();
        for case in office.desk.store().queue(&query)?.cases {
            let rows = office.desk.case(&CaseId::from_bytes(case.id))?.reports;
            let of = |filed: &&Filed| rows.iter().any(|row| row.id == *filed.id.as_bytes());
            let mut reports: Vec<_> = self.people.filed.iter().filter(of).collect();
            reports.sort_by_key(|filed| usize::MAX - filed.texts.len());
            targets.push(Target {
                case: CaseId::from_bytes(case.id),
                reports,
            });
        }
        let suits =
            |target: &Target<'_>| target.reports.len() > 1 && target.reports[0].texts.len() > 1;
        let first = targets
            .iter()
            .position(suits)
            .ok_or("no waiting case suits the attacks")?;
        let first = targets.swap_remove(first);
        let second = targets.pop().ok_or("only one case waits")?;
        Ok([first, second])
    }
}
