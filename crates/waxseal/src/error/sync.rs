//! What can go wrong when the devices of an account share something.

use super::{Advice, StateError};
use crate::sync::history::ChunkError;
use crate::sync::limits::MAX_SETTING_LEN;

/// A setting was not set. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError<E: std::error::Error + 'static> {
    /// The value is too long. Keep it elsewhere, and let the setting say where.
    #[error("a setting has at most {MAX_SETTING_LEN} bytes")]
    TooLong,
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> SettingError<E> {
    /// What the application does now.
    pub fn advice(&self) -> Advice {
        match self {
            Self::TooLong => Advice::FixCall,
            Self::State(error) => error.advice(),
        }
    }
}

/// This device does not leave its account.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError<E: std::error::Error + 'static> {
    /// This device is a manager. Only the recovery secret removes one: call
    /// [`Client::take_over`](crate::Client::take_over) on another device.
    #[error("this device is a manager, which only the recovery secret removes")]
    IsManager,
    /// The account has no other device.
    #[error("the account has no other device")]
    OnlyDevice,
    /// The own roster does not list this device: it was removed already.
    #[error("this device was removed from its account")]
    Removed,
    /// The account has no roster yet. Call
    /// [`Client::create_account_key`](crate::Client::create_account_key).
    #[error("the account has no key yet")]
    NoAccountKey,
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> LeaveError<E> {
    /// What the application does now.
    pub fn advice(&self) -> Advice {
        match self {
            Self::IsManager | Self::OnlyDevice | Self::NoAccountKey => Advice::FixCall,
            Self::Removed => Advice::ShowRemoved,
            Self::State(error) => error.advice(),
        }
    }
}

/// A part of a history was not given, or not taken. Nothing changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError<E: std::error::Error + 'static> {
    /// No history is under way, or it was not offered yet.
    #[error("no history is under way")]
    None,
    /// The device that asks is no other device of this account's roster. Do not give it the
    /// history.
    #[error("the device is not in the own roster")]
    OtherDevice,
    /// There is no such chunk, or the one before it was not made.
    #[error("no such chunk of the history")]
    NoSuchChunk,
    /// The bytes are not the next chunk. Fetch it again, or call
    /// [`Client::ask_history`](crate::Client::ask_history).
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The state could not be read or written.
    #[error(transparent)]
    State(#[from] StateError<E>),
}

impl<E: std::error::Error + 'static> HistoryError<E> {
    /// What the application does now.
    pub fn advice(&self) -> Advice {
        match self {
            Self::None | Self::OtherDevice | Self::NoSuchChunk => Advice::FixCall,
            Self::Chunk(_) => Advice::Drop,
            Self::State(error) => error.advice(),
        }
    }
}
