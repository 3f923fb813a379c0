//! Runs the fuzz targets without a fuzzer: with every committed seed, and with mutations of the
//! seeds from a seeded generator.
//!
//! `WAXSEAL_MUTATIONS=1000000` sets how many mutations are tried: a half of this number for each
//! decoder, for `log` and for `roster`, a sixteenth for each other target. `WAXSEAL_TARGET=world`
//! runs this target alone. `WAXSEAL_REGENERATE=1` writes the seeds that `waxseal_world::seeds`
//! makes into the folder of committed seeds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a test may fail by a panic"
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use rand::{Rng, RngExt};
use waxseal_world::{rng, seeds, targets};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds")
}

/// The targets to run.
fn chosen() -> impl Iterator<Item = targets::Target> {
    let alone = env::var("WAXSEAL_TARGET").ok();
    let all = targets::TARGETS.into_iter();
    all.filter(move |(name, _)| alone.as_deref().is_none_or(|alone| alone == *name))
}

/// The committed seeds of a target: (path, bytes).
fn committed(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder().join(target)).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    paths.into_iter().map(read).collect()
}

/// A name, which is that of a target or of a seed's file, and an input to the target. Both are
/// printed if the target panics.
struct Input<'a>(&'a str, &'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("target {}, input in hexadecimal: {hex}", self.0);
        }
    }
}

#[test]
fn the_seeds_that_the_code_makes_are_committed() {
    for (target, name, bytes) in seeds() {
        let path = folder().join(target).join(name);
        if env::var_os("WAXSEAL_REGENERATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        // The committed seed has the same form, but may have been made from other random numbers.
        let committed = fs::read(&path).unwrap();
        let lens = (committed.len().abs_diff(bytes.len()), committed.first());
        assert!(lens.0 <= 8 && lens.1 == bytes.first(), "{}", path.display());
    }
}

#[test]
fn every_target_has_seeds_and_takes_them() {
    for (name, target) in chosen() {
        let seeds = committed(name);
        assert!(seeds.len() >= 3, "{name}");
        for (path, bytes) in seeds {
            let _input = Input(&path.display().to_string(), &bytes);
            target(&bytes);
        }
    }
}

#[test]
fn every_target_takes_mutated_seeds() {
    let mutations = env::var("WAXSEAL_MUTATIONS").map_or(1_200, |count| count.parse().unwrap());
    let rng = &mut rng(1);
    for (name, target) in chosen() {
        let seeds = committed(name);
        // Decoders get more mutations, because the other targets are slow: one script takes as long
        // as a thousand decodings.
        let share = if name.ends_with("decode") || name == "log" || name == "roster" {
            8
        } else {
            1
        };
        for _ in 0..mutations * share / 16 {
            let mut input = seeds[rng.random_range(0..seeds.len())].1.clone();
            for _ in 0..rng.random_range(1..5) {
                mutate(&mut input, &seeds[rng.random_range(0..seeds.len())].1, rng);
            }
            let _input = Input(name, &input);
            target(&input);
        }
    }
}

/// Flips a bit, overwrites, removes or inserts bytes, or copies a piece of another seed.
fn mutate(input: &mut Vec<u8>, other: &[u8], rng: &mut impl Rng) {
    let place = rng.random_range(0..=input.len());
    let len = rng.random_range(1..9).min(input.len() - place);
    match rng.random_range(0..6) {
        0 | 1 if len > 0 => input[place] ^= 1 << rng.random_range(0..8),
        2 if len > 0 => input[place] = rng.random(),
        3 => drop(input.drain(place..place + len)),
        4 => input.insert(place, rng.random()),
        _ => {
            let from = rng.random_range(0..=other.len());
            let piece = &other[from..(from + 24).min(other.len())];
            let piece = piece.iter().copied();
            input.splice(place..place + len, piece).for_each(drop);
        }
    }
}
