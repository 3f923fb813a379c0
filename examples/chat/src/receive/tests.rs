use waxseal::{Client, DeliveryKey, DeviceAddress, DeviceId};
use waxseal_interface::account_name;
use waxseal_relay::RelayClient;

use super::*;
use crate::home::Home;

/// Makes an account whose relay cannot be reached.
fn chat(folder: &tempfile::TempDir) -> Chat {
    let rng = &mut rand::rng();
    let (home, store) = Home::open(&folder.path().join("home"), rng).unwrap();
    let me = DeviceAddress::new(account_name("bob").unwrap(), DeviceId(1));
    let client = Client::create(store, me, DeliveryKey::generate(rng), rng).unwrap();
    Chat::new(
        client,
        home,
        RelayClient::new("http://127.0.0.1:1").unwrap(),
        false,
    )
}

#[test]
fn a_delivery_that_looks_altered_is_kept_for_a_limited_number_of_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let mut chat = chat(&folder);
    let altered = [(7, b"altered".to_vec())];
    for _ in 1..MAX_ATTEMPTS {
        assert!(chat.take(&altered).unwrap() == [(7, Verdict::Keep)]);
        assert!(chat.take_notices().is_empty());
    }
    assert!(chat.take(&altered).unwrap() == [(7, Verdict::Acknowledge)]);
    assert_eq!(chat.take_notices().len(), 1);
    assert!(chat.home.memory.kept.is_empty());
}

#[test]
fn only_a_few_deliveries_of_one_sender_are_kept_and_only_for_some_days() {
    let folder = tempfile::tempdir().unwrap();
    let mut chat = chat(&folder);
    for id in 0..MAX_KEPT_OF_ONE as u64 {
        assert!(chat.keep(id, "mallory", u32::MAX).unwrap() == Verdict::Keep);
    }
    assert!(chat.keep(1_000, "mallory", u32::MAX).unwrap() == Verdict::Acknowledge);
    assert_eq!(chat.home.memory.kept.len(), MAX_KEPT_OF_ONE);
    // A delivery that is kept already stays kept when it comes again, and a delivery of another
    // sender is kept too.
    assert!(chat.keep(3, "mallory", u32::MAX).unwrap() == Verdict::Keep);
    assert!(chat.keep(1_001, "alice", u32::MAX).unwrap() == Verdict::Keep);

    // The kept deliveries are still known after a restart.
    drop(chat);
    let (mut home, store) = Home::open(&folder.path().join("home"), &mut rand::rng()).unwrap();
    let kept = &mut home.memory.kept;
    assert_eq!(kept.len(), MAX_KEPT_OF_ONE + 1);
    // Delivery 3 is now so old that it is given up when it comes again. Delivery 4 is so old that
    // the relay must have dropped it by itself, so it is forgotten.
    kept.get_mut(&3).unwrap().since_ms -= KEEP_DAYS * DAY_MS;
    kept.get_mut(&4).unwrap().since_ms -= 2 * KEEP_DAYS * DAY_MS;
    let relay = RelayClient::new("http://127.0.0.1:1").unwrap();
    let mut chat = Chat::new(Client::open(store).unwrap(), home, relay, false);
    assert!(chat.keep(3, "mallory", u32::MAX).unwrap() == Verdict::Acknowledge);
    assert_eq!(chat.home.memory.kept.len(), MAX_KEPT_OF_ONE - 1);

    // The total is bounded too, however many senders there are: one more delivery is not kept.
    for id in 2_000..2_000 + MAX_KEPT as u64 {
        let kept = KeptDelivery {
            since_ms: now().as_millis(),
            times: 1,
            from: format!("sender {id}"),
        };
        chat.home.memory.kept.insert(id, kept);
    }
    assert!(chat.keep(9_999, "bob", u32::MAX).unwrap() == Verdict::Acknowledge);
}

#[test]
fn a_home_allows_one_process_and_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let chat = chat(&folder);
    let second = Home::open(&home, &mut rand::rng()).err().unwrap();
    assert_eq!(second.message, "another process is using this home");
    drop(chat);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.clone()), 0o700);
        for file in ["store.key", "store.sqlite"] {
            assert_eq!(mode(home.join(file)), 0o600, "{file}");
        }
    }
    std::fs::write(home.join("store.key"), [7; 32]).unwrap();
    let wrong = Home::open(&home, &mut rand::rng()).err().unwrap();
    assert_eq!(wrong.message, "the store was made with another key");
}

const YEAR_MS: u64 = 365 * DAY_MS;

#[test]
fn prekeys_rotate_at_once_if_the_clock_was_a_year_ahead() {
    for (noted_ago, rotates) in [
        (-i128::from(YEAR_MS), true),
        (-i128::from(2 * DAY_MS), true),
        // A clock that was set back a little does not replace prekeys twice in a row.
        (-i128::from(DAY_MS - 60_000), false),
        (0, false),
        (i128::from(6 * DAY_MS), false),
        (i128::from(8 * DAY_MS), true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut chat = chat(&folder);
        let noted = i128::from(now().as_millis()) - noted_ago;
        chat.home.memory.rotated_at_ms = u64::try_from(noted).unwrap();
        assert!(chat.catch_up().is_err(), "the relay cannot be reached");
        let memory = &chat.home.memory;
        assert_eq!(memory.upload_pending, rotates, "{noted_ago}");
        let rotated_now = age_ms(memory.rotated_at_ms).is_some_and(|age_ms| age_ms < 60_000);
        assert_eq!(rotated_now, rotates || noted_ago == 0, "{noted_ago}");
    }
}

#[test]
fn a_delivery_kept_while_the_clock_was_a_year_ahead_is_given_up_after_a_week() {
    let folder = tempfile::tempdir().unwrap();
    let mut chat = chat(&folder);
    assert!(chat.keep(7, "mallory", u32::MAX).unwrap() == Verdict::Keep);
    chat.home.memory.kept.get_mut(&7).unwrap().since_ms += YEAR_MS;
    assert!(chat.keep(7, "mallory", u32::MAX).unwrap() == Verdict::Keep);
    let kept = chat.home.memory.kept.get_mut(&7).unwrap();
    assert!(age_ms(kept.since_ms).is_some());
    kept.since_ms -= KEEP_DAYS * DAY_MS;
    assert!(chat.keep(7, "mallory", u32::MAX).unwrap() == Verdict::Acknowledge);
}
