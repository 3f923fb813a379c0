//! Messages to accounts.

use waxseal_interface::{ContactHeaders, Request};
use waxseal_reporting::AccountId;

use super::RelayClient;
use crate::error::ClientError;
use crate::session::{Caller, DeviceSession};

impl RelayClient {
    /// Sends a posted fan-out. Returns the encoded receipt; pass it to `Client::confirm`.
    ///
    /// # Errors
    /// [`ClientError`]; on [`ClockDiffers`](waxseal_interface::ErrorCode::ClockDiffers), post the
    /// message again with [`ClientError::relay_time_ms`]. On
    /// [`Mismatch`](waxseal_interface::ErrorCode::Mismatch), seal it for the devices in
    /// [`ClientError::mismatch`] and post it again.
    pub fn send(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
        posted: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        self.send_with(session, peer, posted, ContactHeaders::default())
    }

    /// Sends a posted fan-out as [`send`](Self::send) does, and says what the device knows of the
    /// recipient.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub fn send_with(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
        posted: &[u8],
        contact: ContactHeaders,
    ) -> Result<Vec<u8>, ClientError> {
        let request = Request::Post {
            recipient: peer.clone(),
            posted: posted.to_vec(),
            mark: session.mark,
            contact,
        };
        let answer = self.request(Caller::Device(session), &request)?;
        Ok(answer.into_body()?)
    }

    /// Sends a message that was sealed again for one device of `peer`, as `Envelope::post_again`
    /// encodes it. Returns the encoded receipt of the new stamp.
    ///
    /// # Errors
    /// [`ClientError`]; on [`ClockDiffers`], post it again with [`ClientError::relay_time_ms`]. On
    /// [`TooOldToReseal`] and [`NotStamped`], send the message as a new one.
    ///
    /// [`ClockDiffers`]: waxseal_interface::ErrorCode::ClockDiffers
    /// [`TooOldToReseal`]: waxseal_interface::ErrorCode::TooOldToReseal
    /// [`NotStamped`]: waxseal_interface::ErrorCode::NotStamped
    pub fn send_again(
        &self,
        session: &DeviceSession,
        peer: &AccountId,
        posted: &[u8],
    ) -> Result<Vec<u8>, ClientError> {
        let request = Request::Reseal {
            recipient: peer.clone(),
            posted: posted.to_vec(),
            mark: session.mark,
        };
        let answer = self.request(Caller::Device(session), &request)?;
        Ok(answer.into_body()?)
    }
}
