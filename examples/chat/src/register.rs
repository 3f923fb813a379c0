//! Registering. The account is stored before the relay learns of it, so this can be repeated.

use std::path::Path;

use waxseal::courier::{Courier, Event};
use waxseal::transport::{now, system_rng};
use waxseal::{Client, DeviceAddress, DeviceId};
use waxseal_interface::{account_name, fingerprint};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Relay};
use crate::reach::RelayOptions;

/// Creates an account, or finishes creating it, or registers its device again.
pub fn register(folder: &Path, options: &RelayOptions, name: &str) -> Outcome<()> {
    let rng = &mut system_rng();
    let account = account_name(name)?;
    let (home, store) = Home::open(folder, rng)?;
    let remembered = home.memory.relay.as_ref();
    let address = options.address(remembered.map(|relay| &relay.address))?;
    let transport = address.transport()?;
    let courier = if Client::has_account(&store)? {
        Courier::open(store)?
    } else {
        let me = DeviceAddress::new(account.clone(), DeviceId(1));
        Courier::create(store, me, now(), rng)?
    };
    let owner = &courier.client().me().account;
    if *owner != account {
        let owner = owner.as_str();
        return Err(Failure::new(format!("this home belongs to {owner}")));
    }
    let mut chat = Chat::new(courier, home, transport, false)?;
    chat.courier.listen(false);
    chat.courier.register_again();
    let mut is_registered = false;
    let ended = chat.run(|_, events| {
        is_registered |= events.iter().any(|one| matches!(one, Event::Registered));
        // The keys are printed below.
        events.retain(|one| !matches!(one, Event::Pinned { .. }));
        Ok(true)
    });
    chat.print_notices();
    if is_registered {
        // The relay of the pinned key may have moved, or have a new certificate.
        chat.home.memory.relay = Some(Relay::at(address));
        chat.home.remember()?;
    }
    ended?;
    println!("registered {name}");
    print_keys(&chat)
}

/// Prints the keys of the relay, which the user compares with what the provider publishes.
pub fn print_keys(chat: &Chat) -> Outcome<()> {
    let pinned = chat.courier.pinned();
    let pinned = pinned.ok_or_else(|| Failure::new("no relay is pinned"))?;
    println!("  relay key       {}", fingerprint(&pinned.relay_key));
    println!("  moderation key  {}", pinned.moderation_fingerprint);
    println!("Compare both with what the provider publishes.");
    Ok(())
}
