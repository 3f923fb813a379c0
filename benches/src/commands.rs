//! The command line.

use std::io;

use clap::{Args, Parser};

use crate::compare;
use crate::measure::Effort;
use crate::model;

/// Measures Waxseal beside its peers, on this machine.
#[derive(Parser)]
pub enum Command {
    /// Waxseal and published peers at the same work, in turn.
    Compare(Options),
    /// What primitives cost, the bound that they imply for each operation, and what it costs.
    Model(Options),
}

/// Options of every command.
#[derive(Args, Clone)]
pub struct Options {
    /// JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Less than half a minute instead of a few minutes.
    #[arg(long)]
    quick: bool,
    /// One operation alone.
    #[arg(long)]
    only: Option<String>,
}

impl Options {
    fn effort(&self) -> Effort {
        if self.quick {
            Effort::QUICK
        } else {
            Effort::FULL
        }
    }
}

impl Command {
    /// Measures and prints; plots go to `target/waxseal-benches`.
    ///
    /// # Errors
    /// A plot cannot be written.
    pub fn run(self) -> io::Result<()> {
        match self {
            Self::Compare(options) => {
                let results = compare::all(options.effort(), options.only.as_deref());
                if options.json {
                    println!("{:#}", results.to_json());
                } else {
                    println!("{}", results.to_tables());
                }
                Ok(())
            }
            Self::Model(options) => {
                let model = model::measure(options.effort());
                println!("{}", model.to_tables());
                Ok(())
            }
        }
    }
}
