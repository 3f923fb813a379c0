use super::*;
use crate::entry::*;
use crate::limits::MAX_FINDINGS_OF_KIND;
use crate::note::Cosigner;
use crate::promise::Promise;
use crate::tests::world::*;

mod repeated;

fn new(world: &World) -> Audit {
    Audit::new(world.keys(), Counts::new(Day(0), Day(u32::MAX)))
}

fn feed(audit: &mut Audit, entries: &[(Entry, Detail)]) {
    for (entry, _) in entries {
        audit.entry(&entry.encode()).unwrap();
    }
}

/// Feeds the whole log, and one checkpoint at its end.
fn audited(world: &World, secs: u64) -> Audit {
    let mut audit = new(world);
    feed(&mut audit, &world.entries);
    audit
        .checkpoint(&world.checkpoint(world.entries.len(), secs))
        .unwrap();
    audit
}

/// What is found after the story and this entry, on day 10.
fn found_after(number: [u8; 16], day: u32, event: Event) -> (Vec<Finding>, u64) {
    let mut world = Story::new().world;
    let index = world.append(day, Number::from_bytes(number), event, b"");
    (audited(&world, noon(DAY + 10)).findings(), index)
}

/// Changes the entries of a log.
type Change = fn(&mut Vec<(Entry, Detail)>);

const NEW: [u8; 16] = [0xdd; 16];

#[test]
fn an_honest_log_has_no_findings_and_is_counted() {
    let world = Story::new().world;
    let mut audit = new(&world);
    let mut today = DAY;
    for (at, (entry, _)) in (0..).zip(&world.entries) {
        // The vault cosigns every day, also without a new entry.
        for day in today..entry.day.0 {
            audit.checkpoint(&world.checkpoint(at, noon(day))).unwrap();
        }
        today = entry.day.0;
        assert_eq!(audit.entry(&entry.encode()), Ok(*entry));
        audit
            .checkpoint(&world.checkpoint(at + 1, noon(today)))
            .unwrap();
    }
    assert_eq!(audit.findings(), []);
    assert_eq!(audit.size(), world.entries.len() as u64);
    assert_eq!(audit.last_checkpoint().unwrap().size(), audit.size());
    assert_eq!(audit.counts().reports_received, 2);
}

#[test]
fn chk158_bytes_that_are_no_entry_end_the_audit_and_change_nothing() {
    let mut world = Story::new().world;
    let mut audit = audited(&world, noon(DAY + 10));
    let (size, counts) = (audit.size(), audit.counts().clone());
    let error = EntryError::Malformed;
    assert_eq!(
        audit.entry(&[]),
        Err(AuditError::Entry { index: size, error })
    );
    assert_eq!((audit.size(), audit.counts()), (size, &counts));
    world.append(DAY + 10, Number::from_bytes(NEW), Event::HoldPlaced, b"");
    audit
        .entry(&world.entries.last().unwrap().0.encode())
        .unwrap();
    audit
        .checkpoint(&world.checkpoint(world.entries.len(), noon(DAY + 11)))
        .unwrap();
}

#[test]
fn chk158_checkpoint_over_other_entries_is_refused() {
    let world = Story::new().world;
    let size = world.entries.len();
    let note = world.checkpoint(size, noon(DAY + 10));
    // An entry altered, two swapped, one back-dated: the root differs each time.
    let changes: [Change; 3] = [
        |entries| entries[3].0.digest = Digest::from_bytes([0; 32]),
        |entries| entries.swap(5, 6),
        |entries| entries[8].0.day = Day(DAY + 1),
    ];
    for change in changes {
        let mut changed = Story::new().world;
        change(&mut changed.entries);
        let mut audit = new(&world);
        feed(&mut audit, &changed.entries);
        let before = format!("{audit:?}");
        let refused = Err(AuditError::OtherRoot { size: size as u64 });
        assert_eq!(audit.checkpoint(&note), refused);
        assert_eq!(format!("{audit:?}"), before);
    }
    // One dropped.
    let mut audit = new(&world);
    feed(&mut audit, &world.entries[1..]);
    let (size, entries) = (size as u64, size as u64 - 1);
    assert_eq!(
        audit.checkpoint(&note),
        Err(AuditError::OtherSize { size, entries })
    );
}

