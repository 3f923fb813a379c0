use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::AccountKeyPair;

use crate::client::Client;
use crate::error::{EditRosterError, JoinError};
use crate::store::MemoryStore;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[test]
fn chk360_the_secret_of_another_account_key_neither_takes_over_nor_recovers() {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let account = AccountId::new("alice").unwrap();
    let me = DeviceAddress::new(account.clone(), DeviceId(1));
    let key = DeliveryKey::generate(rng);
    let phone = Client::create(MemoryStore::new(), me, key.clone(), NOW, rng);
    let mut phone = phone.unwrap();
    let newest = phone.own_roster().unwrap().unwrap().signed().encode();
    let right = phone.account_secret().unwrap().unwrap();
    let other = AccountKeyPair::generate(rng).secret();

    let refused = phone.take_over(&other, &[], NOW);
    assert!(matches!(refused, Err(EditRosterError::WrongSecret)));
    assert_eq!(phone.pending_roster().unwrap(), None);
    let mut recover = |secret| {
        let (store, keep) = (MemoryStore::new(), (newest.as_slice(), &[][..]));
        Client::recover(store, &account, secret, keep, key.clone(), NOW, rng)
    };
    assert!(matches!(recover(&other), Err(JoinError::WrongSecret)));
    assert_eq!(recover(&right).unwrap().me().device, DeviceId(2));
    phone.take_over(&right, &[], NOW).unwrap();
}
