//! A relay with the right keys that answers anything at all.

use proptest::prelude::*;
use waxseal_interface::ErrorCode;
use waxseal_world::{Asked, Fault};

use crate::phone::{MINUTE_MS, Town};

const CODES: [ErrorCode; 18] = [
    ErrorCode::TokenExpired,
    ErrorCode::Unauthorized,
    ErrorCode::NotFromDevice,
    ErrorCode::ProofRefused,
    ErrorCode::ClockDiffers,
    ErrorCode::NoSuchAccount,
    ErrorCode::NoPreKeys,
    ErrorCode::QueueFull,
    ErrorCode::OtherModerationKey,
    ErrorCode::ReportRefused,
    ErrorCode::Other,
    ErrorCode::BadDeliveryKey,
    ErrorCode::RosterConflict,
    ErrorCode::AccountTaken,
    ErrorCode::Mismatch,
    ErrorCode::NoRoster,
    ErrorCode::NoSuchMailbox,
    ErrorCode::SlotTaken,
];

/// Bodies that some route or other answers, and some that none does.
fn body(choice: u8, number: u64) -> Vec<u8> {
    let code = CODES[usize::try_from(number).unwrap_or(0) % CODES.len()];
    let error = serde_json::to_string(&code).unwrap();
    match choice % 11 {
        0 => Vec::new(),
        1 => b"{}".to_vec(),
        2 => format!(r#"{{"token":"t{number}","expires_at_ms":{number}}}"#).into_bytes(),
        3 => br#"{"token":"line\nbreak","expires_at_ms":0}"#.to_vec(),
        4 => format!(r#"{{"one_time_left":{}}}"#, number % 200).into_bytes(),
        5 => br#"{"base":"AAAA","one_time":null}"#.to_vec(),
        6 => br#"{"challenge":""}"#.to_vec(),
        7 => br#"{"report_id":"00000000000000000000000000000000","duplicate":true}"#.to_vec(),
        8 => br#""unreadable""#.to_vec(),
        9 => {
            let retry = number % 3;
            format!(
                r#"{{"error":{error},"message":"m","retry_after_secs":{retry},"claim":{retry},
                    "relay_time_ms":{number}}}"#
            )
            .into_bytes()
        }
        _ => number.to_be_bytes().repeat(20),
    }
}

/// Requests that a courier may make in a minute, whatever the relay answers.
const MOST_A_MINUTE: usize = 1_200;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_a_relay_answers_the_requests_of_a_minute_are_bounded(
        answers in proptest::collection::vec(
            (any::<u8>(), any::<u64>(), prop_oneof![Just(200_u16), Just(101), Just(422), any::<u16>()]),
            1..12,
        ),
        is_registered: bool,
        honest in 0..5_usize,
    ) {
        let mut town = if is_registered { Town::of_two() } else { Town::quick(&["alice"]) };
        town.phones.truncate(1);
        town.say(0, "bob", "hello");
        town.relay.asked.clear();
        town.relay.fail(move |asked: &Asked| {
            // Some of the answers are honest, so that the courier gets far.
            if honest > 0 && !asked.number.is_multiple_of(honest + 1) {
                return None;
            }
            let (choice, number, status) = answers[asked.number % answers.len()];
            Some(Fault::Answered { status, body: body(choice, number), headers: Vec::new() })
        });
        town.live(MINUTE_MS);
        let made = town.relay.asked.len();
        prop_assert!(made <= MOST_A_MINUTE, "{made}");
        // The phone is not lost for it.
        town.relay.work();
        town.live(2 * 60 * MINUTE_MS);
        prop_assert!(town.phones[0].connection.is_some());
    }
}
