//! Ghosts: members that no admin added. Each is shown to devices that are in use. It counts as
//! accepted if a device goes by another state of the group afterwards, or seals a message for it.

use waxseal::errors::EditGroupError;
use waxseal::roster::group::{AuthoritySeed, GroupOp, Role};
use waxseal::{GroupMismatch, GroupNews, WholeGroup};
use waxseal_world::{EntryRefused, Provider};

use crate::Result;
use crate::world::World;

/// The name of a ghost.
pub const GHOST: &str = "ghost";
/// To how many devices a ghost is shown.
const SHOWN_TO: usize = 3;

impl World {
    /// Everything that brings a ghost into the group, if anything does.
    pub fn ghosts(&mut self) -> Result<()> {
        // Nobody is about to leave then, to whom only some members write.
        self.settle()?;
        let devices = self.some_devices(SHOWN_TO)?;
        for device in devices {
            self.unsigned_ghost(device)?;
            self.burglar(device)?;
            self.replayed_entries(device)?;
            self.other_key(device)?;
            self.ghost_target(device)?;
        }
        Ok(())
    }

    fn ghost_tried(&mut self, is_accepted: bool, how: &str) {
        self.outcome.ghosts_tried += 1;
        if is_accepted {
            self.outcome.ghosts_accepted += 1;
            self.wrong(format!("a ghost was accepted {how}"));
        }
    }

    /// Shows news to a device, and counts whether it goes by them.
    fn offer(&mut self, device: usize, news: &GroupNews) -> Result<()> {
        let (group, now) = (self.group(), self.provider.now);
        let client = &mut self.people.devices[device].client;
        let before = client.group(&group)?;
        let _ = client.take_group_news(&group, news, now);
        let is_accepted = client.group(&group)? != before;
        self.ghost_tried(is_accepted, "by news");
        Ok(())
    }

    /// The relay adds a ghost, with a key of its own and with a signature that does not fit.
    fn unsigned_ghost(&mut self, device: usize) -> Result<()> {
        let me = self.people.devices[device].me().clone();
        let (state, now) = (self.state()?, self.provider.now);
        self.provider.register(GHOST);
        let key = self.provider.account_key(&waxseal::AccountId::new(GHOST)?);
        let add = [GroupOp::add(GHOST, Role::Member, key)];
        let admins = state.members().iter().map(|member| member.account());
        let mut admins = admins.filter(|account| state.is_admin(account));
        let admin = admins.next().ok_or("no admin")?.to_owned();
        let seed = self.stolen_seed()?;
        let genuine = seed.sign_entry(&state, &admin, &add, None, now.as_millis())?;
        let mut unsigned = genuine.encode();
        if let Some(last) = unsigned.last_mut() {
            *last ^= 1;
        }
        let news = self.news_for(&me, &[&unsigned], now);
        self.offer(device, &news)?;
        // A whole state, with the ghost in it.
        let log = self.provider.group_log(&self.group()).ok_or("no group")?;
        let whole = WholeGroup {
            state: state.apply(&genuine)?.encode(),
            authority_chain: log.authority_chain().encode(),
        };
        let news = GroupNews {
            whole: Some(whole),
            ..news
        };
        self.offer(device, &news)?;
        // Another group, of which the relay has the key.
        let own = AuthoritySeed::generate(&mut self.rng);
        let founded = [GroupOp::add(&admin, Role::Admin, key), add[0].clone()];
        let other = own.create_group(&admin, &founded, now.as_millis())?;
        let news = self.news_for(&me, &[&other.encode()], now);
        self.offer(device, &news)
    }

    /// A member who is no admin makes itself one: with its client, and with a stolen key in an
    /// admin's name.
    fn burglar(&mut self, device: usize) -> Result<()> {
        let (state, now, group) = (self.state()?, self.provider.now, self.group());
        let me = self.people.devices[device].me().clone();
        if state.is_admin(me.account.as_str()) {
            return Ok(());
        }
        let client = &mut self.people.devices[device].client;
        let own = client.promote(&group, &me.account, now, &mut self.rng);
        let is_refused = matches!(own, Err(EditGroupError::NotAdmin));
        self.ghost_tried(!is_refused, "by its own client");
        let admins = state.members().iter().map(|member| member.account());
        let mut admins = admins.filter(|account| state.is_admin(account));
        let admin = admins.next().ok_or("no admin")?;
        let promote = [GroupOp::role(me.account.as_str(), Role::Admin)];
        let seed = self.stolen_seed()?;
        let entry = seed.sign_entry(&state, admin, &promote, None, now.as_millis())?;
        let posted = self.provider.post_entry(&me, &entry.encode());
        let is_refused = posted == Err(EntryRefused::NotActor);
        self.ghost_tried(!is_refused, "by the relay");
        Ok(())
    }

