//! Reads the command line of `replay`.

use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

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
pub fn read() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        file: None,
        seed: 1,
        store: None,
        json: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            Arg::Long("store") => arguments.store = Some(parser.value()?.into()),
            Arg::Long("json") => arguments.json = true,
            Arg::Long("help") | Arg::Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Arg::Value(file) if arguments.file.is_none() => arguments.file = Some(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(arguments))
}
