//! The end of messages whose stamp keys are destroyed.

use waxseal_reporting::relay::EPOCH_MS;

use crate::errors::Refusal;
use crate::store::connection::Work;
use crate::store::queue::losses::lose;
use crate::store::values::values;
use crate::store::{Connection, Store};

/// Maximum number of messages that one job finds, or drops.
const BATCH: usize = 500;

/// Drops the messages before an epoch, whose stamp keys every relay has destroyed. Their recipients
/// are told on their next connection. Returns how many there were. Ends when another relay drops.
///
/// Each job is about one recipient, and takes its queue before all else, as lanes do. So it waits
/// for others at most once, and nobody waits for long for it.
pub async fn drop_all(store: &Store, before: u32) -> Result<usize, Refusal> {
    let mut all: usize = 0;
    loop {
        let recipients = store.run(move |db| find(db, before)).await?;
        if recipients.is_empty() {
            return Ok(all);
        }
        for recipient in recipients {
            let mut more = true;
            while more {
                let drop = move |db: &Connection| drop_some(db, recipient, before);
                let Some(dropped) = store.run(drop).await? else {
                    return Ok(all);
                };
                all = all.saturating_add(dropped);
                more = dropped == BATCH;
            }
        }
    }
}

/// Some recipients of such messages, in ascending order.
fn find(db: &Connection, before: u32) -> Result<Vec<i64>, Refusal> {
    db.read_committed()?;
    let some = "SELECT DISTINCT recipient FROM
             (SELECT recipient FROM queue WHERE epoch < ?1 LIMIT ?2) found
         ORDER BY recipient";
    db.all(some, values![before, BATCH])
}

/// Drops some of the messages of a recipient. Returns how many. `None` if another relay drops.
fn drop_some(db: &Connection, recipient: i64, before: u32) -> Result<Option<usize>, Refusal> {
    db.read_committed()?;
    if !db.works_alone(Work::Dropping)? {
        return Ok(None);
    }
    db.take_queues(&[recipient])?;
    let epochs: Vec<u64> = db.all(
        "DELETE FROM queue WHERE recipient = ?1 AND number IN
             (SELECT number FROM queue WHERE recipient = ?1 AND epoch < ?2 ORDER BY number LIMIT ?3)
         RETURNING epoch",
        values![recipient, before, BATCH],
    )?;
    if let (Some(first), Some(last)) = (epochs.iter().min(), epochs.iter().max()) {
        lose(db, recipient, first * EPOCH_MS, (last + 1) * EPOCH_MS - 1)?;
    }
    Ok(Some(epochs.len()))
}
