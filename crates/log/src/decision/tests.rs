use rand_core::CryptoRng;

use super::*;
use crate::limits::MAX_DETAIL_LEN;
use crate::tests::world::*;

fn rng() -> impl CryptoRng {
    World::new().rng
}

#[test]
fn details_come_back_and_no_other_length_does() {
    let detail = decision_detail().encode(&mut rng()).unwrap();
    assert_eq!(DecisionDetail::decode(&detail), Some(decision_detail()));
    let (decision, side) = (TreeHash::from_bytes([1; 32]), Side::Account);
    let notice = NoticeDetail { decision, side };
    let noticed = notice.encode(&mut rng()).unwrap();
    assert_eq!(NoticeDetail::decode(&noticed), Some(notice));
    let appeal = AppealDetail {
        decision,
        text_digest: [2; 32],
    };
    let appealed = appeal.encode(&mut rng()).unwrap();
    assert_eq!(AppealDetail::decode(&appealed), Some(appeal));
    let statement = "No.".to_owned();
    let end = AppealDecisionDetail {
        appeal: decision,
        statement,
        officer: [3; 32],
    };
    let ended = end.encode(&mut rng()).unwrap();
    assert_eq!(AppealDecisionDetail::decode(&ended), Some(end));
    for detail in [detail, noticed, appealed, ended] {
        for bytes in [&detail.bytes()[1..], &[detail.bytes(), &[0]].concat()] {
            let changed = Detail::from_parts([0; 32], bytes.to_vec()).unwrap();
            assert_eq!(DecisionDetail::decode(&changed), None);
            assert_eq!(NoticeDetail::decode(&changed), None);
            assert_eq!(AppealDetail::decode(&changed), None);
            assert_eq!(AppealDecisionDetail::decode(&changed), None);
        }
    }
}

#[test]
fn longest_rule_and_statement_fit_and_one_byte_more_does_not() {
    let longest = DecisionDetail {
        rule: "r".repeat(MAX_RULE_LEN),
        statement: "s".repeat(MAX_STATEMENT_LEN),
        ..decision_detail()
    };
    let detail = longest.encode(&mut rng()).unwrap();
    assert!(detail.bytes().len() <= MAX_DETAIL_LEN);
    assert_eq!(DecisionDetail::decode(&detail), Some(longest.clone()));
    let rule = "r".repeat(MAX_RULE_LEN + 1);
    assert!(
        DecisionDetail {
            rule,
            ..longest.clone()
        }
        .encode(&mut rng())
        .is_err()
    );
    let statement = "s".repeat(MAX_STATEMENT_LEN + 1);
    let past = DecisionDetail {
        statement: statement.clone(),
        ..longest
    };
    assert!(past.encode(&mut rng()).is_err());
    let appeal = TreeHash::from_bytes([1; 32]);
    let past = AppealDecisionDetail {
        appeal,
        statement,
        officer: [3; 32],
    };
    assert!(past.encode(&mut rng()).is_err());
}

#[test]
fn text_that_is_not_utf8_or_too_long_is_no_detail() {
    let detail = decision_detail().encode(&mut rng()).unwrap();
    let mut bytes = detail.bytes().to_vec();
    bytes[81] = 0xff; // the first byte of the rule
    let changed = Detail::from_parts([0; 32], bytes).unwrap();
    assert_eq!(DecisionDetail::decode(&changed), None);
    let mut bytes = vec![0; 32];
    put_medium(&mut bytes, &vec![b's'; MAX_STATEMENT_LEN + 1]);
    bytes.extend([0; 32]);
    let changed = Detail::from_parts([0; 32], bytes).unwrap();
    assert_eq!(AppealDecisionDetail::decode(&changed), None);
}

#[test]
fn debug_shows_no_statement() {
    let shown = format!("{:?}", decision_detail());
    assert!(
        !shown.contains("threaten") && !shown.contains("harassment"),
        "{shown}"
    );
}
