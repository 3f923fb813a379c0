use super::*;

#[test]
fn number_follows_from_the_report_and_differs_between_reports() {
    let (one, other) = (ReportDigest::of(b"one"), ReportDigest::of(b"other"));
    assert_eq!(
        one.number(),
        ReportDigest::from_bytes(*one.as_bytes()).number()
    );
    assert_ne!(one.number(), other.number());
    // The number does not show the digest.
    assert_ne!(one.number().as_bytes()[..], one.as_bytes()[..16]);
}

#[test]
fn detail_of_another_length_is_none() {
    for len in [0, 39, 41] {
        let detail = Detail::from_parts([0; 32], vec![0; len]).unwrap();
        assert_eq!(ReportDetail::decode(&detail), None);
    }
}

#[test]
fn debug_shows_no_digest() {
    assert_eq!(
        format!("{:?}", ReportDigest::of(b"one")),
        "ReportDigest(..)"
    );
}
