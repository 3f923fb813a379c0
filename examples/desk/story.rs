//! What happens in one run, in its order: some days at a provider, then the insider.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use rand::SeedableRng;
use waxseal::Timestamp;
use waxseal_desk::publish::{Delay, Published as InFolder};
use waxseal_desk::sorting::Sorting;
use waxseal_desk::store::{OpeningList, Order, Query, Store};
use waxseal_log::entry::{Detail, Event, Number};

use crate::arguments::Arguments;
use crate::insider::{self, Backup, Scene};
use crate::keys::Secrets;
use crate::lines::{self, Line};
use crate::office::Office;
use crate::officers::{APPEAL_DAYS, Officers};
use crate::outcome::Outcome;
use crate::people::People;
use crate::published::{self, Published};
use crate::work::Work;
use crate::{DAY_MS, HOUR_MS, Result, Rng, appeals, numbers, receipts, registers};

/// The morning of the first day, UTC.
const START: Timestamp = Timestamp::from_millis(1_760_000_000_000);
/// Days on which messages are sent.
const DAYS: u64 = 3;
/// When the daily batch is appended, on the day after.
const BATCH: u64 = HOUR_MS / 2;
/// When the officers begin to work.
const OFFICE_HOURS: u64 = 2 * HOUR_MS;

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let started = Instant::now();
    let lines = lines::read(arguments.file.as_deref())?;
    let folder = folder(arguments.folder.as_deref())?;
    let scratch = tempfile::tempdir()?;
    let mut story = Story::begin(&lines, &folder, arguments.seed)?;
    let backup = story.days(&lines, scratch.path())?;
    story.afterwards()?;
    let mut outcome = story.end()?;
    let receipts = folder.join("receipts");
    outcome.account =
        receipts::leave(&receipts, &story.people, &story.work.decided, &story.office)?;
    outcome.receipts = receipts.display().to_string();
    let hidden = story.people.hidden(&mut story.office)?;
    let scene = Scene {
        before: backup,
        after: Backup::of(
            &story.office,
            scratch.path().join("after"),
            story.people.now(),
        )?,
        people: &story.people,
        officers: &story.officers,
        decided: &story.work.decided,
        hidden,
        copies: Cell::new(0),
        public: folder.join("public"),
        scratch: scratch.path().to_owned(),
    };
    outcome.attacks = insider::attack(&scene)?;
    outcome.messages = lines.len() as u64;
    outcome.to_report = lines.iter().filter(|line| line.is_spam).count() as u64;
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// The folder that was named, or a new temporary one, which is left for other tools.
fn folder(named: Option<&Path>) -> Result<PathBuf> {
    let Some(folder) = named else {
        return Ok(tempfile::Builder::new()
            .prefix("waxseal-desk-")
            .tempdir()?
            .keep());
    };
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(format!("{} is not empty; name a new folder", folder.display()).into());
    }
    Ok(folder.canonicalize()?)
}

struct Story {
    people: People,
    officers: Officers,
    office: Office,
    work: Work,
    appeals: u64,
    reversed: u64,
    erased: u64,
    /// Number of entries in the public folder.
    published: InFolder,
}

impl Story {
    /// The provider opens: policy and keys are entered in the log.
    fn begin(lines: &[Line], folder: &Path, seed: u64) -> Result<Self> {
        let people = People::new(lines, START, seed)?;
        let mut rng = Rng::seed_from_u64(seed ^ 0x6b65_7973);
        let acceptance = people.network.provider.acceptance_key();
        let secrets = Rc::new(Secrets::generate(acceptance, &mut rng)?);
        let officers = Officers::new(&mut rng);
        let witnesses = Office::new_witnesses(&secrets)?;
        let office = Office::open(folder, &secrets, witnesses, seed ^ 0x6465_736b)?;
        let mut story = Self {
            people,
            officers,
            office,
            work: Work::default(),
            appeals: 0,
            reversed: 0,
            erased: 0,
            published: InFolder::default(),
        };
        story.publish_policy(1)?;
        registers::create_keys(&mut story.office, START)?;
        story.office.settle(START)?;
        Ok(story)
    }

    fn publish_policy(&mut self, version: u32) -> Result<()> {
        let policy = self.officers.policy(version)?;
        let key = &self.office.secrets.policy;
        let signed = key.publish(policy.origin(), version, policy.digest());
        let (now, rng) = (self.people.now(), &mut self.office.rng);
        Ok(self
            .office
            .desk
            .publish_policy(&policy, &signed, now, rng)?)
    }

