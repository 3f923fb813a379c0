//! A program in front of the hostile desk, with a session, and requests as its browser sends them.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::evil_desk::{CASE, EvilDesk, GRANT, REPORT};
use crate::program::{Answer, Program, key_file, keygen};

/// What a browser sends along with a form of a page of this program.
pub const OWN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// A program in front of a desk, with a session.
pub struct Visit {
    _folder: TempDir,
    /// The file of the officer's key.
    pub key: PathBuf,
    pub desk: EvilDesk,
    pub program: Program,
    pub base: String,
    pub cookie: String,
}

impl Visit {
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = key_file(&folder, "alice");
        let desk = EvilDesk::start(&keygen(&key), "127.0.0.1:9");
        let program = Program::start(&key, &desk.url);
        let (base, cookie) = program.enter();
        Self {
            _folder: folder,
            key,
            desk,
            program,
            base,
            cookie,
        }
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("{}{path}", self.base);
        self.program.ask("GET", &path, headers, "")
    }

    /// A page as the browser of the session asks for it.
    pub fn page(&self, path: &str) -> Answer {
        let headers = [
            ("host", self.program.host.as_str()),
            ("cookie", &self.cookie),
            ("sec-fetch-site", "same-origin"),
        ];
        self.get(path, &headers)
    }

    /// The token of the session's forms.
    pub fn token(&self) -> String {
        hidden(&self.page("/queue").body, "token").to_owned()
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = format!("{}{path}", self.base);
        let mut all = vec![
            ("host", self.program.host.as_str()),
            ("cookie", &self.cookie),
        ];
        all.extend_from_slice(headers);
        self.program.ask("POST", &path, &all, body)
    }

    /// Sends a form with the token, as the browser of the session does.
    pub fn send(&self, path: &str, fields: &str) -> Answer {
        let body = format!("token={}&{fields}", self.token());
        self.post(path, &OWN, &body)
    }

    /// Shows the act of opening the report.
    pub fn opening(&self) -> Answer {
        let fields = format!("grant={GRANT}&report={REPORT}&case={CASE}");
        self.send("/open", &fields)
    }

    /// Signs what a page shows.
    pub fn sign(&self, shown: &Answer) -> Answer {
        self.send("/sign", &format!("act={}", hidden(&shown.body, "act")))
    }

    /// Opens the report.
    pub fn open(&self) {
        assert_eq!(self.sign(&self.opening()).status, 303);
    }
}

/// The value of a hidden field of a page.
pub fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    let (_, rest) = page
        .split_once(&field)
        .unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap()
}
