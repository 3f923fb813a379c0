//! Messages: stamped and queued.

use waxseal::reporting::relay::{
    PostError, PostedEnvelope, PostedReseal, Receipt, ResealError, StampedEnvelope,
};
use waxseal::{AccountId, DeviceAddress};
use waxseal_interface::{ErrorBody, ErrorCode};

use super::{Answered, IntoBody, Relay};

impl Relay {
    pub(super) fn post(&mut self, me: &DeviceAddress, to: &AccountId, body: &[u8]) -> Answered {
        PostedEnvelope::decode(body).map_err(|_| ErrorCode::Malformed.into_body())?;
        let to = DeviceAddress::new(to.clone(), me.device);
        // Authenticated first. The time that is taken for it is used even if the queue is full.
        let stamped = self.provider.stamp(me, &to, body);
        let stamped = stamped.map_err(|error| match error {
            PostError::ClockDiffers => self.clock_differs(),
            _ => ErrorCode::NotFromDevice.into_body(),
        })?;
        self.accept(me, &to.account, stamped)
    }

    pub(super) fn post_again(
        &mut self,
        me: &DeviceAddress,
        to: &AccountId,
        body: &[u8],
    ) -> Answered {
        let posted = PostedReseal::decode(body);
        let posted = posted.map_err(|_| ErrorCode::Malformed.into_body())?;
        let (key, keys) = (self.provider.key(me), &self.provider.stamp_keys);
        let reseal = posted.authenticate(&key, me, keys, self.provider.now);
        let reseal = reseal.map_err(|error| match error {
            ResealError::ClockDiffers => self.clock_differs(),
            ResealError::InTheFuture => ErrorCode::Busy.into_body(),
            ResealError::TooOld => ErrorCode::TooOldToReseal.into_body(),
            ResealError::NotStamped => ErrorCode::NotStamped.into_body(),
            ResealError::OtherTarget => ErrorCode::OtherTarget.into_body(),
            _ => ErrorCode::NotFromDevice.into_body(),
        })?;
        let (target, account) = (reseal.target().clone(), self.accounts.get(to));
        let account = account.ok_or_else(|| ErrorCode::NoSuchAccount.into_body())?;
        if target.account != *to || account.me != target {
            return Err(ErrorCode::OtherTarget.into_body());
        }
        let (stamped, _) = self.provider.post_again(me, body).unwrap();
        self.accept(me, to, stamped)
    }

    /// Queues a message, and answers with the receipt.
    fn accept(&mut self, me: &DeviceAddress, to: &AccountId, stamped: StampedEnvelope) -> Answered {
        if !self.accounts.contains_key(to) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        let queue = self.queues.entry(to.clone()).or_default();
        if queue.waiting.len() >= self.max_queued {
            return Err(ErrorCode::QueueFull.into_body());
        }
        let receipt = Receipt::new(stamped.claim(), &self.provider.keys[me]).encode();
        queue.push(stamped);
        Ok((200, receipt, Vec::new()))
    }

    fn clock_differs(&self) -> Box<ErrorBody> {
        Box::new(ErrorBody {
            relay_time_ms: Some(self.provider.now.as_millis()),
            ..ErrorBody::of_code(ErrorCode::ClockDiffers)
        })
    }

    /// How many deliveries wait for an account.
    #[must_use]
    pub fn queued(&self, account: &AccountId) -> usize {
        self.queues
            .get(account)
            .map_or(0, |queue| queue.waiting.len())
    }
}
