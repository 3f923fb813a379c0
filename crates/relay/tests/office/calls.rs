//! What officers do.

use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, VaultId};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::Policy;
use waxseal_desk::vault::View;
use waxseal_log::entry::{AppealOutcome, Measure, Number, PolicyDigest, Purpose, ReasonCode};
use waxseal_log::tree::TreeHash;
use waxseal_relay::desk::{CaseDetail, DeskCard, DeskError, Done, Hex, Open, read_json};
use waxseal_reporting::Timestamp;

use super::{ORIGIN, Office, now};

impl Office {
    /// Takes a case.
    pub fn take(&self, officer: &OfficerKey, case: Hex<16>) -> Result<Done, DeskError> {
        let until = Timestamp::from_millis(now().as_millis() + 3_600_000);
        let assignment = Assignment {
            case: CaseId::from_bytes(case.0),
            officer: officer.id(),
            until,
        };
        self.act(officer, &assignment)
    }

    /// A grant of all reports of a case, by the policy in force.
    pub fn grant(
        &self,
        officer: &OfficerKey,
        case: &CaseDetail,
        purpose: Purpose,
        approver: Option<&OfficerKey>,
    ) -> Grant {
        let card: DeskCard = self.get(officer, "/v1/desk");
        let policy = Policy::decode(&card.policy).unwrap();
        let reports = case.reports.iter().map(|report| GrantedReport {
            digest: AcceptedDigest::from_bytes(report.accepted_digest.unwrap().0),
            messages: (1 << report.messages) - 1,
        });
        let terms = GrantTerms {
            id: GrantId::from_bytes(*Number::generate(&mut rand::rng()).as_bytes()),
            origin: ORIGIN.to_owned(),
            vault: VaultId::from_bytes(card.vault.0),
            case: CaseId::from_bytes(case.case.id.0),
            purpose,
            policy: policy.digest(),
            requester: officer.id(),
            approver: approver.map(OfficerKey::id),
            requested: now(),
            expires: Timestamp::from_millis(now().as_millis() + 3_600_000),
            max_openings: 5,
            reports: reports.collect(),
        };
        Grant::new(terms).unwrap()
    }

    /// Asks for a grant.
    pub fn ask(&self, officer: &OfficerKey, grant: &Grant) -> Result<Done, DeskError> {
        let encoded = grant.encode();
        let mut body = u32::try_from(encoded.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(encoded);
        body.extend_from_slice(&grant.sign_as_requester(officer));
        read_json(&self.post(officer, "/v1/grants", body)?)
    }

    /// Approves a grant.
    pub fn approve(&self, officer: &OfficerKey, grant: &Grant) -> Result<Done, DeskError> {
        let path = format!("/v1/grants/{}/approval", grant_id(grant));
        let signature = grant.sign_as_approver(officer).to_vec();
        read_json(&self.post(officer, &path, signature)?)
    }

    /// Opens a report under a grant.
    pub fn open(
        &self,
        officer: &OfficerKey,
        grant: &Grant,
        report: Hex<16>,
    ) -> Result<View, DeskError> {
        let open = Open {
            grant: grant_id(grant),
            report,
        };
        let (client, rng) = (self.client(), &mut rand::rng());
        let view = client.post_json(officer, "/v1/openings", &open, now(), rng)?;
        Ok(View::decode(&view).unwrap())
    }

    /// A decision about a case.
    pub fn decision(&self, case: Hex<16>, measure: Measure) -> Decision {
        self.decision_by(case, measure, self.policy())
    }

    /// The digest of the policy in force.
    pub fn policy(&self) -> PolicyDigest {
        let card: DeskCard = self.get(&self.officers.bob, "/v1/desk");
        Policy::decode(&card.policy).unwrap().digest()
    }

    /// A decision by this policy.
    pub fn decision_by(&self, case: Hex<16>, measure: Measure, policy: PolicyDigest) -> Decision {
        Decision {
            case: CaseId::from_bytes(case.0),
            policy,
            reason: ReasonCode::from_number(2).unwrap(),
            measure,
            rule: "Community rules, section 2".to_owned(),
            statement: "A code was asked for.".to_owned(),
        }
    }
}

pub fn grant_id(grant: &Grant) -> Hex<16> {
    Hex(*grant.terms().id.as_bytes())
}

/// A decision of an appeal.
pub fn on_appeal(appeal: Hex<32>, outcome: AppealOutcome) -> AppealDecision {
    AppealDecision {
        appeal: TreeHash::from_bytes(appeal.0),
        outcome,
        statement: "Read again by another officer.".to_owned(),
    }
}
