//! Linking: how a new device joins an account.
//!
//! The new device shows a [code](LinkCode) to scan, which commits to its prekeys. A manager of the
//! account scans it and offers the account over an encrypted session. The user types eight digits
//! that the manager shows into the new device. Both devices write to a mailbox of the relay, which
//! the code names and which lasts for ten minutes.
//!
//! ```text
//! new device                      mailbox                        manager
//! NewDevice::generate
//! shows code()                                                   scans the code
//! bundle()              --------> slot 0 ------------------->    Offer::make
//! open_offer            <-------- slot 1 <-------------------    message()
//! the reveal            --------> slot 2 ------------------->    take_reveal: shows the digits
//! accept, after the user typed the digits
//! the answer            --------> slot 3 ------------------->    take_answer: signs the roster
//! take_welcome          <-------- slot 4 <-------------------    the signed roster
//! ```
//!
//! | attack | what stops it |
//! |---|---|
//! | someone photographs the code and offers another account | the first four digits differ |
//! | a website shows the code of an attacker's device | nobody types the last four digits there |
//! | the relay exchanges the prekeys | the code commits to them |
//! | someone searches for keys that give the same digits | the digits depend on the reveal |
//!
//! Each half of the digits has one attempt, which succeeds by chance once in 10,000 times.

mod digits;
mod error;
mod manager;
mod messages;
mod new_device;

use waxseal_reporting::Timestamp;

pub use self::digits::{LINK_WARNING, LinkDigits};
pub use self::error::LinkingError;
pub use self::manager::Offer;
pub use self::messages::{LinkSlot, MAX_LINK_MESSAGE_LEN};
pub use self::new_device::{NewDevice, Offered};
pub use waxseal_roster::{LinkBundle, LinkCode};

/// How long a link may take, in milliseconds: ten minutes from when the code was made, and from
/// when the account was offered. It bounds how long a photographed code is of any use.
pub const LINK_LIFETIME_MS: u64 = 600_000;

/// Checks that a link which began at a time is not over. A clock that was set back by more than a
/// link lasts ends it too.
fn check_time(began_ms: u64, now: Timestamp) -> Result<(), LinkingError> {
    // CHK-356: a link lasts for ten minutes.
    match began_ms.abs_diff(now.as_millis()) <= LINK_LIFETIME_MS {
        true => Ok(()),
        false => Err(LinkingError::Expired),
    }
}

#[cfg(test)]
mod tests;
