//! The options for strangers.

use std::path::PathBuf;

use clap::Args;
use waxseal_interface::{PassKey, StrangerChallenge};
use waxseal_relay::read_pass_key;

/// What a user can do who has written to as many strangers as allowed.
#[derive(Args)]
pub struct StrangerOptions {
    /// The text for users who have written to as many new contacts as a day allows: where to get a
    /// pass for more, such as a URL
    #[arg(long, value_name = "TEXT", value_parser = challenge, requires = "pass_key")]
    stranger_challenge: Option<StrangerChallenge>,
    /// The key of the passes, made by `pass keygen`
    #[arg(long, value_name = "FILE", requires = "stranger_challenge")]
    pass_key: Option<PathBuf>,
}

impl StrangerOptions {
    /// Reads the key file.
    pub fn read(&self) -> Result<Strangers, Box<dyn std::error::Error>> {
        let passes = self.pass_key.as_deref().map(|path| {
            read_pass_key(path).map_err(|error| format!("{}: {error}", path.display()))
        });
        Ok(Strangers {
            challenge: self.stranger_challenge.clone(),
            passes: passes.transpose()?,
        })
    }
}

fn challenge(text: &str) -> Result<StrangerChallenge, &'static str> {
    StrangerChallenge::new(text.to_owned())
        .ok_or("not a text of 1 to 2048 bytes without control characters")
}

/// What the operator set.
#[derive(Default)]
pub struct Strangers {
    pub challenge: Option<StrangerChallenge>,
    pub passes: Option<PassKey>,
}
