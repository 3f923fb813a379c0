//! What an officer is about to do. It is shown before it is signed, and what is signed is what was
//! shown.

use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::emergency::EmergencyReview;
use waxseal_desk::grant::{Grant, GrantDenial};
use waxseal_desk::hold::Hold;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::officer::{Act, OfficerKey, Signed};
use waxseal_relay::desk::{AppealItem, AskExport, DeskClient, DeskError, Hex, Open};
use waxseal_relay::system_rng;
use waxseal_reporting::Timestamp;
use zeroize::{Zeroize as _, Zeroizing};

use crate::clock::now;
use crate::form::Form;
use crate::html::Link;
use crate::problem::Problem;

/// How long a case that is given back stays assigned. The desk takes no assignment that is over.
const BACK_MS: u64 = 60_000;

/// An act before its signature, with what its page needs.
pub enum Prepared {
    /// Asks for a grant.
    Grant {
        grant: Box<Grant>,
        /// The reports by their ids, in the order of the grant.
        reports: Vec<Hex<16>>,
    },
    /// Approves a grant that another officer asked for.
    Approval(Box<Grant>),
    /// Denies a grant.
    Denial {
        grant: Box<Grant>,
        denial: GrantDenial,
    },
    /// Decides a case.
    Decision(Decision),
    /// Decides an appeal.
    Appeal {
        case: Hex<16>,
        decision: AppealDecision,
        /// The appeal, as the desk tells it.
        appeal: Box<AppealItem>,
    },
    /// Reviews the use of an emergency grant.
    Review {
        grant: Box<Grant>,
        review: EmergencyReview,
    },
    /// Takes a case, gives it to another officer, or gives it back.
    Assignment {
        assignment: Assignment,
        gives_back: bool,
    },
    /// Places or lifts a hold.
    Hold(Hold),
    /// Opens a report. The request is signed, and the grant was.
    Open {
        case: Hex<16>,
        open: Open,
        /// The grant.
        grant: Box<Grant>,
        /// The report, as the grant names it.
        report: AcceptedDigest,
    },
    /// Has a case exported.
    Export {
        case: Hex<16>,
        /// What is asked for, without the content.
        ask: AskExport,
        content: Zeroizing<Vec<u8>>,
        /// The views whose content goes along, by grant and report.
        views: Vec<(Hex<16>, Hex<16>)>,
    },
}

/// An act that waits for its signature, and the form that it was made from, if it can be changed.
pub struct Waiting {
    pub act: Prepared,
    pub form: Option<(Link, Form)>,
}

impl Waiting {
    /// An act that the officer made with a form, which goes to this page.
    pub fn made(act: Prepared, to: Link, form: Form) -> Self {
        Self {
            act,
            form: Some((to, form)),
        }
    }
}

impl From<Prepared> for Waiting {
    fn from(act: Prepared) -> Self {
        Self { act, form: None }
    }
}

/// A request to the desk.
pub struct Call {
    pub path: String,
    pub body: Body,
}

/// The body of a request.
pub enum Body {
    Bytes(Vec<u8>),
    Open(Open),
    Export(AskExport),
}

impl Call {
    /// Sends it, and returns the answer.
    pub fn send(self, desk: &DeskClient, key: &OfficerKey) -> Result<Vec<u8>, DeskError> {
        let rng = &mut system_rng();
        match self.body {
            Body::Bytes(body) => desk.post(key, &self.path, body, now(), rng),
            Body::Open(open) => desk.post_json(key, &self.path, &open, now(), rng),
            Body::Export(mut ask) => {
                let answer = desk.post_json(key, &self.path, &ask, now(), rng);
                ask.content.zeroize();
                answer
            }
        }
    }
}

impl Prepared {
    /// The case that it is about.
    pub fn case(&self) -> Hex<16> {
        match self {
            Self::Grant { grant, .. }
            | Self::Approval(grant)
            | Self::Denial { grant, .. }
            | Self::Review { grant, .. } => Hex(*grant.terms().case.as_bytes()),
            Self::Decision(decision) => Hex(*decision.case.as_bytes()),
            Self::Assignment { assignment, .. } => Hex(*assignment.case.as_bytes()),
            Self::Hold(hold) => Hex(*hold.case.as_bytes()),
            Self::Appeal { case, .. } | Self::Open { case, .. } | Self::Export { case, .. } => {
                *case
            }
        }
    }

    /// The bytes of the act, as they are signed. Empty if only the request is signed.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Grant { grant, .. } | Self::Approval(grant) => grant.encode().to_vec(),
            Self::Denial { denial, .. } => denial.encode(),
            Self::Decision(decision) => decision.encode(),
            Self::Appeal { decision, .. } => decision.encode(),
            Self::Review { review, .. } => review.encode(),
            // Its end is set when it is signed.
            Self::Assignment {
                gives_back: true, ..
            } => Vec::new(),
            Self::Assignment { assignment, .. } => assignment.encode(),
            Self::Hold(hold) => hold.encode(),
            Self::Open { .. } | Self::Export { .. } => Vec::new(),
        }
    }

    /// Signs it.
    pub fn sign(&self, origin: &str, key: &OfficerKey, now: Timestamp) -> Result<Call, Problem> {
        let act = |bytes| Call {
            path: "/v1/acts".to_owned(),
            body: Body::Bytes(bytes),
        };
        Ok(match self {
            Self::Grant { grant, .. } => {
                let bytes = grant.encode();
                let len = u32::try_from(bytes.len()).map_err(|_| Problem::Failed)?;
                // long(grant) || signature 64
                let mut body = len.to_be_bytes().to_vec();
                body.extend_from_slice(bytes);
                body.extend_from_slice(&grant.sign_as_requester(key));
                Call {
                    path: "/v1/grants".to_owned(),
                    body: Body::Bytes(body),
                }
            }
            Self::Approval(grant) => Call {
                path: format!("/v1/grants/{}/approval", Hex(*grant.terms().id.as_bytes())),
                body: Body::Bytes(grant.sign_as_approver(key).to_vec()),
            },
            Self::Denial { denial, .. } => act(signed(denial, origin, key, now)?),
            Self::Decision(decision) => act(signed(decision, origin, key, now)?),
            Self::Appeal { decision, .. } => act(signed(decision, origin, key, now)?),
            Self::Review { review, .. } => act(signed(review, origin, key, now)?),
            Self::Assignment {
                assignment,
                gives_back,
            } => {
                let mut assignment = *assignment;
                if *gives_back {
                    let until = now.as_millis().saturating_add(BACK_MS);
                    assignment.until = Timestamp::from_millis(until);
                }
                act(signed(&assignment, origin, key, now)?)
            }
            Self::Hold(hold) => act(signed(hold, origin, key, now)?),
            Self::Open { open, .. } => Call {
                path: "/v1/openings".to_owned(),
                body: Body::Open(open.clone()),
            },
            Self::Export {
                case, ask, content, ..
            } => Call {
                path: format!("/v1/cases/{case}/exports"),
                body: Body::Export(AskExport {
                    content: content.to_vec(),
                    ..ask.clone()
                }),
            },
        })
    }
}

fn signed<T: Act>(
    act: &T,
    origin: &str,
    key: &OfficerKey,
    now: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let signed = Signed::sign(act, origin, key, now);
    let signed = signed.map_err(|_| Problem::Refused("a text is too long, or a field is empty"))?;
    Ok(signed.encode())
}
