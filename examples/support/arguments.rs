//! Reads the command line of `replay`.

use std::env;
use std::path::PathBuf;

/// What `--help` prints.
pub const USAGE: &str = "\
Replays text messages over a faulty network and reports the spam among them.

Each line is sent by one of several senders to a recipient, or is the recipient's reply, through
a provider in this process. The network drops, repeats, delays and reorders packets as the seed
says; unconfirmed packets are sent again. For every message labelled `spam`, forged variants of a
report are tried. Then its recipient reports the message, and the report is verified.

Usage: replay [FILE] [--seed N] [--store FOLDER] [--json]

  FILE            lines of `label<TAB>text`; without it a short built-in conversation is replayed
  --seed N        seed of all random choices, including the network's faults [1]
  --store FOLDER  keep the clients' state in files of this new or empty folder, not in memory
  --json          print one JSON object instead of a table";

/// The options of one run.
pub struct Arguments {
    pub file: Option<PathBuf>,
    pub seed: u64,
    pub store: Option<PathBuf>,
    pub json: bool,
}

/// Reads the command line. Prints the usage and returns `None` if `--help` was given.
pub fn read() -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        file: None,
        seed: 1,
        store: None,
        json: false,
    };
    let mut words = env::args_os().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or("a value is missing");
        match word.to_str() {
            Some("--seed") => {
                let seed = value()?.into_string().ok();
                let seed = seed.and_then(|seed| seed.parse().ok());
                arguments.seed = seed.ok_or("--seed takes a number")?;
            }
            Some("--store") => arguments.store = Some(value()?.into()),
            Some("--json") => arguments.json = true,
            Some("--help" | "-h") => {
                println!("{USAGE}");
                return Ok(None);
            }
            Some(other) if other.starts_with('-') => return Err(format!("no option {other}")),
            _ if arguments.file.is_none() => arguments.file = Some(word.into()),
            _ => return Err("more than one file".to_owned()),
        }
    }
    Ok(Some(arguments))
}
