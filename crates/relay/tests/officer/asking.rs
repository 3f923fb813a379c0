//! The form that asks for a grant: nothing is chosen before the officer chooses it, and the form of
//! a large case still works.

use waxseal_desk::grant::{Grant, GrantTerms};

use crate::evil_desk::{CASE, EvilDesk};
use crate::program::Answer;
use crate::visit::{Visit, hidden};

/// Maximum length of a form.
const MAX_FORM_LEN: usize = 64 << 10;
const REST: &str = "purpose=1&approver=&hours=24&openings=1";

/// The fields of a page that a browser sends if all boxes of one of these names are ticked.
fn fields(page: &str, ticked: impl Fn(&str) -> bool) -> String {
    let inputs = page.split("<input ").skip(1);
    let of = |input: &str, name: &str| {
        let (_, rest) = input.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let mut fields = String::new();
    for input in inputs.map(|input| input.split('>').next().unwrap()) {
        let is_sent = match of(input, "type").as_str() {
            "hidden" => of(input, "name") == "report",
            "checkbox" => ticked(&of(input, "name")),
            _ => false,
        };
        if is_sent {
            fields += &format!("{}={}&", of(input, "name"), of(input, "value"));
        }
    }
    fields + REST
}

/// The grant that was signed last.
fn signed(desk: &EvilDesk) -> GrantTerms {
    let acts = desk.world.acts.lock().unwrap();
    let (route, body) = acts.last().expect("a signed grant");
    assert_eq!(route, "/v1/grants");
    let (len, rest) = body.split_first_chunk::<4>().unwrap();
    let (grant, signature) = rest.split_at(u32::from_be_bytes(*len).try_into().unwrap());
    let grant = Grant::decode(grant).unwrap();
    assert!(grant.is_requested(signature.try_into().unwrap()));
    grant.terms().clone()
}

fn ask(visit: &Visit, fields: &str) -> Answer {
    visit.send(&format!("/case/{CASE}/ask"), fields)
}

#[test]
fn nothing_is_chosen_before_the_officer_chooses_it() {
    let visit = Visit::new();
    let page = visit.page(&format!("/case/{CASE}/ask")).body;
    assert!(page.contains("type=\"checkbox\"") && !page.contains(" checked"));
    assert!(page.contains("<option value=\"\" selected>Choose…"));
    let refused = ask(&visit, &fields(&page, |_| false));
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Choose at least one message."));
    // The second message of the second report, and nothing else.
    let one = format!("{}&m1=1", fields(&page, |_| false));
    let shown = ask(&visit, &one);
    assert!(shown.body.contains("message 2, digest"), "{}", shown.body);
    assert_eq!(visit.sign(&shown).status, 303);
    let reports = signed(&visit.desk).reports;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].digest.as_bytes(), &[4; 32]);
    assert_eq!(reports[0].messages, 0b10);
    // What was chosen is there again when it is changed, and when something else is wrong.
    let wrong = one.replace("hours=24", "hours=900");
    for again in [ask(&visit, &format!("{one}&change=1")), ask(&visit, &wrong)] {
        let box_of = |place: &str| format!("name=\"m1\" value=\"{place}\"");
        assert!(again.body.contains(&(box_of("1") + " checked")));
        assert_eq!(again.body.matches(" checked").count(), 1);
        assert!(again.body.contains("<details open>"));
    }
    // A report that is not there any more, and one that is named twice.
    for other in ["report=".to_owned() + &"0".repeat(32), "report=".to_owned()] {
        let refused = ask(&visit, &format!("{other}&all=0&{REST}"));
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains("The reports changed in between."));
    }
    let id = hidden(&page, "report");
    let twice = format!("report={id}&report={id}&all=0&all=1&{REST}");
    assert_eq!(ask(&visit, &twice).status, 422);
}

#[test]
fn all_single_messages_of_sixty_reports_can_be_asked_for() {
    let visit = Visit::new();
    // The desk claims more messages than a report can have.
    *visit.desk.world.more.lock().unwrap() = (58, 32);
    let page = visit.page(&format!("/case/{CASE}/ask")).body;
    let all = fields(&page, |_| true);
    assert_eq!(all.matches("report=").count(), 60);
    assert_eq!(all.matches("&m59=").count(), 30);
    assert!(all.len() < MAX_FORM_LEN / 2, "{}", all.len());
    let shown = ask(&visit, &all);
    assert_eq!(shown.status, 200, "{}", shown.body);
    // The form that changes it works as well.
    let changed = ask(&visit, &format!("change=1&{all}"));
    assert_eq!(
        changed.body.matches(" checked").count(),
        60 + 2 * 3 + 58 * 30
    );
    assert_eq!(visit.sign(&shown).status, 303);
    let reports = signed(&visit.desk).reports;
    assert_eq!(reports.len(), 60);
    let large = reports.iter().filter(|one| one.messages == 0x3fff_ffff);
    assert_eq!(large.count(), 58);
}

#[test]
fn of_a_case_with_more_reports_than_a_grant_names_some_can_be_chosen() {
    let visit = Visit::new();
    *visit.desk.world.more.lock().unwrap() = (98, 30);
    let page = visit.page(&format!("/case/{CASE}/ask")).body;
    let all = fields(&page, |name| name == "all");
    assert_eq!(all.matches("report=").count(), 100);
    let refused = ask(&visit, &all);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("A grant names at most 64 reports."));
    // The first 64, and one more.
    let but = |left: usize| {
        (0..100).skip(left).fold(all.clone(), |fields, place| {
            fields.replace(&format!("&all={place}&"), "&")
        })
    };
    let refused = ask(&visit, &but(65));
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("A grant names at most 64 reports."));
    let shown = ask(&visit, &but(64));
    assert_eq!(shown.status, 200);
    assert_eq!(visit.sign(&shown).status, 303);
    assert_eq!(signed(&visit.desk).reports.len(), 64);
}
