//! The reviewer, who opens reports while relay, vault and the reviewer's own command are killed.

#![allow(unreachable_pub, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha20Rng;
use serde_json::Value;

use super::world::objects_of;
use super::{ACCOUNTS, Exchange};

/// Pause between two commands of the reviewer.
const PAUSE: Duration = Duration::from_millis(100);

impl Exchange {
    /// Opens reports at random until the killer has done its work.
    pub fn open_at_random(&self, rng: &mut ChaCha20Rng, killer_done: &AtomicBool) {
        let mut listed = Vec::new();
        while !killer_done.load(Ordering::Relaxed) {
            self.go_on();
            thread::sleep(PAUSE);
            match listed.choose(rng).cloned() {
                None => listed = self.reviewed(&["list", "--json"]).unwrap_or_default(),
                Some(report) => {
                    let opened = self.open(&report);
                    self.counts().opened += usize::from(opened.is_some());
                    listed.clear(); // there may be more by now
                }
            }
        }
    }

    /// Opens a report. `None` if that must be done again.
    fn open(&self, report: &Value) -> Option<Value> {
        let id = report["report_id"].as_str().unwrap();
        let opened = self.reviewed(&["open", id, "--json"])?.remove(0);
        assert_eq!(opened["verified"], true, "{opened}");
        assert_eq!(opened["reporter"], report["reporter"], "{opened}");
        Some(opened)
    }

    fn reviewed(&self, arguments: &[&str]) -> Option<Vec<Value>> {
        let ended = self.world.review(arguments);
        if ended.was_killed() || ended.code() != Some(0) {
            let is_away = ["no answer from the ", "(503)"].map(|why| ended.stderr.contains(why));
            let is_away = is_away.contains(&true); // 503: the relay has lost its database
            assert!(ended.was_killed() || is_away, "{}", ended.stderr);
            self.counts().not_opened += 1;
            return None;
        }
        Some(objects_of(&ended.stdout))
    }

    /// Checks that the reviewer gets each reported message once, with the text that was sent.
    pub fn check_reports(&self) {
        let listed = self.world.review_objects(&["list", "--json"]);
        let mut expected = self.reported.lock().unwrap().clone();
        assert_eq!(
            listed.len(),
            expected.len(),
            "reported messages and reports"
        );
        for report in &listed {
            let opened = self.open(report).unwrap();
            let message = &opened["messages"][0];
            let reporter = ACCOUNTS.iter().position(|name| report["reporter"] == *name);
            let text = (
                reporter.unwrap(),
                message["text"].as_str().unwrap().to_owned(),
            );
            assert!(
                expected.remove(&text),
                "not reported, or listed twice: {opened}"
            );
        }
        let mut counts = self.counts();
        counts.reports = listed.len();
        println!("{counts:?}");
    }
}
