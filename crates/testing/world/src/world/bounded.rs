//! How much a store may hold.

use waxseal::core::limits::{MAX_KEPT_ONE_TIME_PREKEYS, MAX_SESSIONS};

use super::World;

impl World {
    /// Number of messages to a device that were never shown there. If the device was rolled back,
    /// all messages to it count.
    pub(super) fn unseen(&self, who: usize) -> usize {
        let theirs = self.sent.iter().filter(|sent| sent.to == who);
        theirs
            .filter(|sent| sent.shown == 0 || self.set_back[who] > 0)
            .count()
    }

    /// Asserts that a store holds only as many records and bytes as its messages need.
    pub(super) fn assert_bounded(&self, who: usize) {
        let client = &self.clients[who];
        let peers = self.clients.len() - 1;
        let waiting = client
            .outbox(None, usize::MAX, self.provider.now)
            .unwrap()
            .items
            .len();
        // What upkeep sealed can be skipped too.
        let unseen = self.unseen(who) + self.kept_up;
        let of_family = |families: &'static [u8]| {
            let records = client.store().records();
            records.filter(move |(key, _)| {
                let family = key.table.as_bytes().first();
                family.is_some_and(|family| families.contains(family))
            })
        };
        // The store has one record each for the account, its secret, its roster and what it
        // signed, the layout, the prekeys, the upload and the counters. Then it has four for each
        // peer, with its request, two for each message (the message and its index), one for each
        // message in the outbox, and one for each page of skipped keys. There are at most as many
        // pages as messages that were not shown. One-time prekeys and replay memories follow, and
        // what is still to be said. A refusal or receipt leaves an index.
        let messages = 2 * self.memories[who].messages + self.notes;
        let most = 8 + 4 * peers + messages + waiting + unseen;
        let (prekeys, memories) = (of_family(b"1").count(), of_family(b"h").count());
        let upkeep = of_family(b"jqtwyz4").count();
        assert!(upkeep <= 4 * peers + 3 * self.sent.len() + self.notes);
        // What own devices would share: four facts of each peer, and messages that were deleted.
        let shared = of_family(b"AB").count();
        assert!(shared <= 1 + 4 * peers + self.sent.len());
        let count = client.store().records().count() - prekeys - memories - upkeep - shared;
        assert!(
            count <= most,
            "{count} records are stored, {most} at most are expected"
        );
        // A peer that lost its store has a new identity, and so another memory.
        let identities = peers + self.started_over.iter().sum::<u32>() as usize;
        assert!(prekeys <= MAX_KEPT_ONE_TIME_PREKEYS && memories <= identities);
        let most = 1_024 + peers * (1_024 + MAX_SESSIONS * 4_300) + (45 + 76) * unseen;
        let len: usize = of_family(b"ndvs").map(|(_, value)| value.len()).sum();
        assert!(
            len <= most,
            "sessions take {len} bytes, at most {most} are expected"
        );
    }
}
