//! The lane of devices that acknowledge what they have.

use std::collections::BTreeSet;

use postgres::{Client, Error, Statement};
use tokio::sync::oneshot;

use super::{Lane, Reply};
use crate::store::postgres::{Shared, busy};

/// A device that has these deliveries.
pub struct Acknowledged {
    pub recipient: i64,
    pub numbers: Vec<i64>,
    pub answer: oneshot::Sender<Reply<()>>,
}

pub struct Acknowledgements {
    inboxes: Statement,
    delete: Statement,
    tidy: Statement,
}

impl Lane for Acknowledgements {
    type Request = Acknowledged;

    const MAX_BATCH: usize = 256;

    fn prepare(client: &mut Client) -> Result<Self, Error> {
        Ok(Self {
            inboxes: client.prepare(
                "SELECT recipient FROM inbox WHERE recipient = ANY($1)
                 ORDER BY recipient FOR UPDATE",
            )?,
            delete: client.prepare(
                "WITH gone AS (
                     DELETE FROM queue USING unnest($1::bigint[], $2::bigint[])
                         AS w (recipient, number)
                     WHERE queue.recipient = w.recipient AND queue.number = w.number
                     RETURNING queue.recipient, sender, length(stamped) AS len, body_len
                 ), less AS (
                     UPDATE inbox SET messages = inbox.messages - c.messages,
                         bytes = inbox.bytes - c.bytes
                     FROM (
                         SELECT recipient, count(*) AS messages, sum(len + body_len) AS bytes
                         FROM gone GROUP BY recipient
                     ) c
                     WHERE inbox.recipient = c.recipient
                 )
                 INSERT INTO share AS s
                     SELECT recipient, sender, -count(*), -sum(len + body_len) FROM gone
                         GROUP BY recipient, sender
                 ON CONFLICT (recipient, sender) DO UPDATE
                     SET messages = s.messages + excluded.messages,
                         bytes = s.bytes + excluded.bytes",
            )?,
            tidy: client.prepare("DELETE FROM share WHERE recipient = ANY($1) AND messages = 0")?,
        })
    }

    fn run(
        &mut self,
        client: &mut Client,
        _: &Shared,
        requests: &mut Vec<Acknowledged>,
    ) -> Result<(), Error> {
        let (mut recipients, mut numbers) = (Vec::new(), Vec::new());
        for request in requests.iter() {
            for number in &request.numbers {
                recipients.push(request.recipient);
                numbers.push(*number);
            }
        }
        let inboxes: BTreeSet<i64> = recipients.iter().copied().collect();
        let inboxes: Vec<i64> = inboxes.into_iter().collect();
        client.query(&self.inboxes, &[&inboxes])?;
        client.execute(&self.delete, &[&recipients, &numbers])?;
        client.execute(&self.tidy, &[&inboxes])?;
        client.batch_execute("COMMIT")?;
        for request in requests.drain(..) {
            let _ = request.answer.send(Reply::Done(Ok(())));
        }
        Ok(())
    }

    fn go_slowly(request: Acknowledged) {
        let _ = request.answer.send(Reply::Slowly);
    }

    fn refuse(request: Acknowledged) {
        let _ = request.answer.send(Reply::Done(Err(busy())));
    }
}
