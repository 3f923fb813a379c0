//! Describes the machine on which a run was measured.

use std::process::Command;

use serde_json::{Value, json};

/// Describes the machine and the build, so that runs can be compared.
#[must_use]
pub fn describe() -> Value {
    json!({
        "cpu": cpu(),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "rustc": rustc(),
        "profile": if cfg!(debug_assertions) { "debug" } else { "release" },
        "target_features": target_features(),
        "clock": crate::clock::CLOCK,
        "waxseal": env!("CARGO_PKG_VERSION"),
        "vodozemac": vodozemac::VERSION,
    })
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned())
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The processor features that the compiled code uses without a check. The crates detect further
/// features at run time.
fn target_features() -> &'static str {
    if cfg!(target_feature = "avx512f") {
        "x86-64-v4"
    } else if cfg!(target_feature = "avx2") {
        "x86-64-v3"
    } else {
        "default"
    }
}

/// Describes the machine and the build in one line.
#[must_use]
pub fn line() -> String {
    let machine = describe();
    let field = |name: &str| machine.get(name).map_or_else(String::new, text);
    format!(
        "{}, {} cores, {} {}; {}, {}, target features {}; {}",
        field("cpu"),
        field("cores"),
        field("os"),
        field("arch"),
        field("rustc"),
        field("profile"),
        field("target_features"),
        field("clock"),
    )
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
