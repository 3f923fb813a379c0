//! Chats that talk with the user while they run, and devices that two of them link.

use std::io::{Read, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::{Ended, POLL_INTERVAL, TIMEOUT, World, text_of};

/// A chat that runs, and what it printed so far.
pub struct Talk<'a> {
    world: &'a World,
    account: usize,
    stdin: Option<ChildStdin>,
    printed: Arc<Mutex<String>>,
    stdout: JoinHandle<()>,
    stderr: JoinHandle<String>,
}

impl World {
    /// Starts the chat of an account, and does not wait until it ends.
    pub fn talk(&self, account: usize, arguments: &[&str]) -> Talk<'_> {
        let (name, slot) = &self.clients[account];
        let relay = self.url();
        let arguments = [&["--home", name, "--relay", &relay], arguments].concat();
        let mut command = self.command("chat", &arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stdout = child.stdout.take().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        *slot.lock() = Some(child);
        let printed = Arc::new(Mutex::new(String::new()));
        Talk {
            world: self,
            account,
            stdin,
            printed: printed.clone(),
            stdout: thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(len @ 1..) = stdout.read(&mut bytes) {
                    let text = String::from_utf8_lossy(&bytes[..len]);
                    printed.lock().unwrap().push_str(&text);
                }
            }),
            stderr: thread::spawn(move || text_of(&mut stderr)),
        }
    }

    /// Links the home `new` to the account of the home `old`. `None` if a process was killed or
    /// could not do it.
    pub fn try_link(&self, old: usize, new: usize) -> Option<(Ended, Ended)> {
        let mut laptop = self.talk(new, &["link"]);
        let code = laptop.word_after("link ");
        let phone = code.as_ref().map(|code| {
            let mut phone = self.talk(old, &["link", code]);
            if let Some(line) = phone.line_while("Type these digits", || laptop.is_running()) {
                laptop.type_line(line.split_once(": ").unwrap().1);
            } else {
                phone.kill(); // they would wait for ten minutes
                laptop.kill();
            }
            phone
        });
        // One of them waits for the other if that was killed.
        let phone = phone?;
        while laptop.is_running() || phone.is_running() {
            if !phone.is_running() && !phone.printed().contains("added device") {
                laptop.kill();
            }
            if !laptop.is_running() && !laptop.printed().contains("linked as device") {
                phone.kill();
            }
            thread::sleep(POLL_INTERVAL);
        }
        Some((phone.end(), laptop.end()))
    }

    /// Links the home `new` to the account of the home `old`.
    pub fn link(&self, old: usize, new: usize) {
        let (phone, laptop) = self.try_link(old, new).unwrap();
        phone.output();
        laptop.output();
    }
}

impl Talk<'_> {
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Waits for a line that contains this, and returns the line. `None` if the process ended
    /// without one.
    pub fn line_with(&mut self, text: &str) -> Option<String> {
        self.line_while(text, || true)
    }

    /// Waits for a line as long as this holds.
    fn line_while(&mut self, text: &str, holds: impl Fn() -> bool) -> Option<String> {
        let started = Instant::now();
        loop {
            let is_over = !self.is_running() || !holds();
            let printed = self.printed();
            let complete = printed.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if let Some(line) = complete.lines().find(|line| line.contains(text)) {
                return Some(line.to_owned());
            }
            if is_over {
                return None;
            }
            assert!(started.elapsed() < TIMEOUT, "{text} does not come");
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits for a line that begins with this after spaces, and returns the rest of the line.
    pub fn word_after(&mut self, start: &str) -> Option<String> {
        let line = self.line_with(&format!("  {start}"))?;
        Some(line.trim().strip_prefix(start)?.to_owned())
    }

    pub fn type_line(&mut self, line: &str) {
        // Writing fails if the process was killed.
        drop(writeln!(self.stdin.as_mut().unwrap(), "{line}"));
    }

    pub fn is_running(&self) -> bool {
        let mut slot = self.world.clients[self.account].1.lock();
        slot.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    pub fn kill(&self) {
        self.world.kill_client(self.account);
    }

    /// Waits until the process ends.
    pub fn end(mut self) -> Ended {
        self.stdin = None;
        let started = Instant::now();
        while self.is_running() {
            assert!(started.elapsed() < TIMEOUT, "{}", self.printed());
            thread::sleep(POLL_INTERVAL);
        }
        let slot = &self.world.clients[self.account].1;
        let status = slot.lock().take().unwrap().wait().unwrap();
        self.stdout.join().unwrap();
        let stderr = self.stderr.join().unwrap();
        let stdout = self.printed.lock().unwrap().clone();
        Ended {
            status,
            stdout,
            stderr,
        }
    }
}
