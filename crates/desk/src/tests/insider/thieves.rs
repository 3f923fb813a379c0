//! What a thief of each key can do, and what he cannot: the table of SPEC.md, row by row.
//!
//! Four rows have their tests elsewhere: writing access to the desk's database in the audit's
//! tests, the running desk in `grants.rs` and `openings.rs`, an old state of the vault in
//! `openings.rs`, and writing access to the vault's folder in `vault/process/tests.rs`.

use waxseal_log::audit::{Audit, Finding};
use waxseal_log::counts::Counts;
use waxseal_log::entry::{Day, PolicyKey, Purpose};
use waxseal_log::keys::LogKeys;
use waxseal_log::link::account_commitment;
use waxseal_log::note::{Note, Signer};
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::reporter::{Disclosure, Reason, ReportDraft};
use waxseal_reporting::reviewer::review;
use waxseal_reporting::vault::{self as reporting, Unseal as _};

use crate::desk::tests::world as desk;
use crate::grant::{Grant, GrantError, SignedGrant};
use crate::officer::OfficerKey;
use crate::policy::{Policy, Roles};
use crate::store::Store;
use crate::tests::world::{HOUR, ORIGIN, World, copy, device, terms};
use crate::vault::{LocalVault, Vault, VaultCalls as _, VaultError};
use crate::{decision, hash, intake, labels};

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_desks_database_tells_who_reported_whom_and_no_content() {
    let mut world = desk::World::new();
    let (case, report) = world.case();
    world.decide(case).unwrap();
    let content = world.store.content(report.as_bytes()).unwrap().unwrap();
    assert!(contains(&content.accepted, b"mallory") && contains(&content.accepted, b"bob"));
    let view = world.desk.case(&case).unwrap();
    assert_eq!(view.case.account.as_deref(), Some("mallory"));
    let decided = view.decisions[0].officer;
    assert_eq!(decided, *world.officers.decide.id().as_bytes());
    for text in ["You have won!", "Send me your code."] {
        assert!(!contains(&content.accepted, text.as_bytes()));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn yesterdays_copy_of_the_database_gets_no_complete_checkpoint() {
    use crate::desk::tests::shared::Shared;
    use crate::store::SqliteStore;
    use waxseal_log::witness::AddCheckpoint;

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut world = desk::World::on(SqliteStore::open(path("desk")).unwrap());
    let (case, report) = world.case();
    let grant = world.grant(case, &report);
    world.complete().unwrap();
    for end in ["", "-wal"] {
        std::fs::copy(path(&format!("desk{end}")), path(&format!("old{end}"))).unwrap();
    }
    world.open(&grant, &report).unwrap();
    world.complete().unwrap();
    let witnessed = world.desk.log_size();

    let old = Shared::new(SqliteStore::open(path("old")).unwrap());
    let mut old = world.desk_on(old);
    let now = world.now;
    // The vault gives the next opening, and not the one that it gave.
    let vault = &mut world.vault;
    let opening = old.begin_opening(&grant, &report, vault, now, &mut world.rng);
    let opening = opening.unwrap();
    assert_eq!(opening.row().ordinal, 2);
    let note = old.checkpoint(now).unwrap();
    let request = AddCheckpoint {
        old: witnessed,
        proof: Vec::new(),
        note,
    };
    let secs = now.as_millis() / 1_000;
    world.witness.add(&request.encode(), secs).unwrap_err();
    assert!(old.finish_opening(&opening, vault, now).is_err());
    assert!(old.follow(vault, now).is_err());
    world.complete().unwrap();
}

#[test]
fn the_desks_secret_tests_accounts() {
    let mut world = desk::World::new();
    let (case, report) = world.case();
    world.decide(case).unwrap();
    let secret = &world.desk.setup.secret;
    let row = world.store.report(report.as_bytes()).unwrap().unwrap();
    assert_eq!(row.reporter, Some(intake::reporter_hash(secret, "bob")));
    let salt = decision::salt(secret, case.as_bytes(), decision::Salt::Account);
    let commitment = account_commitment(&salt, b"mallory");
    assert_eq!(world.decided().account, commitment);
}

#[test]
fn a_thief_with_access_to_the_vault_sorts_reports_and_opens_nothing() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    let grant = Grant::new(terms).unwrap();
    let forged = SignedGrant::new(grant, [1; 64], None).unwrap();
    let now = world.now;
    let mut vault = LocalVault::new(world.vault, world.memory, world.rng);
    let sorted = vault.sort(&waiting.id, &waiting.accepted, now).unwrap();
    assert_eq!((sorted.reason, sorted.messages), (Reason::Threat, 1));
    let refused = vault.challenge(&forged, &waiting.digest(), now);
    assert_eq!(refused, Err(VaultError::Grant(GrantError::NotSigned)));
}

#[test]
fn an_officers_key_opens_alone_only_where_one_person_may_and_only_with_the_log() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let thief = world.officers[0].clone();
    let alone = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    let grant = Grant::new(alone).unwrap();
    let signature = grant.sign_as_requester(&thief);
    let grant = SignedGrant::new(grant, signature, None).unwrap();
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let opened = world.vault.open(&request, world.now);
    assert_eq!(opened, Err(VaultError::NotLogged));
    world.open(&grant, &waiting).unwrap();

    // Where two persons are needed, he is one: without the other, as both, and in the other's name.
    let two = world.terms(Purpose::LegalRequest, &[(&waiting, 1)]);
    let (none, own, other) = (None, Some(thief.id()), two.approver);
    for (approver, error) in [
        (none, GrantError::ApproverMissing),
        (own, GrantError::SamePerson),
        (other, GrantError::NotSigned),
    ] {
        let mut terms = two.clone();
        terms.approver = approver;
        let grant = Grant::new(terms).unwrap();
        let requested = grant.sign_as_requester(&thief);
        let approved = approver.map(|_| grant.sign_as_approver(&thief));
        let grant = SignedGrant::new(grant, requested, approved).unwrap();
        let refused = world.challenge(&grant, &waiting);
        assert_eq!(refused, Err(VaultError::Grant(error)));
    }
}