    /// The relay shows entries again that had added members, some of whom were removed.
    fn replayed_entries(&mut self, device: usize) -> Result<()> {
        let me = self.people.devices[device].me().clone();
        let state = self.state()?;
        let after = state.version().saturating_sub(16);
        let news = self.provider.group_news(&me, &self.group(), after);
        let mut news = news.ok_or("no news")?;
        news.whole = None;
        self.offer(device, &news)?;
        news.entries.reverse();
        self.offer(device, &news)
    }

    /// The provider gives a member's account another key, and shows a roster under that one. A copy
    /// of the device's client seals a message then, with no slot for the account.
    fn other_key(&mut self, device: usize) -> Result<()> {
        let (group, now) = (self.group(), self.provider.now);
        let state = self.state()?;
        let me = self.people.devices[device].me().clone();
        let others = state.members().iter().map(|member| member.account());
        let others: Vec<_> = others
            .filter(|account| *account != me.account.as_str())
            .collect();
        let Some(name) = self.any(&others) else {
            return Ok(());
        };
        let account = waxseal::AccountId::new(name)?;
        let mut reset = Provider::new(rand::Rng::next_u64(&mut self.rng));
        reset.now = now;
        reset.register(name);
        let mut copy = self.steal(device)?;
        copy.take_group_rosters(&group, &[reset.roster(&account)], now)?;
        let info = copy.group(&group)?.ok_or("no group")?;
        let is_suspended = info
            .member(&account)
            .is_some_and(|member| member.is_suspended);
        let devices = self.provider.devices(&account).len();
        let slots = self.slots(&mut copy)?;
        let expected = self.targets(&me).saturating_sub(devices);
        let is_sealed = slots.is_some_and(|slots| slots != expected);
        let what = format!("under another key: {is_suspended}, {slots:?} of {expected}");
        self.ghost_tried(!is_suspended || is_sealed, &what);
        Ok(())
    }

    /// The relay says that a message is for a ghost as well, of which it shows the roster.
    fn ghost_target(&mut self, device: usize) -> Result<()> {
        let (group, now) = (self.group(), self.provider.now);
        let mut copy = self.steal(device)?;
        let me = copy.me().clone();
        let ghost = waxseal::AccountId::new(GHOST)?;
        if self.slots(&mut copy)?.is_none() {
            return Ok(()); // it may not write now
        }
        let waiting = copy.outbox(None, usize::MAX, now)?.items;
        let mine = waiting.iter().rev().find(|one| one.to.group().is_some());
        let id = mine.ok_or("nothing waits")?.id;
        let mismatch = GroupMismatch {
            rosters: vec![(ghost.clone(), 1, 1)],
            ..GroupMismatch::default()
        };
        let rosters = [self.provider.roster(&ghost)];
        let again = copy.retarget_in_group(&group, &id, &mismatch, &rosters, now, &mut self.rng)?;
        let slots = self.slots_of(&me, &again)?;
        let is_sealed = slots != self.targets(&me);
        self.ghost_tried(is_sealed, "as the relay names it");
        Ok(())
    }

    /// For how many devices a copy of a client seals a message. `None` if it may not write.
    fn slots(&mut self, copy: &mut super::tools::Stolen) -> Result<Option<usize>> {
        match self.seal_stolen(copy, "Nobody reads along?") {
            Ok(sealed) => Ok(Some(self.slots_of(copy.me(), &sealed)?)),
            Err(_) => Ok(None),
        }
    }

    /// How many devices a message of a device is for.
    fn targets(&self, from: &waxseal::DeviceAddress) -> usize {
        let names = self.member_names().into_iter();
        let names = names.filter_map(|name| waxseal::AccountId::new(&name).ok());
        let devices = names.flat_map(|account| self.provider.devices(&account));
        devices.filter(|device| device != from).count()
    }
}
