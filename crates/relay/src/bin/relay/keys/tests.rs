use super::*;
use waxseal_reporting::relay::PostedFanout;
use waxseal_reporting::sender::{Fanout, RosterStamp};
use waxseal_reporting::{AccountId, Audience, DeviceId, FrankingTag};

const DAY: u64 = EPOCH_MS;
const NOW: Timestamp = Timestamp::from_millis(21_000 * DAY);

fn alice() -> DeviceAddress {
    DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1))
}

#[test]
fn the_keys_survive_a_restart_and_no_other_user_may_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let first = Keys::open(dir.path(), NOW).unwrap();
    let delivery_key = DeliveryKey::generate(&mut rand::rng());
    let sealed = first.seal(&delivery_key, &alice());
    let again = Keys::open(dir.path(), NOW).unwrap();
    assert_eq!(again.relay.to_bytes(), first.relay.to_bytes());
    assert_eq!(*again.encode(&again.stamp()), *first.encode(&first.stamp()));
    let opened = again.open_sealed(&sealed, &alice()).unwrap();
    assert_eq!(*opened.to_bytes(), *delivery_key.to_bytes());
    let bob = DeviceAddress::new(AccountId::new("bob").unwrap(), DeviceId(1));
    assert!(again.open_sealed(&sealed, &bob).is_none());

    let path = dir.path().join(FILE);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert!(Keys::open(dir.path(), NOW).is_err());
}

#[test]
fn a_damaged_root_key_file_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::open(dir.path(), NOW).unwrap();
    let whole = keys.encode(&keys.stamp()).to_vec();
    for damaged in [
        &whole[..0],
        &whole[..100],
        &whole[..whole.len() - 1],
        b"\x02",
    ] {
        fs::write(dir.path().join(FILE), damaged).unwrap();
        assert!(Keys::open(dir.path(), NOW).is_err());
        assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), damaged);
    }
}

/// Reviewers of version 0.1 held the acceptance key, and could invent accepted reports with it.
#[test]
fn a_root_key_file_of_version_1_gets_another_acceptance_key_and_keeps_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let made = Keys::open(dir.path(), NOW).unwrap();
    let second = made.encode(&made.stamp());
    let first = [&[1], &second[1..161], &second[162..]].concat();
    fs::write(dir.path().join(FILE), &first).unwrap();

    let upgraded = Keys::open(dir.path(), NOW).unwrap();
    let again = Keys::open(dir.path(), NOW).unwrap();
    let held = made.acceptance.present.to_bytes();
    for keys in [&upgraded, &again] {
        assert_eq!(*keys.acceptance.old.as_ref().unwrap().to_bytes(), *held);
        assert!(*keys.acceptance.present.to_bytes() != *held);
        assert_eq!(keys.relay.to_bytes(), made.relay.to_bytes());
        assert_eq!(*keys.stamp().export(), *made.stamp().export());
    }
    assert_eq!(
        *again.encode(&again.stamp()),
        *upgraded.encode(&upgraded.stamp())
    );
    // A file from a backup of before is upgraded to the same keys, which the database knows.
    fs::write(dir.path().join(FILE), &first).unwrap();
    let restored = Keys::open(dir.path(), NOW).unwrap();
    assert_eq!(restored.digest(), upgraded.digest());
    for at in [1, 33, 65, 97, 129, 162] {
        let whole = upgraded.encode(&upgraded.stamp());
        let cut = whole[..at].to_vec();
        fs::write(dir.path().join(FILE), &cut).unwrap();
        assert!(Keys::open(dir.path(), NOW).is_err(), "{at}");
    }
}

#[test]
fn a_lost_root_key_file_is_not_created_again_next_to_its_database() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(DATABASE), "").unwrap();
    assert!(Keys::open(dir.path(), NOW).is_err());
    assert!(!dir.path().join(FILE).exists());
}

#[test]
fn a_destroyed_epoch_is_gone_from_memory_and_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::open(dir.path(), NOW).unwrap();
    let stamp = |keys: &Keys, at| {
        let to = Audience::Direct(AccountId::new("bob").unwrap());
        let (key, none) = (DeliveryKey::from_bytes([3; 32]), RosterStamp::default());
        let mut fanout = Fanout::new(FrankingTag::from_bytes([1; 32]), none, none);
        fanout.insert(false, DeviceId(1), None).unwrap();
        let posted = PostedFanout::decode(&fanout.post(&key, &alice(), &to, at)).unwrap();
        let authentic = posted.authenticate(&key, &alice(), &to, at).unwrap();
        keys.stamp().stamp(&authentic, at)
    };
    let claim = stamp(&keys, NOW).unwrap();
    let today = u32::try_from(NOW.as_millis() / DAY).unwrap();
    let later = Timestamp::from_millis(NOW.as_millis() + u64::from(VERIFY_DAYS) * DAY);
    keys.advance(later).unwrap();
    keys.destroy_before(today).unwrap();
    keys.stamp().verify(&claim, later).unwrap(); // It is the last day for a report.

    let too_late = Timestamp::from_millis(later.as_millis() + DAY);
    keys.destroy_before(today + 1).unwrap();
    for keys in [keys, Keys::open(dir.path(), too_late).unwrap()] {
        assert!(keys.stamp().verify(&claim, too_late).is_err());
        assert!(stamp(&keys, NOW).is_err());
        keys.stamp()
            .verify(&stamp(&keys, too_late).unwrap(), too_late)
            .unwrap();
    }
    // A clock that is set back before the destroyed epochs brings them back on no account.
    let back = Keys::open(dir.path(), NOW).unwrap();
    assert!(stamp(&back, NOW).is_err());
}

#[test]
fn keys_reach_back_only_when_the_operator_trusts_a_clock_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let ten_years = 3_650 * DAY;
    let ahead = Timestamp::from_millis(NOW.as_millis() + ten_years);
    let keys = Keys::open(dir.path(), ahead).unwrap();
    let before = keys.encode(&keys.stamp()).to_vec();
    assert!(keys.advance(NOW).is_err());
    keys.reach_back_to(ahead).unwrap();
    assert_eq!(*keys.encode(&keys.stamp()), *before, "nothing to do");
    keys.reach_back_to(NOW).unwrap();
    keys.advance(NOW).unwrap();
    let again = Keys::open(dir.path(), NOW).unwrap();
    assert_eq!(*again.encode(&again.stamp()), *keys.encode(&keys.stamp()));
}

#[test]
fn keys_that_are_there_are_prepared_without_waiting_for_whoever_uses_them() {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::open(dir.path(), NOW).unwrap();
    keys.advance(NOW).unwrap();
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let used = keys.stamp();
        scope.spawn(|| done.send(keys.advance(NOW).is_ok()));
        let prepared = waiting.recv_timeout(std::time::Duration::from_secs(5));
        drop(used);
        assert_eq!(prepared, Ok(true));
    });
}

#[test]
fn a_clock_that_was_never_set_makes_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    for never_set in [0, FIRST_START.as_millis() - 1] {
        assert!(Keys::open(dir.path(), Timestamp::from_millis(never_set)).is_err());
        assert!(!dir.path().join(FILE).exists());
    }
    Keys::open(dir.path(), FIRST_START).unwrap();
}

#[test]
fn two_relays_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let held = lock(dir.path()).unwrap();
    assert!(lock(dir.path()).is_err());
    drop(held);
    lock(dir.path()).unwrap();
}
