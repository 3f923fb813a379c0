//! Sends every line of a file over a faulty network, reports the spam, and tries to forge reports.
//!
//! `cargo run --release --example replay -- [FILE] [--seed N] [--store FOLDER] [--json]`
//!
//! `--store` needs the feature `sqlite`:
//! `cargo run --release --example replay --features sqlite -- ..`

mod support {
    pub mod acts;
    pub mod arguments;
    pub mod forge;
    pub mod network;
    pub mod no_channel;
    pub mod outcome;
    pub mod progress;
    pub mod provider;
    pub mod reporting;
    pub mod requests;
}

use std::process::ExitCode;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use support::acts::Acts;
use support::arguments::Arguments;
use support::network::{Flight, Network};
use support::outcome::Outcome;
use support::progress::Progress;
use support::provider::Provider;
use support::reporting::Desk;
use support::{arguments, requests};
use waxseal::{AccountId, Client, DeviceAddress, DeviceId, MemoryStore, Store, Timestamp};

/// How many people write to the recipient, who answers.
const SENDERS: usize = 8;
/// How many strangers write to the recipient.
const STRANGERS: usize = 24;
/// Chance that a line is the recipient's reply.
const REPLY: f64 = 0.2;
/// Time between two lines, in milliseconds.
const PAUSE_MS: u64 = 400;

