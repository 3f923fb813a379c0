//! Before the clock starts: recipients accept their senders, who get a token each.

use std::io;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use waxseal_interface::{Answer, ContactHeaders, Event};
use waxseal_reporting::AccountId;

use super::device::other;
use super::http::Http;
use super::load::{Recipient, Sender};

/// How long a token may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Recipient {
    /// Writes to a sender, and says that the user accepts it.
    pub(super) async fn accept(&mut self, sender: &AccountId, port: u16) -> io::Result<()> {
        let contact = ContactHeaders {
            accepts: true,
            ..ContactHeaders::default()
        };
        let sealed = self.device.seal(sender, contact);
        let (request, asked) = self.device.post(&sealed);
        let mut http = Http::connect(port, self.device.from).await?;
        let answer = self.device.check(http.call(&request).await?, &asked)?;
        match answer.is_success() {
            true => self.device.check_receipt(&sealed, &answer.body),
            false => Err(other(answer.error().message)),
        }
    }
}

impl Sender {
    /// Receives what its contacts wrote, and keeps the token of each.
    pub(super) async fn take_tokens(&mut self, port: u16) -> io::Result<()> {
        let http = Http::connect(port, self.device.from).await?;
        let (request, asked) = self.device.connect();
        let (answer, frames) = http.upgrade(&request).await?;
        let answer = self.device.check(answer, &asked)?;
        let mut frames = frames.ok_or_else(|| other(answer.error().message))?;
        let mut macs = self.device.macs(&asked, &answer)?;
        // They come in the order in which they were sent.
        for contact in &mut self.contacts {
            while contact.token.is_none() {
                let frame = timeout(PATIENCE, frames.next()).await?;
                let frame = frame.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(other)?;
                let Message::Binary(frame) = frame else {
                    continue;
                };
                let event = macs.open(&frame).and_then(Event::decode);
                if let Some(Event::Delivery {
                    id,
                    delivery,
                    contact: token,
                }) = event
                {
                    self.device.receive(&delivery, true)?;
                    contact.token = token;
                    let answer = macs.seal(Answer::Acknowledged { id }.encode());
                    let answer = Message::Binary(answer.into());
                    frames.send(answer).await.map_err(other)?;
                }
            }
        }
        frames.close(None).await.map_err(other)?;
        // The relay closes too once it has stored the acknowledgements.
        while let Some(Ok(_)) = timeout(PATIENCE, frames.next()).await? {}
        Ok(())
    }
}
