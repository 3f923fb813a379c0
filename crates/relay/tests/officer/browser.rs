//! A real browser, Debian's `chromium` without a window, driven over the DevTools protocol.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    calls: u64,
    session: String,
    /// What the browser told since it was last asked.
    pub events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser. `None`, with a line that says so, if there is none on this machine,
    /// unless `WAXSEAL_BROWSER=1` demands it.
    pub fn start() -> Option<Self> {
        let paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
        let Some(path) = paths.iter().find(|path| PathBuf::from(path).exists()) else {
            let demanded = std::env::var("WAXSEAL_BROWSER").is_ok_and(|value| value == "1");
            assert!(!demanded, "WAXSEAL_BROWSER=1, and there is no chromium");
            eprintln!("SKIPPED: there is no chromium on this machine; apt-get install chromium");
            return None;
        };
        let profile = TempDir::new().unwrap();
        let mut process = Command::new(path)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--no-default-browser-check",
                "--remote-debugging-port=0",
                "--window-size=1280,900",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("DevTools listening on ")
                .map(str::to_owned)
        });
        let url = url.expect("chromium tells where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.trim_start_matches("ws://").split('/').next().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (socket, _) = tungstenite::client(&url, stream).unwrap();
        let mut browser = Self {
            process,
            socket,
            calls: 0,
            session: String::new(),
            events: Vec::new(),
            _profile: profile,
        };
        browser.new_tab();
        Some(browser)
    }

    /// Opens another tab, and works in it from now on.
    pub fn new_tab(&mut self) {
        self.session.clear();
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let id = target["targetId"].clone();
        let attach = json!({"targetId": id, "flatten": true});
        let attached = self.call("Target.attachToTarget", attach);
        attached["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.session);
        for domain in [
            "Page",
            "Runtime",
            "Network",
            "Log",
            "DOM",
            "Accessibility",
            "Audits",
        ] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut request = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(request.to_string()))
            .unwrap();
        loop {
            let message = self.read();
            if message["id"] == json!(id) {
                let error = &message["error"];
                assert!(error.is_null(), "{method}: {error}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn read(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("the browser answers") {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Waits until the browser tells this event, which it may have told already.
    fn wait_for(&mut self, method: &str) {
        let start = Instant::now();
        while !self.events.iter().any(|event| event["method"] == method) {
            assert!(start.elapsed() < PATIENCE, "no {method}");
            let message = self.read();
            self.events.push(message);
        }
    }

    /// Goes to a page, and waits until it and all its parts are loaded.
    pub fn go(&mut self, url: &str) {
        self.forget_loads();
        let gone = self.call("Page.navigate", json!({"url": url}));
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.wait_for("Page.loadEventFired");
    }

    fn forget_loads(&mut self) {
        self.events
            .retain(|event| event["method"] != "Page.loadEventFired");
    }

    /// Evaluates an expression in the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params);
        let failed = &answer["exceptionDetails"];
        assert!(failed.is_null(), "{expression}: {failed}");
        answer["result"]["value"].clone()
    }

    /// The text that the page shows. It has no words that are only heard.
    pub fn text(&mut self) -> String {
        let text = self.eval(
            "(() => { const heard = document.querySelectorAll('.unseen'); \
             heard.forEach(e => e.hidden = true); const text = document.body.innerText; \
             heard.forEach(e => e.hidden = false); return text; })()",
        );
        text.as_str().unwrap_or_default().to_owned()
    }

    /// The address of the page.
    pub fn url(&mut self) -> String {
        self.eval("location.href").as_str().unwrap().to_owned()
    }

    /// Clicks with the mouse on the middle of an element.
    pub fn click(&mut self, selector: &str) {
        // What the page focuses is scrolled to, and that moves everything else. A click before the
        // page is drawn is lost.
        let place = self.eval(&format!(
            "(async () => {{ const e = document.querySelector({selector:?}); if (!e) return null; \
             const some = time => new Promise(done => setTimeout(done, time)); \
             for (let n = 0; n < 50 && document.querySelector('[autofocus]') \
                 && document.activeElement === document.body; n++) await some(40); \
             e.scrollIntoView({{block: 'center'}}); const drawn = requestAnimationFrame; \
             await Promise.race([new Promise(done => drawn(() => drawn(done))), some(500)]); \
             const b = e.getClientRects()[0]; \
             return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        ));
        assert!(
            place.is_array(),
            "no {selector} in {}: {}",
            self.url(),
            self.text()
        );
        for kind in ["mousePressed", "mouseReleased"] {
            let at = json!({"type": kind, "x": place[0], "y": place[1], "button": "left",
                "clickCount": 1});
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Clicks on what leads to another page, and waits for it.
    pub fn follow(&mut self, selector: &str) {
        self.forget_loads();
        self.click(selector);
        self.wait_for("Page.loadEventFired");
    }

    /// Presses a key, as the officer would.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            " " => (32, " "),
            "ArrowDown" => (40, ""),
            other => panic!("{other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code,
                "code": if key == " " { "Space" } else { key }});
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Presses a key that leads to another page, and waits for it.
    pub fn press_and_wait(&mut self, key: &str) {
        self.forget_loads();
        self.press(key);
        self.wait_for("Page.loadEventFired");
    }

    /// Moves the focus with the tab key until it is on an element of which this is true.
    pub fn tab_to(&mut self, condition: &str) {
        for _ in 0..400 {
            self.press("Tab");
            let expression = format!(
                "(() => {{ const e = document.activeElement; return Boolean({condition}); }})()"
            );
            if self.eval(&expression) == json!(true) {
                // What has the focus must show it.
                let outline = self.eval("getComputedStyle(document.activeElement).outlineStyle");
                assert_ne!(
                    outline,
                    json!("none"),
                    "{condition} has the focus and hides it"
                );
                return;
            }
        }
        panic!("no {condition} is reached by the tab key in {}", self.url());
    }

    /// Types into the field that has the focus.
    pub fn type_in(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Writes into a field.
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.eval(&format!("document.querySelector({selector:?}).select?.()"));
        self.type_in(text);
    }

    /// Chooses an option of a list by its value.
    pub fn choose(&mut self, selector: &str, value: &str) {
        let chosen = self.eval(&format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.value = {value:?}; \
             return e.value; }})()"
        ));
        assert_eq!(chosen, json!(value), "{selector}");
    }

    /// Shows pages in light or dark, in this width, and this many times as large.
    pub fn look(&mut self, scheme: &str, width: u32, zoom: f64) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let media = json!({"media": "screen", "features": features});
        self.call("Emulation.setEmulatedMedia", media);
        // A browser that enlarges a page gives it fewer pixels of its own.
        let own = (f64::from(width) / zoom).round();
        let metrics = json!({"width": own, "height": (900.0 / zoom).round(),
            "deviceScaleFactor": zoom, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        self.call("Emulation.setScrollbarsHidden", json!({"hidden": true}));
    }

    /// Saves a picture of the page, if `WAXSEAL_SCREENSHOTS` names a folder.
    pub fn picture(&mut self, name: &str) {
        self.picture_from(name, "body");
    }

    /// Saves a picture of the page from this element on.
    pub fn picture_from(&mut self, name: &str, selector: &str) {
        let Ok(folder) = std::env::var("WAXSEAL_SCREENSHOTS") else {
            return;
        };
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let top = self.eval(&format!(
            "document.querySelector({selector:?}).getBoundingClientRect().top + scrollY"
        ));
        let left = size["height"].as_f64().unwrap() - top.as_f64().unwrap();
        let height = left.min(2_400.0);
        let clip = json!({"x": 0, "y": top, "width": size["width"], "height": height, "scale": 1});
        let params = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.call("Page.captureScreenshot", params);
        let data = shot["data"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(PathBuf::from(folder).join(format!("{name}.png")), bytes).unwrap();
    }

    /// The events with this name.
    pub fn told(&self, method: &str) -> Vec<&Value> {
        let events = self.events.iter();
        events.filter(|event| event["method"] == method).collect()
    }

    /// Lets the page do what it may be up to.
    pub fn settle(&mut self, time: Duration) {
        let ms = time.as_millis();
        self.eval(&format!("new Promise(done => setTimeout(done, {ms}))"));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session.clear();
        let close = json!({"id": self.calls + 1, "method": "Browser.close", "params": {}});
        let _ = self.socket.send(Message::text(close.to_string()));
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
