//! Secrets that a test knows, and a random generator that remembers what it produced.

use core::convert::Infallible;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_core::{Rng, TryCryptoRng, TryRng};

use crate::arena::Arena;

/// Number of bytes that are compared at a time. This is half of a 32-byte key, so a copy is still
/// found if only its first or only its second half was wiped.
const WINDOW: usize = 16;
/// Secrets are stored XORed with this byte, so that a sweep of memory does not find this list.
const MASK: u8 = 0xa5;

/// A list of known secrets, for finding their copies in memory.
///
/// [`add`](Secrets::add) cuts a secret into pieces of 16 bytes, called windows, and keeps them
/// masked, with the secret's name. [`sweep`](Secrets::sweep) looks for the windows in an [`Arena`].
#[derive(Clone, Default)]
pub struct Secrets {
    windows: HashMap<[u8; WINDOW], String>,
    /// For each pair of bytes, whether any masked window starts with it. The sweep looks here
    /// first, which rules out most memory quickly.
    first: Vec<bool>,
}

impl Secrets {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            windows: HashMap::new(),
            first: vec![false; 1 << 16],
        }
    }

    /// Adds a secret, cut into windows of 16 bytes. Windows of equal bytes are skipped, since they
    /// occur by chance. Panics if the secret is shorter than 16 bytes.
    pub fn add(&mut self, name: &str, secret: &[u8]) {
        assert!(
            secret.len() >= WINDOW,
            "a shorter secret could occur by chance"
        );
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

    /// Number of known windows of 16 bytes.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether no secret is known.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Returns the secrets that are not in `other`. A test passes as `other` the secrets that may
    /// still be in memory.
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

    /// Adds all secrets of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (window, name) in &other.windows {
            self.first[usize::from(u16::from_be_bytes([window[0], window[1]]))] = true;
            self.windows.insert(*window, name.clone());
        }
    }

    /// Looks for the secrets in every heap block after offset `from`, live or freed. Returns the
    /// name of each secret found and how often its windows (pieces of 16 bytes) occur, sorted by
    /// name.
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

/// A seeded random generator that remembers what it produced.
///
/// Every draw of at least 32 bytes counts as a secret of the caller. It is added to a list of
/// secrets, under the name that was last passed to [`call`](Recorder::call) or, before that, to
/// [`new`](Recorder::new).
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

    /// Sets the name under which the next draws are recorded.
    pub fn call(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// The secrets that were drawn so far.
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
