//! The secret keys of a provider, and who holds which.

use rand::CryptoRng;
use waxseal_desk::vault::VaultSecrets;
use waxseal_log::entry::PolicyKey;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Cosigner, Signer};
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::vault::ModerationKeyPair;
use zeroize::Zeroizing;

use crate::Result;

/// Names the log.
pub const ORIGIN: &str = "desk.example/log";
const VAULT: &str = "desk.example/vault";

/// All of them. The insider holds those of the desk, and one officer's.
pub struct Secrets {
    /// The desk's: signs checkpoints and promises.
    pub log: Signer,
    /// The desk's own secret.
    pub desk: [u8; 32],
    /// The vault's, as its process stores them.
    pub vault: Zeroizing<Vec<u8>>,
    /// One for each witness, outside the provider.
    pub witnesses: Vec<Cosigner>,
    /// Offline.
    pub policy: PolicyKey,
}

impl Secrets {
    pub fn generate(acceptance: AcceptanceKey, rng: &mut impl CryptoRng) -> Result<Self> {
        // The first moderation key is replaced before anyone uses it, and destroyed at the end.
        let mut vault = VaultSecrets::new(ModerationKeyPair::generate(rng), acceptance, rng);
        vault.add_moderation_key(ModerationKeyPair::generate(rng))?;
        let mut desk = [0; 32];
        rng.fill_bytes(&mut desk);
        Ok(Self {
            log: Signer::generate(ORIGIN, rng)?,
            desk,
            vault: vault.export(),
            witnesses: vec![
                Cosigner::generate("witness.example/north", rng)?,
                Cosigner::generate("witness.example/south", rng)?,
            ],
            policy: PolicyKey::generate(rng),
        })
    }

    /// The keys that everyone pins. Both witnesses must cosign, unless there are none.
    pub fn pinned(&self, with_witnesses: bool) -> Result<LogKeys> {
        let witnesses: Vec<_> = self
            .witnesses
            .iter()
            .filter(|_| with_witnesses)
            .map(Cosigner::verifier)
            .collect();
        let quorum = witnesses.len();
        let vault = self.vault()?.cosigner(VAULT)?.verifier();
        let policy = Some(self.policy.public_key());
        Ok(LogKeys::new(
            self.log.verifier(),
            vault,
            witnesses,
            quorum,
            policy,
        )?)
    }

    pub fn vault(&self) -> Result<VaultSecrets> {
        Ok(VaultSecrets::import(&self.vault)?)
    }
}
