//! Requests that go through the lanes.

use tokio::sync::oneshot;

use super::lanes::Reply;
use super::lanes::acknowledgements::Acknowledged;
use super::lanes::reads::Read;
use super::lanes::sends::{Sending, Written};
use super::{Lanes, Postgres};
use crate::errors::Refusal;
use crate::store::queue::Queued;
use crate::store::sending::{Facts, Stamped, Way};

impl Postgres {
    /// The lanes, unless the database is lost, does not answer, or is being closed. Then the slow
    /// way says so.
    fn lanes(&self) -> Option<&Lanes> {
        self.check_there().ok()?;
        self.lanes.as_ref()
    }

    /// Sends a message through the lane. `None` if it must go the slow way.
    pub async fn send<T: Send + 'static>(
        &self,
        way: Way,
        stamp: impl Fn(&Facts<'_>) -> Option<Stamped<T>> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Option<Result<T, Refusal>> {
        let (answer, answered) = oneshot::channel();
        let request = Plain {
            way,
            stamp,
            then,
            result: None,
            answer,
        };
        let handed = self.lanes()?.sends.hand_in(way.device, Box::new(request));
        handed.ok()?;
        self.reply(answered).await
    }

    /// Reads through the lane. `None` if it must be read the slow way.
    pub async fn read(
        &self,
        recipient: i64,
        after: i64,
        max: usize,
    ) -> Option<Result<Queued, Refusal>> {
        let (answer, answered) = oneshot::channel();
        let request = Read {
            recipient,
            after,
            most: i64::try_from(max).unwrap_or(i64::MAX),
            answer,
        };
        self.lanes()?.reads.hand_in(recipient, request).ok()?;
        self.reply(answered).await
    }

    /// Acknowledges through the lane. `None` if it must go the slow way.
    pub async fn acknowledge(
        &self,
        recipient: i64,
        numbers: Vec<i64>,
    ) -> Option<Result<(), Refusal>> {
        let (answer, answered) = oneshot::channel();
        let request = Acknowledged {
            recipient,
            numbers,
            answer,
        };
        let lane = &self.lanes()?.acknowledgements;
        lane.hand_in(recipient, request).ok()?;
        self.reply(answered).await
    }

    async fn reply<T>(&self, answered: oneshot::Receiver<Reply<T>>) -> Option<Result<T, Refusal>> {
        match self.answer(answered).await {
            Ok(Reply::Done(result)) => Some(result),
            Ok(Reply::Slowly) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }
}

/// A message that waits for the lane.
struct Plain<T, S, A> {
    way: Way,
    stamp: S,
    then: A,
    result: Option<T>,
    answer: oneshot::Sender<Reply<T>>,
}

impl<T, S, A> Sending for Plain<T, S, A>
where
    T: Send,
    S: Fn(&Facts<'_>) -> Option<Stamped<T>> + Send,
    A: FnOnce(&T) + Send,
{
    fn way(&self) -> Way {
        self.way
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn stamp(&mut self, facts: &Facts<'_>) -> Option<Written> {
        let stamped = (self.stamp)(facts)?;
        self.result = Some(stamped.answer);
        let epoch = stamped.messages.first()?.stamped.claim().context().epoch;
        let to = stamped.messages.iter();
        let to = to.map(|one| (one.recipient, one.stamped.encode(), one.accepts));
        Some(Written {
            by: stamped.by,
            accepted_at: stamped.accepted_at,
            mark: stamped.mark.map(Vec::from),
            to: to.collect(),
            epoch,
        })
    }

    fn answer(self: Box<Self>) {
        let reply = match self.result {
            Some(result) => {
                (self.then)(&result);
                Reply::Done(Ok(result))
            }
            None => Reply::Slowly,
        };
        // If the sender has hung up, there is no one to answer. The message is queued.
        let _ = self.answer.send(reply);
    }

    fn go_slowly(self: Box<Self>) {
        let _ = self.answer.send(Reply::Slowly);
    }

    fn refuse(self: Box<Self>, refusal: Refusal) {
        let _ = self.answer.send(Reply::Done(Err(refusal)));
    }
}
