//! The command line of the `waxseal-benches` program.

use std::io;
use std::path::PathBuf;

use clap::{Args, Parser};

use crate::chart;
use crate::compare;
use crate::growth;
use crate::measure::Effort;
use crate::model;
#[cfg(unix)]
use crate::relay::{self, RelayOptions};

/// Measures Waxseal alongside comparable libraries on this machine.
#[derive(Parser)]
pub enum Command {
    /// Gives Waxseal and comparable libraries the same work, in turn.
    Compare(Options),
    /// Measures primitives, computes each operation's lower bound, and compares it with the cost.
    Model {
        /// Take less than half a minute instead of a few minutes.
        #[arg(long)]
        quick: bool,
    },
    /// Measures how costs grow with what accumulates: skipped keys, messages, sessions.
    Growth(Options),
    /// Loads relays with messages of many devices, and checks that each is delivered once and in
    /// order.
    #[cfg(unix)]
    Relay(RelayOptions),
}

/// What to measure and how to print it.
#[derive(Args, Clone)]
pub struct Options {
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Take less than half a minute instead of a few minutes.
    #[arg(long)]
    quick: bool,
    /// Measure only the operations whose names begin like this.
    #[arg(long)]
    only: Option<String>,
}

fn effort(quick: bool) -> Effort {
    if quick { Effort::QUICK } else { Effort::FULL }
}

impl Command {
    /// Measures and prints the results. Plots go to `target/waxseal-benches`.
    ///
    /// # Errors
    /// A plot cannot be written, or a relay does not run, or lost a message or delivered it out of
    /// order.
    pub fn run(self) -> io::Result<()> {
        match self {
            Self::Compare(options) => {
                let results = compare::all(effort(options.quick), options.only.as_deref());
                if options.json {
                    println!("{:#}", results.to_json());
                } else {
                    println!("{}", results.to_tables());
                }
                chart::comparison(&results, &plots("compare")?)
            }
            Self::Model { quick } => {
                let model = model::measure(effort(quick));
                println!("{}", model.to_tables());
                chart::multiples(&model, &plots("model")?)
            }
            Self::Growth(options) => {
                let results = growth::all(effort(options.quick), options.only.as_deref());
                if options.json {
                    println!("{:#}", results.to_json());
                } else {
                    println!("{}", results.to_tables());
                }
                chart::curves(&results, &plots("growth")?)
            }
            #[cfg(unix)]
            Self::Relay(options) => load_relays(&options),
        }
    }
}

#[cfg(unix)]
fn load_relays(options: &RelayOptions) -> io::Result<()> {
    if options.store {
        let measured = relay::store_alone(options)?;
        println!("{measured}");
        return Ok(());
    }
    let outcome = relay::run(options)?;
    for warning in outcome.warnings() {
        eprintln!("{warning}");
    }
    if options.json {
        println!("{:#}", outcome.to_json());
    } else {
        println!("{}", outcome.to_text());
    }
    match outcome.is_clean() {
        true => Ok(()),
        false => Err(io::Error::other("messages were lost or out of order")),
    }
}

/// The folder for a command's plots.
fn plots(command: &str) -> io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let folder = PathBuf::from(target).join("waxseal-benches").join(command);
    std::fs::create_dir_all(&folder)?;
    eprintln!("plots in {}", folder.display());
    Ok(folder)
}