#[test]
fn the_keys_of_requester_and_approver_open_with_the_log_within_count_and_lifetime() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let terms = world.terms(Purpose::Identify, &[(&waiting, 1)]);
    let grant = world.sign(terms.clone());
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let opened = world.vault.open(&request, world.now);
    assert_eq!(opened, Err(VaultError::NotLogged));
    for _ in 0..2 {
        assert!(world.open(&grant, &waiting).unwrap().names.is_some());
    }
    let refused = world.challenge(&grant, &waiting);
    assert_eq!(refused, Err(VaultError::NoOpeningLeft));
    let mut longer = terms;
    longer.expires = waxseal_reporting::Timestamp::from_millis(world.now.as_millis() + 49 * HOUR);
    let longer = world.sign(longer);
    let refused = world.challenge(&longer, &waiting);
    assert_eq!(refused, Err(VaultError::Grant(GrantError::BeyondPolicy)));
}

#[test]
fn the_policy_key_makes_officers_that_everyone_sees() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let thief = OfficerKey::from_seed(&[6; 32]);
    let mut own = terms(&world.officers);
    own.version = 2;
    own.officers[0].id = thief.id();
    own.officers[0].roles = Roles::ASK;
    let own = Policy::new(own).unwrap();
    let unpublished = world.vault.adopt(own.encode());
    assert_eq!(unpublished, Err(VaultError::OtherDocument));

    world.publish(own);
    world.follow().unwrap();
    world.adopt();
    let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    terms.requester = thief.id();
    let grant = Grant::new(terms).unwrap();
    let signature = grant.sign_as_requester(&thief);
    let grant = SignedGrant::new(grant, signature, None).unwrap();
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let opened = world.vault.open(&request, world.now);
    assert_eq!(opened, Err(VaultError::NotLogged));
    world.open(&grant, &waiting).unwrap();
}

