//! Secrets that a test knows, and a generator that remembers what it gave out.

use core::convert::Infallible;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{Rng, TryCryptoRng, TryRng};

use crate::arena::Arena;

/// Bytes of a secret that are looked for at a time: a copy that is half wiped is a copy.
const WINDOW: usize = 16;
/// What is kept is not the secret, so that a sweep does not find the list.
const MASK: u8 = 0xa5;

/// Names of secrets by their masked windows.
#[derive(Clone, Default)]
pub struct Secrets {
    windows: HashMap<[u8; WINDOW], String>,
    /// Which first two bytes any window has: most memory is told apart by them.
    first: Vec<bool>,
}

impl Secrets {
    /// None yet.
    pub fn new() -> Self {
        Self {
            windows: HashMap::new(),
            first: vec![false; 1 << 16],
        }
    }

    /// Adds a secret of any length from 16 bytes on.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(secret.len() >= WINDOW, "too short to be told from chance");
        for window in secret.chunks_exact(WINDOW) {
            if window.iter().all(|byte| *byte == window[0]) {
                continue;
            }
            let mut masked = [0; WINDOW];
            for (masked, byte) in masked.iter_mut().zip(window) {
                *masked = byte ^ MASK;
            }
            self.first[usize::from(u16::from_be_bytes([masked[0], masked[1]]))] = true;
            self.windows.insert(masked, name.to_owned());
        }
    }

    /// How many are known, in windows of 16 bytes.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Without those of `other`: secrets that may still be there.
    pub fn except(&self, other: &Self) -> Self {
        let mut rest = Self::new();
        for (window, name) in &self.windows {
            if !other.windows.contains_key(window) {
                rest.first[usize::from(u16::from_be_bytes([window[0], window[1]]))] = true;
                rest.windows.insert(*window, name.clone());
            }
        }
        rest
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (window, name) in &other.windows {
            self.first[usize::from(u16::from_be_bytes([window[0], window[1]]))] = true;
            self.windows.insert(*window, name.clone());
        }
    }

    /// What of it is in any heap block from offset `from` on, live or freed: names and how often, in order of names.
    pub fn sweep(&self, arena: &Arena, from: usize) -> Vec<(String, usize)> {
        let mut found: HashMap<&str, usize> = HashMap::new();
        arena.scan(from, WINDOW - 1, |piece| {
            for window in piece.windows(WINDOW) {
                let first = u16::from_be_bytes([window[0] ^ MASK, window[1] ^ MASK]);
                if !self.first[usize::from(first)] {
                    continue;
                }
                let mut masked = [0; WINDOW];
                for (masked, byte) in masked.iter_mut().zip(window) {
                    *masked = byte ^ MASK;
                }
                if let Some(name) = self.windows.get(&masked) {
                    *found.entry(name).or_default() += 1;
                }
            }
        });
        let mut found: Vec<_> = found
            .into_iter()
            .map(|(name, times)| (name.to_owned(), times))
            .collect();
        found.sort();
        found
    }
}

/// A seeded generator that remembers what it gave out: every draw of at least 32 bytes is a secret of whoever drew it.
pub struct Recorder {
    rng: ChaCha20Rng,
    name: String,
    drawn: Arc<Mutex<Secrets>>,
}

impl Recorder {
    /// A generator whose draws are recorded under `name`.
    pub fn new(name: &str, seed: u64) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            name: name.to_owned(),
            drawn: Arc::new(Mutex::new(Secrets::new())),
        }
    }

    /// Records under another name from now on.
    pub fn call(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// What was drawn so far.
    pub fn drawn(&self) -> Secrets {
        self.drawn
            .lock()
            .map_or_else(|_| Secrets::new(), |drawn| drawn.clone())
    }
}

impl TryRng for Recorder {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.rng.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.rng.fill_bytes(bytes);
        if bytes.len() >= 32
            && let Ok(mut drawn) = self.drawn.lock()
        {
            drawn.add(&self.name, bytes);
        }
        Ok(())
    }
}

impl TryCryptoRng for Recorder {}
