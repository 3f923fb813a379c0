//! Programs as processes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::SOON;

/// A process that is killed at the end.
pub struct Process(Child);

impl Process {
    /// Starts a program, and returns the rest of the line that says that it is ready.
    pub fn start(command: &mut Command, ready: &str) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let place = line.trim().strip_prefix(ready);
        let place = place.unwrap_or_else(|| panic!("it did not start: {line:?}"));
        (Self(child), place.to_owned())
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Has it stand still, or go on.
    pub fn freeze(&self, is_frozen: bool) {
        let signal = match is_frozen {
            true => rustix::process::Signal::STOP,
            false => rustix::process::Signal::CONT,
        };
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits until it ends by itself. Returns whether that was without an error.
    pub fn end(mut self) -> bool {
        let ended = super::wait_for(|| self.0.try_wait().unwrap());
        ended.success()
    }

    /// Stops it with SIGTERM. Returns whether it ended in time and without an error.
    pub fn stop(mut self) -> bool {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program `waxseal-desk`, which another package has. It is built if it is not there.
pub fn waxseal_desk() -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let profile = Path::new(env!("CARGO_BIN_EXE_desk")).parent().unwrap();
    let binary = profile.join(format!("waxseal-desk{}", std::env::consts::EXE_SUFFIX));
    let _building = BUILDING.lock().unwrap_or_else(|error| error.into_inner());
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--locked", "--package", "waxseal-desk"])
        .args(["--bin", "waxseal-desk", "--quiet"])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    binary
}

/// Runs a command that must do its work.
pub fn good(command: &mut Command, dir: &Path) -> Output {
    let output = command.current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// Runs a set-up command of the desk.
pub fn desk(dir: &Path, arguments: &[&str]) -> Output {
    good(
        Command::new(env!("CARGO_BIN_EXE_desk")).args(arguments),
        dir,
    )
}
