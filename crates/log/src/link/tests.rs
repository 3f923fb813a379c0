use super::*;

fn commitments(count: u32) -> Vec<[u8; 32]> {
    (0..count)
        .map(|n| report_commitment(&[7; 32], &report(n)))
        .collect()
}

fn report(n: u32) -> ReportDigest {
    ReportDigest::of(&n.to_be_bytes())
}

#[test]
fn every_report_of_a_case_has_a_link_and_no_other_report_has() {
    for count in 1..20 {
        let commitments = commitments(count);
        let root = reports_root(&commitments);
        for index in 0..count {
            let link = Link::to_report([7; 32], index, &commitments).unwrap();
            assert!(link.names_report(&report(index), &root, count));
            assert!(!link.names_report(&report(index + 1), &root, count));
            assert!(!link.names_report(&report(index), &TreeHash::of_nothing(), count));
        }
        assert!(Link::to_report([7; 32], count, &commitments).is_none());
    }
}

#[test]
fn link_under_another_salt_or_of_the_other_kind_names_no_one() {
    let (commitments, account) = (commitments(3), account_commitment(&[7; 32], b"mallory"));
    let root = reports_root(&commitments);
    let link = Link::to_report([8; 32], 0, &commitments).unwrap();
    assert!(!link.names_report(&report(0), &root, 3));
    assert!(!link.names_account(b"mallory", &account));
    let link = Link::Account { salt: [7; 32] };
    assert!(link.names_account(b"mallory", &account));
    assert!(!link.names_account(b"alice", &account));
    assert!(!Link::Account { salt: [8; 32] }.names_account(b"mallory", &account));
    assert!(!link.names_report(&report(0), &root, 3));
}

#[test]
fn commitments_to_report_account_and_officer_are_under_labels_of_their_own() {
    let salt = [7; 32];
    let report = report_commitment(&salt, &ReportDigest::from_bytes([9; 32]));
    let account = account_commitment(&salt, &[9; 32]);
    let officer = officer_commitment(&salt, &[9; 32]);
    assert!(report != account && account != officer && officer != report);
}
