//! Keeps what this device signed: the roster that waits for the provider, and its change.

use waxseal_core::IdentityKeyPair;
use waxseal_reporting::{DeviceAddress, Timestamp};
use waxseal_roster::{Pinned, Roster, RosterVersion, SignedRoster};

use crate::client::keys;
use crate::client::peers::Peer;
use crate::error::EditRosterError;
use crate::records::{SignedRecord, SigningRecord};
use crate::roster_edit::{EditError, RosterEdit, Signer};
use crate::store::Transaction;

const ADD: u32 = 1;
const REMOVE: u32 = 2;
const RENEW: u32 = 3;
const TAKE_OVER: u32 = 4;
const DATE: u32 = 5;

/// What this device signed, and its account.
pub(in crate::client) struct Signing {
    pub(in crate::client) record: SigningRecord,
    pub(in crate::client) own: Peer,
}

impl Signing {
    /// The newest roster that is known.
    pub(in crate::client) fn newest<E: std::error::Error>(
        &self,
    ) -> Result<&Roster, EditRosterError<E>> {
        self.own.roster().ok_or(EditRosterError::NoAccountKey)
    }

    pub(in crate::client) fn pinned<E: std::error::Error>(
        &self,
    ) -> Result<&Pinned, EditRosterError<E>> {
        self.own.pinned().ok_or(EditRosterError::NoAccountKey)
    }

    pub(super) fn version(&self) -> RosterVersion {
        RosterVersion {
            epoch: self.record.epoch,
            version: self.record.version,
        }
    }

    /// The roster that waits for the provider.
    pub(super) fn pending<E: std::error::Error>(&self) -> Result<Roster, EditRosterError<E>> {
        let pending = self.record.pending.as_ref();
        let pending = pending.ok_or(EditRosterError::NothingPending)?;
        let signed = SignedRoster::decode(&pending.signed)?;
        Ok(signed.verify(self.newest()?.account())?)
    }

    /// The change that the pending roster makes.
    pub(super) fn edit<E: std::error::Error>(
        &self,
        roster: &Roster,
    ) -> Result<RosterEdit, EditRosterError<E>> {
        let pending = self.record.pending.as_ref();
        let pending = pending.ok_or(EditRosterError::NothingPending)?;
        let removed = pending.identity.as_slice().try_into();
        let edit = match (pending.kind, removed) {
            (ADD, _) => roster.device(pending.device).cloned().map(RosterEdit::Add),
            (REMOVE, Ok(identity)) => Some(RosterEdit::Remove(pending.device, identity)),
            (RENEW, _) => Some(RosterEdit::Renew),
            (DATE, _) => Some(RosterEdit::Date),
            (TAKE_OVER, _) => Some(RosterEdit::TakeOver {
                delegation: roster.delegation().clone(),
                keep: roster.devices().to_vec(),
            }),
            _ => None,
        };
        edit.ok_or(EditRosterError::NothingPending)
    }

    /// Whether it adds a device.
    pub(super) fn is_add(&self) -> bool {
        let pending = self.record.pending.as_ref();
        pending.is_some_and(|pending| pending.kind == ADD)
    }

    pub(super) fn put_pending(
        &mut self,
        roster: &Roster,
        edit: &RosterEdit,
        transaction: &mut Transaction,
    ) {
        self.record = record_of(roster, edit);
        transaction.put_record(keys::signing(), &self.record);
    }
}

/// Signs the first roster of a device that takes over an account with its recovery secret.
pub(in crate::client) fn first_pending(
    me: &DeviceAddress,
    identity: &IdentityKeyPair,
    newest: &Roster,
    edit: &RosterEdit,
    now: Timestamp,
) -> Result<SigningRecord, EditError> {
    let signer = Signer {
        identity,
        device: me.device.0,
        signed: RosterVersion::default(),
    };
    let base = Pinned::first(newest.clone());
    let signed = edit.sign(&base, &signer, now.as_millis())?;
    Ok(record_of(&signed.ok_or(EditError::Superseded)?, edit))
}

/// What a device signed that is about to have its first roster: at most that one.
pub(in crate::client) fn nothing_pending(roster: &Roster) -> SigningRecord {
    SigningRecord {
        epoch: roster.epoch(),
        version: roster.version(),
        pending: None,
    }
}

fn record_of(roster: &Roster, edit: &RosterEdit) -> SigningRecord {
    let (kind, device, identity) = match edit {
        RosterEdit::Add(entry) => (ADD, entry.id, Vec::new()),
        RosterEdit::Remove(id, identity) => (REMOVE, *id, identity.to_vec()),
        RosterEdit::Renew => (RENEW, 0, Vec::new()),
        RosterEdit::Date => (DATE, 0, Vec::new()),
        RosterEdit::TakeOver { .. } => (TAKE_OVER, 0, Vec::new()),
    };
    SigningRecord {
        epoch: roster.epoch(),
        version: roster.version(),
        pending: Some(SignedRecord {
            signed: roster.signed().encode(),
            kind,
            device,
            identity,
        }),
    }
}
