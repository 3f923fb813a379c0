//! The lane of devices that read what waits for them.

use postgres::{Error, Row};
use tokio::sync::oneshot;

use super::{Lane, Reply};
use crate::errors::Refusal;
use crate::store::postgres::busy;
use crate::store::postgres::failure::Said;
use crate::store::postgres::statements::Prepared;
use crate::store::queue::{ENOUGH_BYTES, Queued, Waiting};

/// A device that reads.
pub struct Read {
    pub recipient: i64,
    pub after: i64,
    pub most: i64,
    pub answer: oneshot::Sender<Reply<Queued>>,
}

#[derive(Default)]
pub struct Reads;

const NEXT: &str = "SELECT place, lost_from_ms, lost_to_ms, q.number, q.stamped, q.body, q.accepts
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[])
         WITH ORDINALITY AS w (recipient, after, most, place)
     LEFT JOIN LATERAL (
         SELECT d.id, lost_from_ms, lost_to_ms FROM device d JOIN inbox i ON i.recipient = d.id
         WHERE d.id = w.recipient AND d.number >= 0 LIMIT 1
     ) d ON true
     LEFT JOIN LATERAL (
         SELECT * FROM (
             SELECT number, stamped, body, accepts, len,
                 sum(len) OVER (ORDER BY number) AS bytes
             FROM (
                 SELECT q.number, q.stamped, b.stamped AS body, q.accepts,
                     length(q.stamped) + coalesce(length(b.stamped), 0) AS len
                 FROM queue q LEFT JOIN body b ON b.id = q.body
                 WHERE q.recipient = d.id AND q.number > w.after
                 ORDER BY q.number LIMIT w.most
             ) n
         ) m WHERE bytes - len < $4
     ) q ON true
     ORDER BY place, q.number";

impl Lane for Reads {
    type Request = Read;

    /// With [`ENOUGH_BYTES`] for each device, this bounds what is in memory.
    const MAX_BATCH: usize = 64;

    const CHANGES: bool = false;

    fn run(
        &mut self,
        db: &Prepared,
        requests: &mut Vec<Read>,
        _: Option<&mut Vec<Read>>,
    ) -> Result<(), Error> {
        let recipients: Vec<i64> = requests.iter().map(|read| read.recipient).collect();
        let after: Vec<i64> = requests.iter().map(|read| read.after).collect();
        let most: Vec<i64> = requests.iter().map(|read| read.most).collect();
        let enough = i64::try_from(ENOUGH_BYTES).unwrap_or(i64::MAX);
        let rows = db.ask(NEXT, &[&recipients, &after, &most, &enough])?;
        let mut rows = rows.iter().peekable();
        for (place, read) in (1_i64..).zip(requests.drain(..)) {
            let mut queued = Ok(Queued::default());
            while let Some(row) = rows.next_if(|row| row.try_get(0).ok() == Some(place)) {
                queued = queued.and_then(|queued| with(queued, row, read.most));
            }
            // If the device has hung up, there is no one to answer.
            let _ = read.answer.send(Reply::Done(queued));
        }
        Ok(())
    }

    fn is_wanted(request: &Read) -> bool {
        !request.answer.is_closed()
    }

    fn row(read: &Read) -> i64 {
        read.recipient
    }

    fn len(_: &Read) -> usize {
        0
    }

    fn go_slowly(request: Read) {
        let _ = request.answer.send(Reply::Slowly);
    }

    fn refuse(request: Read) {
        let _ = request.answer.send(Reply::Done(Err(busy())));
    }
}

/// Adds what a row says.
fn with(mut queued: Queued, row: &Row, most: i64) -> Result<Queued, Refusal> {
    let unreadable = |error: Error| Refusal::internal(&Said(&error));
    let ms = |column| {
        let ms: Option<i64> = row.try_get(column).map_err(unreadable)?;
        Ok::<_, Refusal>(ms.and_then(|ms| u64::try_from(ms).ok()))
    };
    queued.lost = ms(1)?.zip(ms(2)?);
    let Some(number) = row.try_get(3).map_err(unreadable)? else {
        return Ok(queued);
    };
    let stamped: &[u8] = row.try_get(4).map_err(unreadable)?;
    let body: Option<&[u8]> = row.try_get(5).map_err(unreadable)?;
    let accepts: i64 = row.try_get(6).map_err(unreadable)?;
    let waiting = Waiting::decode(stamped, body, accepts != 0)?;
    queued.add(number, waiting, stamped.len() + body.map_or(0, <[u8]>::len));
    queued.end_at(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(queued)
}
