//! The desk with its database, its vault, and the witnesses of its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rand::SeedableRng;
use rusqlite::Connection;
use waxseal_desk::desk::{Desk, DeskSetup};
use waxseal_desk::publish::{Delay, Published, write_folder};
use waxseal_desk::store::SqliteStore;
use waxseal_desk::vault::{LocalVault, Memory, Vault, VaultCalls};
use waxseal_log::checkpoint::Checkpoint;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Note, NoteSignature};
use waxseal_log::tree::TreeHash;
use waxseal_log::witness::{AddCheckpoint, Answer, Witness, read_answer};
use waxseal_reporting::Timestamp;
use waxseal_reporting::reporter::ModerationPublicKey;
use zeroize::Zeroizing;

use crate::keys::Secrets;
use crate::{Result, Rng};

const STORE: &str = "desk.sqlite";
const STATE: &str = "vault.state";

/// The vault's state in a file.
pub struct StateFile(PathBuf);

impl Memory for StateFile {
    fn save(&mut self, state: &[u8]) -> std::io::Result<()> {
        let part = self.0.with_extension("part");
        fs::write(&part, state)?;
        fs::File::open(&part)?.sync_all()?;
        fs::rename(part, &self.0)
    }
}

/// A provider's office in one folder.
pub struct Office {
    pub folder: PathBuf,
    /// The database's file.
    pub store: PathBuf,
    pub secrets: Rc<Secrets>,
    pub keys: LogKeys,
    pub desk: Desk<SqliteStore>,
    pub vault: LocalVault<StateFile, Rng>,
    pub witnesses: Vec<Witness>,
    pub rng: Rng,
}

impl Office {
    /// Opens the office in a folder, which may be empty. `witnesses` remember what they cosigned.
    /// If there are none, no witness is pinned.
    pub fn open(
        folder: &Path,
        secrets: &Rc<Secrets>,
        witnesses: Vec<Witness>,
        seed: u64,
    ) -> Result<Self> {
        let keys = secrets.pinned(!witnesses.is_empty())?;
        let state = fs::read(folder.join(STATE)).ok();
        let mut rng = Rng::seed_from_u64(seed);
        Ok(Self {
            desk: desk(&folder.join(STORE), secrets, &keys)?,
            vault: vault(folder, &secrets.vault, &keys, state.as_deref(), &mut rng)?,
            folder: folder.to_owned(),
            store: folder.join(STORE),
            secrets: Rc::clone(secrets),
            keys,
            witnesses,
            rng,
        })
    }

    /// Witnesses that have seen nothing yet.
    pub fn new_witnesses(secrets: &Secrets) -> Result<Vec<Witness>> {
        let log = secrets.log.verifier();
        let cosigners = secrets.witnesses.iter();
        let new = |cosigner: &waxseal_log::note::Cosigner| {
            Ok(Witness::new(cosigner.clone(), vec![log.clone()])?)
        };
        cosigners.map(new).collect()
    }

