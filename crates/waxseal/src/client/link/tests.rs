use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use waxseal_reporting::relay::DeliveryKey;
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};

use crate::client::Client;
use crate::error::LinkDeviceError;
use crate::linking::{LINK_LIFETIME_MS, NewDevice};
use crate::store::MemoryStore;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn records(client: &Client<MemoryStore>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let records = client.store().records();
    let owned = records.map(|(key, value)| (key.to_bytes(), value.to_vec()));
    owned.collect()
}

#[test]
fn chk357_one_link_is_under_way_at_a_time() {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let me = DeviceAddress::new(AccountId::new("alice").unwrap(), DeviceId(1));
    let (store, key) = (MemoryStore::new(), DeliveryKey::generate(rng));
    let mut phone = Client::create(store, me, key, NOW, rng).unwrap();
    let [one, other] = [(); 2].map(|()| NewDevice::generate(NOW, rng).unwrap());
    let offer = phone
        .offer_link(&one.code(), one.bundle(), NOW, rng)
        .unwrap();
    let again = phone
        .offer_link(&one.code(), one.bundle(), NOW, rng)
        .unwrap();
    assert_eq!(offer, again, "the same code gets the same offer");
    let before = records(&phone);
    let refused = phone.offer_link(&other.code(), other.bundle(), NOW, rng);
    assert!(matches!(refused, Err(LinkDeviceError::UnderWay)));
    assert!(before == records(&phone));
    // After ten minutes, or once it is cancelled, another can begin.
    let late = Timestamp::from_millis(NOW.as_millis() + LINK_LIFETIME_MS + 1);
    assert!(phone.link_under_way(late).unwrap().is_none());
    phone.cancel_link().unwrap();
    assert!(phone.link_under_way(NOW).unwrap().is_none());
    phone
        .offer_link(&other.code(), other.bundle(), NOW, rng)
        .unwrap();
    phone
        .offer_link(&one.code(), one.bundle(), late, rng)
        .unwrap();
}