#[test]
fn chk158_checkpoint_without_the_vaults_cosignature_is_refused() {
    let world = Story::new().world;
    let mut audit = new(&world);
    let mut note = world.signed(0);
    for witness in &world.witnesses {
        note.add(witness.cosign(note.text(), noon(DAY))).unwrap();
    }
    let refused = Err(AuditError::Checkpoint(CheckpointError::NotOfTheVault));
    assert_eq!(audit.checkpoint(&note), refused);
    let other = Cosigner::from_seed("desk.example/vault", &[0x99; 32]).unwrap();
    note.add(other.cosign(note.text(), noon(DAY))).unwrap();
    assert_eq!(audit.checkpoint(&note), refused);
    note.add(world.vault.cosign(note.text(), noon(DAY)))
        .unwrap();
    assert!(audit.checkpoint(&note).is_ok());
}

#[test]
fn chk159_mark_that_occurs_twice_is_found() {
    let (purpose, mark) = (Purpose::Appeal, Mark::from_bytes([3; 16]));
    let number = *Story::new().promise.entry().number.as_bytes();
    let (found, index) = found_after(number, DAY + 7, Event::ContentOpened { purpose, mark });
    assert_eq!(found, [Finding::MarkTwice { index }]);
}

#[test]
fn chk159_policy_that_is_not_signed_or_not_newer_is_found() {
    let world = World::new();
    let publish = |version, by: &PolicyKey, origin| {
        let policy = by.publish(origin, version, PolicyDigest::from_bytes([7; 32]));
        found_after(NEW, DAY + 8, Event::PolicyPublished(policy))
    };
    assert_eq!(publish(2, &world.policy, ORIGIN).0, []);
    let (found, index) = publish(1, &world.policy, ORIGIN);
    assert_eq!(found, [Finding::PolicyNotNewer { index }]);
    let (found, index) = publish(2, &PolicyKey::from_seed(&[0x45; 32]), ORIGIN);
    assert_eq!(found, [Finding::PolicyNotSigned { index }]);
    let (found, index) = publish(2, &world.policy, "other.example");
    assert_eq!(found, [Finding::PolicyNotSigned { index }]);
}

#[test]
fn chk159_policy_that_is_not_signed_does_not_count_as_a_version() {
    let mut world = Story::new().world;
    let digest = PolicyDigest::from_bytes([7; 32]);
    let other = PolicyKey::from_seed(&[0x45; 32]).publish(ORIGIN, u32::MAX, digest);
    let number = Number::from_bytes(NEW);
    let index = world.append(DAY + 8, number, Event::PolicyPublished(other), b"");
    let next = world.policy.publish(ORIGIN, 2, digest);
    world.append(DAY + 8, number, Event::PolicyPublished(next), b"");
    let found = audited(&world, noon(DAY + 10)).findings();
    assert_eq!(found, [Finding::PolicyNotSigned { index }]);
}

#[test]
fn chk159_back_dated_entry_is_found() {
    let (found, _) = found_after(NEW, DAY + 6, Event::HoldPlaced);
    assert_eq!(found, []);
    let (found, index) = found_after(NEW, DAY + 5, Event::HoldPlaced);
    assert_eq!(found, [Finding::BackDated { index }]);
    // Arriving reports may be a day later, as their promise says.
    let received = Event::ReportReceived;
    assert_eq!(found_after(NEW, DAY + 5, received).0, []);
    let (found, index) = found_after(NEW, DAY + 4, received);
    assert_eq!(found, [Finding::BackDated { index }]);
}

