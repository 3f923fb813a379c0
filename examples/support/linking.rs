//! Links devices to accounts, and registers them with the provider of the test world.

use rand_chacha::ChaCha20Rng;
use waxseal::linking::{LinkCode, LinkDigits, NewDevice};
use waxseal::store::Transaction;
use waxseal::{Client, DeliveryKey, MemoryStore, Rebased, Store, Timestamp};
use waxseal_world::{Provider, RosterRefused, snapshot};

/// What went wrong, in words.
type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// Links one more device to the account that `manager` manages. The user scans the code with the
/// manager, and types its digits into the new device.
pub fn link(
    provider: &mut Provider,
    manager: &mut Client<MemoryStore>,
    rng: &mut ChaCha20Rng,
) -> Result<Client<MemoryStore>> {
    let now = provider.now;
    let mut new = NewDevice::generate(now, rng)?;
    let code = LinkCode::decode(&new.code().encode())?; // as the camera reads it
    let offer = manager.offer_link(&code, new.bundle(), now, rng)?;
    new.open_offer(&offer, now, rng)?;
    let (_, reveal) = new.message().ok_or("no reveal")?;
    let digits = manager.link_digits(reveal, now, rng)?.shown();
    let typed = LinkDigits::parse(&digits).ok_or("no digits")?;
    new.accept(&typed, now, rng)?;
    let (_, answer) = new.message().ok_or("no answer")?;
    let roster = manager.finish_link(answer, now)?;
    put(provider, manager, roster)?;
    new.take_welcome(&provider.roster(&manager.me().account))?;

    let key = DeliveryKey::generate(rng);
    let client = new.into_client(MemoryStore::new(), key, rng)?;
    register(provider, client, rng)
}

/// Gives a signed roster to the provider, on top of its newest one.
pub fn put(
    provider: &mut Provider,
    client: &mut Client<MemoryStore>,
    mut roster: Vec<u8>,
) -> Result<()> {
    let account = client.me().account.clone();
    loop {
        match provider.put_roster(&account, &roster) {
            Ok(_) => {
                client.confirm_roster(provider.now)?;
                return Ok(());
            }
            Err(RosterRefused::Conflict(newest)) => {
                match client.rebase_roster(&newest, provider.now)? {
                    Rebased::Post(again) => roster = again,
                    _ => return Ok(()),
                }
            }
            Err(refused) => return Err(format!("{refused:?}").into()),
        }
    }
}

/// Registers a device that is in the roster, and publishes its prekeys.
pub fn register(
    provider: &mut Provider,
    mut client: Client<MemoryStore>,
    rng: &mut ChaCha20Rng,
) -> Result<Client<MemoryStore>> {
    provider.register_key(client.me(), client.delivery_key().clone());
    let upload = client.publish_prekeys(0, rng)?;
    provider.publish(&client.me().account.clone(), &upload);
    client.confirm_prekeys(&upload)?;
    Ok(client)
}

/// A copy of a client, as a thief of its store has one.
pub fn copy_of(client: &Client<MemoryStore>) -> Result<Client<MemoryStore>> {
    let mut transaction = Transaction::default();
    for (key, value) in snapshot(client) {
        transaction.put(key, value.into());
    }
    let mut store = MemoryStore::new();
    store.commit(transaction)?;
    Ok(Client::open(store)?)
}

/// The time as the library has it.
pub fn time(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}