#[test]
fn the_log_key_signs_another_log_that_the_witnesses_do_not() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    world.log_opening(&grant, &waiting, &challenge);
    let (note, unread) = (world.checkpoint(world.entries.len()), world.unread());
    note.signed_by(world.keys.log()).unwrap();
    let few = VaultError::TooFewWitnesses {
        found: 0,
        quorum: 2,
    };
    assert_eq!(world.follow_with(&unread, &note), Err(few));
}

#[test]
fn log_and_witnesses_hide_what_officers_granted_and_lose_the_vaults_cosignature() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let public = world.entries.clone();
    // The hidden log shows the opening.
    world.open(&grant, &waiting).unwrap();
    // The public one goes on without it.
    world.entries = public;
    for _ in 0..2 {
        let digest = waxseal_log::entry::Digest::from_bytes([1; 32]);
        world.append(waxseal_log::entry::Event::HoldPlaced, digest);
    }
    let other = VaultError::OtherEntries { size: 2 };
    assert_eq!(world.follow(), Err(other));
    let note = world.witnessed(2);
    assert_eq!(world.follow_with(&[], &note), Err(other));
}

#[test]
fn the_vaults_signing_key_cosigns_what_the_vault_did_not_read() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let cosigner = world.secrets.cosigner("log.example/vault").unwrap();
    let digest = waxseal_log::entry::Digest::from_bytes([1; 32]);
    world.append(waxseal_log::entry::Event::HoldPlaced, digest);
    let mut note = world.witnessed(2);
    note.add(cosigner.cosign(note.text(), 1)).unwrap();
    world.keys.verify(&note).unwrap();
    assert_eq!(world.vault.status().size, 1);
    // It signs no grants.
    let terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    let grant = Grant::new(terms).unwrap();
    let thief = OfficerKey::from_seed(world.secrets.export()[1..33].try_into().unwrap());
    let signature = grant.sign_as_requester(&thief);
    let grant = SignedGrant::new(grant, signature, None).unwrap();
    let refused = world.challenge(&grant, &waiting);
    assert_eq!(refused, Err(VaultError::Grant(GrantError::NotSigned)));
}

/// A key that is derived from the vault secret.
fn derived(world: &World, label: &[u8]) -> [u8; 32] {
    let secret = world.secrets.export()[33..65].try_into().unwrap();
    hash::mac(&secret, &[label])
}

#[test]
fn the_vault_secret_links_marks_and_participants() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let key = derived(&world, labels::MARK_KEY);
    let mac = hash::mac(&key, &[grant.grant().digest().as_bytes(), &[0, 1]]);
    assert_eq!(challenge.mark.as_bytes()[..], mac[..16]);
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let opened = world.vault.open(&request, world.now);
    assert_eq!(opened, Err(VaultError::NotLogged));
}

#[test]
fn the_vault_secret_and_the_state_make_the_vault_forget_and_the_log_shows_it() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let mut terms = world.terms(Purpose::UserReport, &[(&waiting, 1)]);
    terms.max_openings = 1;
    let grant = world.sign(terms);
    world.open(&grant, &waiting).unwrap();
    let refused = world.challenge(&grant, &waiting);
    assert_eq!(refused, Err(VaultError::NoOpeningLeft));
    // The state ends with the number of marks, one mark, its day, and the MAC.
    let state = world.vault.export_state();
    let mut forged = state[..state.len() - 32 - 20 - 4].to_vec();
    forged.extend_from_slice(&[0; 4]);
    let mac = hash::mac(&derived(&world, labels::STATE_KEY), &[&forged]);
    forged.extend_from_slice(&mac);
    world.restart_with(Some(&forged));
    world.follow().unwrap();
    world.adopt();
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let request = World::request(&grant, &waiting, &challenge, [0; 32]);
    let opened = world.vault.open(&request, world.now);
    assert_eq!(opened, Err(VaultError::NotLogged));
    let salt = world.log_opening(&grant, &waiting, &challenge);
    world.follow().unwrap();
    let request = World::request(&grant, &waiting, &challenge, salt);
    world.vault.open(&request, world.now).unwrap();

    let mut audit = Audit::new(world.keys.clone(), Counts::new(Day(0), Day(u32::MAX)));
    for entry in &world.entries {
        audit.entry(entry).unwrap();
    }
    let index = world.entries.len() as u64 - 1;
    assert!(audit.findings().contains(&Finding::MarkTwice { index }));
}