#[test]
fn chk159_entry_from_before_the_last_checkpoint_is_found() {
    let mut world = World::new();
    let number = Number::from_bytes(NEW);
    world.append(DAY, number, Event::HoldPlaced, b"");
    let mut audit = audited(&world, noon(DAY + 1));
    world.append(DAY, number, Event::HoldLifted, b"");
    audit.entry(&world.entries[1].0.encode()).unwrap();
    audit
        .checkpoint(&world.checkpoint(2, noon(DAY + 2)))
        .unwrap();
    assert_eq!(audit.findings(), []);
    world.append(DAY, number, Event::HoldPlaced, b"");
    audit.entry(&world.entries[2].0.encode()).unwrap();
    assert_eq!(audit.findings(), [Finding::BackDated { index: 2 }]);
}

#[test]
fn chk159_entry_dated_after_its_checkpoint_is_found() {
    let mut world = World::new();
    world.append(DAY + 1, Number::from_bytes(NEW), Event::HoldPlaced, b"");
    let midnight = u64::from(DAY + 1) * 86_400;
    let found = audited(&world, midnight - 301).findings();
    assert_eq!(found, [Finding::PostDated { index: 0 }]);
    assert_eq!(audited(&world, midnight - 300).findings(), []);
}

#[test]
fn chk159_notice_or_appeal_without_a_decision_is_found() {
    let side = Side::Account;
    for event in [Event::NoticeSent { side }, Event::AppealFiled { side }] {
        let (found, index) = found_after(NEW, DAY + 7, event);
        assert_eq!(found, [Finding::WithoutDecision { index }]);
        assert_eq!(found_after(CASE, DAY + 7, event).0, []);
    }
}

#[test]
fn chk159_end_of_an_appeal_that_is_not_open_is_found() {
    let event = Event::AppealDecided {
        outcome: AppealOutcome::Upheld,
        days: 0,
    };
    for number in [NEW, CASE] {
        let (found, index) = found_after(number, DAY + 7, event);
        assert_eq!(found, [Finding::WithoutAppeal { index }]);
    }
}

#[test]
fn chk159_report_that_is_used_and_never_arrives_is_found() {
    let (purpose, mark) = (Purpose::UserReport, Mark::from_bytes([9; 16]));
    for event in [
        Event::ContentOpened { purpose, mark },
        Event::ReportSorted { reason: reason(1) },
    ] {
        let mut world = World::new();
        world.append(DAY, Number::from_bytes(NEW), event, b"");
        let due = u64::from(DAY + 3) * 86_400;
        assert_eq!(audited(&world, due - 1).findings(), []);
        assert_eq!(
            audited(&world, due).findings(),
            [Finding::NeverReceived { index: 0 }]
        );
        // The arrival may be logged later, in the batch of its day.
        world.append(DAY, Number::from_bytes(NEW), Event::ReportReceived, b"");
        assert_eq!(audited(&world, due).findings(), []);
    }
}

#[test]
fn chk159_vault_that_is_silent_or_goes_back_is_found() {
    let world = World::new();
    let mut audit = new(&world);
    let mut at = |secs| {
        audit.checkpoint(&world.checkpoint(0, secs)).unwrap();
        audit.findings()
    };
    let start = noon(DAY);
    assert_eq!(at(start), []);
    assert_eq!(at(start + 36 * 3_600), []);
    let silent = Finding::VaultSilent { size: 0, hours: 36 };
    assert_eq!(at(start + 72 * 3_600 + 1), [silent]);
    assert_eq!(
        at(start + 72 * 3_600),
        [silent, Finding::VaultClockBack { size: 0 }]
    );
}

