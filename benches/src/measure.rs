//! Measures all contestants in alternation, so that other load on the machine affects them equally.
//! A contestant is one system that does the measured operation.

use std::time::{Duration, Instant};

/// Repeats an operation with one system this many times. Returns the time that the repetitions
/// take, without their preparation.
pub type Run<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// How long and how often to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Wall time for one group of contestants, including their preparation.
    pub per_group: Duration,
    /// Minimum number of samples per contestant, even if they take longer than `per_group`.
    pub min_samples: usize,
    /// Maximum number of samples per contestant.
    pub max_samples: usize,
    /// How long a sample should take. A sample repeats a short operation until it takes this long,
    /// but at most 256 times.
    pub sample: Duration,
}

impl Effort {
    /// The effort for results that are published.
    pub const FULL: Self = Self {
        per_group: Duration::from_millis(2_400),
        min_samples: 15,
        max_samples: 401,
        sample: Duration::from_micros(400),
    };
    /// The effort for a quick look at the results.
    pub const QUICK: Self = Self {
        per_group: Duration::from_millis(240),
        min_samples: 5,
        max_samples: 101,
        sample: Duration::from_micros(200),
    };
    /// The effort for tests, which only check that everything runs.
    pub const SMOKE: Self = Self {
        per_group: Duration::ZERO,
        min_samples: 1,
        max_samples: 1,
        sample: Duration::ZERO,
    };
}

/// What one operation costs, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub median: f64,
    pub min: f64,
    /// Distance from the 10th to the 90th percentile, as a fraction of the median.
    pub spread: f64,
    pub samples: usize,
}

/// Maximum number of operations in one sample. It is bounded because the inputs of all of them are
/// held in memory.
const MAX_REPEATS: u32 = 256;

/// Takes one sample of each contestant in turn, again and again. Returns each contestant's cost.
pub fn interleave(contestants: &mut [Run<'_>], effort: Effort) -> Vec<Cost> {
    let repeats: Vec<u32> = contestants
        .iter_mut()
        .map(|run| calibrate(run, effort))
        .collect();
    let mut samples = vec![Vec::new(); contestants.len()];
    let start = Instant::now();
    for round in 0..effort.max_samples {
        if round >= effort.min_samples && start.elapsed() >= effort.per_group {
            break;
        }
        for ((run, repeats), samples) in contestants.iter_mut().zip(&repeats).zip(&mut samples) {
            samples.push(nanoseconds(run(*repeats)) / f64::from(*repeats));
        }
    }
    samples.into_iter().map(cost).collect()
}

/// Finds out how often one sample must repeat the operation.
fn calibrate(run: &mut Run<'_>, effort: Effort) -> u32 {
    let mut repeats = 1;
    if effort.sample.is_zero() {
        return repeats;
    }
    while repeats < MAX_REPEATS && run(repeats) < effort.sample {
        repeats *= 2;
    }
    repeats
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

fn cost(mut samples: Vec<f64>) -> Cost {
    samples.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| {
        let index = samples.len().saturating_sub(1) * percent / 100;
        samples.get(index).copied().unwrap_or_default()
    };
    let median = at(50);
    Cost {
        median,
        min: at(0),
        spread: if median > 0.0 {
            (at(90) - at(10)) / median
        } else {
            0.0
        },
        samples: samples.len(),
    }
}
