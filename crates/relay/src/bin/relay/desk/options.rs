//! The options for a desk.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use waxseal_interface::http::Link;
use waxseal_reporting::intake::AcceptanceKey;
use waxseal_reporting::reporter::ModerationPublicKey;
use zeroize::Zeroizing;

use super::client::DeskSetup;
use crate::state::{OpenedAt, Vault};

/// Where the desk is, and the keys that its vault made.
#[derive(Args)]
pub struct DeskOptions {
    /// The desk's server, to which reports are handed on. Its officers review them, in place of the
    /// commands `review` and `vault`
    #[arg(long, value_name = "URL", conflicts_with_all = ["vault_key", "old_vault_key"],
          requires_all = ["desk_origin", "moderation_key", "acceptance_key"])]
    desk: Option<String>,
    /// The origin of the desk's log
    #[arg(long, value_name = "NAME", requires = "desk")]
    desk_origin: Option<String>,
    /// The authorities of the desk's certificate, as a PEM file
    #[arg(long, value_name = "FILE", requires = "desk")]
    desk_ca: Option<PathBuf>,
    /// How often the desk is asked for notices of decisions, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 60, requires = "desk",
          value_parser = clap::value_parser!(u64).range(1..=3_600))]
    desk_interval: u64,
    /// The public moderation key, made by `waxseal-desk vault init`; all reports are sealed to it
    #[arg(long, value_name = "FILE", requires = "desk")]
    moderation_key: Option<PathBuf>,
    /// Public moderation keys that the vault had before, and still opens reports with. Reports that
    /// apps sealed to them are still accepted. Can be given several times
    #[arg(long, value_name = "FILE", requires = "desk")]
    old_moderation_key: Vec<PathBuf>,
    /// The acceptance key, made by `waxseal-desk vault init`
    #[arg(long, value_name = "FILE", requires = "desk")]
    acceptance_key: Option<PathBuf>,
}

impl DeskOptions {
    /// Reads the keys. `None` if no desk was given.
    pub fn read(&self) -> Result<Option<Vault>, Box<dyn Error>> {
        let Self {
            desk: Some(url),
            desk_origin: Some(origin),
            moderation_key: Some(moderation),
            acceptance_key: Some(acceptance),
            ..
        } = self
        else {
            return Ok(None);
        };
        let link = match &self.desk_ca {
            Some(ca) => Link::with_ca(url, &read(ca)?),
            None => Link::new(url),
        };
        let setup = DeskSetup {
            link: link.map_err(|error| format!("{url}: {error}"))?,
            origin: origin.clone(),
            acceptance: read_acceptance(acceptance)?,
            interval: Duration::from_secs(self.desk_interval),
        };
        let old = self.old_moderation_key.iter();
        let old = old.map(|path| read_moderation(path).map(|key| *key.id()));
        Ok(Some(Vault {
            moderation_key: read_moderation(moderation)?,
            old_moderation_keys: old.collect::<Result<_, _>>()?,
            opened_at: OpenedAt::Desk(setup),
        }))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok(fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn read_moderation(path: &Path) -> Result<ModerationPublicKey, Box<dyn Error>> {
    let key = ModerationPublicKey::decode(&read(path)?);
    Ok(key.map_err(|_| format!("{} is no public moderation key", path.display()))?)
}

fn read_acceptance(path: &Path) -> Result<AcceptanceKey, Box<dyn Error>> {
    let bytes = Zeroizing::new(read(path)?);
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    let key = key.map_err(|_| format!("{} is no acceptance key", path.display()))?;
    Ok(AcceptanceKey::from_bytes(*key))
}
