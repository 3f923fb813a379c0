//! Two people write to each other through a provider that reads nothing.
//!
//! `cargo run --release --example send_and_receive`

mod support {
    pub mod provider;
}

use std::error::Error;

use support::provider::Provider;
use waxseal::errors::ReceiveError;
use waxseal::{AccountId, Client, DeviceAddress, DeviceId, MemoryStore, Received, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut rand::rng();
    let now = Timestamp::from_millis(1_800_000_000_000); // an application passes the current time
    let mut provider = Provider::new(now, rng);

    // Each device creates its account once. The roster lists the account's devices; with their
    // prekeys, others can write to them while they are offline.
    let mut clients = Vec::new();
    for name in ["alice", "bob"] {
        let me = DeviceAddress::new(AccountId::new(name)?, DeviceId(1));
        let delivery_key = provider.register(&me, rng);
        let mut client = Client::create(MemoryStore::new(), me.clone(), delivery_key, now, rng)?;
        let roster = client.own_roster()?.ok_or("a new account has one")?;
        provider.put_roster(&me, roster.signed().encode());
        let upload = client.publish_prekeys(0, rng)?;
        provider.publish(&me.account, upload.base.clone(), upload.one_time.clone());
        client.confirm_prekeys(&upload)?;
        clients.push(client);
    }
    let [alice, bob] = &mut clients[..] else {
        return Err("two clients".into());
    };
    let (alice_id, bob_id) = (alice.me().account.clone(), bob.me().account.clone());

    // First contact: Alice fetches Bob's roster, with prekeys of each device in it.
    let bundles = provider.bundles(&bob_id).ok_or("nothing was published")?;
    alice.start(&bob_id, &bundles, now, rng)?;

    // Alice sends. The message is stored before its envelope leaves; the provider's receipt
    // confirms it.
    let sent = alice.send(&bob_id, "Is your bike still for sale?", now, rng)?;
    let relayed = provider.relay(alice.me(), bob.me(), &sent.envelope, now)?;
    alice.confirm(&bob_id, &relayed.receipt)?;

    // Bob receives. He does not know Alice's device yet, so he fetches her roster first.
    let unknown = bob.receive(&relayed.delivery);
    assert!(matches!(unknown, Err(ReceiveError::UnknownDevice { .. })));
    bob.take_roster(&alice_id, &provider.roster(&alice_id), now)?;

    // The message is stored before it is shown; then the delivery is acknowledged.
    let Received::Message { from, message, .. } = bob.receive(&relayed.delivery)? else {
        return Err("seen before".into());
    };
    let text = message.text().ok_or("a text was sent")?;
    println!("{} writes: {text}", from.as_str());
    assert_eq!(from, alice_id);
    assert_eq!(text, "Is your bike still for sale?");

    // Bob answers in the session that Alice started.
    let sent = bob.send(&alice_id, "It is.", now, rng)?;
    let relayed = provider.relay(bob.me(), alice.me(), &sent.envelope, now)?;
    bob.confirm(&alice_id, &relayed.receipt)?;
    let Received::Message { message, .. } = alice.receive(&relayed.delivery)? else {
        return Err("seen before".into());
    };
    println!("bob writes: {}", message.text().ok_or("a text was sent")?);

    // A delivery that arrives twice is recognised.
    let again = alice.receive(&relayed.delivery)?;
    assert!(matches!(again, Received::Duplicate { .. }));

    // Both phones show the same safety number, so no one in between can read the messages.
    let number = alice.safety_number(&bob_id)?;
    assert_eq!(number.digits(), bob.safety_number(&alice_id)?.digits());
    println!("safety number: {number}");
    Ok(())
}
