//! A network of devices, several of them of one account.

use std::collections::{BTreeMap, VecDeque};

use waxseal::linking::NewDevice;
use waxseal::sync::Fact;
use waxseal::sync::history::RequestId;
use waxseal::{
    AccountId, Client, DeliveryKey, DeviceAddress, Draft, FrankingTag, MemoryStore, Mismatch,
    Outgoing, Received, Store, Synced, Timestamp,
};
use waxseal_world::{PostRefused, Provider, account};

pub(crate) struct Net {
    pub(crate) provider: Provider,
    queues: BTreeMap<DeviceAddress, VecDeque<Vec<u8>>>,
    /// Devices that get nothing, because they are off.
    pub(crate) off: Vec<DeviceAddress>,
}

pub(crate) fn bob() -> AccountId {
    account("bob")
}

impl Net {
    pub(crate) fn new() -> Self {
        Self {
            provider: Provider::new(7),
            queues: BTreeMap::new(),
            off: Vec::new(),
        }
    }

    /// Alice's phone and laptop, and Bob.
    pub(crate) fn of_three() -> (Self, [Client<MemoryStore>; 3]) {
        let mut net = Self::new();
        let mut phone = net.provider.register("alice");
        let bob = net.provider.register("bob");
        let laptop = net.link(&mut phone, MemoryStore::new());
        (net, [phone, laptop, bob])
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.provider.now
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.provider.now = Timestamp::from_millis(self.now().as_millis() + ms);
    }

    /// Links another device, which keeps its state in `store`, and registers it.
    pub(crate) fn link<S: Store, T: Store>(
        &mut self,
        manager: &mut Client<S>,
        store: T,
    ) -> Client<T> {
        let now = self.now();
        let rng = &mut self.provider.fork_rng();
        let mut new = NewDevice::generate(now, rng).unwrap();
        let offer = manager
            .offer_link(&new.code(), new.bundle(), now, rng)
            .unwrap();
        new.open_offer(&offer, now, rng).unwrap();
        let reveal = new.message().unwrap().1.to_vec();
        let digits = manager.link_digits(&reveal, now, rng).unwrap();
        new.accept(&digits, now, rng).unwrap();
        let answer = new.message().unwrap().1.to_vec();
        let roster = manager.finish_link(&answer, now).unwrap();
        self.provider
            .put_roster(&manager.me().account, &roster)
            .unwrap();
        let welcome = manager.confirm_roster(now).unwrap().unwrap();
        new.take_welcome(&welcome.roster).unwrap();
        let key = DeliveryKey::generate(rng);
        let mut client = new.into_client(store, key.clone(), rng).unwrap();
        self.provider.register_key(client.me(), key);
        let upload = client.publish_prekeys(0, rng).unwrap();
        self.provider.publish(&client.me().account.clone(), &upload);
        client.confirm_prekeys(&upload).unwrap();
        client
    }

    /// Takes what waits for a device out of its queue.
    pub(crate) fn take_queue(&mut self, device: &DeviceAddress) -> VecDeque<Vec<u8>> {
        self.queues.remove(device).unwrap_or_default()
    }

    /// Puts back what waited for a device.
    pub(crate) fn put_queue(&mut self, device: &DeviceAddress, queued: VecDeque<Vec<u8>>) {
        self.queues
            .entry(device.clone())
            .or_default()
            .extend(queued);
    }

    /// Starts the sessions that a message to `peer` lacks.
    pub(crate) fn start<S: Store>(&mut self, client: &mut Client<S>, peer: &AccountId) {
        let (now, me) = (self.now(), client.me().clone());
        if client.roster_of(peer).unwrap().is_none() {
            let bundles = self.provider.bundles_for(Some(&me), peer, &[]);
            client
                .start(peer, &bundles, now, &mut self.provider.rng)
                .unwrap();
        }
        for wanted in client.missing(peer, now).unwrap() {
            let (account, devices) = (wanted.account, wanted.devices);
            let bundles = self.provider.bundles_for(Some(&me), &account, &devices);
            client
                .start(&account, &bundles, now, &mut self.provider.rng)
                .unwrap();
        }
    }