    /// The days on which people write and report. Each night the leaves of the day are appended,
    /// and the officers work. Returns a backup from before the last night's work.
    fn days(&mut self, lines: &[Line], scratch: &Path) -> Result<Backup> {
        let first = START.as_millis() / DAY_MS;
        let each = lines.len().div_ceil(DAYS as usize).max(1);
        let pause_ms = 12 * HOUR_MS / each as u64;
        let mut backup = None;
        for (day, lines) in (first..).zip(lines.chunks(each)) {
            if day > first {
                self.people.wait_until(day, 8 * HOUR_MS)?;
            }
            for flight in self.people.send(lines, pause_ms)? {
                self.people.report(flight, &mut self.office)?;
            }
            self.new_day(day + 1)?;
            self.sort()?;
            if day + 1 == first + DAYS {
                self.publish_policy(2)?;
                self.office.settle(self.people.now())?;
                let now = self.people.now();
                backup = Some(Backup::of(&self.office, scratch.join("before"), now)?);
            }
            self.people.wait_until(day + 1, OFFICE_HOURS)?;
            self.work
                .day(&self.people, &self.officers, &mut self.office)?;
        }
        backup.ok_or_else(|| "there are fewer lines than days".into())
    }

    /// Half past midnight: the leaves of the day before are appended.
    fn new_day(&mut self, day: u64) -> Result<()> {
        self.people.wait_until(day, BATCH)?;
        let now = self.people.now();
        registers::new_stamp_key(&mut self.office, now)?;
        self.office.settle(now)
    }

    /// The vault tells the reasons, and the reports become cases.
    fn sort(&mut self) -> Result<()> {
        let Office {
            desk, vault, rng, ..
        } = &mut self.office;
        let now = self.people.now();
        for (_, sorting) in desk.sort_waiting(vault, usize::MAX, now, rng)? {
            if !matches!(sorting, Sorting::Case(_)) {
                return Err("a report was not sorted into a case".into());
            }
        }
        self.office.settle(now)
    }

    /// What comes after the decisions: appeals, registers, and after the last appeal the erasure.
    fn afterwards(&mut self) -> Result<()> {
        let (people, officers, office) = (&mut self.people, &self.officers, &mut self.office);
        let day = people.now().as_millis() / DAY_MS;
        registers::review_emergencies(&mut self.work, officers, office, people.now())?;
        // The public folder is written now for the first time, and completed at the end.
        self.published = office.publish(people.now(), InFolder::default())?;
        // Cases of the first nights can no longer be appealed against.
        let open = |decided: &crate::work::Decided| {
            let row = office.desk.store().decision(decided.leaf.as_bytes());
            matches!(row, Ok(Some(row)) if row.appeal_until_ms > people.now().as_millis())
        };
        let decided: Vec<_> = self.work.decided.iter().map(open).collect();
        if decided.contains(&false) {
            return Err("the time to appeal is over too early".into());
        }
        let filings = appeals::file(&self.work.decided, office, people.now())?;
        let mut held = registers::answer_court(&mut self.work, people, officers, office)?;
        self.new_day(day + 1)?;
        let (people, office) = (&mut self.people, &mut self.office);
        people.wait_until(day + 1, OFFICE_HOURS)?;
        self.appeals = filings.len() as u64;
        self.reversed = appeals::hear(&filings, &mut self.work, people, &self.officers, office)?;
        people.wait_until(day + 1, OFFICE_HOURS + 1)?;
        appeals::decide_again(&mut self.work, &self.officers, office, people.now())?;
        // Days pass until no one can appeal any more.
        for later in 2..=u64::from(APPEAL_DAYS) + 3 {
            self.new_day(day + later)?;
        }
        let (officers, office) = (&self.officers, &mut self.office);
        let (now, decided) = (self.people.now(), &self.work.decided);
        self.erased = registers::erase(decided, &mut held, officers, office, now)?;
        registers::destroy_key(office, now)
    }

