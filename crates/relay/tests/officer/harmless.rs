//! Nothing from a report can run, load or navigate. Each test fails when the escaping or the
//! content security policy is taken away, which a proxy does here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use crate::access::look;
use crate::evil_desk::{ASKED, CASE, EMERGENCY};
use crate::hostile::texts;
use crate::proxy::Canary;
use crate::scene::Scene;

/// Checks that a text is shown: each visible character of its beginning in this order, and each
/// other one by its number.
fn assert_shows(shown: &str, name: &str, text: &str) {
    let mut rest = shown;
    let mut is_seen = |piece: &str| match rest.split_once(piece) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    };
    for c in text.chars().take(60) {
        // The text module says which characters are hidden, and marks are put on other characters.
        let is_plain = c.is_alphanumeric() || c.is_ascii_graphic() || " …⟨⟩".contains(c);
        let is_mark = ('\u{300}'..='\u{36f}').contains(&c) && c != '\u{34f}';
        let is_emoji = ('\u{1f000}'..='\u{1faff}').contains(&c);
        let is_joiner = ['\u{200d}', '\u{fe0f}'].contains(&c);
        let is_there = match c {
            _ if is_mark || is_joiner => true,
            _ if is_plain || is_emoji => is_seen(&c.to_string()),
            c => is_seen(&format!("U+{:04X}", u32::from(c))),
        };
        assert!(is_there, "{name}, {c:?}: {shown}");
    }
}

/// Goes to the pages on which grants of others are judged, up to the last click.
fn judge_grants(scene: &mut Scene) {
    let none = Vec::<String>::new();
    let grants = format!("{}/grants", scene.base);
    scene.browser.go(&grants);
    let approve = format!("form[action*='{ASKED}/approve'] button");
    assert_eq!(scene.findings_after(&approve), none);
    look(&mut scene.browser, "hostile-sign-approval");
    for (grant, page, field) in [(ASKED, "deny", "why"), (EMERGENCY, "review", "statement")] {
        let form = format!("form[action*='{grant}/{page}']");
        let button = format!("{form} button");
        scene.browser.go(&grants);
        // At first without a reason, and then with a hostile one.
        let link = format!("a[href*='{grant}/{page}']");
        assert_eq!(scene.findings_after(&link), none, "{page}");
        assert_eq!(scene.findings_after(&button), none, "{page}");
        look(&mut scene.browser, &format!("hostile-{page}-errors"));
        if page == "review" {
            scene.browser.choose("#outcome", "1");
        }
        let text = format!("{} \u{202e}", texts(&scene.canary.host)[0].1);
        scene.browser.fill(&format!("#{field}"), &text);
        assert_eq!(scene.findings_after(&button), none, "{page}");
        look(&mut scene.browser, &format!("hostile-sign-{page}"));
        assert!(scene.browser.text().contains("U+202E"));
    }
}

#[test]
fn chk640_nothing_from_outside_runs_loads_or_navigates_on_any_page() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    assert!(texts("").len() >= 20);
    scene.open_report();
    let pages = [
        "/queue".to_owned(),
        format!("/case/{CASE}"),
        format!("/case/{CASE}/ask"),
        format!("/case/{CASE}/decide"),
        format!("/case/{CASE}/hold"),
        format!("/case/{CASE}/export"),
        format!("/case/{CASE}/appeal/{}", "07".repeat(32)),
        "/grants".to_owned(),
        format!("/grants/{ASKED}/deny"),
        format!("/grants/{EMERGENCY}/review"),
        "/appeals".to_owned(),
        "/log".to_owned(),
        "/transparency".to_owned(),
        "/exports".to_owned(),
    ];
    for page in pages {
        let url = format!("{}{page}", scene.base);
        assert_eq!(scene.findings(&url), Vec::<String>::new(), "{page}");
        let name: String = page
            .split('/')
            .skip(1)
            .map(|one| one.get(..8).unwrap_or(one))
            .collect();
        look(&mut scene.browser, &format!("hostile-{name}"));
    }
    judge_grants(&mut scene);
    let view = scene.view();
    assert_eq!(scene.findings(&view), Vec::<String>::new());
    look(&mut scene.browser, "hostile-view");
    scene.browser.picture_from("hostile-view-middle", "#m17");
    scene.browser.picture_from("hostile-view-end", "#m25");
    // Every text is there, as text: on the queue as the names of accounts.
    let queue = format!("{}/queue", scene.base);
    scene.browser.go(&queue);
    let rows = "[...document.querySelectorAll('tbody tr')].map(row => \
                row.querySelector('.said').textContent)";
    let rows = scene.browser.eval(rows);
    let rows = rows.as_array().unwrap();
    let texts = texts(&scene.canary.host);
    assert_eq!(rows.len(), texts.len());
    for (row, (name, text)) in rows.iter().zip(texts) {
        assert_shows(row.as_str().unwrap(), name, &text);
    }

    // With the escaping taken away, the page is full of findings. The policy stops the scripts, and
    // cannot stop a page that refreshes to another one.
    scene.proxy.taken.escaping.store(true, Ordering::SeqCst);
    let found = scene.findings(&view);
    let is = |what: &str| found.iter().any(|one| one.contains(what));
    assert!(
        is("/refresh") && is("Executing inline script violates"),
        "{found:?}"
    );
    assert!(!is("a script ran"), "{found:?}");
    // With both taken away, a script of a sender runs.
    scene.proxy.taken.policy.store(true, Ordering::SeqCst);
    let found = scene.findings(&view);
    assert!(found.contains(&"a script ran".to_owned()), "{found:?}");
    assert!(
        found.iter().any(|one| one.starts_with("loaded: ")),
        "{found:?}"
    );
}