    pub(crate) fn send<S: Store>(
        &mut self,
        from: &mut Client<S>,
        to: &AccountId,
        draft: impl Into<Draft>,
    ) -> FrankingTag {
        self.pass(1_000);
        self.start(from, to);
        let sent = from
            .send(to, draft, self.now(), &mut self.provider.rng)
            .unwrap();
        let id = sent.id;
        self.post(from, sent);
        id
    }

    pub(crate) fn post<S: Store>(&mut self, from: &mut Client<S>, mut sent: Outgoing) {
        let me = from.me().clone();
        loop {
            match self.relay(&me, &sent) {
                Ok(receipt) => {
                    from.confirm(&sent.to, &receipt).unwrap();
                    return;
                }
                Err(mismatch) => {
                    let (to, now) = (sent.to.clone(), self.now());
                    let rng = &mut self.provider.rng;
                    sent = from.retarget(&to, &sent.id, &mismatch, now, rng).unwrap();
                }
            }
        }
    }

    /// The phone's user agrees to give the laptop the history that it asked for.
    pub(crate) fn agree<S: Store>(
        &mut self,
        phone: &mut Client<S>,
        laptop: &mut Client<S>,
        request: RequestId,
    ) {
        let device = laptop.me().device;
        let received = self.settle(&mut [phone, laptop]).concat();
        let wanted = Synced::HistoryWanted { device, request };
        assert!(synced(&received).contains(&wanted));
        let (now, rng) = (self.now(), &mut self.provider.fork_rng());
        phone.offer_history(device, request, now, rng).unwrap();
        let received = self.settle(&mut [phone, laptop]).concat();
        assert!(synced(&received).contains(&Synced::HistoryOffered));
    }

    /// What the relay does with a message of the outbox: the receipt, or what the message lacks.
    pub(crate) fn relay(
        &mut self,
        from: &DeviceAddress,
        outgoing: &Outgoing,
    ) -> Result<Vec<u8>, Mismatch> {
        if let Some(target) = &outgoing.again_for {
            let (stamped, receipt) = self.provider.post_again(from, &outgoing.envelope).unwrap();
            self.queue(target, stamped.encode());
            return Ok(receipt);
        }
        let (to, envelope) = (outgoing.to.account().unwrap(), &outgoing.envelope);
        match self.provider.fan_out(from, to, envelope) {
            Ok((stamped, receipt)) => {
                for (device, stamped) in stamped {
                    self.queue(&device, stamped.encode());
                }
                Ok(receipt)
            }
            Err(PostRefused::Mismatch) => Err(self.provider.mismatch(from, to, envelope)),
            Err(error) => panic!("{error}"),
        }
    }

    fn queue(&mut self, device: &DeviceAddress, stamped: Vec<u8>) {
        self.queues
            .entry(device.clone())
            .or_default()
            .push_back(stamped);
    }

    /// Drops what waits for a device, as after 30 days.
    pub(crate) fn drop_queue(&mut self, device: &DeviceAddress) -> usize {
        self.queues.remove(device).unwrap_or_default().len()
    }

    pub(crate) fn waiting(&self, device: &DeviceAddress) -> usize {
        self.queues.get(device).map_or(0, VecDeque::len)
    }

    /// The next delivery of a device, which is then gone from its queue.
    pub(crate) fn next(&mut self, device: &DeviceAddress) -> Option<Vec<u8>> {
        let stamped = self.queues.get_mut(device)?.pop_front()?;
        Some(self.provider.deliver(device, &stamped))
    }

