//! What is rare: an emergency's review, a legal request with its hold, a name that is needed, an
//! audit of quality, exports, erasures, and keys that are created and destroyed.

use waxseal_desk::emergency::EmergencyReview;
use waxseal_desk::hold::Hold;
use waxseal_desk::ids::CaseId;
use waxseal_desk::legal::{LegalAnswer, LegalRequest};
use waxseal_desk::store::Store;
use waxseal_desk::{DeskError, Refused};
use waxseal_log::entry::{
    KeyKind, LegalBasis, LegalOutcome, Number, Purpose, ReviewOutcome, Target,
};
use waxseal_reporting::Timestamp;

use crate::appeals::reports_of;
use crate::office::Office;
use crate::officers::{Ask, Officers, sign};
use crate::people::People;
use crate::work::{Decided, Work};
use crate::{DAY_MS, Result};

/// Enters the keys of the first day. The stamp key has a new epoch every day.
pub fn create_keys(office: &mut Office, now: Timestamp) -> Result<()> {
    let keys = &office.keys;
    let policy = keys.policy().ok_or("no policy key is pinned")?;
    let mut created = vec![
        (KeyKind::Moderation, 1, b"moderation-1".to_vec()),
        (KeyKind::Acceptance, 1, b"acceptance-1".to_vec()),
        (KeyKind::Log, 1, keys.log().key().to_vec()),
        (KeyKind::Vault, 1, keys.vault().key().to_vec()),
        (KeyKind::Policy, 1, policy.as_bytes().to_vec()),
    ];
    created.push((KeyKind::Moderation, 2, office.moderation_key()?.encode()));
    for (kind, epoch, public) in created {
        office
            .desk
            .key_created(kind, epoch, &public, now, &mut office.rng)?;
    }
    new_stamp_key(office, now)
}

/// Enters the stamp key of a new day.
pub fn new_stamp_key(office: &mut Office, now: Timestamp) -> Result<()> {
    let (epoch, public) = (now.as_millis() / DAY_MS, b"stamp");
    Ok(office
        .desk
        .key_created(KeyKind::Stamp, epoch, public, now, &mut office.rng)?)
}

/// Destroys the first moderation key, to which no report was sealed.
pub fn destroy_key(office: &mut Office, now: Timestamp) -> Result<()> {
    let mut secrets = office.secrets.vault()?;
    if !secrets.destroy_oldest_moderation_key() {
        return Err("there is no older moderation key".into());
    }
    let state = office.state()?;
    office.restart_vault(&state, &secrets.export())?;
    office
        .desk
        .key_destroyed(KeyKind::Moderation, 1, now, &mut office.rng)?;
    office.settle(now)
}

/// The auditor reviews all emergency grants but the first of several, which becomes overdue.
pub fn review_emergencies(
    work: &mut Work,
    officers: &Officers,
    office: &mut Office,
    now: Timestamp,
) -> Result<()> {
    let late = usize::from(work.emergencies.len() > 1);
    for (number, id) in (0..).zip(work.emergencies.drain(..).skip(late)) {
        let row = office
            .desk
            .store()
            .grant(id.as_bytes())?
            .ok_or("the grant is gone")?;
        let review = EmergencyReview {
            grant: waxseal_desk::ids::GrantDigest::from_bytes(row.digest),
            outcome: match number % 4 {
                3 => ReviewOutcome::NotJustified,
                _ => ReviewOutcome::Justified,
            },
            statement: "Someone was threatened with violence that night.".to_owned(),
        };
        let signed = sign(&review, &officers.auditor, now)?;
        office
            .desk
            .review_emergency(&signed, now, &mut office.rng)?;
    }
    office.settle(now)
}

