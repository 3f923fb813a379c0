//! What the relay signs its calls with.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where the credentials are.
#[derive(Clone)]
pub enum Credentials {
    /// As they were at the start.
    Known(Pair),
    /// In this file, which is read for each call: they may be replaced while the relay runs.
    File(PathBuf),
}

/// A key that is named in each call, and one with which it is signed.
#[derive(Clone)]
pub struct Pair {
    pub access_key: String,
    pub secret_key: Zeroizing<String>,
    /// Comes with credentials for a limited time.
    pub session_token: Option<Zeroizing<String>>,
}

const NAMES: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

impl Credentials {
    /// Those of a file, or else of the environment.
    pub fn find(file: Option<PathBuf>) -> Result<Self, String> {
        if let Some(file) = file {
            let found = Self::File(file);
            found.read().map_err(|error| error.to_string())?;
            return Ok(found);
        }
        let pair = Pair::of(|name| env::var(name).ok());
        let why = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give --blobs-credentials";
        pair.map(Self::Known).ok_or_else(|| why.to_owned())
    }

    pub fn read(&self) -> io::Result<Pair> {
        let path = match self {
            Self::Known(pair) => return Ok(pair.clone()),
            Self::File(path) => path,
        };
        let shown = path.display();
        let bad = |why: &str| {
            let why = format!("the credentials of the store of blobs in {shown}: {why}");
            io::Error::new(ErrorKind::NotConnected, why)
        };
        let text = fs::read_to_string(path).map_err(|error| bad(&error.to_string()))?;
        let text = Zeroizing::new(text);
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let line = lines.find(|(found, _)| found.trim() == name);
            line.map(|(_, value)| value.trim().to_owned())
        };
        Pair::of(value).ok_or_else(|| bad("it has no lines NAME=VALUE with both keys"))
    }
}

impl Pair {
    fn of(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let [access_key, secret_key, session_token] = NAMES.map(value);
        Some(Self {
            access_key: access_key.filter(|key| !key.is_empty())?,
            secret_key: Zeroizing::new(secret_key.filter(|key| !key.is_empty())?),
            session_token: session_token
                .filter(|token| !token.is_empty())
                .map(Zeroizing::new),
        })
    }
}
