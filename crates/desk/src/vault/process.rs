//! A vault in a process of its own, so that the desk's server never holds its keys.
//!
//! A connection carries one request and one answer, each in a frame `len be32 || bytes`. The vault
//! listens on a Unix socket that its owner alone can use, or on a port of this machine. A port is
//! open to every user of the machine. Still, the vault opens nothing without grant and entry. But
//! when it is down, another user can listen there and answer in its place.
//!
//! ```no_run
//! # use waxseal_desk::vault::{LocalVault, process::{Endpoint, VaultFolder, serve}};
//! # use waxseal_reporting::Timestamp;
//! # fn run(rng: impl rand_core::CryptoRng + Send) -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = || Timestamp::from_millis(0);
//! let folder = VaultFolder::new("/var/lib/vault");
//! let (vault, memory) = folder.open()?;
//! let listener = Endpoint::Socket("/run/vault.sock".into()).listen()?;
//! serve(&listener, LocalVault::new(vault, memory, rng), clock, &Default::default())?;
//! # Ok(())
//! # }
//! ```

mod client;
mod folder;
mod frame;
mod server;
mod stream;

pub use client::VaultClient;
pub use folder::{FolderError, StateFile, VaultFolder};
pub use frame::MAX_CONNECTION_SECS;
pub use server::{MAX_CONNECTIONS, serve};
pub use stream::{Endpoint, Listener};

#[cfg(test)]
mod tests;
