//! A device without a client, which a test writes messages for by hand.

use rand::CryptoRng;
use waxseal::DeviceAddress;
use waxseal::core::errors::EncryptError;
use waxseal::core::{IdentityKeyPair, PreKeyBundle, SessionSet};
use waxseal::reporting::sender::SealingChannel;
use waxseal_roster::{AccountKeyPair, DeviceEntry, Roster, RosterDraft, proof_context};

use crate::{Provider, account};

/// The only device of an account, without a client.
///
/// The provider has its delivery key and its roster. It has no prekeys, so nobody can write to it
/// first.
pub struct BareDevice {
    /// The device's address.
    pub me: DeviceAddress,
    /// The device's identity key pair.
    pub identity: IdentityKeyPair,
    /// The account's key pair.
    pub account_key: AccountKeyPair,
    roster: Roster,
}

impl BareDevice {
    /// Registers an account of this name. An earlier account of this name is forgotten.
    ///
    /// # Panics
    /// Never.
    pub fn new(provider: &mut Provider, name: &str) -> Self {
        provider.forget(&account(name));
        let me = provider.register_only(name);
        let identity = IdentityKeyPair::generate(&mut provider.rng);
        let account_key = AccountKeyPair::generate(&mut provider.rng);
        let public = identity.public().to_bytes();
        let delegation = account_key.delegate(name, 1, &[public]).unwrap();
        let proof = identity.prove_device(&proof_context(name, &account_key.public(), 1));
        let entry = DeviceEntry::new(1, public, proof);
        let at_ms = provider.now.as_millis();
        let draft = RosterDraft::first(name, delegation, entry, at_ms).unwrap();
        let signature = identity.sign_roster(&draft.to_sign());
        let signed = draft.sign(signature);
        provider
            .put_roster(&account(name), &signed.encode())
            .unwrap();
        Self {
            me,
            identity,
            account_key,
            roster: signed.verify(name).unwrap(),
        }
    }

    /// Starts a session with the first device of an account.
    ///
    /// # Panics
    /// If the account has published no prekeys.
    pub fn initiate(&self, provider: &mut Provider, peer: &str) -> SessionSet {
        let (base, one_time) = provider.bundle(&account(peer));
        let bundle = PreKeyBundle::decode(&base, one_time.as_deref()).unwrap();
        SessionSet::initiate(&self.identity, bundle, &mut provider.rng).unwrap()
    }

    /// The preamble of what the device seals. It names the roster of its own account, and none of
    /// the recipient's.
    #[must_use]
    pub fn preamble(&self) -> Vec<u8> {
        // preamble = 01 || epoch be32 || version be32 || first half of the roster's hash 16
        //     || the recipient's roster 24, zeros if unknown
        let mut preamble = vec![1];
        preamble.extend(self.roster.epoch().to_be_bytes());
        preamble.extend(self.roster.version().to_be_bytes());
        preamble.extend(self.roster.short_hash());
        preamble.extend([0; 24]);
        preamble
    }

    /// A channel that seals on these sessions.
    pub fn channel<'a>(&self, sessions: &'a mut SessionSet) -> BareChannel<'a> {
        BareChannel {
            sessions,
            preamble: self.preamble(),
        }
    }
}

/// Seals what a device without a client sends, with its preamble.
pub struct BareChannel<'a> {
    sessions: &'a mut SessionSet,
    preamble: Vec<u8>,
}

impl SealingChannel for BareChannel<'_> {
    type Error = EncryptError;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        associated_data: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, Self::Error> {
        let preamble = self.preamble.as_slice();
        let associated_data = [associated_data, b"waxseal/1/preamble", preamble].concat();
        let message = self.sessions.encrypt(plaintext, &associated_data, rng)?;
        Ok([preamble, &message].concat())
    }
}
