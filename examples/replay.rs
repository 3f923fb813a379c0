//! Sends every line of a file over a faulty network, reports the spam, and tries to forge reports.
//!
//! `cargo run --release --example replay -- [FILE] [--seed N] [--store FOLDER] [--json]`
//!
//! `--store` needs the feature `sqlite`:
//! `cargo run --release --example replay --features sqlite -- ..`

mod support {
    pub mod arguments;
    pub mod forge;
    pub mod network;
    pub mod no_channel;
    pub mod outcome;
    pub mod progress;
    pub mod provider;
}

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha20Rng;
use support::arguments::Arguments;
use support::network::{Flight, Network};
use support::outcome::Outcome;
use support::progress::Progress;
use support::provider::Provider;
use support::{arguments, forge};
use waxseal::{
    AccountId, Client, Content, DeviceAddress, DeviceId, Disclosure, Evidence, FrankingTag,
    MemoryStore, Reason, Store, Timestamp,
};
use waxseal_reporting::intake::AcceptedReport;
use waxseal_reporting::reviewer::{VerifiedReport, review};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};

/// How many people write to the recipient.
const SENDERS: usize = 8;
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
    for line in lines {
        let person = rng.random_range(1..=SENDERS);
        let (from, to) = if rng.random_bool(REPLY) {
            (0, person)
        } else {
            (person, 0)
        };
        network.send(from, to, &line.text)?;
        network.run(Some(PAUSE_MS))?;
        outcome.plaintext_bytes += line.text.len() as u64;
        progress.step();
    }
    network.run(None)?;

    let sound = |(flight, line): (&Flight, &Line)| {
        flight.shown == 1 && flight.text.as_ref() == Some(&line.text)
    };
    outcome.delivered = network
        .flights
        .iter()
        .zip(lines)
        .filter(|pair| sound(*pair))
        .count() as u64;
    outcome.duplicates_ignored = network.counts.duplicates_ignored;
    outcome.out_of_order = network.counts.out_of_order;
    outcome.refused = network.counts.refused;
    outcome.wire_bytes = network.counts.wire_bytes;
    (outcome.dh_ratchet_steps, outcome.pq_epochs) = ratchet_steps(&network)?;

    let acceptance = network.provider.acceptance_key();
    let mut desk = Desk {
        vault: Vault::new(ModerationKeyPair::generate(rng), acceptance),
        last_of_sender: HashMap::new(),
    };
    outcome.to_report = lines.iter().filter(|line| line.is_spam).count() as u64;
    let mut progress = Progress::new(
        "reporting",
        lines.iter().filter(|line| line.is_spam).count(),
    );
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.is_spam) {
        desk.report(&mut network, index, &line.text, rng, &mut outcome)?;
        progress.step();
    }
    outcome.seconds = started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Registers a recipient (number 0) and the senders with one provider.
fn people<S: Store>(
    start: Timestamp,
    rng: &mut ChaCha20Rng,
    seed: u64,
    mut store: impl FnMut(&str) -> Result<S, String>,
) -> Result<Network<S>, String> {
    let mut provider = Provider::new(start, rng);
    let mut clients = Vec::new();
    for number in 0..=SENDERS {
        let name = if number == 0 {
            "recipient".to_owned()
        } else {
            format!("sender-{number}")
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
    Ok(Network::new(clients, provider, start, seed))
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

/// Makes reports of the spam as its recipients would, and accepts and reviews them as a provider
/// would.
struct Desk {
    vault: Vault,
    /// The latest spam message, by (sender, recipient). A forger claims its stamp for another
    /// message.
    last_of_sender: HashMap<(usize, usize), FrankingTag>,
}

impl Desk {
    /// Tries forged reports of one spam message. Then reports the message, with the spam before it
    /// as context, and verifies the report.
    fn report<S: Store>(
        &mut self,
        network: &mut Network<S>,
        index: usize,
        text: &str,
        rng: &mut ChaCha20Rng,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let now = network.now();
        let Flight { from, to, id, .. } = network.flights[index];
        let peer = network.clients[from].me().clone();
        let reporter = &mut network.clients[to];
        let evidence = evidence(reporter, &peer.account, &id)?;
        let last = self.last_of_sender.insert((from, to), id);

        let mut shown = vec![(id, Disclosure::Whole)];
        if let Some(context) = last {
            // For context, the report also shows the header of an earlier message, and when it was
            // sent, but not what it said.
            shown.push((context, Disclosure::Parts(Vec::new())));
        }
        let draft = reporter
            .draft_report(&peer.account, Reason::Spam, shown)
            .map_err(|error| error.to_string())?;
        let sent = reporter
            .report(&draft, self.vault.public_key(), rng)
            .map_err(|error| error.to_string())?;
        outcome.reported += 1;

        // The forgeries are tried first. After the genuine report they would be refused because the
        // message was already reported.
        let other = last
            .map(|last| self::evidence(&network.clients[to], &peer.account, &last))
            .transpose()?;
        let me = network.clients[to].me().clone();
        let key = self.vault.public_key();
        let forged = forge::variants(
            &network.provider,
            &me,
            key,
            &evidence,
            other.as_ref(),
            &sent.report,
            rng,
        );
        for (what, report) in forged {
            outcome.forgeries_tried += 1;
            let examined = network.provider.examine(&report, now, rng);
            if examined
                .map_err(|refusal| format!("{refusal:?}"))
                .and_then(|report| self.review(&network.provider, &report))
                .is_ok()
            {
                outcome.forgeries_accepted += 1;
                eprintln!("forgery accepted: {what}");
            }
        }

        let accepted = network
            .provider
            .intake(&sent.report, now, rng)
            .map_err(|refusal| format!("{refusal:?}"))?;
        let verified = self.review(&network.provider, &accepted)?;
        let said = verified
            .messages()
            .iter()
            .find(|message| message.tag() == &id)
            .ok_or("the message is missing")?;
        let withheld = verified
            .messages()
            .iter()
            .filter(|message| message.content().is_none())
            .count();
        let holds = said.content().and_then(Content::as_text) == Some(text)
            && said.sender() == &peer
            && verified.reporter() == &me
            && withheld == usize::from(last.is_some());
        outcome.verified += u64::from(holds);
        network.clients[to]
            .confirm_report(sent.id)
            .map_err(|error| error.to_string())
    }

    /// Passes a report through the queue between intake and reviewers, and opens it.
    fn review(
        &self,
        provider: &Provider,
        accepted: &AcceptedReport,
    ) -> Result<VerifiedReport, String> {
        let queued = accepted.encode(&provider.acceptance_key());
        let unsealed = self.vault.open(accepted.id(), &queued);
        let unsealed = unsealed.map_err(|error| error.to_string())?;
        review(unsealed).map_err(|rejection| rejection.to_string())
    }
}

fn evidence<S: Store>(
    client: &Client<S>,
    peer: &AccountId,
    id: &FrankingTag,
) -> Result<Evidence, String> {
    let message = client
        .message(peer, id)
        .map_err(|error| error.to_string())?
        .ok_or("the message is missing")?;
    Ok(message
        .evidence()
        .ok_or("the message is not stamped")?
        .clone())
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
