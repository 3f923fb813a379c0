//! A network that delays, reorders, repeats, loses and parts. What arrives when is the script's choice.

use std::collections::BTreeSet;

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct Flight<P> {
    /// Who sent it.
    pub from: usize,
    /// Whom it is for.
    pub to: usize,
    /// What it carries.
    pub packet: P,
}

/// Packets on their way, and those that arrived and may arrive again.
#[derive(Clone, Debug)]
pub struct Network<P> {
    flying: Vec<Flight<P>>,
    arrived: Vec<Flight<P>>,
    cuts: BTreeSet<(usize, usize)>,
}

impl<P> Default for Network<P> {
    fn default() -> Self {
        Self {
            flying: Vec::new(),
            arrived: Vec::new(),
            cuts: BTreeSet::new(),
        }
    }
}

impl<P: Clone> Network<P> {
    /// A packet sets out.
    pub fn send(&mut self, from: usize, to: usize, packet: P) {
        self.flying.push(Flight { from, to, packet });
    }

    /// One of the packets that can arrive does.
    pub fn arrive(&mut self, which: usize) -> Option<Flight<P>> {
        let index = self.passable(which)?;
        let flight = self.flying.remove(index);
        self.arrived.push(flight.clone());
        Some(flight)
    }

    /// One that arrived before, to arrive again.
    pub fn repeat(&self, which: usize) -> Option<Flight<P>> {
        let index = which.checked_rem(self.arrived.len())?;
        self.arrived.get(index).cloned()
    }

    /// One that can arrive, which stays on its way.
    pub fn peek(&self, which: usize) -> Option<Flight<P>> {
        self.flying.get(self.passable(which)?).cloned()
    }

    /// One is lost.
    pub fn lose(&mut self, which: usize) -> Option<Flight<P>> {
        let index = which.checked_rem(self.flying.len())?;
        Some(self.flying.remove(index))
    }

    /// Parts two devices, or joins them again.
    pub fn cut(&mut self, one: usize, other: usize) {
        let line = (one.min(other), one.max(other));
        if !self.cuts.remove(&line) {
            self.cuts.insert(line);
        }
    }

    /// Joins all.
    pub fn join(&mut self) {
        self.cuts.clear();
    }

    /// How many packets are on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }

    fn passable(&self, which: usize) -> Option<usize> {
        let line = |flight: &Flight<P>| (flight.from.min(flight.to), flight.from.max(flight.to));
        let open: Vec<_> = (0..self.flying.len())
            .filter(|index| !self.cuts.contains(&line(&self.flying[*index])))
            .collect();
        open.get(which.checked_rem(open.len())?).copied()
    }
}
