//! Processor time of other processes, from `/proc`.

use std::time::Duration;

/// The processor time of a process and of those of its children that have ended. Zero for one that
/// does not run.
pub(super) fn time_of(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // `pid (name) state ppid ...`, and the name can hold anything. In proc(5), utime is the 14th
    // field; stime, cutime and cstime follow.
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(4);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let a_second = rustix::param::clock_ticks_per_second();
    Duration::from_secs_f64(ticks as f64 / a_second as f64)
}
