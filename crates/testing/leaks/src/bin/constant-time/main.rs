//! Runs each scenario under valgrind and compares memcheck's reports with the places that are
//! allowed. `.ci/constant-time` starts this program.

mod allowed;
mod core;
mod device;
mod provider;
mod valgrind;

use std::process::ExitCode;

use waxseal_leaks::taint;

/// A scenario for memcheck to watch: its name, the secrets in it, and what it does.
struct Scenario {
    name: &'static str,
    secrets: &'static str,
    run: fn(),
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        Scenario {
            name: CONTROL,
            secrets: "a tag that is compared byte by byte",
            run: leak,
        },
        Scenario {
            name: CONTROL_INDEX,
            secrets: "a byte that is looked up in a table",
            run: leak_index,
        },
    ];
    scenarios.extend(core::scenarios());
    scenarios.extend(device::scenarios());
    scenarios.extend(provider::scenarios());
    scenarios
}

/// Names of the positive controls. Memcheck must report them.
const CONTROL: &str = "control: early exit";
const CONTROL_INDEX: &str = "control: table";

/// Compares two tags and stops at the first difference, which leaks.
#[inline(never)]
fn leak() {
    let (mut tag, other) = ([7_u8; 32], [7_u8; 32]);
    taint::secret(&mut tag);
    let mut pairs = tag.iter().zip(std::hint::black_box(&other));
    let equal = pairs.all(|(a, b)| a == b);
    std::hint::black_box(equal);
}

/// Uses a secret as an index into a table, which leaks.
#[inline(never)]
fn leak_index() {
    let table: [u8; 256] = std::hint::black_box([1; 256]);
    let mut index = [7_u8; 1];
    taint::secret(&mut index);
    std::hint::black_box(table[usize::from(index[0])]);
}

fn main() -> ExitCode {
    if !taint::SUPPORTED {
        println!("skipped: requests to valgrind are implemented for x86-64 Linux only");
        return ExitCode::SUCCESS;
    }
    let scenarios = scenarios();
    if let Some(name) = std::env::args().nth(1) {
        assert!(taint::is_watched(), "a scenario runs only under valgrind");
        let scenario = scenarios.iter().find(|scenario| scenario.name == name);
        (scenario.expect("the argument is a scenario's name").run)();
        return ExitCode::SUCCESS;
    }
    let mut uses = vec![0; allowed::ALLOWED.len()];
    let mut failed = false;
    for scenario in &scenarios {
        let reports = valgrind::run(scenario.name);
        let is_control = [CONTROL, CONTROL_INDEX].contains(&scenario.name);
        let mut leaks = Vec::new();
        let mut permitted = 0;
        for report in &reports {
            match allowed::find(scenario.name, report) {
                Some(index) => {
                    uses[index] += 1;
                    permitted += 1;
                }
                None => leaks.push(report),
            }
        }
        let verdict = match (is_control, leaks.is_empty()) {
            (true, true) => "FAILED: the leak was not reported",
            (true, false) => "reported, as it must be",
            (false, true) => "ok",
            (false, false) => "FAILED",
        };
        failed |= verdict.starts_with("FAILED");
        println!("{:<34} {permitted:>3} allowed  {verdict}", scenario.name);
        println!("    secret: {}", scenario.secrets);
        if !is_control {
            for leak in leaks {
                println!("{leak}");
            }
        }
    }
    for (allowed, uses) in allowed::ALLOWED.iter().zip(uses) {
        if uses == 0 {
            println!("FAILED: allowed but never needed: {}", allowed.function());
            failed = true;
        }
    }
    println!(
        "{} scenarios, {} places allowed",
        scenarios.len(),
        allowed::ALLOWED.len()
    );
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
