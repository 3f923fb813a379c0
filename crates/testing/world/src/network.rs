//! A network that delays, reorders, repeats and loses packets, and whose lines can be cut. The
//! script decides which packet arrives when.

use std::collections::BTreeSet;

/// A packet on its way.
#[derive(Clone, Debug)]
pub struct Flight<P> {
    /// The sending device.
    pub from: usize,
    /// The device that the packet is addressed to.
    pub to: usize,
    /// What is sent.
    pub packet: P,
}

/// The packets between devices.
///
/// A packet enters with [`send`](Network::send) and is in flight until the script lets it
/// [`arrive`](Network::arrive) or [`lose`](Network::lose)s it. A packet that arrived can arrive
/// again with [`repeat`](Network::repeat). While the line between two devices is
/// [`cut`](Network::cut), their packets stay in flight.
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
    /// Puts a packet in flight.
    pub fn send(&mut self, from: usize, to: usize, packet: P) {
        self.flying.push(Flight { from, to, packet });
    }

    /// Removes one packet from those in flight and returns it as arrived. `which` selects it among
    /// the packets whose line is not cut.
    pub fn arrive(&mut self, which: usize) -> Option<Flight<P>> {
        let index = self.passable(which)?;
        let flight = self.flying.remove(index);
        self.arrived.push(flight.clone());
        Some(flight)
    }

    /// Returns a copy of a packet that arrived before, so that it can arrive again.
    pub fn repeat(&self, which: usize) -> Option<Flight<P>> {
        let index = which.checked_rem(self.arrived.len())?;
        self.arrived.get(index).cloned()
    }

    /// Returns a copy of a packet whose line is not cut. The packet stays in flight.
    pub fn peek(&self, which: usize) -> Option<Flight<P>> {
        self.flying.get(self.passable(which)?).cloned()
    }

    /// Removes one of all packets in flight, also of those on a cut line. It never arrives.
    pub fn lose(&mut self, which: usize) -> Option<Flight<P>> {
        let index = which.checked_rem(self.flying.len())?;
        Some(self.flying.remove(index))
    }

    /// Cuts the line between two devices, or joins it again if it is cut.
    pub fn cut(&mut self, one: usize, other: usize) {
        let line = (one.min(other), one.max(other));
        if !self.cuts.remove(&line) {
            self.cuts.insert(line);
        }
    }

    /// Joins all lines.
    pub fn join(&mut self) {
        self.cuts.clear();
    }

    /// How many packets are in flight.
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
