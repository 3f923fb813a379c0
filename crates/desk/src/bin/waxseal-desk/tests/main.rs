//! Runs the command over a published log and over damaged ones.
#![allow(unreachable_pub, missing_docs, reason = "a test, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may fail by a panic"
)]

mod arguments;
mod damaged;
mod desk;
mod hostile;
mod kept;
mod numbers;
mod published;
mod receipts;
mod vault;
mod world;

use std::path::Path;
use std::process::Command;

/// What a run of the command printed, and its exit code.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Asserts that all was as it should be.
    #[track_caller]
    fn good(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        assert_eq!(self.err, "");
        self
    }

    /// Asserts that something was wrong, with this check and these words.
    #[track_caller]
    fn wrong(self, check: u8, words: &str) -> Self {
        assert_eq!(self.code, 1, "{}\n{}", self.out, self.err);
        let check = format!("(CHK-{check})");
        let mut lines = self.err.lines().filter(|line| line.ends_with(&check));
        assert!(
            lines.any(|line| line.contains(words)),
            "{check} {words}:\n{}",
            self.err
        );
        assert!(!self.out.contains("Good"), "{}", self.out);
        self
    }

    /// Asserts that the command could not do its work.
    #[track_caller]
    fn unusable(self, words: &str) -> Self {
        assert_eq!(self.code, 2, "{}\n{}", self.out, self.err);
        assert!(self.err.contains(words), "{words}:\n{}", self.err);
        assert_eq!(self.out, "");
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words), "{words}:\n{}", self.out);
        self
    }

    #[track_caller]
    fn does_not_say(self, words: &str) -> Self {
        assert!(!self.out.contains(words), "{words}:\n{}", self.out);
        self
    }
}

/// Runs the command in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_waxseal-desk"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
