//! The store alone: durable messages a second, without HTTP, stamps and deliveries.

use std::fmt;
use std::io;
use std::process::Stdio;

use serde_json::Value;

use super::RelayOptions;
use super::device::other;
use super::servers::cargo;

/// The test of the relay that measures. The store is a part of that program, so nothing else can
/// reach it.
const TEST: &str = "store::queue::tests::throughput::durable_messages_a_second";

/// What the test measured.
pub struct Measured {
    measured: Value,
    is_json: bool,
}

/// Has the relay's test measure.
///
/// # Errors
/// The test does not build, or fails.
pub fn alone(options: &RelayOptions) -> io::Result<Measured> {
    let mut test = cargo("test");
    test.args(["--", "--ignored", "--nocapture", "--exact", TEST]);
    test.env("WAXSEAL_SECONDS", options.seconds.to_string());
    test.env("WAXSEAL_ENGINE", options.engine());
    test.env("WAXSEAL_TEST_DATABASE", options.engine());
    let ran = test.stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8_lossy(&ran.stdout);
    let measured = said.lines().find_map(|line| {
        let (_, measured) = line.split_once("measured: ")?;
        serde_json::from_str(measured).ok()
    });
    let measured = measured.filter(|_| ran.status.success());
    Ok(Measured {
        measured: measured.ok_or_else(|| other("the store was not measured"))?,
        is_json: options.json,
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = &self.measured;
        if self.is_json {
            return write!(f, "{measured:#}");
        }
        write!(
            f,
            "the store of {} alone, {} jobs at a time, {} s\n{} durable messages a second, each \
             in a job of its own\nuntil the commit: p50 {} ms, p99 {} ms",
            measured["engine"].as_str().unwrap_or_default(),
            measured["jobs"],
            measured["seconds"],
            measured["messages_per_s"],
            measured["p50_ms"],
            measured["p99_ms"],
        )
    }
}
