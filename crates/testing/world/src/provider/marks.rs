//! Marks against set-back: what the relay keeps of them, and what a device does at its sign-in.

use waxseal::{Client, DeviceAddress, SetBack, Store};

use super::Provider;

impl Provider {
    /// Keeps the mark that a device posted, unless the provider has one with the same or a higher
    /// counter.
    pub fn keep_mark(&mut self, device: &DeviceAddress, mark: [u8; 40]) {
        let kept = self.marks.entry(device.clone()).or_insert(mark);
        if mark[..8] > kept[..8] {
            *kept = mark;
        }
    }

    /// The highest mark that a device posted. `None` before the first.
    #[must_use]
    pub fn mark(&self, device: &DeviceAddress) -> Option<[u8; 40]> {
        self.marks.get(device).copied()
    }

    /// Does what an application does at a sign-in: the client compares its store with the mark. If
    /// the store was set back, the client publishes new prekeys in place of the old ones.
    ///
    /// # Panics
    /// If the store fails, or if the client compares wrongly.
    pub fn sign_in<S: Store>(&mut self, client: &mut Client<S>) -> Option<SetBack> {
        self.sign_in_with(client, 0)
    }

    /// A sign-in like [`sign_in`](Self::sign_in), after which the client has made prekeys as if the
    /// provider had `at_provider` left.
    ///
    /// # Panics
    /// As [`sign_in`](Self::sign_in).
    pub fn sign_in_with<S: Store>(
        &mut self,
        client: &mut Client<S>,
        at_provider: usize,
    ) -> Option<SetBack> {
        let mark = self.mark(client.me())?;
        let is_older = client.mark().unwrap()[..8] < mark[..8];
        let set_back = client.check_mark(&mark, self.now, &mut self.rng).unwrap();
        assert_eq!(set_back.is_some(), is_older);
        if set_back.is_some() {
            let account = client.me().account.clone();
            let upload = client.publish_prekeys(at_provider, &mut self.rng).unwrap();
            self.prekeys.remove(&client.me().clone());
            self.publish(&account, &upload);
            client.confirm_prekeys(&upload).unwrap();
            let again = client.check_mark(&mark, self.now, &mut self.rng).unwrap();
            assert_eq!(again, None);
        }
        set_back
    }
}
