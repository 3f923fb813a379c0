//! Secret bytes that stay at one address until they are wiped.

use rand_core::CryptoRng;
use zeroize::Zeroize;

/// `N` secret bytes on the heap, wiped on drop.
///
/// Moving a `Secret` moves only a pointer. If the bytes themselves were moved, a copy would stay
/// where they were: in a map's node, in a vector's spare capacity, or in the unused part of an
/// enum. Nothing would wipe that copy.
pub(crate) struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    pub(crate) fn from_bytes(bytes: &[u8; N]) -> Self {
        let mut secret = Self(Box::new([0; N]));
        secret.0.copy_from_slice(bytes);
        secret
    }

    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self(Box::new([0; N]));
        rng.fill_bytes(secret.0.as_mut_slice());
        secret
    }

    pub(crate) fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Calls `f`, then overwrites the part of the stack that it used.
///
/// Ciphers take their keys by value, and each move leaves a copy on the stack. From there it can
/// get onto the heap: if a value with unused bytes is moved to the heap, those bytes are moved too,
/// with whatever the stack held.
pub(crate) fn with_wiped_stack<T>(f: impl FnOnce() -> T) -> T {
    let result = call(f);
    wipe_stack();
    result
}

/// Has a frame of its own, below which `f` runs.
#[inline(never)]
fn call<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// Overwrites what lies below the caller's frame.
#[inline(never)]
fn wipe_stack() {
    // The compiler must assume that the zeros are read. Writing each one as volatile would take
    // three times as long.
    core::hint::black_box(&mut [0_u64; WIPED_STACK_LEN / 8]);
}

/// Length of the stack that is overwritten, in bytes. Half of it is enough for the heap sweep of
/// `waxseal-leaks` to find nothing, in a build without optimisation.
const WIPED_STACK_LEN: usize = 4_096;

/// Defines a newtype of 32 secret bytes.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub(crate) struct $name($crate::secret::Secret<32>);

        impl $name {
            pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
                Self($crate::secret::Secret::from_bytes(bytes))
            }

            pub(crate) fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }
        }
    };
}

pub(crate) use secret;
