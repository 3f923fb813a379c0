//! Attacks with policies.

use waxseal_desk::grant::GrantError;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::policy::{Officer, Policy, Roles};
use waxseal_desk::vault::{VaultCalls, VaultError};
use waxseal_desk::{DeskError, Refused};
use waxseal_log::entry::{Detail, Event, Number, PolicyKey, PublishedPolicy, Purpose};

use super::facts::Scene;
use super::world::World;
use super::{Effect, Try, pen};
use crate::Result;
use crate::officers::Ask;
use crate::published;

pub const ATTACKS: &[(&str, Try)] = &[
    ("publish a policy of one's own", own),
    ("publish an old policy again", old),
];

/// Puts a policy into the log, past the desk. Then opens with a grant under it.
fn under(
    mut world: World<'_>,
    policy: &Policy,
    published: PublishedPolicy,
    officer: &OfficerKey,
    finding: &str,
) -> Result<Effect> {
    let now = world.now;
    let asked = world
        .office
        .desk
        .publish_policy(policy, &published, now, &mut world.office.rng);
    if !matches!(asked, Err(DeskError::Refused(Refused::Policy))) {
        return Ok(Effect::Succeeded(
            "the desk published the policy".to_owned(),
        ));
    }
    let detail = Detail::new(policy.digest().as_bytes().to_vec(), &mut world.office.rng)?;
    let number = Number::generate(&mut world.office.rng);
    let entry = pen::entry(now, number, Event::PolicyPublished(published), &detail);
    pen::append(&mut world.office, &entry, &detail)?;
    world.office.settle(now)?;
    if world.office.vault.adopt(policy.encode()) != Err(VaultError::OtherDocument) {
        return Ok(Effect::Succeeded("the vault adopted the policy".to_owned()));
    }
    let ask = Ask {
        requester: officer,
        ..world.ask(Purpose::UserReport)
    };
    let mut terms = ask.terms(&mut world.office, now)?;
    terms.policy = policy.digest();
    let view = world.whole(&ask.sign(terms)?, world.report())?;
    let refused = Effect::of_view(view, |error| {
        *error == VaultError::Grant(GrantError::OtherPolicy)
    })?;
    let Effect::Refused(why) = refused else {
        return Ok(refused);
    };
    // Outsiders notice the attempt.
    let public = world.office.publish_copy(now)?;
    let found = published::verify(&public, &world.office.keys, &[])?.findings;
    match found.iter().find(|found| found.contains(finding)) {
        Some(found) => Ok(Effect::Refused(format!("{why}; outsiders see: {found}"))),
        None => Ok(Effect::Succeeded("the entry is not noticed".to_owned())),
    }
}

fn own(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let key = PolicyKey::generate(&mut world.office.rng);
    let me = OfficerKey::generate(&mut world.office.rng);
    let mut terms = scene.officers.terms(9);
    terms.officers.push(Officer {
        id: me.id(),
        name: "insider".to_owned(),
        roles: Roles::ASK.and(Roles::APPROVE),
    });
    let policy = Policy::new(terms)?;
    let published = key.publish(policy.origin(), 9, policy.digest());
    under(
        world,
        &policy,
        published,
        &me,
        "not signed by the policy key",
    )
}

/// The first policy, with its genuine signature. It still names the officer who left.
fn old(scene: &Scene<'_>) -> Result<Effect> {
    let world = World::new(scene)?;
    let policy = scene.officers.policy(1)?;
    let key = &world.office.secrets.policy;
    let published = key.publish(policy.origin(), 1, policy.digest());
    under(
        world,
        &policy,
        published,
        &scene.officers.leaver,
        "not newer",
    )
}
