use super::*;

const NOW: u64 = 1_795_000_000_000;

fn tokens() -> Tokens {
    Tokens::new(Zeroizing::new([1; 32]))
}

fn alice() -> Holder {
    let alice = DeviceAddress::new(account_name("alice").unwrap(), DeviceId(7));
    Holder::Device(alice, [4; 32])
}

fn code<T: std::fmt::Debug>(result: Result<T, Refusal>) -> ErrorCode {
    result.unwrap_err().code
}

#[test]
fn a_token_names_its_holder_until_it_expires_and_survives_a_restart() {
    let longest = DeviceAddress::new(account_name(&"a".repeat(128)).unwrap(), DeviceId(u32::MAX));
    let longest = Holder::Device(longest, [4; 32]);
    for holder in [alice(), longest, Holder::Reviewer([3; 32])] {
        let session = tokens().issue(&holder, NOW);
        assert_eq!(session.expires_at_ms, NOW + TOKEN_MS);
        let expected = (holder, session.expires_at_ms);
        let last = session.expires_at_ms - 1;
        assert_eq!(tokens().holder(&session.token, last).unwrap(), expected);
        let expired = tokens().holder(&session.token, last + 1);
        assert_eq!(code(expired), ErrorCode::TokenExpired);
    }
}

#[test]
fn a_token_with_any_bit_changed_or_of_another_relay_is_refused() {
    let token = tokens().issue(&alice(), NOW).token;
    let other = Tokens::new(Zeroizing::new([2; 32]));
    assert_eq!(code(other.holder(&token, NOW)), ErrorCode::Unauthorized);
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(
            code(tokens().holder(&changed, NOW)),
            ErrorCode::Unauthorized
        );
    }
    for token in [
        "",
        "x",
        "====",
        &token[..token.len() - 4],
        &"A".repeat(10_000),
    ] {
        assert_eq!(code(tokens().holder(token, NOW)), ErrorCode::Unauthorized);
    }
}

#[test]
fn a_challenge_is_answered_once_in_time_and_by_this_process_only() {
    let tokens = tokens();
    let challenge = tokens.challenge(NOW);
    assert_eq!(challenge.len(), 64);
    tokens
        .check_challenge(&challenge, NOW + CHALLENGE_MS - 1)
        .unwrap();
    let refused = ErrorCode::ChallengeRefused;
    let late = tokens.check_challenge(&challenge, NOW + CHALLENGE_MS);
    assert_eq!(code(late), refused);
    assert_eq!(
        code(self::tokens().check_challenge(&challenge, NOW)),
        refused
    );
    for bit in 0..challenge.len() * 8 {
        let mut changed = challenge.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(code(tokens.check_challenge(&changed, NOW)), refused);
    }
    assert_eq!(code(tokens.check_challenge(b"", NOW)), refused);

    tokens.answer_challenge(&challenge, NOW).unwrap();
    assert_eq!(code(tokens.check_challenge(&challenge, NOW)), refused);
    assert_eq!(code(tokens.answer_challenge(&challenge, NOW)), refused);
    tokens
        .answer_challenge(&tokens.challenge(NOW), NOW)
        .unwrap();
}

#[test]
fn answered_challenges_are_forgotten_once_they_have_expired() {
    let tokens = tokens();
    for n in 0..MAX_ANSWERED {
        let mut challenge = [0; 64];
        challenge[..8].copy_from_slice(&n.to_be_bytes());
        tokens.answer_challenge(&challenge, NOW).unwrap();
    }
    assert_eq!(
        code(tokens.answer_challenge(&[1; 64], NOW)),
        ErrorCode::Busy
    );
    tokens
        .answer_challenge(&[1; 64], NOW + CHALLENGE_MS)
        .unwrap();
    assert_eq!(tokens.answered.lock().unwrap().len(), 1);
}

#[test]
fn a_token_issued_while_the_clock_was_ahead_is_not_valid_for_longer() {
    let longest = TOKEN_MS + MAX_CLOCK_SKEW_MS;
    for (ahead, accepted) in [(MAX_CLOCK_SKEW_MS, true), (MAX_CLOCK_SKEW_MS + 1, false)] {
        let session = tokens().issue(&alice(), NOW + ahead);
        assert_eq!(session.expires_at_ms <= NOW + longest, accepted);
        assert_eq!(tokens().holder(&session.token, NOW).is_ok(), accepted);
    }
    let days_ahead = tokens().issue(&alice(), NOW + 40 * 86_400_000);
    let refused = code(tokens().holder(&days_ahead.token, NOW));
    assert_eq!(refused, ErrorCode::TokenExpired);
}
