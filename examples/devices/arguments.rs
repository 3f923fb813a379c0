//! Reads the command line of `devices`.

use lexopt::{Arg, ValueExt};

/// What `--help` prints.
pub const USAGE: &str = "\
Lets accounts with several devices write to each other over a faulty network.

Devices are linked and removed meanwhile. A laptop and a manager are stolen, a phone is lost and its
account recovered. The relay shows a device that nobody linked, old rosters, and different rosters
to different accounts. At the end it counts what arrived where, and which attacks succeeded.

Usage: devices [--accounts N] [--devices M] [--messages K] [--seed S] [--json]

  --accounts N  number of accounts, 4 to 20 [6]
  --devices M   maximum number of devices of an account, 3 to 8 [4]
  --messages K  number of messages, 100 or more [1000]
  --seed S      seed of all random choices [1]
  --json        print one JSON object instead of a table";

/// The options of one run.
pub struct Arguments {
    pub accounts: usize,
    pub devices: usize,
    pub messages: u64,
    pub seed: u64,
    pub json: bool,
}

/// Reads the command line. Prints the usage and returns `None` if `--help` was given.
pub fn read() -> Result<Option<Arguments>, lexopt::Error> {
    let mut arguments = Arguments {
        accounts: 6,
        devices: 4,
        messages: 1_000,
        seed: 1,
        json: false,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("accounts") => arguments.accounts = parser.value()?.parse()?,
            Arg::Long("devices") => arguments.devices = parser.value()?.parse()?,
            Arg::Long("messages") => arguments.messages = parser.value()?.parse()?,
            Arg::Long("seed") => arguments.seed = parser.value()?.parse()?,
            Arg::Long("json") => arguments.json = true,
            Arg::Long("help") | Arg::Short('h') => {
                println!("{USAGE}");
                return Ok(None);
            }
            other => return Err(other.unexpected()),
        }
    }
    let fits = (4..=20).contains(&arguments.accounts)
        && (3..=8).contains(&arguments.devices)
        && arguments.messages >= 100;
    match fits {
        true => Ok(Some(arguments)),
        false => Err("a number is out of its range".into()),
    }
}
