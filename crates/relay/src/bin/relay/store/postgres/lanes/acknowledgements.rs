//! The lane of devices that acknowledge what they have.

use std::collections::BTreeSet;

use postgres::Error;
use tokio::sync::oneshot;

use super::{Lane, Reply};
use crate::store::postgres::busy;
use crate::store::postgres::filling::taking;
use crate::store::postgres::statements::Prepared;

/// A device that has these deliveries.
pub struct Acknowledged {
    pub recipient: i64,
    pub numbers: Vec<i64>,
    pub answer: oneshot::Sender<Reply<()>>,
}

#[derive(Default)]
pub struct Acknowledgements;

const TAKE: &str = "SELECT recipient, is_long FROM inbox WHERE recipient = ANY($1)
     ORDER BY recipient FOR NO KEY UPDATE";

const DELETE: &str = "WITH gone AS (
         DELETE FROM queue USING unnest($1::bigint[], $2::bigint[]) AS w (recipient, number)
         WHERE queue.recipient = w.recipient AND queue.number = w.number
         RETURNING queue.recipient, sender, length(stamped) + body_len AS len, body_len
     ), of_one AS (
         UPDATE share SET messages = share.messages - c.messages, bytes = share.bytes - c.bytes
         FROM (
             SELECT recipient, sender, count(*) AS messages, sum(len) AS bytes
             FROM gone GROUP BY recipient, sender
         ) c
         WHERE share.recipient = c.recipient AND share.sender = c.sender
     )
     UPDATE inbox SET messages = inbox.messages - c.messages, bytes = inbox.bytes - c.bytes,
         body_bytes = inbox.body_bytes - c.body_bytes,
         is_long = CASE WHEN inbox.messages = c.messages THEN 0 ELSE inbox.is_long END
     FROM (
         SELECT recipient, count(*) AS messages, sum(len) AS bytes, sum(body_len) AS body_bytes
         FROM gone GROUP BY recipient
     ) c
     WHERE inbox.recipient = c.recipient";

const TIDY: &str = "DELETE FROM share WHERE recipient = ANY($1) AND messages = 0";

impl Lane for Acknowledgements {
    type Request = Acknowledged;

    const MAX_BATCH: usize = 256;

    const CHANGES: bool = true;

    fn run(
        &mut self,
        db: &Prepared,
        requests: &mut Vec<Acknowledged>,
        held: Option<&mut Vec<Acknowledged>>,
    ) -> Result<(), Error> {
        let inboxes: BTreeSet<i64> = requests.iter().map(|request| request.recipient).collect();
        let inboxes: Vec<i64> = inboxes.into_iter().collect();
        let (mut is_any_long, mut taken) = (false, BTreeSet::new());
        for row in db.ask(&taking(TAKE, held.is_none()), &[&inboxes])? {
            taken.insert(row.try_get::<_, i64>(0)?);
            is_any_long |= row.try_get::<_, i64>(1)? != 0;
        }
        let (mut recipients, mut numbers) = (Vec::new(), Vec::new());
        for request in requests.iter() {
            if !taken.contains(&request.recipient) {
                continue; // the device is gone, or others have its queue
            }
            for number in &request.numbers {
                recipients.push(request.recipient);
                numbers.push(*number);
            }
        }
        db.ask(DELETE, &[&recipients, &numbers])?;
        if is_any_long {
            db.ask(TIDY, &[&inboxes])?;
        }
        db.run("COMMIT")?;
        if let Some(held) = held {
            held.extend(requests.extract_if(.., |request| !taken.contains(&request.recipient)));
        }
        for request in requests.drain(..) {
            let _ = request.answer.send(Reply::Done(Ok(())));
        }
        Ok(())
    }

    fn is_wanted(request: &Acknowledged) -> bool {
        !request.answer.is_closed()
    }

    fn row(request: &Acknowledged) -> i64 {
        request.recipient
    }

    fn len(_: &Acknowledged) -> usize {
        0
    }

    fn go_slowly(request: Acknowledged) {
        let _ = request.answer.send(Reply::Slowly);
    }

    fn refuse(request: Acknowledged) {
        let _ = request.answer.send(Reply::Done(Err(busy())));
    }
}
