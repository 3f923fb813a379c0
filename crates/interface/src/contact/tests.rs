//! Tests of `contact.rs`.

use super::*;

const DAY: u32 = 21_000;
const NOW: u64 = 1_234_567_890_000;

fn name(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pass_key(byte: u8) -> PassKey {
    PassKey::from_bytes(Zeroizing::new([byte; 32]))
}

/// The MACs were computed by another program, from the descriptions in `contact.rs` alone.
#[test]
fn tokens_and_passes_are_as_described() {
    let key = ContactKey::derive(&[7; 32]);
    let token = key.token(DAY, &name("alice"), &name("bob")).unwrap();
    let expected = "000005dc066f3fbc17f38e16ec052593e87fbe10da91711fa34a4b4e92ac8067497f5369";
    assert_eq!(hex(token.as_bytes()), expected);
    assert_eq!(token.epoch(), DAY / 14);
    let pass = pass_key(9).pass(&name("alice"), 1_234_567_890_123).unwrap();
    let expected = "AAABH3H7BMvBiARDu4FNsc39M2anovsWvON2Mbjl+Xr1UpS1w071xQ==";
    assert_eq!(pass.to_text(), expected);
    assert_eq!(pass.expires_at_ms(), 1_234_567_890_123);
}

#[test]
fn chk600_a_token_of_another_relay_for_other_accounts_or_altered_is_refused() {
    let key = ContactKey::derive(&[7; 32]);
    let (alice, bob) = (name("alice"), name("bob"));
    let token = key.token(DAY, &alice, &bob).unwrap();
    let is_valid = |key: &ContactKey, token: &ContactToken, writer: &AccountId, to: &AccountId| {
        key.is_valid(token, writer, to, DAY, DAY)
    };
    assert!(is_valid(&key, &token, &alice, &bob));
    let other = ContactKey::derive(&[8; 32]);
    assert!(!is_valid(&other, &token, &alice, &bob));
    for (writer, to) in [
        ("bob", "alice"),
        ("alice", "alice"),
        ("alice", "bo"),
        ("carol", "bob"),
        ("alicebob", "bob"),
        ("alic", "ebob"),
        ("bob", "bob"),
    ] {
        let [writer, to] = [writer, to].map(name);
        assert!(!is_valid(&key, &token, &writer, &to), "{writer:?} {to:?}");
    }
    for at in 0..CONTACT_TOKEN_LEN {
        for bit in 0..8 {
            let mut bytes = *token.as_bytes();
            bytes[at] ^= 1 << bit;
            let altered = ContactToken::from_bytes(bytes);
            // Over all epochs, so that the MAC alone refuses it.
            let is_valid = key.is_valid(&altered, &alice, &bob, 0, u32::MAX);
            assert!(!is_valid, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn chk601_a_token_is_valid_in_its_epoch_and_the_next() {
    let key = ContactKey::derive(&[7; 32]);
    let (alice, bob) = (name("alice"), name("bob"));
    let first = DAY / 14 * 14;
    for made in [first, first + 13] {
        let token = key.token(made, &alice, &bob).unwrap();
        let valid_on = |day| key.is_valid(&token, &alice, &bob, day, day);
        assert!(!valid_on(first - 1));
        assert!(valid_on(first) && valid_on(first + 27));
        assert!(!valid_on(first + 28) && !valid_on(u32::MAX));
        // The clock is far ahead of the time that certainly passed: the token stays valid.
        assert!(key.is_valid(&token, &alice, &bob, first + 27, first + 400));
        // The clock is set back: what it made while it was ahead is not valid.
        assert!(!key.is_valid(&token, &alice, &bob, first - 30, first - 1));
    }
    let last = key.token(u32::MAX, &alice, &bob).unwrap();
    assert!(key.is_valid(&last, &alice, &bob, u32::MAX, u32::MAX));
}

#[test]
fn chk602_a_pass_of_another_key_for_another_account_or_altered_is_refused() {
    let (alice, bob) = (name("alice"), name("bob"));
    let pass = pass_key(9).pass(&alice, NOW + 1_000).unwrap();
    assert!(pass_key(9).is_valid(&pass, &alice, NOW));
    assert!(!pass_key(9).is_valid(&pass, &bob, NOW));
    assert!(!pass_key(8).is_valid(&pass, &alice, NOW));
    for at in 0..CONTACT_PASS_LEN {
        let mut bytes = *pass.as_bytes();
        bytes[at] ^= 1;
        let altered = ContactPass::from_bytes(bytes);
        // At a time at which the altered expiry counts.
        let now = altered.expires_at_ms().saturating_sub(1);
        assert!(!pass_key(9).is_valid(&altered, &alice, now), "byte {at}");
    }
    // Neither is a token of the same bytes under the same key.
    let key = ContactKey(Zeroizing::new([9; 32]));
    let token = key.token(DAY, &alice, &bob).unwrap();
    let mut bytes = [0; CONTACT_PASS_LEN];
    bytes[4..].copy_from_slice(token.as_bytes());
    let pass = ContactPass::from_bytes(bytes);
    assert!(!pass_key(9).is_valid(&pass, &alice, 0));
}

#[test]
fn chk603_a_pass_is_valid_until_it_expires_and_for_a_day_at_most() {
    let alice = name("alice");
    for (expires_at_ms, is_valid) in [
        (0, false),
        (NOW - 1, false),
        (NOW, false),
        (NOW + 1, true),
        (NOW + MAX_PASS_MS, true),
        (NOW + MAX_PASS_MS + 1, false),
        (u64::MAX, false),
    ] {
        let pass = pass_key(9).pass(&alice, expires_at_ms).unwrap();
        let valid = pass_key(9).is_valid(&pass, &alice, NOW);
        assert_eq!(valid, is_valid, "{expires_at_ms}");
    }
    let last = pass_key(9).pass(&alice, u64::MAX).unwrap();
    assert!(!pass_key(9).is_valid(&last, &alice, u64::MAX));
}

#[test]
fn a_challenge_of_another_form_counts_as_absent() {
    let longest = "a".repeat(MAX_STRANGER_CHALLENGE_LEN);
    let too_long = format!("{longest}a");
    for (text, is_read) in [
        ("https://relay.example/strangers", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        ("two\nlines", false),
        ("\u{1b}[2J", false),
    ] {
        let challenge = StrangerChallenge::new(text.to_owned());
        assert_eq!(challenge.is_some(), is_read, "{text:?}");
        let body = serde_json::json!({
            "error": "stranger_budget", "message": "m", "retry_after_secs": 5, "challenge": text,
        });
        let read = crate::ErrorBody::of_answer(429, body.to_string().as_bytes());
        assert_eq!(read.error, crate::ErrorCode::StrangerBudget);
        assert_eq!(read.retry_after_secs, Some(5));
        let read = read.challenge.as_ref().map(|challenge| challenge.as_str());
        assert_eq!(read, is_read.then_some(text));
    }
}

#[test]
fn a_pass_is_valid_however_its_account_is_spelled() {
    let made = ["alice", "Alice", "ALICE"].map(|text| pass_key(9).pass(&name(text), NOW + 1));
    assert_eq!(made, [made[0]; 3]);
    for text in ["alice", "aLICe"] {
        assert!(pass_key(9).is_valid(&made[0].unwrap(), &name(text), NOW));
    }
    assert!(!pass_key(9).is_valid(&made[0].unwrap(), &name("alicf"), NOW));
    // A token is made and verified for names as they are registered.
    let key = ContactKey::derive(&[7; 32]);
    let token = key.token(DAY, &name("Alice"), &name("bob")).unwrap();
    assert!(!key.is_valid(&token, &name("alice"), &name("bob"), DAY, DAY));
}

#[test]
fn debug_shows_no_mac_and_no_key() {
    let token = ContactToken::from_bytes([1; 36]);
    let pass = ContactPass::from_bytes([2; 40]);
    let keys = (ContactKey::derive(&[7; 32]), pass_key(9));
    let shown = format!("{token:?} {pass:?} {keys:?}");
    assert_eq!(
        shown,
        "ContactToken { epoch: 16843009, .. } ContactPass { expires_at_ms: 144680345676153346, .. } \
         (ContactKey { .. }, PassKey { .. })"
    );
}
