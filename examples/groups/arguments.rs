//! Reads the command line of `groups`.

use std::path::PathBuf;

use lexopt::{Arg, ValueExt};

/// What `--help` prints.
pub const USAGE: &str = "\
Lets the members of a group write to each other over a faulty network.

The network loses, repeats, delays and reorders. Meanwhile members join, leave and are removed,
admins change the group at once, and devices are linked and removed. The relay, members and former
members attack: they add ghosts, forge messages, and show different groups to different members.
Members report messages, and the provider reviews the reports. At the end it counts what arrived
where, and which attacks succeeded.

Usage: groups [--members N] [--devices M] [--messages K] [--seed S] [--json] [FILE]

  FILE          texts, one a line; a label and a tab may come before each. The line labelled
                `spam` is reported. Without a file, a few texts are built in
  --members N   number of members, 3 to 1000 [6]
  --devices M   number of devices of each account, 1 to 8 [2]
  --messages K  number of messages, 16 or more [200, or the lines of FILE]
  --seed S      seed of all random choices [1]
  --json        print one JSON object instead of a table";

/// The options of one run.
pub struct Arguments {
    pub members: usize,
    pub devices: usize,
    pub messages: Option<usize>,
    pub seed: u64,
    pub json: bool,
    pub file: Option<PathBuf>,
}

/// Reads the command line. Prints the usage and returns `None` if `--help` was given.
pub fn read() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        members: 6,
        devices: 2,
        messages: None,
        seed: 1,
        json: false,
        file: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("members") => arguments.members = parser.value()?.parse()?,
            Arg::Long("devices") => arguments.devices = parser.value()?.parse()?,
            Arg::Long("messages") => arguments.messages = Some(parser.value()?.parse()?),
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            Arg::Long("json") => arguments.json = true,
            Arg::Long("help") | Arg::Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            Arg::Value(file) if arguments.file.is_none() => arguments.file = Some(file.into()),
            other => return Err(other.unexpected()),
        }
    }
    let fits = (3..=1_000).contains(&arguments.members)
        && (1..=8).contains(&arguments.devices)
        && arguments.messages.is_none_or(|messages| messages >= 16);
    match fits {
        true => Ok(Some(arguments)),
        false => Err("a number is out of its range".into()),
    }
}
