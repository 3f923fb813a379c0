//! The systems that exports go to: `targets.json` in the desk's folder.
//!
//! ```json
//! {
//!   "coop": { "url": "https://coop.example", "key": "coop.key", "callback_key": "coop.pem",
//!             "user_type": "…", "conversation_type": "…", "message_type": "…",
//!             "policies": { "scam": "…" }, "actions": { "suspended": "…" } },
//!   "osprey": {},
//!   "ncmec": { "esp_service": "Example Messages", "email": "safety@provider.example" },
//!   "dsa": { "url": "https://transparency.dsa.ec.europa.eu", "key": "dsa.key" },
//!   "webhook": { "url": "https://hooks.example/desk", "key": "webhook.key" }
//! }
//! ```
//!
//! A key is the name of a file in the desk's folder that only its owner may read: the API key of
//! Coop and the token of the DSA database as text, and 32 bytes for a webhook. `ca` names a PEM
//! file with the only authorities to trust. A target that is not there gets no exports. Osprey
//! without a URL, and NCMEC, get files in the folder `outbox`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde::Deserialize;
use waxseal_desk::export::Settings;
use waxseal_desk::export::coop::CoopSettings;
use waxseal_desk::export::ncmec::NcmecSettings;
use waxseal_interface::http::Link;
use waxseal_log::entry::Target;
use zeroize::Zeroizing;

use crate::coop_key::CoopKey;
use crate::files::{Folder, Result, failed, read, secret, seed, text};

