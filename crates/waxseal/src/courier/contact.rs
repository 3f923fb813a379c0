//! Contact: another account key, requests of strangers, and messages that are passed on.

use rand_core::CryptoRng;
use waxseal_reporting::reporter::ReportDraft;
use waxseal_reporting::{AccountId, FrankingTag, Timestamp};
use waxseal_roster::AccountKey;

use super::{Courier, NewFile, UploadId};
use crate::client::{ForwardLimits, Notice, ReportId};
use crate::conversation::Conversation;
use crate::error::{ForwardError, ForwardFileError, PeerError, ReportError, SendError, StateError};
use crate::files::FileSource;
use crate::store::Store;

impl<S: Store> Courier<S> {
    /// Goes on with a peer whose account key changed, after the user accepted the new one. What the
    /// relay kept of the peer is delivered again. Dismisses the notice.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn accept_identity(
        &mut self,
        peer: &AccountId,
        key: &AccountKey,
    ) -> Result<(), StateError<S::Error>> {
        self.client.accept_identity(peer, key)?;
        self.client.dismiss(&Notice::IdentityChanged {
            account: peer.clone(),
            new: *key,
        })?;
        self.bundles.check(peer);
        self.groups.want_members_now();
        self.ask_all_groups()?;
        self.look_again();
        self.stream.close();
        Ok(())
    }

    /// Accepts the request of an account, like [`Client::accept_contact`]. It is told what arrives
    /// from now on.
    ///
    /// [`Client::accept_contact`]: crate::Client::accept_contact
    ///
    /// # Errors
    /// As for [`Client::accept_contact`](crate::Client::accept_contact).
    pub fn accept_contact(&mut self, account: &AccountId) -> Result<(), PeerError<S::Error>> {
        self.client.accept_contact(account)?;
        self.look_again();
        Ok(())
    }

    /// Declines the request of an account, like [`Client::decline`](crate::Client::decline).
    ///
    /// # Errors
    /// [`StateError`].
    pub fn decline(
        &mut self,
        account: &AccountId,
        now: Timestamp,
    ) -> Result<(), StateError<S::Error>> {
        self.client.decline(account, now)?;
        self.look_again();
        Ok(())
    }

    /// Blocks an account and keeps a report of it, in one transaction, like
    /// [`Client::block_and_report`](crate::Client::block_and_report). [`next`](Self::next) seals
    /// the report and submits it.
    ///
    /// # Errors
    /// As for [`Client::block_and_keep_report`](crate::Client::block_and_keep_report).
    pub fn block_and_report(
        &mut self,
        draft: &ReportDraft,
        rng: &mut impl CryptoRng,
    ) -> Result<ReportId, ReportError<S::Error>> {
        let kept = self.client.block_and_keep_report(draft, rng)?;
        self.look_again();
        Ok(kept.id)
    }

    /// Forwards a message to other conversations, like [`Client::forward`]. Returns what became of
    /// each, in their order. What cannot be sealed yet waits, as after [`send`](Self::send).
    ///
    /// The attached files stay where they are at the provider, so the relay can link the messages.
    /// [`forward_file`](Self::forward_file) seals a file again.
    ///
    /// [`Client::forward`]: crate::Client::forward
    ///
    /// # Errors
    /// [`ForwardError`]. Then nothing was sent.
    #[expect(
        clippy::type_complexity,
        reason = "a result for each conversation, and one for all"
    )]
    pub fn forward(
        &mut self,
        from: impl Into<Conversation>,
        id: &FrankingTag,
        to: &[Conversation],
        limits: ForwardLimits,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Result<FrankingTag, SendError<S::Error>>>, ForwardError<S::Error>> {
        let draft = self.client.forward_draft(from, id, to, limits, now)?;
        let each = to.iter().map(|to| self.send(to, draft.clone(), now, rng));
        Ok(each.collect())
    }

    /// Forwards a message with one file to one conversation, and seals the file again, from a copy
    /// that the user saved: the relay cannot link the two messages by it. Goes on like
    /// [`send_file`](Self::send_file).
    ///
    /// # Errors
    /// [`ForwardFileError`]. Then nothing was stored.
    #[expect(
        clippy::too_many_arguments,
        reason = "those of `forward` and of `send_file`"
    )]
    pub fn forward_file(
        &mut self,
        from: impl Into<Conversation>,
        id: &FrankingTag,
        to: impl Into<Conversation>,
        limits: ForwardLimits,
        (file, source): (NewFile, Box<dyn FileSource + Send>),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<UploadId, ForwardFileError<S::Error>> {
        let to = to.into();
        let draft = self
            .client
            .forward_without_file(from, id, &to, limits, now)?;
        Ok(self.send_file(to, draft, file, source, now, rng)?)
    }
}
