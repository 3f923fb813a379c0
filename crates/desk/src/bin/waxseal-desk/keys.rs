//! The keys of a log: pinned, or those of the folder, which prove nothing by themselves.

use std::fmt::Write as _;
use std::path::Path;

use waxseal_log::keys::LogKeys;
use waxseal_log::limits::MAX_KEYS_LEN;
use waxseal_log::note::Verifier;

use crate::files::{given, shown};
use crate::folder::Folder;
use crate::problem::Unusable;
use crate::text::printable;

/// The keys, and where they are from.
pub struct Keys {
    pub keys: LogKeys,
    source: Source,
}

enum Source {
    /// The user named the file. `differs` if the folder has other keys.
    Pinned {
        file: String,
        differs: bool,
    },
    Folder {
        file: String,
    },
}

impl Keys {
    /// The keys of the file, or else those of the folder. `None` without either.
    pub fn load(file: Option<&Path>, folder: Option<&Folder>) -> Result<Option<Self>, Unusable> {
        let published = match folder {
            None => None,
            Some(folder) => folder.read("keys", MAX_KEYS_LEN)?,
        };
        let Some(file) = file else {
            let Some(folder) = folder else {
                return Ok(None);
            };
            let file = folder.name("keys");
            let bytes = published.ok_or_else(|| {
                Unusable(format!(
                    "{file} is missing. Is this the public folder of a log?"
                ))
            })?;
            let keys = parse(&file, &bytes)?;
            let source = Source::Folder { file };
            return Ok(Some(Self { keys, source }));
        };
        let name = shown(file);
        let keys = parse(&name, &given(file, MAX_KEYS_LEN)?)?;
        let differs = published.is_some_and(|bytes| bytes != keys.to_string().as_bytes());
        let source = Source::Pinned {
            file: name,
            differs,
        };
        Ok(Some(Self { keys, source }))
    }

    /// Whether the user named the keys.
    pub fn is_pinned(&self) -> bool {
        matches!(self.source, Source::Pinned { .. })
    }

    /// The keys with their ids, as lines.
    pub fn describe(&self) -> String {
        let mut out = format!("Log       {}\n", printable(self.keys.origin()));
        match &self.source {
            Source::Pinned { file, differs } => {
                let _ = writeln!(out, "Keys      pinned by {file}:");
                list(&mut out, &self.keys);
                if *differs {
                    out.push_str(
                        "          The folder's file `keys` has other keys. Ask the provider why.\n",
                    );
                }
            }
            Source::Folder { file } => {
                let _ = writeln!(out, "Keys      from {file}, not pinned:");
                list(&mut out, &self.keys);
                out.push_str(
                    "          They prove nothing unless you compare them with keys from elsewhere,\n          \
                     and give those with --keys.\n",
                );
            }
        }
        out
    }
}

fn parse(name: &str, bytes: &[u8]) -> Result<LogKeys, Unusable> {
    let text = core::str::from_utf8(bytes).map_err(|_| Unusable(format!("{name} is not text")))?;
    let keys = text.parse();
    keys.map_err(|error| {
        Unusable(format!(
            "{name}: {error}; compare it with the provider's file"
        ))
    })
}

fn list(out: &mut String, keys: &LogKeys) {
    let mut line = |role: &str, key: &Verifier| {
        let (name, id) = (printable(key.name()), u32::from_be_bytes(key.id()));
        let _ = writeln!(out, "          {role:8} {name}+{id:08x}");
    };
    line("log", keys.log());
    line("vault", keys.vault());
    for witness in keys.witnesses() {
        line("witness", witness);
    }
    let (quorum, count) = (keys.quorum(), keys.witnesses().len());
    let _ = writeln!(
        out,
        "          {:8} {quorum} of {count} witnesses",
        "quorum"
    );
    match keys.policy() {
        None => {
            out.push_str("          policy   no key, so signatures of policies are not checked\n")
        }
        Some(key) => {
            let hex: String = key
                .as_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let _ = writeln!(out, "          policy   {hex}");
        }
    }
}