    /// Gives a device everything that waits for it. What it does not know the sender of, it gets
    /// again after the roster.
    pub(crate) fn deliver<S: Store>(&mut self, to: &mut Client<S>) -> Vec<Received> {
        let mut received = Vec::new();
        while let Some(delivery) = self.next(&to.me().clone()) {
            match self.provider.receive(to, &delivery) {
                Ok(one) => received.push(one),
                Err(error) if error.advice() == waxseal::Advice::AskAgain => {}
                Err(error) => panic!("{error}: {error:?}"),
            }
        }
        received
    }

    /// Does what the upkeep of a device says, once. Returns how much it posted.
    pub(crate) fn upkeep<S: Store>(&mut self, client: &mut Client<S>) -> usize {
        let (now, me) = (self.now(), client.me().clone());
        let upkeep = client.upkeep(now, &mut self.provider.rng).unwrap();
        for account in &upkeep.rosters {
            self.provider.show_roster(client, account);
        }
        let mut started = 0;
        for wanted in &upkeep.bundles {
            let (account, devices) = (&wanted.account, &wanted.devices);
            let bundles = self.provider.bundles_for(Some(&me), account, devices);
            let restarted = client.restart(account, &bundles, now, &mut self.provider.rng);
            started += restarted.map_or(0, |started| started.devices.len());
        }
        let posted = upkeep.outgoing.len();
        for outgoing in upkeep.outgoing {
            self.post(client, outgoing);
        }
        posted + started + upkeep.rosters.len()
    }

    /// Lets all devices talk until nothing is left to say. Returns what each of them received.
    pub(crate) fn settle<S: Store>(
        &mut self,
        clients: &mut [&mut Client<S>],
    ) -> Vec<Vec<Received>> {
        let mut received: Vec<Vec<Received>> = clients.iter().map(|_| Vec::new()).collect();
        for _ in 0..60 {
            let mut is_quiet = true;
            for (client, received) in clients.iter_mut().zip(&mut received) {
                if self.off.contains(client.me()) {
                    continue;
                }
                let new = self.deliver(client);
                let posted = self.upkeep(client);
                is_quiet &= new.is_empty() && posted == 0;
                received.extend(new);
            }
            if is_quiet {
                return received;
            }
        }
        panic!("the devices never stop talking");
    }
}

/// What other devices told, of everything that was received.
pub(crate) fn synced(received: &[Received]) -> Vec<Synced> {
    let changes = received.iter().filter_map(|one| match one {
        Received::Synced { changes, .. } => Some(changes.clone()),
        _ => None,
    });
    changes.flatten().collect()
}

/// Everything that a device shares, with the item that counts for each subject, in an order of its
/// own.
pub(crate) fn shared(client: &Client<impl Store>) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = client.shared(after.as_ref(), 50).unwrap();
        all.extend(page.items.iter().map(text_of));
        after = page.next;
        if after.is_none() {
            all.sort();
            return all;
        }
    }
}

fn text_of(fact: &Fact) -> String {
    let name = fact.account().map_or("", AccountId::as_str);
    match fact {
        Fact::Trust {
            account,
            account_key,
            is_verified,
        } => {
            format!(
                "trust {} {:?} {is_verified}",
                account.as_str(),
                &account_key[..4]
            )
        }
        Fact::Blocked {
            account,
            is_blocked,
        } => {
            format!("blocked {} {is_blocked}", account.as_str())
        }
        Fact::Read { up_to, .. } => format!("read {name} {}", up_to.at.as_millis()),
        Fact::MessageDeleted { id, .. } => {
            format!("deleted {name} {:?}", &id.as_bytes()[..4])
        }
        Fact::ConversationDeleted { until, .. } => {
            format!("deleted {name} until {}", until.as_millis())
        }
        Fact::Decided { is_accepted, .. } => format!("decided {name} {is_accepted}"),
        Fact::Setting { name, value } => format!("setting {} {:?}", name.as_str(), &**value),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn texts(client: &Client<impl Store>, peer: &AccountId) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = client.messages(peer, after, 100).unwrap();
        assert!(page.damaged.is_empty());
        all.extend(page.items.iter().map(|one| one.text().unwrap().to_owned()));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}
