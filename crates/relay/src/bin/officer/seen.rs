//! FILE.policy: the newest policy of the desk that the program was shown, so that nobody brings an
//! older one back.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use waxseal_relay::desk::Hex;

use crate::problem::Problem;

/// The newest policy that was shown, in a file: `VERSION DIGEST`.
#[derive(Clone)]
pub struct SeenPolicy(PathBuf);

impl SeenPolicy {
    /// The file of the officer with this key file.
    pub fn of(key: &Path) -> Self {
        let mut name = key.as_os_str().to_owned();
        name.push(".policy");
        Self(name.into())
    }

    /// Notes a policy that was verified. Refuses one that is older than another one before, and
    /// another one of the same version.
    pub fn note(&self, version: u32, digest: &Hex<32>) -> Result<(), Problem> {
        match self.read()? {
            Some((seen, known)) if seen == version && known == *digest => return Ok(()),
            Some((seen, _)) if seen >= version => return Err(Problem::OtherPolicy),
            _ => {}
        }
        let written = self.0.with_extension("policy-new");
        let write = || {
            let mut file = File::create(&written)?;
            file.write_all(format!("{version} {digest}\n").as_bytes())?;
            file.sync_all()?;
            fs::rename(&written, &self.0)
        };
        write().map_err(|_| Problem::Failed)
    }

    fn read(&self) -> Result<Option<(u32, Hex<32>)>, Problem> {
        let text = match fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(Problem::Failed),
        };
        let seen = text.trim_end().split_once(' ');
        let seen =
            seen.and_then(|(version, digest)| Some((version.parse().ok()?, digest.parse().ok()?)));
        seen.map(Some).ok_or(Problem::Failed)
    }
}

#[cfg(test)]
mod tests;
