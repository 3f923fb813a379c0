//! Forgeries of one genuine message, as a reporter with a modified client could try them.

use std::error::Error;

use rand::CryptoRng;
use waxseal::{AccountId, Content, Evidence, Timestamp};
use waxseal_reporting::Audience;
use waxseal_reporting::message::Payload;
use waxseal_reporting::relay::{Claim, Stamp, StampContext};
use waxseal_reporting::sender::{SentMessage, seal};

use super::no_channel::NoChannel;

/// What is forged, the check that must refuse it, and the forged evidence.
type Forgery = (&'static str, u8, Evidence);

/// Returns forgeries that a dishonest reporter could try.
pub fn forgeries(
    genuine: &Evidence,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Forgery>, Box<dyn Error>> {
    let claim = genuine.claim();
    // Commits to another text, with the genuine message's header.
    let mut commit = |text: &str| -> Result<SentMessage, Box<dyn Error>> {
        let payload = Payload::text(genuine.header().clone(), text)?;
        let (sender, conversation) = (genuine.sender(), genuine.conversation());
        Ok(seal(&mut NoChannel, sender, &conversation, &payload, rng)?.sent)
    };
    let altered = commit("I will hurt you")?;
    let invented = commit("this was never sent")?;
    let content = genuine.content();
    let text = content.as_ref().and_then(Content::as_text);
    let text = text.ok_or("the genuine message is a text")?;
    let [sender, conversation, time] = [commit(text)?, commit(text)?, commit(text)?];
    let under = |change: &dyn Fn(&mut StampContext)| {
        let mut context = claim.context().clone();
        change(&mut context);
        Claim::new(*claim.tag(), context, *claim.stamp())
    };

    // Swaps sender and recipient in the claim, as if Bob had written the message. The conversation
    // stays the same.
    let other_sender = under(&|context| {
        let Audience::Direct(recipient) = &mut context.audience else {
            return;
        };
        std::mem::swap(&mut context.sender.account, recipient);
    });
    let carol = AccountId::new("carol")?;
    let other_conversation = under(&|context| context.sender.account = carol.clone());
    let other_time = under(&|context| {
        context.accepted_at = Timestamp::from_millis(context.accepted_at.as_millis() + 60_000)
    });
    let mut random = [0; 32];
    rng.fill_bytes(&mut random);
    let never_sent = Claim::new(
        *invented.tag(),
        claim.context().clone(),
        Stamp::from_bytes(random),
    );
    let mut forged = vec![(86, "altered text", claim.clone(), altered)];
    forged.push((71, "other sender", other_sender, sender));
    forged.push((71, "other conversation", other_conversation, conversation));
    forged.push((71, "other time", other_time, time));
    forged.push((71, "a message never sent", never_sent, invented));
    let evidence = |(check, what, claim, said)| (what, check, Evidence::unverified(claim, said));
    Ok(forged.into_iter().map(evidence).collect())
}
