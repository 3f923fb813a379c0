//! Notices of decisions.

use super::*;

#[test]
fn chk676_notices_are_read_from_the_first_one_on_each_day() {
    let mut town = with_desk();
    town.live(MINUTE_MS);
    // After this number, there is no other.
    town.relay.fail(|asked| {
        let body = br#"{"notices":[{"number":18446744073709551615,"decision":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","side":2}]}"#;
        asked.is("GET", "/v1/notices").then(|| Fault::Answered {
            status: 200,
            body: body.to_vec(),
            headers: Vec::new(),
        })
    });
    town.live(2 * HOUR_MS);
    assert!(asked(&town, "GET", "/v1/decisions") > 0);
    town.relay.work();
    report(&mut town, "alice");
    town.live(MINUTE_MS);
    town.relay.log_report(0);
    town.relay.decide(0, &account("alice"), 7);
    town.phones[ALICE].restart();
    town.live(DAY_MS + 2 * HOUR_MS);
    assert_eq!(receipts(&town, ALICE).len(), 1);
    // Later ones come within the hour.
    town.relay.decide(0, &account("alice"), 8);
    town.live(HOUR_MS + MINUTE_MS);
    assert_eq!(receipts(&town, ALICE).len(), 2);
}
