//! First contact: budgets that are spent, what is said of recipients, and the tokens that come.

use waxseal_interface::{ContactHeaders, ContactToken, Event};
use waxseal_relay::ClientError;

use super::{Device, SOON, World, database};

/// Has an account write to this many others within the last hours, as the relay's tables say it.
pub fn spend(world: &World, of: &Device, others: usize, is_fellow: bool) {
    let mut db = database(world);
    let all = db.transaction().unwrap();
    for number in 0..others {
        let name = format!("{}-{number}-{}", of.owner.name, rand::random::<u64>());
        let insert = "INSERT INTO account (name) VALUES (?)";
        all.execute(insert, [name]).unwrap();
        let row = "INSERT INTO stranger
            SELECT account.id, last_insert_rowid(), at_ms, 0, ?2 FROM account, proven
            WHERE name = ?1";
        let row = all.execute(row, (&of.owner.name, is_fellow));
        assert_eq!(row.unwrap(), 1);
    }
    all.commit().unwrap();
}

/// Posts a message, and says this of the recipient.
pub fn post(
    from: &mut Device,
    to: &Device,
    contact: ContactHeaders,
) -> Result<Vec<u8>, ClientError> {
    let (_, posted) = from.seal(&to.me, "hello");
    let (session, account) = (from.session(), &to.me.account);
    from.client.send_with(session, account, &posted, contact)
}

pub fn plain(from: &mut Device, to: &Device) -> Result<Vec<u8>, ClientError> {
    post(from, to, ContactHeaders::default())
}

pub fn accepting() -> ContactHeaders {
    ContactHeaders {
        accepts: true,
        ..ContactHeaders::default()
    }
}

/// Receives and acknowledges all that waits for a device. Returns the tokens that came with it.
pub fn tokens(device: &Device) -> Vec<Option<ContactToken>> {
    let (mut deliveries, mut tokens) = (device.connect(), Vec::new());
    loop {
        match deliveries.next(SOON).unwrap().unwrap() {
            Event::CaughtUp => break,
            Event::Delivery { id, contact, .. } => {
                tokens.push(contact);
                deliveries.acknowledge(id).unwrap();
            }
            Event::QueueExpired { .. } => panic!("nothing was dropped"),
        }
    }
    deliveries.close();
    tokens
}
