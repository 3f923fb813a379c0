//! Attacks with grants that are missing, expired, forged, or for something else.

use waxseal_desk::grant::{Grant, GrantError, GrantedReport, SignedGrant};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::Policy;
use waxseal_desk::vault::VaultError;
use waxseal_log::entry::Purpose;

use super::facts::Scene;
use super::world::World;
use super::{Effect, Try};
use crate::Result;
use crate::officers::Ask;
use crate::work::texts;

pub const ATTACKS: &[(&str, Try)] = &[
    ("open without a grant", without),
    ("open with an expired grant", expired),
    ("open with the grant of another case", foreign),
    ("open once more than granted", once_more),
    ("draw two challenges for one opening", two_challenges),
    ("ask with the key of a forged officer", forged_officer),
    ("ask with the key of a removed officer", removed_officer),
    (
        "ask as a removed officer under the old policy",
        removed_officer_old_policy,
    ),
    ("be both persons", both_persons),
    ("ask alone where two are needed", alone),
    ("approve with another officer's key", other_approver),
    ("extend a grant after it was signed", extended),
    ("see messages outside of the grant", outside),
    ("open another report with the challenge", other_report),
    ("name the reporter without the purpose", named),
];

/// The control: an honest opening shows what was sent, by the same steps that the attacks take.
pub fn honest(scene: &Scene<'_>) -> Result<()> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let grant = world.granted(filed.all())?;
    let view = world.whole(&grant, filed)?;
    let view = view.map_err(|error| format!("an honest opening fails: {error}"))?;
    if texts(&view) != filed.texts {
        return Err("an honest opening shows something else than was sent".into());
    }
    Ok(())
}

fn grant_error(meant: GrantError) -> impl Fn(&VaultError) -> bool {
    move |error| *error == VaultError::Grant(meant)
}

fn without(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let (ask, now) = (world.ask(Purpose::UserReport), world.now);
    let grant = Grant::new(ask.terms(&mut world.office, now)?)?;
    let grant = SignedGrant::new(grant, [0; 64], None)?;
    let view = world.whole(&grant, world.report())?;
    Effect::of_view(view, grant_error(GrantError::NotSigned))
}

fn expired(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let expires = grant.grant().terms().expires.as_millis();
    world.later(expires - world.now.as_millis());
    world.office.settle(world.now)?;
    let view = world.whole(&grant, world.report())?;
    Effect::of_view(view, grant_error(GrantError::Expired))
}

fn foreign(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let view = world.whole(&grant, world.other.reports[0])?;
    Effect::of_view(view, |error| *error == VaultError::ReportNotGranted)
}

fn once_more(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(world.report().all())?;
    let first = world.whole(&grant, world.report())?;
    first.map_err(|error| format!("the granted opening fails: {error}"))?;
    let view = world.whole(&grant, world.report())?;
    Effect::of_view(view, |error| *error == VaultError::NoOpeningLeft)
}

fn two_challenges(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    world.challenge(&grant, world.report())?;
    let view = world.whole(&grant, world.report())?;
    Effect::of_view(view, |error| *error == VaultError::NoOpeningLeft)
}

/// Opens with a grant that this officer asked for alone.
fn asked_by(
    world: &mut World<'_>,
    officer: &OfficerKey,
    policy: Option<&Policy>,
) -> Result<Effect> {
    let ask = Ask {
        requester: officer,
        ..world.ask(Purpose::UserReport)
    };
    let mut terms = ask.terms(&mut world.office, world.now)?;
    let mut meant = GrantError::Requester;
    if let Some(policy) = policy {
        terms.policy = policy.digest();
        meant = GrantError::OtherPolicy;
    }
    let view = world.whole(&ask.sign(terms)?, world.report())?;
    Effect::of_view(view, grant_error(meant))
}

fn forged_officer(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let forged = OfficerKey::generate(&mut world.office.rng);
    asked_by(&mut world, &forged, None)
}

fn removed_officer(scene: &Scene<'_>) -> Result<Effect> {
    asked_by(&mut World::new(scene)?, &scene.officers.leaver, None)
}