#[test]
fn what_an_escaping_that_was_forgotten_would_let_through_is_stopped_by_the_policy() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.open_report();
    let view = scene.view();
    scene.browser.go(&view);
    assert_eq!(scene.not_stopped(), Vec::<String>::new());
    // The same without the policy, which shows that each of these things was really tried.
    scene.proxy.taken.policy.store(true, Ordering::SeqCst);
    scene.browser.go(&view);
    let found = scene.not_stopped();
    for what in [
        "a script ran",
        "a style was applied",
        "the base was changed",
        "a data address was shown",
    ] {
        assert!(found.contains(&what.to_owned()), "{what}: {found:?}");
    }
    for path in ["/script", "/img", "/frame", "/sheet", "/object", "/form"] {
        let is = |one: &String| one.contains(&format!(" {path} HTTP"));
        assert!(found.iter().any(is), "{path}: {found:?}");
    }
}

#[test]
fn a_picture_that_is_a_page_as_well_is_shown_as_a_picture_alone() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    scene.open_report();
    let view = scene.view();
    scene.browser.go(&view);
    // Before the click, nothing of the file was fetched. After it, no picture is on this page.
    let count = "document.querySelectorAll(\"a[href*='/picture/']\").length";
    assert_eq!(scene.browser.eval(count), json!(0));
    scene.browser.follow("form[action$='/fetch'] button");
    assert_eq!(scene.browser.eval(count), json!(1));
    assert_eq!(scene.findings(&view), Vec::<String>::new());
    // Its own page shows it, and so does that of the small picture.
    let image = "(async () => { const e = document.querySelector('img'); await e.decode(); \
                 return [e.naturalWidth, e.naturalHeight]; })()";
    for what in ["preview", "picture"] {
        scene.browser.go(&view);
        scene.browser.follow(&format!("a[href*='/{what}/']"));
        assert_eq!(scene.browser.eval(image), json!([1, 1]));
        let page = scene.browser.url();
        assert_eq!(scene.findings(&page), Vec::<String>::new());
        look(&mut scene.browser, &format!("hostile-{what}"));
    }
    // The address of the picture, opened as a page, is a picture and no page.
    let picture = scene.browser.eval("document.querySelector('img').src");
    scene.browser.go(picture.as_str().unwrap());
    assert_eq!(
        scene.browser.eval("document.contentType"),
        json!("image/png")
    );
    assert_eq!(
        scene.browser.eval("String(window.pwned)"),
        json!("undefined")
    );
}

#[test]
fn a_page_in_a_frame_of_another_page_shows_nothing() {
    let Some(mut scene) = Scene::new() else {
        return;
    };
    let queue = format!("{}/queue", scene.base);
    // Another program of this machine knows the path, and is of the same site for cookies.
    let thief = Canary::start(&format!("<iframe id=f src='{queue}'></iframe><p>bait"));
    scene.browser.go(&format!("http://{}/", thief.host));
    scene.browser.settle(Duration::from_millis(500));
    let tree = scene.browser.call("Page.getFrameTree", json!({}));
    let frame = &tree["frameTree"]["childFrames"][0]["frame"];
    let url = frame["url"].as_str().unwrap_or_default();
    let unreachable = frame["unreachableUrl"].as_str().unwrap_or_default();
    assert!(
        url.starts_with("chrome-error:") || unreachable == queue,
        "{tree}"
    );
    // It gets no cookie of the session either, since the cookie has the random path.
    let asked = thief.take();
    assert!(!asked.is_empty());
    let (_, path) = scene.base.rsplit_once('/').unwrap();
    let guesses = [
        "/",
        "/queue",
        "/enter",
        "/case/1",
        "/view",
        "/0123/queue",
        "/style.css",
    ];
    for guess in guesses {
        scene.browser.go(&format!("http://{}{guess}", thief.host));
    }
    let other = format!("http://{}/{}x/queue", thief.host, &path[..path.len() - 1]);
    scene.browser.go(&other);
    let asked = asked.into_iter().chain(thief.take());
    let asked: Vec<_> = asked.map(|request| request.to_lowercase()).collect();
    assert!(asked.len() > guesses.len());
    for request in &asked {
        assert!(!request.contains("cookie: waxseal-officer"), "{request}");
    }
    // A thief who knew the path would get it: browsers send cookies to each port of a host.
    scene
        .browser
        .go(&format!("http://{}/{path}/queue", thief.host));
    let asked = thief.take().join("").to_lowercase();
    assert!(asked.contains("cookie: waxseal-officer="), "{asked}");
    // It is of no use on the wire of the program under the wrong path.
    let page = format!("http://{}/queue", scene.proxy.host);
    scene.browser.go(&page);
    assert!(scene.browser.text().contains("There is no session here"));
}
