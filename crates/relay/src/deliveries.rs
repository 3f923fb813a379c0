//! Deliveries: a WebSocket on which the relay sends the messages queued for a device.

use std::time::Duration;

use waxseal_interface::http::{Frames, Link};
use waxseal_interface::{Answer, Event, FrameMacs, NONCE_HEADER, Request, decode_nonce};

use crate::error::ClientError;
use crate::session::{Caller, DeviceSession, NOT_AUTHENTIC, check_answer};
use crate::system_rng::system_rng;

/// A device's connection for deliveries.
///
/// ```text
/// relay  -> Event::Delivery        a message; at most 64 are unanswered at a time
/// relay  -> Event::CaughtUp        all queued messages were sent on this connection
/// client -> Answer::Acknowledged   the relay deletes the message
/// client -> Answer::PutOff         the message comes again on the next connection
/// ```
///
/// Each is a binary frame, with a MAC at its end: see [`FrameMacs`].
///
/// Acknowledge deliveries that `Client::receive` has committed or says to drop. Call
/// [`keep`](Self::keep) for deliveries that `Client::receive` can neither open nor drop yet:
/// otherwise 64 of them would block all later ones. Pings are answered within [`next`](Self::next),
/// so call it at least every minute.
///
/// # Security
/// A frame that the relay did not make for this connection, or not as the next one, ends the
/// connection: [`ClientError::Unreachable`]. So does a close frame, whatever reason it gives,
/// because nothing authenticates the reason. Connect again: if the token has expired, for example,
/// the relay's answer says so and is authenticated.
pub struct Deliveries {
    frames: Frames,
    macs: FrameMacs,
}

impl Deliveries {
    pub(crate) fn connect(link: &Link, device: &DeviceSession) -> Result<Self, ClientError> {
        let caller = Caller::Device(device);
        let (request, asked) = Request::Deliveries.ask(caller.token(), &mut system_rng())?;
        let (answer, frames) = link.connect(&request)?;
        check_answer(caller, &asked, &answer)?;
        let Some(frames) = frames else {
            return Err(ClientError::refused(answer.status, &answer.body));
        };
        let nonce = answer.header(NONCE_HEADER).and_then(decode_nonce);
        let nonce = nonce.ok_or_else(not_authentic)?;
        let macs = FrameMacs::of_device(&device.delivery_key, &asked, &nonce);
        Ok(Self { frames, macs })
    }

    /// Waits for the relay's next event. Returns `None` if there was none within `wait`. After an
    /// error, connect again.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Malformed`].
    pub fn next(&mut self, wait: Duration) -> Result<Option<Event>, ClientError> {
        let Some(frame) = self.frames.next(wait)? else {
            return Ok(None);
        };
        let content = self.macs.open(&frame).ok_or_else(not_authentic)?;
        Event::decode(content)
            .map(Some)
            .ok_or(ClientError::Malformed)
    }

    /// Tells the relay that it may delete a delivery of this connection. Call this only after
    /// `Client::receive` has committed the delivery or said to drop it.
    ///
    /// # Errors
    /// [`ClientError`]: the delivery may come again.
    pub fn acknowledge(&mut self, id: u64) -> Result<(), ClientError> {
        self.answer(Answer::Acknowledged { id })
    }

    /// Tells the relay not to wait for an acknowledgement of this delivery. The delivery comes
    /// again on the next connection.
    ///
    /// # Errors
    /// [`ClientError`]: the delivery comes again in this case too.
    pub fn keep(&mut self, id: u64) -> Result<(), ClientError> {
        self.answer(Answer::PutOff { id })
    }

    fn answer(&mut self, answer: Answer) -> Result<(), ClientError> {
        let frame = self.macs.seal(answer.encode());
        Ok(self.frames.send(frame)?)
    }

    /// Closes the connection and waits until the relay has received every acknowledgement. Gives up
    /// if the relay is silent, or goes on sending, for ten seconds.
    pub fn close(self) {
        self.frames.close();
    }
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

fn not_authentic() -> ClientError {
    ClientError::Unreachable(NOT_AUTHENTIC.to_owned())
}
