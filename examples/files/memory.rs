//! How much memory the process has used.

use std::fs;

/// Forgets how much memory was used until now. Does nothing where the system does not know.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5"); // Linux alone has it
}

/// Most memory that the process has used since [`forget_peak`], in bytes. `None` where the system
/// does not tell.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
