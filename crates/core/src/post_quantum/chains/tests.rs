use super::*;

fn pair() -> [Chains; 2] {
    let seed = PqSeed::from_bytes(&[1; 32]);
    [Role::Initiator, Role::Recipient].map(|role| Chains::new(role, &seed))
}

fn send(chains: &mut Chains) -> (u64, u64, PqMessageKey) {
    let (n, key, next) = chains.next_to_send();
    let epoch = chains.sending_epoch();
    chains.commit_sent(next);
    (epoch, n, key)
}

fn add_epoch(pair: &mut [Chains; 2], epoch: u64) {
    for chains in pair {
        chains.add_epoch(epoch, &EpochKey::from_bytes(&[5; 32]));
    }
}

fn receive(
    chains: &Chains,
    epoch: u64,
    counter: u16,
    gap: usize,
) -> Result<(Vec<[u8; 32]>, PqChainAhead), Misplaced> {
    let mut missing = vec![[0; 32]; gap];
    let places = missing.iter_mut().map(Some);
    let gap = gap.try_into().unwrap();
    let advanced = chains.next_to_receive(epoch, counter, gap, places)?;
    Ok((missing, advanced))
}

fn refused(chains: &Chains, epoch: u64, counter: u16, gap: usize) -> bool {
    receive(chains, epoch, counter, gap).is_err()
}

#[test]
fn missing_messages_of_two_epochs_have_their_keys() {
    let mut pair = pair();
    let mut keys = vec![send(&mut pair[0]), send(&mut pair[0]), send(&mut pair[0])];
    add_epoch(&mut pair, 1);
    pair[0].advance_sending();
    keys.extend([send(&mut pair[0]), send(&mut pair[0])]);
    let (epoch, n, _) = keys[4];
    assert_eq!((epoch, n), (1, 1));
    let (missing, advanced) = receive(&pair[1], 1, 1, 4).unwrap();
    let found = missing.iter().chain([advanced.key.as_bytes()]);
    for (found, (.., expected)) in found.zip(&keys) {
        assert_eq!(found, expected.as_bytes());
    }
    pair[1].commit_received(advanced.chain);
    assert!(pair[1].next_receiving.is_none());
    assert!(refused(&pair[1], 0, 3, 0), "the old chain is destroyed");
}

#[test]
fn chk41_counters_and_epochs_that_no_honest_peer_has_are_refused() {
    let mut pair = pair();
    send(&mut pair[0]);
    let to = &pair[1];
    for (epoch, counter, gap) in [(0, 1, 0), (0, 0, 1), (1, 0, 0), (2, 0, 0), (u64::MAX, 0, 0)] {
        assert!(refused(to, epoch, counter, gap), "{epoch} {counter} {gap}");
    }
    assert!(!refused(to, 0, 0, 0) && !refused(to, 0, 7, 7));
    add_epoch(&mut pair, 1);
    let to = &pair[1];
    assert!(!refused(to, 1, 2, 2) && !refused(to, 1, 0, 2));
    assert!(
        refused(to, 1, 3, 2),
        "the new epoch has more messages than are missing"
    );
    assert!(refused(to, 2, 0, 2));
}

#[test]
fn directions_and_epochs_have_different_keys() {
    let mut pair = pair();
    let mut keys = Vec::new();
    for epoch in 0..3 {
        for chains in &mut pair {
            keys.push(*send(chains).2.as_bytes());
            keys.push(*send(chains).2.as_bytes());
        }
        add_epoch(&mut pair, epoch + 1);
        for chains in &mut pair {
            chains.advance_sending();
        }
    }
    for (i, key) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(key));
    }
}

#[test]
fn counters_saturate_on_the_wire() {
    assert_eq!(
        [0, 65_534, 65_535, 65_536, u64::MAX].map(on_wire),
        [0, 65_534, 65_535, 65_535, 65_535]
    );
}

impl Chains {
    /// Takes the sending step of a message that is not made.
    pub(crate) fn lose_one(&mut self) {
        self.sending.key.advance(None);
        self.sending.n = self.sending.n.saturating_add(1);
    }

    /// Replaces the root and the chain keys by other values.
    pub(crate) fn forget_secrets(&mut self) {
        let other = || PqChainKey::from_bytes(&[0xdd; 32]);
        self.root = PqRootKey::from_bytes(&[0xdd; 32]);
        self.sending.key = other();
        self.receiving.key = other();
        self.next_sending = self.next_sending.as_ref().map(|_| other());
        self.next_receiving = self.next_receiving.as_ref().map(|_| other());
    }
}