    /// The vault's stored state.
    pub fn state(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.folder.join(STATE))?)
    }

    /// Copies database and vault's state to another folder, as a backup does.
    pub fn back_up(&self, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        let store = Connection::open(&self.store)?;
        let target = to.join(STORE);
        store.execute(
            "VACUUM INTO ?1",
            [target.to_str().ok_or("a path is not UTF-8")?],
        )?;
        fs::copy(self.folder.join(STATE), to.join(STATE))?;
        Ok(())
    }

    /// Opens the office in a copy of a backup.
    pub fn restore(
        backup: &Path,
        to: &Path,
        secrets: &Rc<Secrets>,
        witnesses: Vec<Witness>,
        seed: u64,
    ) -> Result<Self> {
        fs::create_dir_all(to)?;
        fs::copy(backup.join(STORE), to.join(STORE))?;
        if !witnesses.is_empty() {
            fs::copy(backup.join(STATE), to.join(STATE))?;
        }
        Self::open(to, secrets, witnesses, seed)
    }

    /// Puts the database of a backup in place of the present one.
    pub fn restore_store(&mut self, backup: &Path) -> Result<()> {
        let folder = self.folder.join("restored");
        fs::create_dir_all(&folder)?;
        self.store = folder.join(STORE);
        fs::copy(backup.join(STORE), &self.store)?;
        self.reopen()
    }

    /// Reads the database again, after someone else wrote to it.
    pub fn reopen(&mut self) -> Result<()> {
        self.desk = desk(&self.store, &self.secrets, &self.keys)?;
        Ok(())
    }

    /// Starts the vault again, with this state and with these secrets.
    pub fn restart_vault(&mut self, state: &[u8], secrets: &Zeroizing<Vec<u8>>) -> Result<()> {
        let (folder, rng) = (&self.folder, &mut self.rng);
        self.vault = vault(folder, secrets, &self.keys, Some(state), rng)?;
        Ok(())
    }

    /// Starts the vault again as if it had no state.
    pub fn forget_state(&mut self) -> Result<()> {
        let secrets = &self.secrets.vault;
        self.vault = vault(&self.folder, secrets, &self.keys, None, &mut self.rng)?;
        Ok(())
    }

    /// The key to which apps seal reports.
    pub fn moderation_key(&mut self) -> Result<ModerationPublicKey> {
        Ok(ModerationPublicKey::decode(
            &self.vault.status()?.moderation_key,
        )?)
    }

    /// Does what is due, and completes a checkpoint over the whole log.
    pub fn settle(&mut self, now: Timestamp) -> Result<()> {
        loop {
            let upkeep = self.desk.upkeep(now, &mut self.rng)?;
            self.witness(now)?;
            if !self.desk.follow(&mut self.vault, now)? {
                return Err("the checkpoint is not complete".into());
            }
            if !upkeep.leaves_wait {
                return Ok(());
            }
        }
    }

    /// Adds to the public folder what it does not have, without the usual delay. Returns what it
    /// has.
    pub fn publish(&self, now: Timestamp, published: Published) -> Result<Published> {
        let files = self.desk.publish(now, Delay { ms: 0 }, published)?;
        let published = files.published();
        write_folder(&self.folder.join("public"), files)?;
        Ok(published)
    }

    /// Writes the whole public folder, and returns its path. Nothing is synced.
    pub fn publish_copy(&self, now: Timestamp) -> Result<PathBuf> {
        let folder = self.folder.join("public");
        for file in self
            .desk
            .publish(now, Delay { ms: 0 }, Published::default())?
        {
            let (path, bytes) = file?;
            let path = folder.join(path);
            fs::create_dir_all(path.parent().ok_or("no folder")?)?;
            fs::write(path, bytes)?;
        }
        Ok(folder)
    }

    /// Signs a checkpoint over the whole log, and gets the witnesses' cosignatures.
    pub fn witness(&mut self, now: Timestamp) -> Result<()> {
        let note = self.desk.checkpoint(now)?;
        let size = Checkpoint::decode(note.text())?.size();
        let desk = &self.desk;
        let prove = |old: u64| Ok(desk.consistency(old, size)?);
        let mut lines = Vec::new();
        for witness in &mut self.witnesses {
            lines.push(ask(witness, &note, prove, now)?);
        }
        self.desk.cosigned(size, &lines)?;
        Ok(())
    }
}

/// Asks a witness to cosign a checkpoint, over the witness protocol. `prove` makes the proof from
/// an older size.
pub fn ask(
    witness: &mut Witness,
    note: &Note,
    prove: impl Fn(u64) -> Result<Vec<TreeHash>>,
    now: Timestamp,
) -> Result<NoteSignature> {
    let size = Checkpoint::decode(note.text())?.size();
    let mut old = size;
    // The log does not remember what the witness saw. The first answer tells it.
    for _ in 0..2 {
        let request = AddCheckpoint {
            old,
            proof: prove(old)?,
            note: note.clone(),
        };
        let secs = now.as_millis() / 1_000;
        let (status, body) = match witness.add(&request.encode(), secs) {
            Ok(line) => (200, format!("{line}\n")),
            Err(refusal) => (refusal.status(), refusal.body()),
        };
        match read_answer(status, body.as_bytes(), note, &witness.verifier())? {
            Answer::Cosigned(line) => return Ok(line),
            Answer::OtherSize(seen) if seen > size => {
                return Err(format!("the witness has cosigned {seen} entries already").into());
            }
            Answer::OtherSize(seen) => old = seen,
        }
    }
    Err("the witness has cosigned another tree of this size".into())
}

fn desk(store: &Path, secrets: &Secrets, keys: &LogKeys) -> Result<Desk<SqliteStore>> {
    let setup = DeskSetup {
        log: secrets.log.clone(),
        keys: keys.clone(),
        secret: Zeroizing::new(secrets.desk),
    };
    Ok(Desk::open(SqliteStore::open(store)?, setup)?)
}

fn vault(
    folder: &Path,
    exported: &Zeroizing<Vec<u8>>,
    keys: &LogKeys,
    state: Option<&[u8]>,
    rng: &mut Rng,
) -> Result<LocalVault<StateFile, Rng>> {
    let secrets = waxseal_desk::vault::VaultSecrets::import(exported)?;
    let vault = Vault::new(keys.clone(), &secrets, state)?;
    let own = Rng::from_rng(rng);
    Ok(LocalVault::new(vault, StateFile(folder.join(STATE)), own))
}