/// A court asks for the messages of one account. Two officers open and produce them, and place a
/// hold. Another case is opened to tell the court who reported, and one to audit the quality.
/// Returns the hold.
pub fn answer_court(
    work: &mut Work,
    people: &People,
    officers: &Officers,
    office: &mut Office,
) -> Result<Held> {
    let now = people.now();
    let [lead, _] = &officers.leads;
    let officer = officers.reviewer(office, 1);
    let cases = [
        (Purpose::LegalRequest, 0),
        (Purpose::Identify, work.decided.len() / 2),
        (Purpose::QualityAudit, work.decided.len() - 1),
    ];
    let request = LegalRequest {
        basis: LegalBasis::CourtOrder,
        authority: "District court, 12 Cr 34/27".to_owned(),
        asked: "All messages of one account, and who received them.".to_owned(),
    };
    let request = office.desk.legal_request(&request, now, &mut office.rng)?;
    let mut items = 0;
    for (purpose, index) in cases {
        let decided = work.decided[index].clone();
        let reports = reports_of(&decided, people, office)?;
        let ask = Ask::all(decided.case, purpose, officer, Some(lead), &reports);
        let grant = ask.at_desk(office, now)?.grant().terms().id;
        let opened: Vec<_> = reports.iter().map(|filed| (grant, *filed)).collect();
        work.open(&opened, people, office, now)?;
        if purpose == Purpose::LegalRequest {
            items = u32::try_from(reports.len())?;
        }
    }
    let answer = LegalAnswer {
        request,
        outcome: LegalOutcome::Partly,
        items,
        produced: "The messages that recipients reported.".to_owned(),
        not_held: "All other messages: they are encrypted from end to end.".to_owned(),
    };
    let signed = sign(&answer, officer, now)?;
    office.desk.answer_request(&signed, now, &mut office.rng)?;
    let case = work.decided[0].case;
    let mut held = Held {
        id: Number::generate(&mut office.rng),
        case,
        request,
    };
    held.place_or_lift(false, officers, office, now)?;
    let exports = [(Target::Ncmec, 1), (Target::Dsa, 2), (Target::Dsa, 3)];
    for (target, index) in exports {
        let case = work.decided[index % work.decided.len()].case;
        let sent = format!("{target}: a record of this case");
        office
            .desk
            .exported(&case, target, sent.as_bytes(), now, &mut office.rng)?;
    }
    office.settle(now)?;
    Ok(held)
}

/// A hold on a case.
pub struct Held {
    id: Number,
    pub case: CaseId,
    request: Number,
}

impl Held {
    pub fn place_or_lift(
        &mut self,
        lift: bool,
        officers: &Officers,
        office: &mut Office,
        now: Timestamp,
    ) -> Result<()> {
        let hold = Hold {
            id: self.id,
            case: self.case,
            lift,
            request: Some(self.request),
            statement: "By order of the court.".to_owned(),
        };
        let officer = officers.reviewer(office, 1);
        let signed = sign(&hold, officer, now)?;
        Ok(office.desk.hold(&signed, now, &mut office.rng)?)
    }
}

/// Erases every fourth case that is over. The held one stays until its hold is lifted. Returns how
/// many were erased.
pub fn erase(
    decided: &[Decided],
    held: &mut Held,
    officers: &Officers,
    office: &mut Office,
    now: Timestamp,
) -> Result<u64> {
    let refused = office.desk.erase(&held.case, 0, now, &mut office.rng);
    if !matches!(refused, Err(DeskError::Refused(Refused::Held))) {
        return Err("a held case was erased, or refused for another reason".into());
    }
    held.place_or_lift(true, officers, office, now)?;
    let mut erased = 0;
    for one in decided.iter().step_by(4) {
        while !office.desk.erase(&one.case, 0, now, &mut office.rng)? {}
        if office
            .desk
            .case(&one.case)?
            .reports
            .iter()
            .any(|report| !report.is_erased)
        {
            return Err("a report of an erased case was not erased".into());
        }
        erased += 1;
    }
    office.settle(now)?;
    Ok(erased)
}
