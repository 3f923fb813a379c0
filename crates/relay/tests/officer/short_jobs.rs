//! Parts of the job under conditions of their own: with the keyboard alone, and against another
//! officer.

use serde_json::json;
use waxseal_log::entry::Measure;

use crate::access::look;
use crate::browser::Browser;
use crate::job::{enter, says, sign};
use crate::office::Office;

#[test]
fn the_keyboard_alone_is_enough_from_the_queue_to_the_decision() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let browser = &mut browser;
    let office = Office::new();
    let report = office.intake.report("mallory", "victor", &["Pay me."]);
    office.bring(&report.encoded).unwrap();
    office.case_about("mallory");
    let _alice = enter(&office, browser, "alice", &office.officers.alice);
    // The first stop of each page leads past its navigation.
    browser.tab_to("e.className === 'skip'");
    browser.press("Enter");
    assert_eq!(browser.eval("document.activeElement.id"), json!("main"));
    browser.tab_to("e.matches('tbody a')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.matches('a[href$=\"/ask\"]')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.id === 'purpose'");
    browser.press("ArrowDown");
    // The message is chosen with the space bar.
    browser.tab_to("e.type === 'checkbox'");
    assert_eq!(browser.eval("document.activeElement.checked"), json!(false));
    browser.press(" ");
    assert_eq!(browser.eval("document.activeElement.checked"), json!(true));
    browser.tab_to("e.matches('main form button')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.matches('form[action$=\"/sign\"] button')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.matches('button[aria-label^=\"Open report\"]')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.matches('form[action$=\"/sign\"] button')");
    browser.press_and_wait("Enter");
    says(browser, "Pay me.");
    browser.tab_to("e.matches('main a[href*=\"/case/\"]')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.matches('a[href$=\"/decide\"]')");
    browser.press_and_wait("Enter");
    browser.tab_to("e.id === 'measure'");
    browser.press("ArrowDown");
    browser.press("ArrowDown");
    browser.tab_to("e.id === 'rule'");
    browser.type_in("Section 2");
    browser.tab_to("e.id === 'statement'");
    browser.type_in("Asked for money.");
    browser.tab_to("e.matches('main form button')");
    browser.press_and_wait("Enter");
    says(browser, "The account is warned");
    browser.tab_to("e.matches('form[action$=\"/sign\"] button')");
    browser.press_and_wait("Enter");
    says(browser, "The case is decided");
}

#[test]
fn of_two_officers_who_decide_at_once_one_is_told_that_the_other_was_faster() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let browser = &mut browser;
    let office = Office::new();
    let report = office.intake.report("mallory", "victor", &["Pay me."]);
    office.bring(&report.encoded).unwrap();
    let case = office.case_about("mallory").case.id;
    let alice = enter(&office, browser, "alice", &office.officers.alice);
    alice.go(browser, &format!("/case/{case}/decide"));
    browser.choose("#measure", "1");
    browser.fill("#rule", "Section 2");
    browser.fill("#statement", "Asked for money.");
    browser.follow("main form button");
    let decision = office.decision(case, Measure::Suspended);
    office.act(&office.officers.bob, &decision).unwrap();
    sign(browser, "Sign: decide the case", &["The account is warned"]);
    says(browser, "It was done already");
    says(browser, "or by another officer");
    look(browser, "25-conflict");
    let decisions = office.case(case).decisions;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].measure, Measure::Suspended.number());
}
