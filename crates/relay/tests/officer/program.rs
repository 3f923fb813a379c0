//! The program `officer`, started as an officer does, and requests that no browser would send.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use waxseal_desk::officer::OfficerKey;

const BINARY: &str = env!("CARGO_BIN_EXE_officer");

/// Makes an officer's key with `officer keygen`.
pub fn keygen(path: &Path) -> OfficerKey {
    let made = Command::new(BINARY)
        .args(["keygen", "--key"])
        .arg(path)
        .output()
        .unwrap();
    assert!(made.status.success());
    let bytes = std::fs::read(path).unwrap();
    let key = OfficerKey::from_seed(bytes[1..].try_into().unwrap());
    let printed = String::from_utf8(made.stdout).unwrap();
    let hex: String = key
        .id()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(printed.trim(), hex);
    key
}

/// A running program.
pub struct Program {
    process: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    /// The link that it printed last.
    pub link: String,
    /// `127.0.0.1:PORT`.
    pub host: String,
}

impl Program {
    /// Starts the program for the desk at this address.
    pub fn start(key: &Path, desk: &str) -> Self {
        let mut process = Command::new(BINARY)
            .arg("--key")
            .arg(key)
            .args(["--desk", desk])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut program = Self {
            process,
            stdin,
            lines,
            link: String::new(),
            host: String::new(),
        };
        program.read_link();
        program
    }

    fn read_link(&mut self) {
        let line = self.lines.next().expect("a link").unwrap();
        line.strip_prefix("open ")
            .unwrap()
            .clone_into(&mut self.link);
        let rest = self.link.strip_prefix("http://").unwrap();
        rest.split('/').next().unwrap().clone_into(&mut self.host);
    }

    /// Presses Enter in the terminal, and reads the new link.
    pub fn new_link(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
        self.read_link();
    }

    /// The path and query of the link.
    pub fn enter_path(&self) -> String {
        self.link[format!("http://{}", self.host).len()..].to_owned()
    }

    /// Types a number in the terminal.
    pub fn type_number(&self, number: &str) {
        let mut stdin = &self.stdin;
        stdin.write_all(format!("{number}\n").as_bytes()).unwrap();
    }

    /// Sends SIGTERM, and waits for the end. Returns the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").arg(id).status().unwrap();
        assert!(sent.success());
        self.process.wait().unwrap().code()
    }

    /// Enters with the link and the number, and returns path and cookie.
    pub fn enter(&self) -> (String, String) {
        let host = ("host", self.host.as_str());
        let shown = self.ask("GET", &self.enter_path(), &[host], "");
        assert_eq!(shown.status, 200, "{}", shown.body);
        let (_, rest) = shown.body.split_once("class=\"number\">").unwrap();
        let waiting = cookie_of(&shown);
        let (_, place) = shown.body.split_once("href=\"/enter/").unwrap();
        let place = format!("/enter/{}", place.split('"').next().unwrap());
        // Without the number, the link begins nothing.
        let early = self.ask("GET", &place, &[host, ("cookie", &waiting)], "");
        assert_eq!(early.status, 200);
        self.type_number(rest.split('<').next().unwrap());
        let begun = loop {
            let begun = self.ask("GET", &place, &[host, ("cookie", &waiting)], "");
            if begun.status == 303 {
                break begun;
            }
            assert_eq!(begun.status, 200, "{}", begun.body);
            std::thread::sleep(Duration::from_millis(20));
        };
        let base = begun.header("location").unwrap();
        let base = base.strip_suffix("/queue").unwrap().to_owned();
        (base, cookie_of(&begun))
    }

    /// Sends a request with exactly these headers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.send(method, path, headers, body);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::read(&bytes)
    }

    /// Sends a request, and waits for no answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" {
            head.push_str("content-type: application/x-www-form-urlencoded\r\n");
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        stream
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .unwrap();
        stream
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("an HTTP answer");
        let (head, body) = (&bytes[..end], &bytes[end + 4..]);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: String::from_utf8_lossy(body).into_owned(),
            bytes: body.to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The path of a key file in a folder.
pub fn key_file(folder: &TempDir, name: &str) -> PathBuf {
    folder.path().join(format!("{name}.key"))
}
