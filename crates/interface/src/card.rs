//! The relay's card: lists the relay's public keys, signed by the relay.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use waxseal_reporting::reporter::ModerationPublicKey;

use crate::b64;
use crate::proof::length_prefixed;
use crate::sealing::SealingPublicKey;

const CARD: &[u8] = b"waxseal/2/relay/card";

/// The relay's identity and keys: the answer to `GET /v1/relay`.
///
/// Keep its [`PinnedKeys`] when registering, and let the user compare [`fingerprint`]s out of band.
/// From then on, the signature authenticates the rest over any network. It is made with `relay_key`
/// over these fields, each preceded by its length (4 bytes, big-endian):
///
/// ```text
/// label || region || relay_key || sealing_key || moderation_key || verify_days be32
/// ```
///
/// | field | bytes | encoding |
/// |---|---|---|
/// | `relay_key` | 32 | Ed25519 |
/// | `sealing_key` | 1,216 | [`SealingPublicKey`] |
/// | `moderation_key` | 1,217 | [`ModerationPublicKey::encode`] |
/// | `signature` | 64 | Ed25519 |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayCard {
    /// The name of the region for which the relay's stamp keys are derived.
    pub region: String,
    /// The relay's own key, which signs the card.
    #[serde(with = "b64")]
    pub relay_key: [u8; 32],
    /// The key that devices seal their delivery keys to.
    #[serde(with = "b64")]
    pub sealing_key: Vec<u8>,
    /// The key that devices seal reports to.
    #[serde(with = "b64")]
    pub moderation_key: Vec<u8>,
    /// Number of days during which a message can be reported. Pass it to
    /// [`Evidence::reportable_until`](waxseal_reporting::recipient::Evidence::reportable_until).
    pub verify_days: u32,
    /// The signature of `relay_key` over a label and the five fields above.
    #[serde(with = "b64")]
    pub signature: [u8; 64],
}

impl RelayCard {
    /// Makes and signs a card. The relay calls this.
    pub fn sign(
        region: &str,
        relay: &SigningKey,
        sealing: &SealingPublicKey,
        moderation: &ModerationPublicKey,
        verify_days: u32,
    ) -> Self {
        let mut card = Self {
            region: region.to_owned(),
            relay_key: relay.verifying_key().to_bytes(),
            sealing_key: sealing.to_bytes(),
            moderation_key: moderation.encode(),
            verify_days,
            signature: [0; 64],
        };
        card.signature = relay.sign(&card.signed_bytes()).to_bytes();
        card
    }

    /// Checks that `relay_key` signed the card and that the other keys are usable. The client calls
    /// this, and must also compare `relay_key` with the pinned key.
    ///
    /// # Errors
    /// [`CardError::NotSigned`].
    pub fn verify(&self) -> Result<(), CardError> {
        VerifyingKey::from_bytes(&self.relay_key)
            .and_then(|key| {
                let signature = Signature::from_bytes(&self.signature);
                key.verify_strict(&self.signed_bytes(), &signature)
            })
            .map_err(|_| CardError::NotSigned)?;
        self.sealing_key()?;
        self.moderation_key()?;
        Ok(())
    }

    /// The key to which a device seals its delivery key.
    ///
    /// # Errors
    /// [`CardError::NotSigned`]; never for a card that passed [`verify`](Self::verify).
    pub fn sealing_key(&self) -> Result<SealingPublicKey, CardError> {
        SealingPublicKey::from_bytes(&self.sealing_key).map_err(|_| CardError::NotSigned)
    }

    /// The key to which a device seals reports.
    ///
    /// # Errors
    /// [`CardError::NotSigned`]; never for a card that passed [`verify`](Self::verify).
    pub fn moderation_key(&self) -> Result<ModerationPublicKey, CardError> {
        ModerationPublicKey::decode(&self.moderation_key).map_err(|_| CardError::NotSigned)
    }

    /// The fingerprint of the relay key, for the user to compare.
    pub fn relay_fingerprint(&self) -> String {
        fingerprint(&self.relay_key)
    }

    /// The fingerprint of the moderation key, for the user to compare. `vault keygen` prints the
    /// same fingerprint.
    pub fn moderation_fingerprint(&self) -> String {
        fingerprint(&self.moderation_key)
    }

    fn signed_bytes(&self) -> Vec<u8> {
        length_prefixed(&[
            CARD,
            self.region.as_bytes(),
            &self.relay_key,
            &self.sealing_key,
            &self.moderation_key,
            &self.verify_days.to_be_bytes(),
        ])
    }
}

/// The keys of a relay that a client pinned. Keep them with the account.
///
/// ```
/// # use waxseal_interface::{CardError, PinnedKeys, RelayCard};
/// # fn check(pinned: &mut PinnedKeys, card: &RelayCard) -> Result<(), CardError> {
/// if let Some(change) = pinned.check(card)? {
///     println!("THE MODERATION KEY CHANGED: {} -> {}", change.before, change.now);
///     *pinned = PinnedKeys::of(card);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedKeys {
    /// The relay's own key.
    #[serde(with = "b64")]
    pub relay_key: [u8; 32],
    /// The fingerprint of the key that reports were last sealed to.
    pub moderation_fingerprint: String,
}