#[test]
fn chk159_vault_that_is_silent_before_a_checkpoint_without_public_entries_is_found() {
    let mut world = Story::new().world;
    let read = world.entries.len();
    let mut audit = audited(&world, noon(DAY + 10));
    for _ in 0..3 {
        world.append(DAY + 10, Number::from_bytes(NEW), Event::HoldPlaced, b"");
    }
    let mut ahead = |size: usize, secs: u64| {
        audit
            .checkpoint_ahead(&world.checkpoint(size, secs))
            .unwrap();
        audit.findings()
    };
    let last = noon(DAY + 10) + 36 * 3_600;
    assert_eq!(ahead(read + 1, last), []);
    let size = read as u64 + 2;
    let silent = Finding::VaultSilent { size, hours: 36 };
    assert_eq!(ahead(read + 2, last + 36 * 3_600 + 1), [silent]);
    let size = read as u64 + 3;
    let back = Finding::VaultClockBack { size };
    assert_eq!(ahead(read + 3, last), [silent, back]);
    assert_eq!(audit.size(), read as u64);
    assert_eq!(audit.last_checkpoint().unwrap().size(), audit.size());
    let (size, entries) = (audit.size(), audit.size());
    assert_eq!(
        audit.checkpoint_ahead(&world.checkpoint(read, last)),
        Err(AuditError::OtherSize { size, entries })
    );
    let unsigned = world.signed(read + 1);
    audit.checkpoint_ahead(&unsigned).unwrap_err();
}

#[test]
fn checkpoint_ahead_makes_no_promise_and_no_arrival_due() {
    let mut world = World::new();
    let promise = world.promise(DAY, SEALED, None);
    let mut audit = new(&world);
    audit.expect_promise(*world.promised(&promise, SEALED).leaf());
    let event = Event::ReportSorted { reason: reason(1) };
    world.append(DAY, Number::from_bytes(NEW), event, b"");
    feed(&mut audit, &world.entries);
    audit.checkpoint(&world.checkpoint(1, noon(DAY))).unwrap();
    world.append(DAY, Number::from_bytes(NEW), Event::ReportReceived, b"");
    for day in 1..7 {
        audit
            .checkpoint_ahead(&world.checkpoint(2, noon(DAY + day)))
            .unwrap();
    }
    assert_eq!(audit.findings(), []);
}

#[test]
fn chk159_broken_promise_is_found() {
    let mut world = World::new();
    let promise: Promise = world.promise(DAY, SEALED, None);
    let promised = *world.promised(&promise, SEALED).leaf();
    let audit = |world: &World, secs| {
        let mut audit = new(world);
        audit.expect_promise(promised);
        feed(&mut audit, &world.entries);
        audit
            .checkpoint(&world.checkpoint(world.entries.len(), secs))
            .unwrap();
        audit.findings()
    };
    let due = u64::from(DAY + 3) * 86_400;
    assert_eq!(audit(&world, due - 1), []);
    let leaf_hash = promised.leaf_hash;
    assert_eq!(
        audit(&world, due),
        [Finding::PromiseBroken {
            day: DAY,
            leaf_hash
        }]
    );
    world
        .entries
        .push((*promise.entry(), promise.detail().clone()));
    assert_eq!(audit(&world, due), []);
}

#[test]
fn findings_are_bounded() {
    let mut world = World::new();
    let number = Number::from_bytes(NEW);
    for _ in 0..MAX_FINDINGS_OF_KIND + 1 {
        world.append(DAY, number, Event::EmergencyOverdue, b"");
    }
    // Many findings of one kind do not hide another kind.
    for n in 0..MAX_FINDINGS_OF_KIND as u8 + 2 {
        let mark = Mark::from_bytes([n.saturating_sub(1); 16]);
        let purpose = Purpose::Appeal;
        let number = Number::from_bytes([n; 16]);
        world.append(DAY, number, Event::ContentOpened { purpose, mark }, b"");
    }
    let found = audited(&world, noon(DAY + 10)).findings();
    let without = |finding: &&Finding| matches!(finding, Finding::WithoutRequest { .. });
    assert_eq!(found.iter().filter(without).count(), MAX_FINDINGS_OF_KIND);
    let index = MAX_FINDINGS_OF_KIND as u64 + 2;
    assert!(found.contains(&Finding::MarkTwice { index }));
    let never = |finding: &&Finding| matches!(finding, Finding::NeverReceived { .. });
    assert_eq!(found.iter().filter(never).count(), MAX_FINDINGS_OF_KIND);
    assert_eq!(found.len(), 2 * MAX_FINDINGS_OF_KIND + 1);
}
