//! Reads the command line of `desk`.

use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

/// What `--help` prints.
pub const USAGE: &str = "\
Takes reports of spam through a provider's desk, and lets an insider attack it.

Each line travels from one account to another. Recipients report the lines that are labelled `spam`.
The intake accepts the reports, and the log promises them. Officers open them under grants and
decide, and accounts appeal. At the end the log is published, and everyone checks their receipts.
Then an insider tries to read without leaving a trace, or to alter what happened.

Usage: desk [FILE] [--seed N] [--folder DIR] [--json]

  FILE          lines of `label<TAB>text`; without it a short built-in set is taken
  --seed N      seed of all random choices [1]
  --folder DIR  a new or empty folder for database, vault and published log; without it a new
                temporary folder, which is left
  --json        print one JSON object instead of an account in words";

/// The options of one run.
pub struct Arguments {
    pub file: Option<PathBuf>,
    pub seed: u64,
    pub folder: Option<PathBuf>,
    pub json: bool,
}

/// Reads the command line. Prints the usage and returns `None` if `--help` was given.
pub fn read() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        file: None,
        seed: 1,
        folder: None,
        json: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            Arg::Long("folder") => arguments.folder = Some(parser.value()?.into()),
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
