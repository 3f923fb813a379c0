//! Opens a desk on what is stored, and checks that the stored tree is the one it signed.

use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::entry::PublishedPolicy;
use waxseal_log::note::Note;
use waxseal_log::proof::{prove_consistency, verify_consistency};
use waxseal_log::tiles::{ReadTiles, TileError};
use waxseal_log::tree::Appender;

use super::{Desk, DeskSetup};
use crate::error::{DeskError, Refused};
use crate::policy::Policy;
use crate::store::{CheckpointRow, PolicyRow, Store, StoreError};

/// Reads the tiles of a store.
pub(crate) struct Tiles<'a, S>(pub(crate) &'a S);

impl<S: Store> ReadTiles for Tiles<'_, S> {
    type Error = StoreError;

    fn hashes(&self, level: u8, index: u64, _: u16) -> Result<Vec<u8>, StoreError> {
        let tile = self.0.tile(level, index)?.ok_or(StoreError::Damaged)?;
        Ok(tile.bytes)
    }
}

impl<S: Store> Desk<S> {
    /// Opens a desk on a store, which may be empty. Call [`upkeep`](Self::upkeep) next.
    ///
    /// # Errors
    /// [`Refused::OtherKey`] if `setup` does not hold the log's key, [`Refused::OtherTree`] if the
    /// stored tree is not the one of the newest checkpoint, or the store's.
    pub fn open(store: S, setup: DeskSetup) -> Result<Self, DeskError> {
        if setup.log.verifier() != *setup.keys.log() {
            return Err(Refused::OtherKey.into());
        }
        let mut desk = Self {
            store,
            setup,
            tree: Appender::new(),
            policy: None,
            followed: 0,
        };
        desk.reload()?;
        Ok(desk)
    }

    /// Reads the state again.
    pub(crate) fn reload(&mut self) -> Result<(), DeskError> {
        // In this order: another desk may append and sign meanwhile.
        let signed = self.store.newest_checkpoint(false)?;
        let size = self.store.log_size()?;
        let tree = Appender::resume(size, &Tiles(&self.store)).map_err(tile_error)?;
        self.check_against(&tree, signed.as_ref())?;
        let newest = self.store.newest_policy()?;
        let policy = newest.map(|row| self.published(&row)).transpose()?;
        self.read_followed()?;
        self.policy = policy;
        self.tree = tree;
        Ok(())
    }

    /// Reads the policy in force again, for a desk that only reads while others write.
    ///
    /// # Errors
    /// [`Refused::Damaged`] if the policy key did not sign it, or the store's.
    pub fn read_policy(&mut self) -> Result<(), DeskError> {
        let newest = self.store.newest_policy()?;
        let known = self.policy.as_ref().map(Policy::version);
        if newest.as_ref().map(|row| row.version) != known {
            self.policy = newest.map(|row| self.published(&row)).transpose()?;
        }
        Ok(())
    }

    /// Reads how far the vault has followed.
    pub(crate) fn read_followed(&mut self) -> Result<(), DeskError> {
        let complete = self.store.newest_checkpoint(true)?;
        self.followed = complete.map_or(0, |row| row.size);
        Ok(())
    }

    /// The policy in a row, if the policy key signed it for this log.
    fn published(&self, row: &PolicyRow) -> Result<Policy, DeskError> {
        let keys = &self.setup.keys;
        let policy = Policy::decode(&row.document).map_err(|_| Refused::Damaged("policy"))?;
        let published = PublishedPolicy {
            version: policy.version(),
            digest: policy.digest(),
            signature: row.signature,
        };
        // CHK-204: the stored policy is the one that the policy key signed.
        let is_signed = |key| published.verify(keys.origin(), key).is_ok();
        let is_ours = policy.origin() == keys.origin() && keys.policy().is_some_and(is_signed);
        if !is_ours || row.version != policy.version() {
            return Err(Refused::Damaged("policy").into());
        }
        Ok(policy)
    }

    /// Checks that a tree contains the tree of a checkpoint: of the newest one that was there
    /// before the tree was read.
    pub(crate) fn check_against(
        &self,
        tree: &Appender,
        newest: Option<&CheckpointRow>,
    ) -> Result<(), DeskError> {
        let Some(newest) = newest else {
            return Ok(());
        };
        let note = Note::decode(&newest.note).map_err(|_| Refused::Damaged("checkpoint"))?;
        let signed = note.signed_by(self.setup.keys.log());
        signed.map_err(|_| Refused::Damaged("checkpoint"))?;
        let old = Checkpoint::decode(note.text()).map_err(|_| Refused::Damaged("checkpoint"))?;
        // CHK-201: the tree contains the tree of the newest checkpoint: it is not smaller, and the
        // entries that the checkpoint covers are the same.
        if tree.size() < old.size() {
            return Err(Refused::OtherTree.into());
        }
        let proof = prove_consistency(old.size(), tree.size(), &Tiles(&self.store));
        let proof = proof.map_err(tile_error)?;
        verify_consistency(old.size(), old.root(), tree.size(), &tree.root(), &proof)
            .map_err(|_| Refused::OtherTree)?;
        Ok(())
    }
}

/// A tile that is missing or malformed is damage of the store.
pub(crate) fn tile_error(error: TileError<StoreError>) -> DeskError {
    match error {
        TileError::Read(error) => error.into(),
        _ => Refused::Damaged("tile").into(),
    }
}
