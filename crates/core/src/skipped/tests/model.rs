//! Compares pages with a plain map of single keys. Both keep, evict and destroy the same keys, and
//! export the same bytes.
#![expect(clippy::arithmetic_side_effects, reason = "a test may fail by a panic")]

use proptest::prelude::*;

use super::*;

/// The rules of the specification, applied to a map from chain and number to the age of a key.
#[derive(Default)]
struct Model {
    keys: BTreeMap<(u64, u32), u64>,
    chains: Vec<u64>,
}

impl Model {
    fn prune(&mut self, opened: u64) {
        while self.chains.len() > MAX_SKIPPED_CHAINS {
            let oldest = self.chains.remove(0);
            self.keys.retain(|(chain, _), _| *chain > oldest);
        }
        while let Some(first) = self.keys.first_entry() {
            let is_too_old = opened - first.get() > MAX_SKIPPED_AGE;
            if !is_too_old && self.keys.len() <= MAX_SKIPPED_KEYS {
                break;
            }
            self.keys.pop_first();
        }
        self.forget_chains();
    }

    fn forget_chains(&mut self) {
        let lacks = |chain: &u64| self.keys.keys().any(|(of, _)| of == chain);
        self.chains.retain(lacks);
    }

    fn export(&self) -> Vec<u8> {
        let mut writer = Writer::new(SESSION_VERSION, 0);
        writer.count(self.chains.len());
        for chain in &self.chains {
            writer.u64(*chain);
            writer.bytes(&[8; 32]);
        }
        writer.count(self.keys.len());
        for ((chain, n), stored_at) in &self.keys {
            writer.u64(*chain);
            writer.u32(*n);
            writer.u64(*stored_at);
            writer.bytes(&[7; 32]);
            writer.bytes(&[9; 32]);
        }
        writer.finish().to_vec()
    }
}

pub(super) fn export(skipped: &SkippedKeys) -> Vec<u8> {
    let len = skipped.export_len(Form::Whole);
    let mut writer = Writer::new(SESSION_VERSION, len);
    skipped.write(&mut writer, Form::Whole);
    let bytes = writer.finish().to_vec();
    assert_eq!(bytes.len(), len + 1);
    bytes
}

/// Generates events: which action, how many messages are skipped or opened, and where a late one
/// is.
fn happenings() -> impl Strategy<Value = Vec<(u8, u32, usize)>> {
    let count = prop_oneof![0..5_u32, 0..150_u32, 0..2_000_u32];
    proptest::collection::vec((0..10_u8, count, any::<usize>()), 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn pages_keep_what_a_map_of_keys_would(happenings in happenings()) {
        let mut skipped = SkippedKeys::new();
        let mut model = Model::default();
        // The current chain, its next message number, and the number of messages opened.
        let (mut current, mut next, mut opened) = (1, 0, 0);
        for (what, count, at) in happenings {
            match what {
                0..=4 => {
                    skipped.store(current, missing(next..next + count, opened));
                    model.keys.extend((next..next + count).map(|n| ((current, n), opened)));
                    next += count + 1;
                }
                5 => {
                    skipped.close(chain(current));
                    model.chains.push(current);
                    model.forget_chains();
                    (current, next) = (current + 1, 0);
                }
                6..=8 if !model.keys.is_empty() => for late in 0..count.min(150) as usize {
                    let place = (at.wrapping_add(late * 7)) % model.keys.len().max(1);
                    let Some((key, _)) = model.keys.iter().nth(place) else { break };
                    let key = *key;
                    prop_assert!(skipped.get(key.0, key.1).is_some());
                    skipped.remove(key.0, key.1);
                    prop_assert!(skipped.get(key.0, key.1).is_none());
                    skipped.remove(key.0, key.1);
                    model.keys.remove(&key);
                    model.forget_chains();
                },
                _ => opened += u64::from(count) * 8,
            }
            opened += 1;
            skipped.prune(opened);
            model.prune(opened);
            let bytes = export(&skipped);
            prop_assert!(bytes == model.export(), "pages and map hold different keys");
            let mut reader = Reader::new(SESSION_VERSION, &bytes, bytes.len()).unwrap();
            let received = Received { chain: current, n: next, opened };
            let read = SkippedKeys::read(&mut reader, Form::Whole, received).unwrap();
            prop_assert!(export(&read) == bytes);
            for page in skipped.pages.values() {
                prop_assert!(page.len() > 0 && page.room() < 2 * page.len());
            }
        }
    }
}

#[test]
fn the_last_number_of_all_has_a_page() {
    let mut skipped = SkippedKeys::new();
    skipped.store(1, missing(u32::MAX - 65..u32::MAX, 0));
    assert_eq!(skipped.len(), (65, 0));
    assert_eq!(skipped.pages.len(), 2);
    assert!(skipped.get(1, u32::MAX - 1).is_some());
    assert!(skipped.get(1, u32::MAX).is_none());
}
