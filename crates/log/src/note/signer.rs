//! Secret keys that sign notes.

use core::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::signature::{NoteSignature, is_name};
use super::verifier::{Algorithm, Verifier, VerifierError, cosigned};

macro_rules! signer {
    ($(#[$about:meta])* $name:ident, $algorithm:expr) => {
        $(#[$about])*
        #[derive(Clone)]
        pub struct $name {
            name: String,
            key: Box<SigningKey>,
        }

        impl $name {
            /// Draws a key.
            ///
            /// # Errors
            /// [`VerifierError::Name`] if no key may have this name.
            pub fn generate(name: &str, rng: &mut impl CryptoRng) -> Result<Self, VerifierError> {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(seed.as_mut_slice());
                Self::from_seed(name, &seed)
            }

            /// The key of a stored seed.
            ///
            /// # Errors
            /// [`VerifierError::Name`] if no key may have this name.
            pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, VerifierError> {
                if !is_name(name) {
                    return Err(VerifierError::Name);
                }
                let key = Box::new(SigningKey::from_bytes(seed));
                Ok(Self { name: name.to_owned(), key })
            }

            /// The seed, to store it.
            pub fn seed(&self) -> &[u8; 32] {
                self.key.as_bytes()
            }

            /// The public key.
            pub fn verifier(&self) -> Verifier {
                Verifier::of_key(&self.name, $algorithm, self.key.verifying_key())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("name", &self.name)
                    .finish_non_exhaustive()
            }
        }
    };
}

signer! {
    /// The log's secret key: signs checkpoints and promises. Wiped on drop.
    Signer, Algorithm::Note
}

signer! {
    /// The secret key of a witness or of the vault: cosigns checkpoints, each with a time. Wiped on
    /// drop.
    Cosigner, Algorithm::Cosignature
}

impl Signer {
    /// Signs a text.
    pub(super) fn sign(&self, text: &str) -> NoteSignature {
        NoteSignature {
            name: self.name.clone(),
            id: self.verifier().id(),
            bytes: self.key.sign(text.as_bytes()).to_bytes().to_vec(),
        }
    }
}

impl Cosigner {
    /// Cosigns the text of a note at a time, in seconds since 1970-01-01, UTC.
    ///
    /// # Security
    /// A cosignature says that this is the largest consistent tree that the cosigner has seen.
    /// Check that first: [`Witness`](crate::witness::Witness) does.
    pub fn cosign(&self, text: &str, time_secs: u64) -> NoteSignature {
        let mut bytes = time_secs.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.key.sign(&cosigned(text, time_secs)).to_bytes());
        NoteSignature {
            name: self.name.clone(),
            id: self.verifier().id(),
            bytes,
        }
    }
}
