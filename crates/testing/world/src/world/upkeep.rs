//! Sends again what a client has in its outbox, and does what its upkeep asks for.

use waxseal::{Outgoing, WantedBundles};

use super::{Packet, World};
use crate::envelope_of;

/// Maximum number of calls of upkeep in a row. Each one may need a roster or a bundle.
const CALLS: usize = 4;

impl World {
    pub(super) fn resend(&mut self, who: usize) {
        let now = self.provider.now;
        let waiting = self.clients[who].outbox(None, usize::MAX, now).unwrap();
        for waiting in waiting.items {
            self.post(who, waiting, true);
        }
    }

    /// Does what an application does after its client's upkeep.
    pub(super) fn upkeep(&mut self, who: usize) {
        for _ in 0..CALLS {
            let now = self.provider.now;
            let upkeep = self.clients[who].upkeep(now, &mut self.provider.rng);
            let upkeep = upkeep.unwrap();
            self.kept_up += upkeep.outgoing.len();
            for outgoing in upkeep.outgoing {
                self.post(who, outgoing, false);
            }
            for account in &upkeep.rosters {
                self.fetch_roster(who, account);
            }
            for WantedBundles { account, devices } in &upkeep.bundles {
                // The user is warned of a change, and accepts it once the network is fair.
                let key = self.provider.account_key(account);
                let pinned = self.clients[who].peer_account_key(account);
                if pinned.is_ok_and(|pinned| pinned != key) {
                    if !self.is_fair {
                        continue;
                    }
                    self.clients[who].accept_identity(account, &key).unwrap();
                }
                self.starts += 1;
                let me = self.clients[who].me().clone();
                let bundles = self.provider.bundles_for(Some(&me), account, devices);
                let rng = &mut self.provider.rng;
                self.clients[who]
                    .restart(account, &bundles, now, rng)
                    .unwrap();
            }
            if upkeep.rosters.is_empty() && upkeep.bundles.is_empty() {
                break;
            }
        }
    }

    /// Posts what the client sealed, for the first time or again.
    fn post(&mut self, who: usize, outgoing: Outgoing, is_repeat: bool) {
        let to = self.index_of(outgoing.to.account().unwrap());
        let id = outgoing.id;
        let number = self
            .sent
            .iter()
            .position(|sent| sent.from == who && sent.id == id);
        let mark = self.clients[who].mark().unwrap();
        let packet = match number {
            None => Packet::Note(outgoing.envelope, mark),
            Some(number) if outgoing.again_for.is_some() => {
                Packet::Again(number, outgoing.envelope, mark)
            }
            Some(number) => {
                // Only the time of posting and its MAC are new.
                let before = envelope_of(&self.sent[number].envelope);
                assert!(is_repeat && envelope_of(&outgoing.envelope) == before);
                self.sent[number].envelope = outgoing.envelope;
                self.sent[number].mark = mark;
                Packet::Envelope(number)
            }
        };
        self.network.send(who, to, packet);
    }
}