/// Maximum length of `targets.json` in bytes.
const MAX_TARGETS_LEN: usize = 64 << 10;
/// Maximum length of a PEM file in bytes.
const MAX_PEM_LEN: usize = 256 << 10;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    coop: Option<CoopConfig>,
    osprey: Option<OspreyConfig>,
    ncmec: Option<NcmecConfig>,
    dsa: Option<KeyedConfig>,
    webhook: Option<KeyedConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CoopConfig {
    url: String,
    ca: Option<String>,
    key: String,
    callback_key: Option<String>,
    user_type: String,
    conversation_type: String,
    message_type: String,
    #[serde(default)]
    policies: BTreeMap<String, String>,
    #[serde(default)]
    actions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OspreyConfig {
    url: Option<String>,
    ca: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NcmecConfig {
    first_name: String,
    last_name: String,
    email: String,
    company_template: String,
    terms_of_service: String,
    legal_url: String,
    esp_service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyedConfig {
    url: String,
    ca: Option<String>,
    key: String,
}

/// Where a target is reached.
#[derive(Clone)]
pub struct Address {
    pub link: Link,
    /// The path of the URL, without a slash at its end.
    pub path: String,
}

/// How an export reaches its target.
#[derive(Clone)]
pub enum Way {
    /// It is written into the folder `outbox`.
    File,
    Coop(Address, Zeroizing<String>),
    Osprey(Address),
    Dsa(Address, Zeroizing<String>),
    Webhook(Address, Zeroizing<[u8; 32]>),
}

/// The targets that are set up.
#[derive(Clone, Default)]
pub struct Targets {
    pub settings: Settings,
    ways: BTreeMap<Target, Way>,
    /// By which Coop signs its callbacks.
    pub callback_key: Option<CoopKey>,
}

impl Targets {
    /// Reads `targets.json`. Without this file there are no targets.
    pub fn read(folder: &Folder) -> Result<Self> {
        let path = folder.path("targets.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = read(&path, MAX_TARGETS_LEN)?;
        let config: Config =
            serde_json::from_slice(&bytes).map_err(|error| failed(&path, &error))?;
        let mut targets = Self::default();
        if let Some(coop) = config.coop {
            let key = token(folder, &coop.key)?;
            let address = address(folder, &coop.url, coop.ca.as_deref())?;
            targets.ways.insert(Target::Coop, Way::Coop(address, key));
            if let Some(name) = &coop.callback_key {
                let path = file(folder, name)?;
                let pem = text(&path, MAX_PEM_LEN)?;
                let key = CoopKey::from_pem(&pem);
                targets.callback_key = Some(key.map_err(|error| failed(&path, &error))?);
            }
            targets.settings.coop = Some(CoopSettings {
                user_type: coop.user_type,
                conversation_type: coop.conversation_type,
                message_type: coop.message_type,
                policies: coop.policies,
                actions: coop.actions,
            });
        }
        if let Some(osprey) = config.osprey {
            let way = match &osprey.url {
                Some(url) => Way::Osprey(address(folder, url, osprey.ca.as_deref())?),
                None => Way::File,
            };
            targets.ways.insert(Target::Osprey, way);
        }
        if let Some(ncmec) = config.ncmec {
            targets.ways.insert(Target::Ncmec, Way::File);
            targets.settings.ncmec = Some(NcmecSettings {
                first_name: ncmec.first_name,
                last_name: ncmec.last_name,
                email: ncmec.email,
                company_template: ncmec.company_template,
                terms_of_service: ncmec.terms_of_service,
                legal_url: ncmec.legal_url,
                esp_service: ncmec.esp_service,
            });
        }
        if let Some(dsa) = config.dsa {
            let key = token(folder, &dsa.key)?;
            let address = address(folder, &dsa.url, dsa.ca.as_deref())?;
            targets.ways.insert(Target::Dsa, Way::Dsa(address, key));
        }
        if let Some(webhook) = config.webhook {
            let path = private(folder, &webhook.key)?;
            let address = address(folder, &webhook.url, webhook.ca.as_deref())?;
            let way = Way::Webhook(address, seed(&path)?);
            targets.ways.insert(Target::Webhook, way);
        }
        Ok(targets)
    }

    /// How exports for a target leave, if it is set up.
    pub fn way(&self, target: Target) -> Option<&Way> {
        self.ways.get(&target)
    }

    /// The names of the targets that are set up.
    pub fn names(&self) -> Vec<String> {
        self.ways
            .keys()
            .map(|target| target.name().to_owned())
            .collect()
    }
}

/// A file of the desk's folder.
fn file(folder: &Folder, name: &str) -> Result<std::path::PathBuf> {
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    if !is_name {
        return Err("targets.json: a key is the name of a file in the desk's folder".into());
    }
    Ok(folder.path(name))
}

/// A secret file of the desk's folder.
fn private(folder: &Folder, name: &str) -> Result<std::path::PathBuf> {
    let path = file(folder, name)?;
    let metadata = std::fs::metadata(&path).map_err(|error| failed(&path, &error))?;
    // CHK-694: only the owner may read the key of a target.
    if metadata.permissions().mode() & 0o077 != 0 {
        let why = "may be read by others: give it the mode 600";
        return Err(format!("{} {why}", path.display()).into());
    }
    Ok(path)
}

/// A secret that a header can hold.
fn token(folder: &Folder, name: &str) -> Result<Zeroizing<String>> {
    let path = private(folder, name)?;
    let bytes = secret(&path)?;
    let token = str::from_utf8(&bytes).unwrap_or_default().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("{} is not one line of visible ASCII", path.display()).into());
    }
    Ok(Zeroizing::new(token.to_owned()))
}

fn address(folder: &Folder, url: &str, ca: Option<&str>) -> Result<Address> {
    let wrong = || format!("targets.json: {url} is not a URL that begins with https://");
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_path = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
    if !path.bytes().all(is_path) {
        return Err(wrong().into());
    }
    let origin = format!("{scheme}://{authority}");
    let link = match ca {
        Some(name) => {
            let pem = read(&file(folder, name)?, MAX_PEM_LEN)?;
            Link::with_ca(&origin, &pem)
        }
        None => Link::new(&origin),
    };
    let path = path.trim_end_matches('/');
    let before = if path.is_empty() { "" } else { "/" };
    Ok(Address {
        link: link.map_err(|error| format!("targets.json: {url}: {error}"))?,
        path: format!("{before}{path}"),
    })
}

#[cfg(test)]
mod tests;