    /// The log is published, counted and compared, and everyone checks their receipts.
    fn end(&mut self) -> Result<Outcome> {
        let now = self.people.now();
        let public = self.office.folder.join("public");
        let held_back = self.held_back()?;
        self.office.publish(now, self.published)?;
        let promises: Vec<_> = self
            .people
            .filed
            .iter()
            .map(|filed| *filed.promised.leaf())
            .collect();
        let Published {
            entries,
            counts,
            checkpoints,
            findings,
        } = published::verify(&public, &self.office.keys, &promises)?;
        let mut wrong = findings;
        let audited = self.office.desk.audit()?.findings;
        wrong.extend(
            audited
                .iter()
                .map(|finding| format!("the desk's audit: {finding}")),
        );

        let counted: numbers::Numbers = counts.rows().into_iter().collect();
        let own = numbers::count(&self.office.store)?;
        for (name, number) in &own {
            let other = counted.get(name).copied().unwrap_or_default();
            if other != *number {
                wrong.push(format!(
                    "{name} is {number} in the tables, and {other} in the log"
                ));
            }
        }
        let receipts =
            receipts::verify(&mut self.people, &self.work.decided, &self.office, &entries)?;
        wrong.extend(receipts.wrong);
        let logged = |number: &Number| {
            let is = |entry: &&waxseal_log::entry::Entry| {
                entry.event == Event::ReportReceived && entry.number == *number
            };
            entries.iter().any(|entry| is(&entry))
        };
        let filed = self.people.filed.iter();
        let query = Query::open(Order::Age, now.as_millis(), 1_000);
        let undecided = self.office.desk.store().queue(&query)?.cases.len() as u64;
        let cases = self.work.decided.len() as u64 + undecided;
        Ok(Outcome {
            reports: filed
                .filter(|filed| logged(&filed.promised.number()))
                .count() as u64,
            rejected: self.people.rejected.len() as u64,
            cases,
            undecided,
            openings: self.work.views,
            wrong_views: self.work.wrong_views,
            openings_without_entry: self.without_entry(&entries)?,
            log_entries: entries.len() as u64,
            checkpoints: checkpoints as u64,
            receipts_made: receipts.made,
            receipts_verified: receipts.verified,
            openings_told: receipts.openings,
            appeals: self.appeals,
            reversed: self.reversed,
            decisions: counts.decisions.values().sum(),
            erased: self.erased,
            transparency_equal: counted == own,
            numbers: own.len() as u64,
            held_back,
            wrong,
            tiles: public.display().to_string(),
            ..Outcome::default()
        })
    }

    /// Views that the vault gave out and for which the public log has no entry of its own.
    fn without_entry(&self, entries: &[waxseal_log::entry::Entry]) -> Result<u64> {
        let mut found = 0;
        let mut marks = std::collections::BTreeSet::new();
        for filed in &self.people.filed {
            let list = OpeningList::OfReport(*filed.id.as_bytes());
            for row in self.office.desk.store().openings(&list, None, 1_000)? {
                let kept = self
                    .office
                    .desk
                    .store()
                    .entry(row.log_index)?
                    .ok_or("no such entry")?;
                let (Some(salt), Some(bytes)) = (kept.salt, kept.detail) else {
                    continue;
                };
                let detail = Detail::from_parts(salt, bytes)?;
                let told = [
                    &row.grant_digest[..],
                    &row.report_digest,
                    &row.ordinal.to_be_bytes(),
                ];
                let public = entries.get(usize::try_from(row.log_index)?);
                let is_entry = public.is_some_and(|entry| {
                    matches!(entry.event, Event::ContentOpened { mark, .. } if marks.insert(mark))
                        && entry.number == filed.promised.number()
                        && entry.is_about(&detail)
                        && detail.bytes().starts_with(&told.concat())
                });
                found += u64::from(is_entry && row.shown_at_ms.is_some());
            }
        }
        Ok(self.work.views.saturating_sub(found))
    }

    /// How many entries stay private if tiles are published after seven days.
    fn held_back(&self) -> Result<u64> {
        let now = self.people.now();
        let files = self
            .office
            .desk
            .publish(now, Delay::default(), InFolder::default())?;
        let size = files.published().entries;
        let oldest = now.as_millis() - Delay::default().ms;
        // The widest of each bundle: there are partial ones for checkpoints of before.
        let mut bundles: HashMap<String, u64> = HashMap::new();
        for file in files {
            let (path, bytes) = file?;
            if path.starts_with("tile/entries/") {
                let (bundle, width) = path.split_once(".p/").unwrap_or((&path, "256"));
                let width = width.parse()?;
                let widest = bundles.entry(bundle.to_owned()).or_default();
                *widest = (*widest).max(u64::from(width));
                for entry in waxseal_log::tiles::decode_bundle(&bytes, width)? {
                    let day = waxseal_log::entry::Entry::decode(entry)?.day;
                    if day.start_ms() > oldest {
                        return Err("an entry is published before seven days are over".into());
                    }
                }
            }
        }
        if bundles.values().sum::<u64>() != size {
            return Err("the published tiles have other entries than they say".into());
        }
        Ok(self.office.desk.log_size() - size)
    }
}
