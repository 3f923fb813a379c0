//! What is signed is what was shown, also if the desk tells something else between the page and the
//! signature.

use std::sync::atomic::Ordering;

use waxseal_desk::appeal::AppealDecision;
use waxseal_desk::case::Assignment;
use waxseal_desk::decision::Decision;
use waxseal_desk::emergency::EmergencyReview;
use waxseal_desk::grant::{Grant, GrantDenial};
use waxseal_desk::hold::Hold;
use waxseal_desk::officer::{Act, Signed};

use crate::evil_desk::{ASKED, CASE, EMERGENCY, GRANT, REPORT};
use crate::program::Answer;
use crate::visit::Visit;

/// The bytes that a page shows.
fn shown_bytes(page: &Answer) -> Vec<u8> {
    let (_, hex) = page
        .body
        .split_once("<p class=\"hex\"><code>")
        .unwrap_or_else(|| panic!("no bytes: {}", page.body));
    let hex = hex.split('<').next().unwrap();
    let bytes = (0..hex.len()).step_by(2);
    bytes
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// Shows an act, lets the desk change what it tells, and signs. Returns what was shown, and where
/// which body was sent.
fn sign(visit: &Visit, path: &str, fields: &str) -> (Answer, String, Vec<u8>) {
    let evil = &visit.desk.world;
    evil.is_changed.store(false, Ordering::SeqCst);
    let shown = visit.send(path, fields);
    assert!(shown.body.contains("Sign and send"), "{}", shown.body);
    evil.is_changed.store(true, Ordering::SeqCst);
    // The desk tells the pages something else by now.
    let other = visit.send(path, fields);
    assert_ne!(without_secrets(&shown), without_secrets(&other), "{path}");
    assert_eq!(visit.sign(&shown).status, 303);
    let (route, body) = evil.acts.lock().unwrap().pop().unwrap();
    (shown, route, body)
}

/// A page without what differs each time: the name of the act.
fn without_secrets(page: &Answer) -> String {
    let (start, rest) = page.body.split_once("name=\"act\" value=\"").unwrap();
    let (_, end) = rest.split_once('"').unwrap();
    format!("{start}{end}")
}

/// Checks that an act is signed with exactly the bytes that were shown, and returns it.
fn act<T: Act>(visit: &Visit, path: &str, fields: &str) -> T {
    let (shown, route, body) = sign(visit, path, fields);
    assert_eq!(route, "/v1/acts");
    // version || kind || officer 32 || time 8 || medium(act) || signature 64
    let (len, rest) = body[42..].split_first_chunk::<2>().unwrap();
    let len = usize::from(u16::from_be_bytes(*len));
    assert_eq!(rest.len(), len + 64);
    assert_eq!(rest[..len], shown_bytes(&shown), "{path}");
    let signed = Signed::<T>::decode(&body).unwrap();
    signed.verify(&visit.desk.world.policy).unwrap()
}

#[test]
fn what_was_shown_is_signed_whatever_the_desk_tells_in_between() {
    let visit = Visit::new();
    let evil = &visit.desk.world;
    let digest_of = |id| {
        evil.is_changed.store(false, Ordering::SeqCst);
        let item = if id == ASKED {
            evil.asked()
        } else {
            evil.emergency()
        };
        item.digest.0
    };
    // An approval signs the grant of the page, of which only the signature is sent.
    let (shown, route, body) = sign(&visit, &format!("/grants/{ASKED}/approve"), "");
    assert_eq!(route, format!("/v1/grants/{ASKED}/approval"));
    let grant = Grant::decode(&shown_bytes(&shown)).unwrap();
    assert_eq!(*grant.digest().as_bytes(), digest_of(ASKED));
    assert!(grant.is_approved(body.as_slice().try_into().unwrap()));
    for said in ["Learn the names", "messages 1, 2, 3, 4", "3"] {
        assert!(shown.body.contains(said), "{said}");
    }

    let denial: GrantDenial = act(&visit, &format!("/grants/{ASKED}/deny"), "why=too+much");
    assert_eq!(*denial.grant.as_bytes(), digest_of(ASKED));
    assert_eq!(denial.reason, "too much");
    let path = format!("/grants/{EMERGENCY}/review");
    let review: EmergencyReview = act(&visit, &path, "outcome=2&statement=none");
    assert_eq!(*review.grant.as_bytes(), digest_of(EMERGENCY));
    assert_eq!(review.outcome.number(), 2);
    let path = format!("/case/{CASE}/appeal/{}", "07".repeat(32));
    let appeal: AppealDecision = act(&visit, &path, "outcome=1&statement=stands");
    assert_eq!(appeal.statement, "stands");

    // An opening is a signed request, and names the grant and the report of the page.
    let fields = format!("grant={GRANT}&report={REPORT}&case={CASE}");
    let (_, route, body) = sign(&visit, "/open", &fields);
    assert_eq!(route, "/v1/openings");
    let named = format!("{{\"grant\":\"{GRANT}\",\"report\":\"{REPORT}\"}}");
    assert_eq!(String::from_utf8(body).unwrap(), named);
}

#[test]
fn what_an_officer_writes_is_signed_as_it_was_shown() {
    let visit = Visit::new();
    let plain = |path: &str, fields: &str| {
        let shown = visit.send(path, fields);
        assert_eq!(visit.sign(&shown).status, 303, "{}", shown.body);
        let (_, body) = visit.desk.world.acts.lock().unwrap().pop().unwrap();
        (shown, body)
    };
    let policy = &visit.desk.world.policy;
    let path = format!("/case/{CASE}/decide");
    let fields = "reason=5&measure=4&rule=Section+2%C2%B9&statement=a%0D%0Ab+%3Cb%3E";
    let (shown, body) = plain(&path, fields);
    let signed = Signed::<Decision>::decode(&body).unwrap().verify(policy);
    let signed = signed.unwrap();
    assert_eq!(signed.encode(), shown_bytes(&shown));
    assert_eq!(
        (signed.rule.as_str(), signed.statement.as_str()),
        ("Section 2¹", "a\nb <b>")
    );
    assert!(shown.body.contains("a\nb &lt;b&gt;"));
    let (shown, body) = plain(&format!("/case/{CASE}/hold"), "request=&statement=police");
    let signed = Signed::<Hold>::decode(&body).unwrap().verify(policy);
    assert_eq!(signed.unwrap().encode(), shown_bytes(&shown));
    let other = visit.desk.world.asked().requester;
    let fields = format!("officer={other}&days=2");
    let (shown, body) = plain(&format!("/case/{CASE}/assign"), &fields);
    let signed = Signed::<Assignment>::decode(&body).unwrap().verify(policy);
    let signed = signed.unwrap();
    assert_eq!(signed.encode(), shown_bytes(&shown));
    assert_eq!(*signed.officer.as_bytes(), other.0);
}
