use rand_core::SeedableRng;
use waxseal_log::keys::LogKeys;

use super::*;
use crate::tests::world::World;
use crate::vault::Vault;

fn rng() -> rand_chacha::ChaCha20Rng {
    rand_chacha::ChaCha20Rng::seed_from_u64(3)
}

fn secrets() -> VaultSecrets {
    let rng = &mut rng();
    let moderation = ModerationKeyPair::generate(rng);
    VaultSecrets::new(moderation, AcceptanceKey::generate(rng), rng)
}

#[test]
fn secrets_survive_their_export_and_print_nothing() {
    let mut secrets = secrets();
    let rng = &mut rng();
    for _ in 1..MAX_VAULT_KEYS {
        secrets
            .add_moderation_key(ModerationKeyPair::generate(rng))
            .unwrap();
        secrets
            .add_acceptance_key(AcceptanceKey::generate(rng))
            .unwrap();
    }
    let more = secrets.add_moderation_key(ModerationKeyPair::generate(rng));
    assert_eq!(more, Err(SetupError::TooManyKeys));
    let more = secrets.add_acceptance_key(AcceptanceKey::generate(rng));
    assert_eq!(more, Err(SetupError::TooManyKeys));
    secrets.set_old_acceptance_key(Some(AcceptanceKey::generate(rng)));
    let export = secrets.export();
    assert_eq!(export.len(), MAX_SECRETS_LEN);
    assert_eq!(VaultSecrets::import(&export).unwrap().export(), export);
    let debug = format!("{secrets:?}");
    assert_eq!(
        debug,
        "VaultSecrets { moderation_keys: 16, acceptance_keys: 16, .. }"
    );
    while secrets.destroy_oldest_moderation_key() {}
    assert_eq!(secrets.moderation.len(), 1);
}

#[test]
fn chk181_secrets_out_of_form_are_refused() {
    let export = secrets().export();
    for len in 0..export.len() {
        assert!(VaultSecrets::import(&export[..len]).is_err(), "{len} bytes");
    }
    assert!(VaultSecrets::import(&[&export[..], &[0]].concat()).is_err());
    let mut none = export.to_vec();
    none[65] = 0;
    assert!(VaultSecrets::import(&none).is_err());
}

#[test]
fn a_vault_starts_only_with_pinned_keys_of_its_own_and_a_policy_key() {
    let world = World::empty();
    let error = Vault::new(world.keys.clone(), &secrets(), None).err();
    assert_eq!(error, Some(SetupError::OtherVaultKey));
    let keys = LogKeys::new(
        world.keys.log().clone(),
        world.keys.vault().clone(),
        Vec::new(),
        0,
        None,
    );
    let error = Vault::new(keys.unwrap(), &world.secrets, None).err();
    assert_eq!(error, Some(SetupError::NoPolicyKey));
}
