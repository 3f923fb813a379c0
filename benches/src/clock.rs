//! Measures the time that this process has spent on a processor. Time that other processes on the
//! machine take does not count.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Duration;

/// The clock that [`CpuInstant`] reads on this platform.
pub const CLOCK: &str = if cfg!(unix) {
    "process CPU time"
} else {
    "wall clock"
};

/// A point in the process's CPU time. On a platform without a clock for it, a point in wall time.
#[derive(Clone, Copy)]
pub struct CpuInstant(Duration);

impl CpuInstant {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        Self(read())
    }

    /// The time spent since this point.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        read().saturating_sub(self.0)
    }
}

#[cfg(unix)]
fn read() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(not(unix))]
fn read() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// The time that `work` takes, without the time that reading the clock takes.
pub fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start = CpuInstant::now();
    let result = work();
    let elapsed = start.elapsed();
    black_box(result);
    elapsed.saturating_sub(overhead())
}

/// The time between two readings of the clock, one directly after the other.
fn overhead() -> Duration {
    static OVERHEAD: OnceLock<Duration> = OnceLock::new();
    *OVERHEAD.get_or_init(|| {
        let mut pairs: Vec<_> = (0..1_001).map(|_| CpuInstant::now().elapsed()).collect();
        pairs.sort_unstable();
        pairs.get(pairs.len() / 2).copied().unwrap_or_default()
    })
}
