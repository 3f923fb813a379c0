//! Sends again what a client has in its outbox, and does what its upkeep asks for.

use waxseal::Outgoing;

use super::{Packet, World};
use crate::envelope_of;

/// Maximum number of calls of upkeep in a row. Each one may need an identity or a bundle.
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
            for account in &upkeep.identities {
                let identity = self.provider.identity(account);
                self.clients[who]
                    .learn_identity(account, &identity)
                    .unwrap();
            }
            for peer in &upkeep.bundles {
                // The user is warned of a change, and accepts it once the network is fair.
                let identity = self.provider.identity(peer);
                if self.clients[who].peer_identity(peer).unwrap() != identity {
                    if !self.is_fair {
                        continue;
                    }
                    self.clients[who].accept_identity(peer, &identity).unwrap();
                }
                self.starts += 1;
                let (base, one_time) = self.provider.bundle(peer);
                let rng = &mut self.provider.rng;
                self.clients[who]
                    .restart(peer, &base, one_time.as_deref(), now, rng)
                    .unwrap();
            }
            if upkeep.identities.is_empty() && upkeep.bundles.is_empty() {
                break;
            }
        }
    }

    /// Posts what the client sealed, for the first time or again.
    fn post(&mut self, who: usize, outgoing: Outgoing, is_repeat: bool) {
        let to = self.index_of(&outgoing.recipient);
        let id = outgoing.id;
        let number = self
            .sent
            .iter()
            .position(|sent| sent.from == who && sent.id == id);
        let mark = self.clients[who].mark().unwrap();
        let packet = match number {
            None => Packet::Note(outgoing.envelope, mark),
            Some(number) if outgoing.is_again => Packet::Again(number, outgoing.envelope, mark),
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
