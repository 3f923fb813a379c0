//! The whole job, as officers do it: a real desk, vault and witness, the programs of officers, and
//! a browser.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use waxseal_desk::officer::OfficerKey;
use waxseal_relay::desk::{AppealFiled, FileAppeal, Hex, read_json};

use crate::access::look;
use crate::browser::Browser;
use crate::office::{ORIGIN, Office, wait_for};
use crate::program::Program;

/// Types the number that the browser shows, and goes on in the browser.
pub fn let_in(program: &Program, browser: &mut Browser) {
    let number = browser.eval("document.querySelector('.number').textContent");
    program.type_number(number.as_str().unwrap());
    while !browser.url().ends_with("/queue") {
        browser.follow("main a.button");
    }
}

/// Starts an officer's program, and enters with its link in a tab of its own.
pub fn enter(office: &Office, browser: &mut Browser, name: &str, key: &OfficerKey) -> Officer {
    let path: PathBuf = office.dir.path().join(format!("{name}.key"));
    if !path.exists() {
        std::fs::write(&path, [&[1], &key.seed()[..]].concat()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let program = Program::start(&path, &format!("http://{}", office.address()));
    browser.go(&program.link);
    let_in(&program, browser);
    let url = browser.url();
    let base = url.strip_suffix("/queue").unwrap().to_owned();
    Officer { program, base }
}

pub struct Officer {
    #[expect(dead_code, reason = "it runs until it is dropped")]
    program: Program,
    base: String,
}

impl Officer {
    pub fn go(&self, browser: &mut Browser, page: &str) {
        browser.go(&format!("{}{page}", self.base));
    }
}

/// Signs what the page shows, which must say all of this.
pub fn sign(browser: &mut Browser, title: &str, says: &[&str]) {
    let text = browser.text();
    for said in [title, "Nothing is sent before you press the button", ORIGIN]
        .iter()
        .chain(says)
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    browser.follow("main form[action$='/sign'] button");
}

/// An act was done: the page says so, and this is read first.
pub fn is_done(browser: &mut Browser, said: &str) {
    let message = browser.eval("document.querySelector('.done')?.textContent ?? ''");
    assert!(
        message.as_str().unwrap().contains(said),
        "{said}: {message}"
    );
    let has_focus = |browser: &mut Browser| {
        let focus = browser.eval("document.activeElement.matches('.done[role=status]')");
        focus == json!(true)
    };
    // A slow browser gives it a moment after the page is there.
    let began = Instant::now();
    while !has_focus(browser) {
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(5), "{said} has no focus");
        sleep(Duration::from_millis(50));
    }
    let top = browser.eval("document.querySelector('.done').getBoundingClientRect().top");
    let top = top.as_f64().unwrap();
    assert!((0.0..900.0).contains(&top), "{said} is not in sight: {top}");
}

pub fn says(browser: &mut Browser, said: &str) {
    let text = browser.text();
    assert!(text.contains(said), "{said}: {text}");
}

/// Asks for all messages of all reports, for this purpose.
pub fn ask_for_all(browser: &mut Browser, purpose: &str) {
    browser.choose("#purpose", purpose);
    tick_all(browser);
    browser.follow("main form button");
}

/// Ticks the first box of each report, which stands for all its messages.
fn tick_all(browser: &mut Browser) {
    let reports = browser.eval("document.querySelectorAll('input[name=all]').length");
    for place in 0..reports.as_u64().unwrap() {
        browser.click(&format!("[id='all.{place}']"));
    }
}

/// The link to the case about this account.
fn case_link(browser: &mut Browser, account: &str) -> String {
    let found = browser.eval(&format!(
        "[...document.querySelectorAll('tbody tr')].find(row => \
         row.querySelector('.said').textContent === {account:?})?.querySelector('a').href"
    ));
    found.as_str().expect("the case is in the queue").to_owned()
}

#[test]
fn officers_do_the_whole_job_in_a_browser() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let browser = &mut browser;
    let office = Office::new();
    let officers = &office.officers;
    let bring = |from: &str, to: &str, texts: &[&str]| {
        office
            .bring(&office.intake.report(from, to, texts).encoded)
            .unwrap();
    };
    let long = "You have won. ".repeat(400);
    bring(
        "mallory",
        "victor",
        &[
            "Hi! I found your parcel, it only needs a small fee.",
            "Pay 1.99 at parcel-fee.example <b>now</b>",
            "Your invoice: invoice\u{202e}gnp.exe",
            &long,
        ],
    );
    bring(
        "mallory",
        "wanda",
        &["Your code, please. I am from support."],
    );
    bring(
        "alice (officer) ✓ Sign and send",
        "victor",
        &["Approve my grant."],
    );
    bring("trudy", "wanda", &["I know where you live."]);
    office.case_about("trudy");

    // The queue.
    let alice = enter(&office, browser, "alice", &officers.alice);
    says(browser, "mallory");
    look(browser, "01-queue");
    browser.choose("#reason", "2");
    browser.choose("#order", "reporters");
    browser.follow("form.filters button");
    says(browser, "alice (officer) ✓ Sign and send");
    browser.choose("#reason", "1");
    browser.follow("form.filters button");
    says(browser, "No case fits these choices.");
    alice.go(browser, "/queue");
    let case = case_link(browser, "mallory");
    browser.go(&case);
    look(browser, "02-case");

    // Alice takes the case.
    browser.click("details summary");
    browser.follow("form[action$='/assign'] button");
    says(browser, "There is no entry in the log about it");
    look(browser, "03-sign-assignment");
    sign(browser, "Sign: assign the case", &["Until", "alice"]);
    is_done(browser, "The case is assigned.");

    // She asks for a grant, at first without the second person that the purpose needs.
    browser.follow("a[href$='/ask']");
    look(browser, "04-ask");
    assert_eq!(
        browser.eval("document.querySelectorAll(':checked[name]').length"),
        json!(0)
    );
    browser.choose("#purpose", "7");
    browser.fill("#hours", "100");
    browser.follow("main form button");
    says(browser, "Please correct this");
    says(browser, "This purpose needs a second person");
    says(browser, "Enter a number of hours from 1 to 48.");
    says(browser, "Choose at least one message.");
    let focus = browser.eval("document.activeElement.getAttribute('role')");
    assert_eq!(focus, json!("alert"));
    look(browser, "05-ask-errors");
    browser.fill("#hours", "24");
    browser.fill("#openings", "2");
    ask_for_all(browser, "1");
    look(browser, "06-sign-grant");
    sign(
        browser,
        "Sign: ask for a grant",
        &["Examine a user's report", "you open this alone"],
    );
    is_done(browser, "Your request is signed and is in the log.");

    // She opens the report with four messages.
    let four = "[...document.querySelectorAll('.actions li')].find(li => \
                li.innerText.includes('messages 1, 2, 3, 4')).querySelector('button').setAttribute('id', 'four')";
    browser.eval(four);
    browser.follow("#four");
    look(browser, "07-sign-opening");
    sign(
        browser,
        "Sign: open a report",
        &["entry of the public log before anything is shown"],
    );
    for said in [
        "Pay 1.99 at parcel-fee.example <b>now</b>",
        "invoiceU+202Egnp.exe",
        "Show the rest of 5,600 characters",
        "4 of 4 in the report are granted and shown",
    ] {
        says(browser, said);
    }
    look(browser, "08-view");
    // Loading the page again needs no other opening.
    let view = browser.url();
    browser.go(&view);
    says(browser, "parcel-fee.example");
    browser.go(&case);
    says(browser, "1 of 2");
    look(browser, "09-case-opened");

    // Every step has its entry in the log.
    browser.follow("table a[href*='/log?from=']");
    says(browser, "content opened");
    look(browser, "10-log");

    // She decides, at first without saying why.
    browser.go(&case);
    browser.follow("a[href$='/decide']");
    look(browser, "11-decide");
    browser.follow("main form button");
    for said in [
        "Choose what is done.",
        "Write the rule.",
        "Write the statement of reasons.",
    ] {
        says(browser, said);
    }
    look(browser, "12-decide-errors");
    browser.choose("#measure", "4");
    browser.fill("#rule", "Community rules, section 2: fraud");
    browser.fill(
        "#statement",
        "Several people were asked to pay for a parcel that does not exist.",
    );
    browser.follow("main form button");
    look(browser, "13-sign-decision");
    sign(
        browser,
        "Sign: decide the case",
        &["The account is suspended", ", in force", "does not exist"],
    );
    is_done(
        browser,
        "The case is decided, and the log has the decision.",
    );
    look(browser, "14-case-decided");
    let leaf = office
        .case(case[case.len() - 32..].parse().unwrap())
        .decisions[0]
        .leaf;

    // The view is closed, and is gone.
    browser.go(&view);
    browser.follow("form[action$='/close'] button");
    is_done(browser, "The view is closed");
    browser.go(&view);
    says(browser, "This view was closed");
    look(browser, "15-view-closed");

    // Learning names needs two persons: alice asks, carol approves.
    browser.go(&case);
    browser.follow("a[href$='/ask']");
    let carol_key = Hex(*officers.carol.id().as_bytes()).to_string();
    browser.choose("#approver", &carol_key);
    ask_for_all(browser, "7");
    sign(
        browser,
        "Sign: ask for a grant",
        &["Learn the names", "carol"],
    );

    // An emergency, alone.
    alice.go(browser, "/queue");
    let trudy = case_link(browser, "trudy");
    browser.go(&trudy);
    browser.follow("a[href$='/ask']");
    ask_for_all(browser, "6");
    sign(browser, "Sign: ask for a grant", &["A life is in danger"]);
    browser.follow("button[aria-label^='Open report']");
    sign(browser, "Sign: open a report", &[]);
    says(browser, "I know where you live.");

    // A hold.
    browser.go(&trudy);
    browser.follow("a[href$='/hold']");
    browser.fill("#statement", "The police asked to keep it.");
    look(browser, "16-hold");
    browser.follow("main form button");
    sign(browser, "Sign: place a hold", &["The police asked"]);
    is_done(browser, "The hold is in the log.");

    // The account appeals, through the relay.
    let appeal = FileAppeal {
        side: 2,
        account: "mallory".to_owned(),
        report: None,
        text: "It was my brother.\n</blockquote><script>window.pwned=1</script>".to_owned(),
    };
    let filed = office.relay_post(&format!("/v1/decisions/{leaf}/appeals"), &appeal);
    let _: AppealFiled = read_json(&filed.unwrap()).unwrap();

    // Carol approves what alice asked for.
    browser.new_tab();
    let carol = enter(&office, browser, "carol", &officers.carol);
    carol.go(browser, "/grants");
    look(browser, "17-grants");
    browser.follow("form[action$='/approve'] button");
    look(browser, "18-sign-approval");
    sign(
        browser,
        "Sign: approve a grant",
        &["Learn the names", "alice", "you answer for it"],
    );
    is_done(browser, "The grant is approved.");
    // She judges the emergency.
    browser.follow("a[href$='/review']");
    browser.choose("#outcome", "1");
    browser.fill("#statement", "The message was a threat.");
    browser.follow("form[action$='/review'] button");
    look(browser, "19-sign-review");
    sign(
        browser,
        "Sign: review an emergency",
        &["There was an emergency"],
    );
    says(browser, "No emergency waits for a review.");

    // She approved a grant in the case, so bob decides the appeal.
    browser.new_tab();
    let bob = enter(&office, browser, "bob", &officers.bob);
    bob.go(browser, "/appeals");
    says(browser, "It was my brother.");
    look(browser, "20-appeals");
    browser.follow("a[href*='/appeal/']");
    browser.choose("#outcome", "1");
    browser.fill("#statement", "The messages came from this account.");
    look(browser, "21-decide-appeal");
    browser.follow("main form button");
    look(browser, "22-sign-appeal");
    sign(browser, "Sign: decide the appeal", &["The decision stands"]);
    is_done(browser, "The appeal is decided");

    // What the public can count.
    bob.go(browser, "/transparency");
    says(browser, "Decisions: 1 decision, at most 1 a day");
    says(browser, "Openings of content: 2 openings");
    look(browser, "23-transparency");
    bob.go(browser, "/log");
    for kind in [
        "grant requested",
        "grant approved",
        "decision",
        "appeal decided",
        "hold placed",
        "emergency reviewed",
    ] {
        says(browser, kind);
    }

    // An officer who is removed is out at once.
    office.publish_policy(&[
        ("bob", "ask,approve,decide,appeals,review"),
        ("carol", "ask,decide"),
    ]);
    wait_for(|| {
        alice.go(browser, "/queue");
        browser
            .text()
            .contains("The desk does not accept this key")
            .then_some(())
    });
    look(browser, "24-removed");
    assert_eq!(browser.eval("String(window.pwned)"), json!("undefined"));
}
