//! The officers, the access policy, and how officers ask for grants.

use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport, SignedGrant};
use waxseal_desk::ids::{CaseId, GrantId, VaultId};
use waxseal_desk::officer::{Act, OfficerKey, Signed};
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_log::entry::{Number, Purpose};
use waxseal_reporting::Timestamp;

use crate::keys::ORIGIN;
use crate::office::Office;
use crate::people::Filed;
use crate::{HOUR_MS, Result, Rng};

/// Days in which a side may appeal.
pub const APPEAL_DAYS: u16 = 3;

/// The officers' keys. Each stays with its officer.
pub struct Officers {
    /// May ask and decide.
    pub reviewers: Vec<OfficerKey>,
    /// May also approve, and decide appeals.
    pub leads: [OfficerKey; 2],
    /// May review emergencies.
    pub auditor: OfficerKey,
    /// May ask and decide under the first policy, and is not in the second one.
    pub leaver: OfficerKey,
}

impl Officers {
    pub fn new(rng: &mut Rng) -> Self {
        Self {
            reviewers: (0..3).map(|_| OfficerKey::generate(rng)).collect(),
            leads: [OfficerKey::generate(rng), OfficerKey::generate(rng)],
            auditor: OfficerKey::generate(rng),
            leaver: OfficerKey::generate(rng),
        }
    }

    /// The terms of the first policy. The second one is without the officer who leaves.
    pub fn terms(&self, version: u32) -> PolicyTerms {
        let officer = |key: &OfficerKey, name: &str, roles| Officer {
            id: key.id(),
            name: name.to_owned(),
            roles,
        };
        let review = Roles::ASK.and(Roles::DECIDE);
        let lead = review.and(Roles::APPROVE).and(Roles::APPEALS);
        let mut officers: Vec<_> = self
            .reviewers
            .iter()
            .map(|key| officer(key, "reviewer", review))
            .collect();
        officers.extend(self.leads.iter().map(|key| officer(key, "lead", lead)));
        officers.push(officer(&self.auditor, "auditor", Roles::REVIEW));
        if version == 1 {
            officers.push(officer(&self.leaver, "leaver", review));
        }
        PolicyTerms {
            version,
            origin: ORIGIN.to_owned(),
            officers,
            rules: rules(),
            appeal_days: APPEAL_DAYS,
            text: "Officers open what was reported, and nothing else.".to_owned(),
        }
    }

    pub fn policy(&self, version: u32) -> Result<Policy> {
        Ok(Policy::new(self.terms(version))?)
    }

    /// The officer whose turn it is. The leaver works until the second policy.
    pub fn reviewer(&self, office: &Office, turn: usize) -> &OfficerKey {
        let all: Vec<_> = self.reviewers.iter().chain([&self.leaver]).collect();
        let policy = office.desk.policy();
        let works =
            |key: &&&OfficerKey| policy.is_some_and(|policy| policy.officer(&key.id()).is_some());
        let present: Vec<_> = all.iter().filter(works).collect();
        present[turn % present.len()]
    }
}

/// One person opens a reported message alone. Everything else needs two, or a review afterwards.
fn rules() -> [Rule; 7] {
    Purpose::ALL
        .iter()
        .map(|purpose| Rule {
            allowed: true,
            two_persons: !matches!(purpose, Purpose::UserReport | Purpose::Emergency),
            max_openings: 50,
            max_hours: 48,
            review_hours: if *purpose == Purpose::Emergency {
                24
            } else {
                0
            },
        })
        .collect::<Vec<_>>()
        .try_into()
        .expect("there are seven purposes")
}

/// What an officer asks for.
pub struct Ask<'a> {
    pub case: CaseId,
    pub purpose: Purpose,
    pub requester: &'a OfficerKey,
    pub approver: Option<&'a OfficerKey>,
    pub reports: Vec<GrantedReport>,
    pub max_openings: u16,
}

impl<'a> Ask<'a> {
    /// Asks for each of these reports, with all its messages, once.
    pub fn all(
        case: CaseId,
        purpose: Purpose,
        requester: &'a OfficerKey,
        approver: Option<&'a OfficerKey>,
        reports: &[&Filed],
    ) -> Self {
        let granted = |filed: &&Filed| GrantedReport {
            digest: filed.accepted,
            messages: filed.all(),
        };
        let reports: Vec<_> = reports.iter().map(granted).collect();
        Self {
            case,
            purpose,
            requester,
            approver,
            max_openings: u16::try_from(reports.len()).unwrap_or(u16::MAX),
            reports,
        }
    }

    /// The grant, by the policy in force.
    pub fn terms(&self, office: &mut Office, now: Timestamp) -> Result<GrantTerms> {
        let policy = office
            .desk
            .policy()
            .ok_or("no policy is in force")?
            .digest();
        Ok(GrantTerms {
            id: GrantId::from_bytes(*Number::generate(&mut office.rng).as_bytes()),
            origin: ORIGIN.to_owned(),
            vault: VaultId::from_bytes(*office.keys.vault().key()),
            case: self.case,
            purpose: self.purpose,
            policy,
            requester: self.requester.id(),
            approver: self.approver.map(OfficerKey::id),
            requested: now,
            expires: Timestamp::from_millis(now.as_millis() + 47 * HOUR_MS),
            max_openings: self.max_openings,
            reports: self.reports.clone(),
        })
    }

    /// Signs as the requester and as the approver.
    pub fn sign(&self, terms: GrantTerms) -> Result<SignedGrant> {
        let grant = Grant::new(terms)?;
        let requested = grant.sign_as_requester(self.requester);
        let approved = self.approver.map(|key| grant.sign_as_approver(key));
        Ok(SignedGrant::new(grant, requested, approved)?)
    }

    /// Asks at the desk, and lets the approver approve there.
    pub fn at_desk(&self, office: &mut Office, now: Timestamp) -> Result<SignedGrant> {
        let grant = Grant::new(self.terms(office, now)?)?;
        let requested = grant.sign_as_requester(self.requester);
        office
            .desk
            .request_grant(&grant, &requested, now, &mut office.rng)?;
        let mut approved = None;
        if let Some(key) = self.approver {
            let signature = grant.sign_as_approver(key);
            let id = grant.terms().id;
            office
                .desk
                .approve_grant(&id, &signature, now, &mut office.rng)?;
            approved = Some(signature);
        }
        Ok(SignedGrant::new(grant, requested, approved)?)
    }
}

/// An officer signs an act for this desk.
pub fn sign<T: Act>(act: &T, key: &OfficerKey, now: Timestamp) -> Result<Signed<T>> {
    Ok(Signed::sign(act, ORIGIN, key, now)?)
}