#[test]
fn an_acceptance_key_invents_reports_and_reads_none() {
    let mut world = World::new();
    let genuine = world.report(&["first"]);
    world.relay_of_his_own();
    let invented = world.report(&["what Alice never said"]);
    let sorted = world
        .vault
        .sort(&invented.id, &invented.accepted, world.now);
    assert_eq!(sorted.unwrap().reason, Reason::Threat);
    let own = reporting::ModerationKeyPair::generate(&mut world.rng);
    let thief = reporting::Vault::new(own, world.acceptance.clone());
    assert!(thief.open(&genuine.id, &genuine.accepted).is_err());
}

#[test]
fn a_moderation_key_reads_reports_and_invents_none() {
    let mut world = World::new();
    let evidence = world.alice_says("first");
    let mut draft = ReportDraft::new(device("bob"), Reason::Threat);
    draft.add(&evidence, Disclosure::Whole).unwrap();
    // The thief puts an acceptance of his own around what the intake accepted.
    let own = AcceptanceKey::generate(&mut world.rng);
    let moderation = copy(&world.moderation);
    let waiting = world.accept_with(&draft, &moderation, &own);
    let thief = reporting::Vault::new(copy(&world.moderation), own);
    let report = review(thief.open(&waiting.id, &waiting.accepted).unwrap()).unwrap();
    assert_eq!(report.messages().len(), 1);
    let sorted = world.vault.sort(&waiting.id, &waiting.accepted, world.now);
    assert_eq!(sorted, Err(VaultError::NotAccepted));
}

#[test]
fn the_vaults_folder_is_another_vault_that_follows_a_log_of_the_thief() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let vault = world.secrets.cosigner("log.example/vault").unwrap();
    world.log = Signer::generate(ORIGIN, &mut world.rng).unwrap();
    world.policy_key = PolicyKey::generate(&mut world.rng);
    let policy = Some(world.policy_key.public_key());
    let (log, vault) = (world.log.verifier(), vault.verifier());
    world.keys = LogKeys::new(log, vault, vec![], 0, policy).unwrap();
    world.officers = [(); 4].map(|()| OfficerKey::generate(&mut world.rng));
    world.entries.clear();
    world.vault = Vault::new(world.keys.clone(), &world.secrets, None).unwrap();
    world.publish(Policy::new(terms(&world.officers)).unwrap());
    let follow = |world: &mut World| {
        let (note, unread) = (world.checkpoint(world.entries.len()), world.unread());
        world.follow_with(&unread, &note).unwrap();
    };
    follow(&mut world);
    world.adopt();
    let grant = world.grant(&waiting);
    let challenge = world.challenge(&grant, &waiting).unwrap();
    let salt = world.log_opening(&grant, &waiting, &challenge);
    follow(&mut world);
    let request = World::request(&grant, &waiting, &challenge, salt);
    let view = world.vault.open(&request, world.now).unwrap();
    assert_eq!(view.messages.len(), 1);
}

/// Without witnesses, and with an old state of the vault, a log for it alone leaves no trace.
#[test]
fn without_witnesses_the_log_key_and_an_old_state_hide_an_opening() {
    let mut world = World::new();
    let waiting = world.report(&["first"]);
    let (log, vault) = (world.keys.log().clone(), world.keys.vault().clone());
    let policy = world.keys.policy().copied();
    world.keys = LogKeys::new(log, vault, vec![], 0, policy).unwrap();
    world.restart_with(None);
    world.follow().unwrap();
    world.adopt();
    let (public, state) = (world.entries.clone(), world.vault.export_state());
    let grant = world.grant(&waiting);
    world.open(&grant, &waiting).unwrap();
    world.entries = public;
    world.restart_with(Some(&state));
    let digest = waxseal_log::entry::Digest::from_bytes([1; 32]);
    world.append(waxseal_log::entry::Event::HoldPlaced, digest);
    let note: Note = world.checkpoint(2);
    let unread = world.unread();
    world.follow_with(&unread, &note).unwrap();
}