fn main() -> ExitCode {
    let arguments = match arguments::read() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS, // it was asked for help
        Err(error) => {
            eprintln!("replay: {error}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match lines(&arguments).and_then(|lines| run(&lines, &arguments)) {
        Ok(outcome) => {
            outcome.print(arguments.json);
            if outcome.holds() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One message to send.
struct Line {
    is_spam: bool,
    text: String,
}

fn lines(arguments: &Arguments) -> Result<Vec<Line>, String> {
    let text = match &arguments.file {
        None => BUILT_IN.to_owned(),
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let parse = |(number, line): (usize, &str)| {
        let (label, text) = line
            .split_once('\t')
            .ok_or(format!("line {}: no tab", number + 1))?;
        Ok(Line {
            is_spam: label == "spam",
            text: text.to_owned(),
        })
    };
    text.lines()
        .filter(|line| !line.is_empty())
        .enumerate()
        .map(parse)
        .collect()
}

fn run(lines: &[Line], arguments: &Arguments) -> Result<Outcome, String> {
    match &arguments.store {
        None => replay(lines, arguments.seed, |_| Ok(MemoryStore::new())),
        #[cfg(not(feature = "sqlite"))]
        Some(_) => Err("--store needs SQLite: add `--features sqlite` before the `--`".to_owned()),
        #[cfg(feature = "sqlite")]
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            let key = waxseal::StoreKey::generate(&mut rand::rng());
            let mut outcome = replay(lines, arguments.seed, |name| {
                waxseal::SqliteStore::open(folder.join(name), &key)
                    .map_err(|error| error.to_string())
            })?;
            outcome.store_bytes = Some(bytes_in(folder).map_err(|error| error.to_string())?);
            Ok(outcome)
        }
    }
}

#[cfg(feature = "sqlite")]
fn bytes_in(folder: &std::path::Path) -> std::io::Result<u64> {
    std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum()
}

fn replay<S: Store>(
    lines: &[Line],
    seed: u64,
    store: impl FnMut(&str) -> Result<S, String>,
) -> Result<Outcome, String> {
    let started = Instant::now();
    let start = Timestamp::from_millis(1_760_000_000_000);
    let rng = &mut ChaCha20Rng::seed_from_u64(seed);
    let mut network = people(start, rng, seed, store)?;

    let mut progress = Progress::new("sending", lines.len());
    let mut outcome = Outcome {
        messages: lines.len() as u64,
        ..Default::default()
    };
    let (mut acts, mut flights) = (Acts::new(lines.len()), Vec::with_capacity(lines.len()));
    for line in lines {
        let person = match acts.is_strangers(rng) {
            true => SENDERS + rng.random_range(1..=STRANGERS),
            false => rng.random_range(1..=SENDERS),
        };
        let (from, to) = match rng.random_bool(REPLY) && person <= SENDERS {
            true => (0, person),
            false => (person, 0),
        };
        let flight = network.send(from, to, acts.draft(&line.text, rng))?;
        acts.note(&network, flight, &line.text)?;
        flights.push(flight);
        network.run(Some(PAUSE_MS))?;
        acts.some(&mut network, SENDERS, rng)?;
        outcome.plaintext_bytes += line.text.len() as u64;
        progress.step();
    }
    network.run(None)?;

    let sound = |(flight, line): &(&usize, &Line)| {
        let Flight { shown, text, .. } = &network.flights[**flight];
        *shown == 1 && text.as_ref() == Some(&line.text)
    };
    outcome.delivered = flights.iter().zip(lines).filter(sound).count() as u64;
    acts.look(&mut network, &mut outcome)?;
    outcome.duplicates_ignored = network.counts.duplicates_ignored;
    outcome.out_of_order = network.counts.out_of_order;
    outcome.refused = network.counts.refused;
    outcome.wire_bytes = network.counts.wire_bytes;
    (outcome.dh_ratchet_steps, outcome.pq_epochs) = ratchet_steps(&network)?;

    let mut desk = Desk::new(&network, rng);
    outcome.to_report = lines.iter().filter(|line| line.is_spam).count() as u64;
    let mut progress = Progress::new(
        "reporting",
        lines.iter().filter(|line| line.is_spam).count(),
    );
    for (flight, line) in flights.iter().zip(lines).filter(|(_, line)| line.is_spam) {
        desk.report(&mut network, *flight, &line.text, rng, &mut outcome)?;
        progress.step();
    }
    requests::decide(&mut network, &mut outcome)?;
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Registers a recipient (number 0), the senders and the strangers with one provider. The
/// recipient knows the senders.
fn people<S: Store>(
    start: Timestamp,
    rng: &mut ChaCha20Rng,
    seed: u64,
    mut store: impl FnMut(&str) -> Result<S, String>,
) -> Result<Network<S>, String> {
    let mut provider = Provider::new(start, rng);
    let mut clients = Vec::new();
    for number in 0..=SENDERS + STRANGERS {
        let name = match number {
            0 => "recipient".to_owned(),
            1..=SENDERS => format!("sender-{number}"),
            _ => format!("stranger-{number}"),
        };
        let me = DeviceAddress::new(
            AccountId::new(&name).map_err(|error| error.to_string())?,
            DeviceId(1),
        );
        let delivery_key = provider.register(&me, rng);
        let mut client = Client::create(store(&name)?, me.clone(), delivery_key, start, rng)
            .map_err(|error| error.to_string())?;
        let roster = client.own_roster().map_err(|error| error.to_string())?;
        let roster = roster.ok_or("a new account has one")?;
        provider.put_roster(&me, roster.signed().encode());
        let upload = client
            .publish_prekeys(0, rng)
            .map_err(|error| error.to_string())?;
        provider.publish(&me.account, upload.base, upload.one_time);
        clients.push(client);
    }
    let mut network = Network::new(clients, provider, start, seed);
    for number in 1..=SENDERS {
        network.meet(0, number)?;
        let known = network.clients[number].me().account.clone();
        let accepted = network.clients[0].accept_contact(&known);
        accepted.map_err(|error| error.to_string())?;
    }
    Ok(network)
}

/// Counts the Diffie–Hellman steps and post-quantum epochs of all clients together.
fn ratchet_steps<S: Store>(network: &Network<S>) -> Result<(u64, u64), String> {
    let (recipient, senders) = network.clients.split_first().ok_or("no clients")?;
    let (mut steps, mut epochs) = (0, 0);
    for sender in senders {
        for (one, other) in [(recipient, sender), (sender, recipient)] {
            let other = &other.me().account;
            if one.has_session(other).map_err(|error| error.to_string())? {
                let health = one.conversation_health(other);
                let health = health.map_err(|error| error.to_string())?;
                steps += health.dh_ratchet_steps;
                epochs += health.pq_epochs;
            }
        }
    }
    Ok((steps, epochs))
}

/// The conversation that is replayed if no file is given.
const BUILT_IN: &str = "\
ham\tAre you coming on Saturday?
ham\tYes! Around six. Shall I bring something?
ham\tOlives, if you pass the market. And your guitar :)
spam\tCONGRATULATIONS! You have been selected for a £1,000 gift card. Reply YES to claim now
ham\tWho is this?
spam\tYour parcel is held at the depot. Pay the fee of 1.99 at parcel-fee.example to release it
ham\tDon't click that, it's the same number as last week
ham\tMum says hi, and that the cat is fine 🐈
spam\tHi mum, I dropped my phone in the sink, this is my new number. Can you send 800 for the rent?
ham\tNice try. My daughter is sitting next to me.
ham\tBin um acht da, Zug hat Verspätung
ham\t好的，到时候见
spam\tWork from home and earn 5000 a week!! Limited places, register today at easy-money.example
ham\tRunning late, start without me
ham\tSaved you a plate
ham\tYou are the best
spam\tFINAL NOTICE: your account will be closed. Verify your password at bank-verify.example
ham\tDid you get that one too?
ham\tYes, reported it
ham\tGood night!
";