impl PinnedKeys {
    /// The keys on a verified card, to pin at first contact or after a change.
    pub fn of(card: &RelayCard) -> Self {
        Self {
            relay_key: card.relay_key,
            moderation_fingerprint: card.moderation_fingerprint(),
        }
    }

    /// Checks that the pinned relay signed the card. Returns the change of the moderation key, if
    /// it changed: tell the user, then pin the keys of this card.
    ///
    /// # Errors
    /// [`CardError::OtherRelay`] if another relay key signed it: use nothing on the card.
    /// [`CardError::NotSigned`] if its own key did not sign it.
    pub fn check(&self, card: &RelayCard) -> Result<Option<ModerationKeyChange>, CardError> {
        card.verify()?;
        if card.relay_key != self.relay_key {
            let fingerprint = card.relay_fingerprint();
            return Err(CardError::OtherRelay { fingerprint });
        }
        let now = card.moderation_fingerprint();
        let before = self.moderation_fingerprint.clone();
        Ok((now != before).then_some(ModerationKeyChange { before, now }))
    }
}

/// The pinned relay has another moderation key than before. Reports go to its holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModerationKeyChange {
    /// The fingerprint of the pinned key.
    pub before: String,
    /// The fingerprint of the key on the card.
    pub now: String,
}

/// Why a card cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CardError {
    /// The relay's card is not signed by the key it names, or the keys on it are unusable.
    #[error("the relay's card is not signed by its key")]
    NotSigned,
    /// The card is signed by another relay key than the pinned one. Send nothing.
    #[error(
        "THE RELAY'S KEY IS NOT THE PINNED ONE: this is another relay, or someone who pretends to \
         be yours. Nothing was sent. The fingerprint of its key: {fingerprint}"
    )]
    OtherRelay {
        /// The fingerprint of the key that signed the card.
        fingerprint: String,
    },
}

/// The fingerprint of a public key, for people to compare: the first 16 bytes of its SHA-256 hash,
/// as eight groups of four hex digits.
pub fn fingerprint(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let groups = digest.chunks(2).take(8);
    let groups: Vec<String> = groups
        .map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::SealingKeyPair;
    use waxseal_reporting::vault::ModerationKeyPair;

    #[test]
    fn a_card_with_any_field_changed_is_refused() {
        let rng = &mut rand::rng();
        let relay = SigningKey::from_bytes(&[7; 32]);
        let moderation = ModerationKeyPair::generate(rng);
        let sealing = SealingKeyPair::generate(rng);
        let card = RelayCard::sign("eu", &relay, sealing.public(), moderation.public_key(), 30);
        card.verify().unwrap();

        let other_moderation = ModerationKeyPair::generate(rng).public_key().encode();
        let other_sealing = SealingKeyPair::generate(rng).public().to_bytes();
        let changes: [&dyn Fn(&mut RelayCard); 6] = [
            &|card| card.region.push('x'),
            &|card| card.relay_key = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes(),
            &|card| card.sealing_key = other_sealing.clone(),
            &|card| card.moderation_key = other_moderation.clone(),
            &|card| card.verify_days += 1,
            &|card| card.signature[0] ^= 1,
        ];
        for change in changes {
            let mut changed = card.clone();
            change(&mut changed);
            assert!(matches!(changed.verify(), Err(CardError::NotSigned)));
        }
    }

    #[test]
    fn a_change_of_the_moderation_key_is_named_and_must_be_signed_by_the_pinned_relay() {
        let rng = &mut rand::rng();
        let relays = [7, 8].map(|seed| SigningKey::from_bytes(&[seed; 32]));
        let moderation = [(); 2].map(|()| ModerationKeyPair::generate(rng));
        let sealing = SealingKeyPair::generate(rng);
        let card = |relay: usize, key: usize| {
            let key = moderation[key].public_key();
            RelayCard::sign("eu", &relays[relay], sealing.public(), key, 30)
        };
        let pinned = PinnedKeys::of(&card(0, 0));
        assert_eq!(pinned.check(&card(0, 0)).unwrap(), None);
        let change = pinned.check(&card(0, 1)).unwrap().unwrap();
        assert_eq!(change.before, card(0, 0).moderation_fingerprint());
        assert_eq!(change.now, card(0, 1).moderation_fingerprint());
        let pinned = PinnedKeys::of(&card(0, 1));
        assert_eq!(pinned.check(&card(0, 1)).unwrap(), None, "told once");
        assert!(pinned.check(&card(0, 0)).unwrap().is_some(), "and back");
        for key in [0, 1] {
            let refused = pinned.check(&card(1, key)).unwrap_err();
            assert!(matches!(refused, CardError::OtherRelay { .. }));
        }
        // Someone who does not hold the pinned relay key puts its own moderation key on the card.
        let mut forged = card(0, 1);
        forged.moderation_key = moderation[0].public_key().encode();
        assert!(matches!(pinned.check(&forged), Err(CardError::NotSigned)));
    }

    #[test]
    fn a_fingerprint_is_eight_groups_of_four_digits() {
        assert_eq!(fingerprint(b""), "e3b0 c442 98fc 1c14 9afb f4c8 996f b924");
    }
}
