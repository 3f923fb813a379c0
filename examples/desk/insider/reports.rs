//! Attacks with reports that the intake never accepted.

use waxseal_desk::grant::GrantedReport;
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::store::Store;
use waxseal_desk::vault::{VaultCalls, VaultError, digest_of};
use waxseal_log::entry::Purpose;
use waxseal_reporting::intake::ReportId;
use waxseal_reporting::reporter::Report;

use super::facts::Scene;
use super::world::World;
use super::{Effect, Try};
use crate::Result;
use crate::officers::Ask;
use crate::support::forge;

pub const ATTACKS: &[(&str, Try)] = &[
    ("invent an accepted report", invented),
    ("accept a report under another id", other_id),
];

/// Length of what stands before the report in an accepted report: version, id, time, repeated ones.
const PREFIX: usize = 1 + 16 + 8 + 4;
/// Length of the MAC after it.
const MAC: usize = 32;

/// Together with a reporter and an officer, the insider makes reports of what was never said. The
/// officer signs a grant for them. No officer has a key by which the intake accepts.
fn invented(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let content = world.office.desk.store().content(filed.id.as_bytes())?;
    let genuine = content.ok_or("the content is gone")?.accepted;
    let (prefix, rest) = genuine.split_at(PREFIX);
    let (report, mac) = rest[4..].split_at(rest.len() - 4 - MAC);

    let network = &scene.people.network;
    let client = &network.clients[filed.reporter];
    let peer = scene.people.account(filed.accused);
    let message = client
        .message(peer, &filed.tag)?
        .ok_or("the message is gone")?;
    let evidence = message.evidence().ok_or("the message has no evidence")?;
    let key = world.office.moderation_key()?;
    let rng = &mut world.office.rng;
    let forged = forge::variants(
        &network.provider,
        client.me(),
        &key,
        evidence,
        None,
        report,
        rng,
    );
    let mut refused = 0;
    for (what, report) in &forged {
        let len = u32::try_from(report.len())?.to_be_bytes();
        let accepted = [prefix, &len, report, mac].concat();
        match world.office.vault.sort(&filed.id, &accepted, world.now) {
            Err(VaultError::NotAccepted) => {}
            Err(error) => return Err(format!("{what}: {error}").into()),
            Ok(_) => return Ok(Effect::Succeeded(format!("the vault takes {what}"))),
        }
        let digest = AcceptedDigest::of(&accepted);
        let ask = Ask {
            reports: vec![GrantedReport {
                digest,
                messages: 1,
            }],
            ..world.ask(Purpose::UserReport)
        };
        let terms = ask.terms(&mut world.office, world.now)?;
        let grant = ask.sign(terms)?;
        // What is no report at all has no number. The vault looks for one before anything else.
        let decoded = Report::decode(report).ok();
        let number = match &decoded {
            Some(report) => digest_of(report).number(),
            None => filed.promised.number(),
        };
        let meant = match decoded {
            Some(_) => VaultError::NotAccepted,
            None => VaultError::Malformed,
        };
        let view = world.whole_of(&grant, filed, number, accepted)?;
        match Effect::of_view(view, |error| *error == meant)? {
            Effect::Refused(_) => refused += 1,
            other => return Ok(other),
        }
    }
    Ok(Effect::Refused(format!(
        "{refused} reports: {}",
        VaultError::NotAccepted
    )))
}

/// The same report again as another one, so that it can be opened under another case.
fn other_id(scene: &Scene<'_>) -> Result<Effect> {
    let mut world = World::new(scene)?;
    let filed = world.report();
    let content = world.office.desk.store().content(filed.id.as_bytes())?;
    let mut accepted = content.ok_or("the content is gone")?.accepted;
    let other = ReportId::generate(&mut world.office.rng);
    let as_is = world.office.vault.sort(&other, &accepted, world.now);
    accepted[1..17].copy_from_slice(other.as_bytes());
    let replaced = world.office.vault.sort(&other, &accepted, world.now);
    match (as_is, replaced) {
        (Err(VaultError::NotAccepted), Err(error @ VaultError::NotAccepted)) => {
            Ok(Effect::Refused(error.to_string()))
        }
        (Err(error), Err(_)) => Err(error.into()),
        _ => Ok(Effect::Succeeded(
            "the vault takes it under another id".to_owned(),
        )),
    }
}
