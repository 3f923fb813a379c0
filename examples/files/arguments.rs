//! Reads the command line of `files`.

use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

/// What `--help` prints.
pub const USAGE: &str = "\
Sends each file from one account to another, through a relay on a faulty network.

Requests and answers are lost or altered on the way, and both processes end in the middle and start
again. The recipient compares what it saved with the file. Then what the relay keeps is altered in
many ways, and none of it may open. In the end the recipient reports the whole file and the sender
reports parts of it, and the provider opens what was shown.

Usage: files [FILE...] [--seed S] [--json]

  FILE      a file of at most 4 GiB. Without one, some small files are made up
  --seed S  seed of all random choices [1]
  --json    print one JSON object for each file instead of a table";

/// The options of one run.
pub struct Arguments {
    pub files: Vec<PathBuf>,
    pub seed: u64,
    pub json: bool,
}

/// Reads the command line. Prints the usage and returns `None` if `--help` was given.
pub fn read() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        files: Vec::new(),
        seed: 1,
        json: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            Arg::Long("json") => arguments.json = true,
            Arg::Long("help") | Arg::Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Arg::Value(file) => arguments.files.push(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(arguments))
}
