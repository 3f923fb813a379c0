//! Makes reports of the spam as its recipients would, and accepts and reviews them as a provider
//! would.

use std::collections::HashMap;

use rand_chacha::ChaCha20Rng;
use waxseal::{AccountId, Client, Content, Disclosure, Evidence, FrankingTag, Reason, Store};
use waxseal_reporting::intake::AcceptedReport;
use waxseal_reporting::reviewer::{VerifiedReport, review};
use waxseal_reporting::vault::{ModerationKeyPair, Unseal, Vault};

use super::forge;
use super::network::{Flight, Network};
use super::outcome::Outcome;
use super::provider::Provider;

/// The reporters' and the provider's side of all reports.
pub struct Desk {
    vault: Vault,
    /// The latest spam message, by (sender, recipient). A forger claims its stamp for another
    /// message.
    last_of_sender: HashMap<(usize, usize), FrankingTag>,
}

impl Desk {
    pub fn new<S: Store>(network: &Network<S>, rng: &mut ChaCha20Rng) -> Self {
        let acceptance = network.provider.acceptance_key();
        Self {
            vault: Vault::new(ModerationKeyPair::generate(rng), acceptance),
            last_of_sender: HashMap::new(),
        }
    }

    /// Tries forged reports of one spam message. Then reports the message, with the spam before it
    /// as context, and verifies the report.
    pub fn report<S: Store>(
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