fn removed_officer_old_policy(scene: &Scene<'_>) -> Result<Effect> {
    let old = scene.officers.policy(1)?;
    asked_by(&mut World::new(scene)?, &scene.officers.leaver, Some(&old))
}

/// Opens with a grant that this officer asked for, and that one approved.
fn approved_by(
    world: &mut World<'_>,
    requester: &OfficerKey,
    approver: Option<&OfficerKey>,
    meant: GrantError,
) -> Result<Effect> {
    let ask = Ask {
        requester,
        approver,
        ..world.ask(Purpose::ChildSafety)
    };
    let terms = ask.terms(&mut world.office, world.now)?;
    let view = world.whole(&ask.sign(terms)?, world.report())?;
    Effect::of_view(view, grant_error(meant))
}

fn both_persons(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let lead = &world.leads[0];
    approved_by(&mut world, lead, Some(lead), GrantError::SamePerson)
}

fn alone(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let officer = world.officer;
    approved_by(&mut world, officer, None, GrantError::ApproverMissing)
}

/// The approver is named, but the insider's own key signs.
fn other_approver(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let ask = Ask {
        approver: Some(&world.leads[0]),
        ..world.ask(Purpose::ChildSafety)
    };
    let grant = Grant::new(ask.terms(&mut world.office, world.now)?)?;
    let requested = grant.sign_as_requester(world.officer);
    let approved = grant.sign_as_approver(world.officer);
    let grant = SignedGrant::new(grant, requested, Some(approved))?;
    let view = world.whole(&grant, world.report())?;
    Effect::of_view(view, grant_error(GrantError::NotSigned))
}

fn extended(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let grant = world.granted(1)?;
    let mut terms = grant.grant().terms().clone();
    terms.max_openings = 2;
    // The signature of the granted one ends its encoding.
    let bytes = grant.encode();
    let signature: [u8; 64] = bytes[bytes.len() - 64..].try_into()?;
    let view = world.whole(
        &SignedGrant::new(Grant::new(terms)?, signature, None)?,
        world.report(),
    )?;
    Effect::of_view(view, grant_error(GrantError::NotSigned))
}

fn outside(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let grant = world.granted(1)?;
    let view = world.whole(&grant, filed)?;
    let view = view.map_err(|error| format!("the granted opening fails: {error}"))?;
    if texts(&view) != filed.texts[..1] || contains(&view.encode(), &filed.texts[1]) {
        return Ok(Effect::Succeeded(
            "the view has more than was granted".to_owned(),
        ));
    }
    // The insider asks alone for a message that the report does not have.
    let grant = world.granted(0b111 << filed.texts.len())?;
    let view = world.whole(&grant, filed)?;
    Effect::of_view(view, |error| *error == VaultError::MessagesNotGranted)
}

fn other_report(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let ask = world.ask(Purpose::UserReport);
    let grant = ask.at_desk(&mut world.office, world.now)?;
    world.office.settle(world.now)?;
    let [first, second] = [world.target.reports[0], world.target.reports[1]];
    let challenge = world.challenge(&grant, first)?;
    let detail = world.detail(&grant, first, &challenge)?;
    world.log(&grant, &challenge, first.promised.number(), &detail)?;
    world.office.settle(world.now)?;
    let view = world.open(&grant, second, &challenge.challenge, &detail)?;
    Effect::of_view(view, |error| *error == VaultError::OtherReport)
}

fn named(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let reporter = scene.people.account(filed.reporter).as_str();
    let grant = world.granted(filed.all())?;
    let view = world.whole(&grant, filed)?;
    let view = view.map_err(|error| format!("the granted opening fails: {error}"))?;
    if view.names.is_some() || contains(&view.encode(), reporter) {
        return Ok(Effect::Succeeded(
            "the view has the reporter's name".to_owned(),
        ));
    }
    // The name needs two persons. The insider asks alone.
    let ask = Ask {
        reports: vec![GrantedReport {
            digest: filed.accepted,
            messages: 1,
        }],
        ..world.ask(Purpose::Identify)
    };
    let terms = ask.terms(&mut world.office, world.now)?;
    let view = world.whole(&ask.sign(terms)?, filed)?;
    Effect::of_view(view, grant_error(GrantError::ApproverMissing))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
