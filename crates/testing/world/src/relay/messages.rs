//! Messages: stamped once, and queued for each device.

use waxseal::reporting::relay::{
    PostError, PostedFanout, PostedReseal, ResealError, StampedEnvelope,
};
use waxseal::{AccountId, DeviceAddress, Mismatch};
use waxseal_interface::{ContactHeaders, DeviceBundle, ErrorBody, ErrorCode, TargetBundle};

use super::deliveries::Queued;
use super::{Answered, IntoBody, Relay};
use crate::provider::PostRefused;

impl Relay {
    pub(super) fn post(
        &mut self,
        me: &DeviceAddress,
        to: &AccountId,
        body: &[u8],
        contact: ContactHeaders,
    ) -> Answered {
        PostedFanout::decode(body).map_err(|_| ErrorCode::Malformed.into_body())?;
        // Authenticated first. The time that is taken for it is used even if the queue is full.
        let stamped = self.provider.fan_out(me, to, body);
        if let Err(PostRefused::Post(error)) = stamped {
            return Err(match error {
                PostError::ClockDiffers => self.clock_differs(),
                _ => ErrorCode::NotFromDevice.into_body(),
            });
        }
        if !self.is_account(to) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        for account in [to, &me.account] {
            if self.provider.newest_roster(account).is_none() {
                return Err(ErrorCode::NoRoster.into_body());
            }
        }
        if let Err(PostRefused::Removed) = stamped {
            return Err(ErrorCode::Removed.into_body());
        }
        let cost = self.cost(&me.account, to, &contact)?;
        match stamped {
            Ok((stamped, receipt)) => {
                let accepts = contact.accepts && me.account != *to;
                let answered = self.accept(to, stamped, receipt, accepts)?;
                self.count(&me.account, to, cost);
                Ok(answered)
            }
            Err(_) => {
                let mismatch = self.provider.mismatch(me, to, body);
                Err(Box::new(ErrorBody {
                    mismatch: Some(Box::new(in_json(mismatch))),
                    ..ErrorBody::of_code(ErrorCode::Mismatch)
                }))
            }
        }
    }

    pub(super) fn post_again(
        &mut self,
        me: &DeviceAddress,
        to: &AccountId,
        body: &[u8],
    ) -> Answered {
        let posted = PostedReseal::decode(body);
        let posted = posted.map_err(|_| ErrorCode::Malformed.into_body())?;
        let reseal = self.provider.authenticate_again(me, posted);
        let reseal = reseal.map_err(|error| match error {
            ResealError::ClockDiffers => self.clock_differs(),
            ResealError::InTheFuture => ErrorCode::Busy.into_body(),
            ResealError::TooOld => ErrorCode::TooOldToReseal.into_body(),
            ResealError::NotStamped => ErrorCode::NotStamped.into_body(),
            ResealError::OtherTarget => ErrorCode::OtherTarget.into_body(),
            _ => ErrorCode::NotFromDevice.into_body(),
        })?;
        let target = reseal.target().clone();
        if !self.is_account(to) {
            return Err(ErrorCode::NoSuchAccount.into_body());
        }
        let shown = self.provider.shown(Some(&me.account), to);
        let is_listed = shown.is_some_and(|shown| shown.lists(target.device));
        let is_listed = is_listed && !self.provider.has_left(&target);
        if target.account != *to || !is_listed {
            return Err(ErrorCode::OtherTarget.into_body());
        }
        let (stamped, receipt) = self.provider.post_again(me, body).unwrap();
        self.accept(to, vec![(target, stamped)], receipt, false)
    }

    /// Queues a message for its devices, and answers with the receipt. A device whose queue is full
    /// is told that it misses something. `accepts` says whether the recipient gets a token.
    fn accept(
        &mut self,
        to: &AccountId,
        stamped: Vec<(DeviceAddress, StampedEnvelope)>,
        receipt: Vec<u8>,
        accepts: bool,
    ) -> Answered {
        let is_full = |device: &DeviceAddress| self.queued_of(device) >= self.max_queued;
        let theirs = stamped.iter().map(|(device, _)| device);
        let mut theirs = theirs.filter(|device| device.account == *to).peekable();
        if theirs.peek().is_some() && theirs.all(is_full) {
            return Err(ErrorCode::QueueFull.into_body());
        }
        for (device, stamped) in stamped {
            let is_full = self.queued_of(&device) >= self.max_queued;
            let accepts = accepts && device.account == *to;
            let queue = self.queues.entry(device).or_default();
            let stamped = Queued::Direct(stamped, accepts);
            match is_full {
                true => queue.note_dropped(&stamped),
                false => queue.push(stamped),
            }
        }
        Ok((200, receipt, Vec::new()))
    }

    pub(super) fn clock_differs(&self) -> Box<ErrorBody> {
        Box::new(ErrorBody {
            relay_time_ms: Some(self.provider.now.as_millis()),
            ..ErrorBody::of_code(ErrorCode::ClockDiffers)
        })
    }

    /// How many deliveries wait for all devices of an account.
    #[must_use]
    pub fn queued(&self, account: &AccountId) -> usize {
        let queues = self.queues.iter();
        let queues = queues.filter(|(device, _)| device.account == *account);
        queues.map(|(_, queue)| queue.waiting.len()).sum()
    }

    /// How many deliveries wait for a device.
    #[must_use]
    pub fn queued_of(&self, device: &DeviceAddress) -> usize {
        let queue = self.queues.get(device);
        queue.map_or(0, |queue| queue.waiting.len())
    }
}

/// What a sender lacks, as the interface writes it.
fn in_json(mismatch: Mismatch) -> waxseal_interface::Mismatch {
    let bundles = mismatch.bundles.into_iter();
    let bundles = bundles.map(|(account, bundle)| TargetBundle {
        name: account.as_str().to_owned(),
        bundle: DeviceBundle {
            device: bundle.device.0,
            base: bundle.base,
            one_time: bundle.one_time,
            held_back: false,
        },
    });
    waxseal_interface::Mismatch {
        bundles: bundles.collect(),
        rosters: mismatch.rosters,
    }
}
