//! What `--help` prints.

use crate::problem::{Outcome, Unusable};

/// The usage of the program or of one of its commands.
pub struct Usage(&'static str);

impl Usage {
    pub fn show(&self) -> Outcome {
        Outcome::of_text(format!("{}\n", self.0))
    }
}

/// Refuses the arguments, and shows the usage.
pub fn refuse(usage: &Usage, why: &str) -> Unusable {
    Unusable(format!("{why}\n\n{}", usage.0))
}

pub const ALL: Usage = Usage(
    "\
Checks what a provider publishes about its handling of abuse reports, and runs a provider's vault.

Usage: waxseal-desk COMMAND ...

  verify-log      check a published log: that nothing was altered, dropped or hidden
  verify-receipt  read a receipt: what happened to a report or an account, and what is missing
  transparency    count the transparency report from a published log
  vault           for the provider: set up the vault, and run it as a process of its own

Each command explains itself with --help. Exit code 0: all is as it should be. 1: something is
wrong, and the output says what. 2: wrong arguments, or a file cannot be read.",
);

pub const VERIFY_LOG: Usage = Usage(
    "\
Checks a published log from its first entry on. No database and no secret is needed.

Usage: waxseal-desk verify-log DIR [--checkpoint FILE] [--keys FILE]

  DIR                the public folder of the log: keys, checkpoint, checkpoints/, tile/
  --checkpoint FILE  a checkpoint that you kept or got from another person: the log must contain it
  --keys FILE        the keys of the log, from a source that you trust [DIR/keys]

Without --keys the check shows only that the folder agrees with itself. Compare the ids of the keys
with those that other people see.

Example:
  waxseal-desk verify-log log-2026-03 --keys pinned-keys --checkpoint kept-in-february",
);

pub const VERIFY_RECEIPT: Usage = Usage(
    "\
Reads a receipt: what happened to your report, or what was decided about your account.

Usage: waxseal-desk verify-receipt FILE [--promise FILE | --account NAME] [--keys FILE]
                                   [--log DIR] [--earlier FILE]

  FILE            the receipt
  --promise FILE  for who reported: the promise that the provider gave for the report
                  [FILE with the extension .promise]
  --account NAME  for who was decided against: the account, as the provider names it
  --keys FILE     the keys of the log, from a source that you trust
                  [DIR/keys of --log, or `keys` in the folder of FILE]
  --log DIR       the public folder of the log: shows whether the receipt leaves something out
  --earlier FILE  an earlier receipt for the same report or account

Example:
  waxseal-desk verify-receipt receipt.bin --promise promise.bin --keys pinned-keys --log log-2026-03",
);

pub const TRANSPARENCY: Usage = Usage(
    "\
Counts the transparency report from a published log, after the checks of verify-log.

Usage: waxseal-desk transparency --from YYYY-MM-DD --to YYYY-MM-DD DIR [--csv | --json]
                                 [--keys FILE]

  DIR          the public folder of the log
  --from, --to the first and the last day that count
  --csv        print CSV, with a column for each dimension (RFC 4180)
  --json       print one JSON object
  --keys FILE  the keys of the log, from a source that you trust [DIR/keys]

Example:
  waxseal-desk transparency --from 2026-01-01 --to 2026-03-31 log-2026-04 --csv",
);

pub const VAULT: Usage = Usage(
    "\
Runs the vault: the process that holds the keys which open reports. Run it as a user of its own.

Usage: waxseal-desk vault init --folder F --name NAME --keys FILE --acceptance FILE --public FILE
                               [--pinned FILE]
       waxseal-desk vault pin --folder F --keys FILE
       waxseal-desk vault --folder F (--socket PATH | --listen 127.0.0.1:PORT)

  init               draw the vault's keys, and pin those of its log in the new folder F
  pin                pin other keys of the log, with the line `vault`, or the same ones if the
                     vault's state is lost; the vault reads the log from its first entry again
  --folder F         the vault's folder, with its secrets and its memory of the log
  --name NAME        the name of the vault's key in the keys of the log
  --keys FILE        the keys of the log, without the line `vault`
  --acceptance FILE  the key with which the intake accepts reports; it is made if it does not exist
  --public FILE      where to write the public moderation key, to which apps seal reports
  --pinned FILE      where to write the keys of the log with the line `vault`, which everyone pins
  --socket PATH      listen on a Unix socket, which only its owner can use
  --listen ADDRESS   listen on a port of this machine, which each of its users can reach

It prints `serving on ...` once it is ready, and answers until it is ended.

Example:
  waxseal-desk vault --folder /var/lib/vault --socket /run/vault.sock",
);
