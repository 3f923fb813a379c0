//! Contestants take turns at one operation, so that what the machine does meanwhile hits all of them alike.

use std::time::{Duration, Instant};

/// One system's way of doing an operation: the time that so many of them take, without their preparations.
pub type Run<'a> = Box<dyn FnMut(u32) -> Duration + 'a>;

/// How long and how often to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Time on the clock for one group of contestants, preparations included.
    pub per_group: Duration,
    /// Samples of each contestant at the least, even if that takes longer.
    pub min_samples: usize,
    /// And at the most.
    pub max_samples: usize,
    /// A sample repeats an operation until it takes this long.
    pub sample: Duration,
}

impl Effort {
    /// For claims.
    pub const FULL: Self = Self {
        per_group: Duration::from_millis(2_400),
        min_samples: 15,
        max_samples: 401,
        sample: Duration::from_micros(400),
    };
    /// For a look.
    pub const QUICK: Self = Self {
        per_group: Duration::from_millis(240),
        min_samples: 5,
        max_samples: 101,
        sample: Duration::from_micros(200),
    };
    /// For tests: only that it runs.
    pub const SMOKE: Self = Self {
        per_group: Duration::ZERO,
        min_samples: 1,
        max_samples: 1,
        sample: Duration::ZERO,
    };
}

/// Nanoseconds an operation takes.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub median: f64,
    pub min: f64,
    /// Between the tenth and the ninetieth of a hundred samples, as a part of the median.
    pub spread: f64,
    pub samples: usize,
}

/// Operations in one sample at the most; their inputs are held in memory.
const MAX_REPEATS: u32 = 256;

/// Samples all contestants in turn.
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

/// How often one sample repeats the operation.
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
