//! Registering. The account is stored before the relay learns of it, so every step can be repeated.

use std::path::Path;

use waxseal::{Client, DeliveryKey, DeviceAddress, DeviceId};
use waxseal_interface::account_name;
use waxseal_relay::system_rng;

use crate::chat::{Chat, now};
use crate::failure::{Failure, Outcome};
use crate::home::{Home, PinnedRelay};
use crate::reach::RelayOptions;

/// Creates an account, or finishes creating it.
pub fn register(folder: &Path, options: &RelayOptions, name: &str) -> Outcome<()> {
    let rng = &mut system_rng();
    let account = account_name(name)?;
    let (mut home, store) = Home::open(folder, rng)?;
    let pinned = home.memory.relay.as_ref();
    let address = options.address(pinned.map(|relay| &relay.address))?;
    let relay = address.client()?;

    // Pins the relay's keys at first contact. The user compares their fingerprints with those that
    // the provider publishes.
    if home.memory.relay.is_none() {
        home.memory.relay = Some(PinnedRelay::new(address.clone(), &relay.card()?));
        home.memory.rotated_at_ms = now().as_millis();
        home.memory.upload_pending = true;
        home.remember()?;
    }

    let client = if Client::has_account(&store)? {
        Client::open(store)?
    } else {
        let me = DeviceAddress::new(account.clone(), DeviceId(1));
        // The first key is replaced when the device is registered.
        Client::create(store, me, DeliveryKey::generate(rng), rng)?
    };
    if client.me().account != account {
        let owner = client.me().account.as_str();
        return Err(Failure::new(format!("this home belongs to {owner}")));
    }

    let mut chat = Chat::new(client, home, relay, false);
    let card = chat.card()?;
    // The relay of the pinned key may have moved, or have a new certificate.
    if let Some(pinned) = &mut chat.home.memory.relay {
        pinned.address = address;
        chat.home.remember()?;
    }
    chat.session = Some(chat.register_device(&card)?);
    let left = chat.with_session(|relay, session| relay.prekeys_left(session))?;
    chat.upload_prekeys(left)?;
    println!("registered {name}");
    println!("  relay key       {}", card.relay_fingerprint());
    println!("  moderation key  {}", card.moderation_fingerprint());
    println!("Compare both with what the provider publishes.");
    Ok(())
}
