use std::convert::Infallible;
use std::time::Instant;

use ed25519_dalek::SigningKey;
use rand_core::CryptoRng;
use rustix::time::{ClockId, clock_gettime};
use waxseal_reporting::message::{Payload, PayloadHeader};
use waxseal_reporting::relay::{DeliveryKey, EPOCH_MS, GroupSlot};
use waxseal_reporting::sender::{SealedForGroup, SealingGroupChannel, SentMessage};
use waxseal_reporting::{AccountId, DeviceAddress, DeviceId, Timestamp};
use waxseal_roster::group::{AuthoritySeed, GroupLog, GroupOp, Role};
use waxseal_roster::{AccountKey, Pinned, Roster};

use super::*;
use crate::fixture::World;
use crate::fixture::owner::{Owner, identity_of};
use crate::store::{accounts, devices};

const NOW: u64 = 21_000 * EPOCH_MS;

/// Operations of an entry, at most.
const OPERATIONS: usize = 64;

/// How often a message is posted, to find the shortest time that it takes.
const POSTS: u64 = 15;

/// A channel that encrypts nothing, for this many devices that all have the chain.
struct Macs(usize);

impl SealingGroupChannel for Macs {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl CryptoRng,
    ) -> Result<SealedForGroup, Infallible> {
        Ok(SealedForGroup {
            body: plaintext.to_vec(),
            slots: vec![GroupSlot::Mac([7; 16]); self.0],
        })
    }
}

fn name(member: usize) -> String {
    format!("member{member}")
}

fn key_of(member: usize, device: u32) -> SigningKey {
    let mut key = [device as u8; 32];
    key[..8].copy_from_slice(&member.to_be_bytes());
    SigningKey::from_bytes(&key)
}

/// The roster of an account with two devices, and its account key.
fn roster(member: usize) -> (Roster, AccountKey) {
    let owner = Owner::new(&name(member));
    let (first, second) = (key_of(member, 1), key_of(member, 2));
    let roster = owner.first(1, &first, NOW);
    let entry = owner.entry(2, &second);
    let roster = owner.next(&roster, (1, &first), NOW, |draft| draft.add(entry).unwrap());
    (roster, owner.key.public())
}

fn add(member: usize, key: AccountKey) -> GroupOp {
    let role = match member {
        0 => Role::Admin,
        _ => Role::Member,
    };
    GroupOp::add(&name(member), role, key)
}

/// A group of accounts with two devices each. Returns what a posted message of the first device of
/// the first account needs: the device, its group and its stamp.
fn group(db: &Connection, members: usize) -> Result<(Device, ConversationId, GroupStamp), Refusal> {
    let (mut rosters, mut ops) = (Vec::new(), Vec::new());
    let mut first = None;
    for member in 0..members {
        let (roster, key) = roster(member);
        let account = accounts::add(db, &name(member), None)?.unwrap();
        first.get_or_insert(account);
        devices::keep_roster(db, account, &Pinned::first(roster.clone()))?;
        rosters.push((name(member), roster));
        ops.push(add(member, key));
    }
    let seed = AuthoritySeed::generate(&mut rand::rng());
    let entry = seed.create_group(&name(0), &ops[..1], NOW).unwrap();
    let id = ConversationId::from_bytes(entry.group().to_bytes());
    let log = GroupLog::first(&entry, entry.group()).unwrap();
    let now = Timestamp::from_millis(NOW);
    let mut found = Group::found(db, &id, log, now)?.unwrap();
    members::change(db, found.row, 1, entry.ops(), now)?;
    for ops in ops[1..].chunks(OPERATIONS) {
        let state = found.log.state();
        let entry = seed.sign_entry(state, &name(0), ops, None, NOW).unwrap();
        let mut log = found.log.clone();
        log.take(&entry).unwrap();
        members::change(db, found.row, entry.version(), entry.ops(), now)?;
        found.advance(db, log, now)?;
    }
    let account = first.unwrap();
    let device = devices::find(db, account, DeviceId(1))?.unwrap();
    let me = DeviceAddress::new(AccountId::new(&name(0)).unwrap(), DeviceId(1));
    let device = Device {
        id: device,
        account,
        me,
        identity: identity_of(&key_of(0, 1)),
        delivery_key: DeliveryKey::from_bytes([5; 32]),
    };
    let rosters: std::collections::HashMap<_, _> = rosters.into_iter().collect();
    let state = found.log.state();
    let targets = state.targets((&name(0), 1), |name| rosters.get(name), |_| NOW);
    let targets = targets.unwrap();
    assert_eq!(targets.targets().len(), 2 * members - 1);
    let stamp = GroupStamp::new(state.version(), state.hash(), targets.digest());
    Ok((device, id, stamp))
}

/// Time that this thread has spent on a processor.
fn busy_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// A posted message for this many devices.
fn message(
    relay: &Relay,
    from: &Device,
    id: &ConversationId,
    (stamp, sequence): (GroupStamp, u64),
    targets: usize,
) -> Vec<u8> {
    let payload = Payload::text(PayloadHeader::new(sequence, relay.now()), "hello").unwrap();
    let sent = SentMessage::commit(&from.me, id, &payload, &mut rand::rng());
    let fanout = sent.seal_for_group(&mut Macs(targets), stamp, &mut rand::rng());
    let fanout = fanout.unwrap();
    fanout.post(&from.delivery_key, &from.me, relay.now())
}

/// Posts messages to a group of this many accounts. Returns the shortest processor time that one
/// took in the database's thread.
async fn post(relay: &Arc<Relay>, members: usize) -> f64 {
    let made = relay.store.run(move |db| group(db, members));
    let (from, id, stamp) = made.await.unwrap();
    let mut shortest = f64::INFINITY;
    for sequence in 0..POSTS {
        let targets = 2 * members - 1;
        let posted = message(relay, &from, &id, (stamp, sequence), targets);
        let (shared, sender) = (relay.clone(), clone(&from));
        let job = move |db: &Connection| {
            let began = busy_ms();
            let posted = PostedGroup::decode(&posted).unwrap();
            let authentic = posted.authenticate(&sender.delivery_key, &sender.me, shared.now());
            let keys = Stamping::of(&shared.keys);
            let taken = take(
                db,
                (&shared, &Budgets::default()),
                &keys,
                &sender,
                &id,
                &authentic.unwrap(),
            )?;
            let Accepted::Stamped(_, to) = taken else {
                panic!("it is for the devices of the members");
            };
            assert_eq!(to.len(), 2 * members - 1);
            Ok(busy_ms() - began)
        };
        let took = relay.store.run_under_locks(job, |_| ()).await.unwrap();
        shortest = shortest.min(took);
    }
    shortest
}

fn clone(device: &Device) -> Device {
    Device {
        me: device.me.clone(),
        delivery_key: device.delivery_key.clone(),
        ..*device
    }
}

#[tokio::test]
async fn a_message_with_few_slots_counts_for_as_many_as_the_group_has_members() {
    const MEMBERS: usize = 40;
    let world = World::at(NOW);
    let relay = world.open().await;
    let made = relay.store.run(|db| group(db, MEMBERS));
    let (from, id, stamp) = made.await.unwrap();
    let (began, mut codes) = (Instant::now(), Vec::new());
    for sequence in 0..200 {
        let posted = message(&relay, &from, &id, (stamp, sequence), 1);
        let (shared, sender) = (relay.clone(), clone(&from));
        let job = move |db: &Connection| {
            let posted = PostedGroup::decode(&posted).unwrap();
            let authentic = posted.authenticate(&sender.delivery_key, &sender.me, shared.now());
            let keys = Stamping::of(&shared.keys);
            let taken = take(
                db,
                (&shared, &Budgets::default()),
                &keys,
                &sender,
                &id,
                &authentic.unwrap(),
            );
            Ok(taken.err().map(|refusal| refusal.code))
        };
        codes.extend(relay.store.run_under_locks(job, |_| ()).await.unwrap());
    }
    let read = codes
        .iter()
        .filter(|code| **code == ErrorCode::GroupMismatch);
    let limited = codes
        .iter()
        .filter(|code| **code == ErrorCode::TooManyRequests);
    let (read, limited) = (read.count(), limited.count());
    assert_eq!(read + limited, 200, "{codes:?}");
    // The bucket of an account holds 1,000, as much may be owed before the last message, and it
    // gets 200 each second.
    let budget = 2_039.0 + 200.0 * began.elapsed().as_secs_f64();
    let most = budget / (MEMBERS - 1) as f64;
    assert!(read >= 25 && read as f64 <= most, "{read} of {most}");
}

#[tokio::test]
async fn a_message_is_queued_for_all_devices_of_a_group() {
    let world = World::at(NOW);
    post(&world.open().await, 5).await;
}

/// What one message costs the relay: all that it does before the commit, in the thread that works
/// for all requests.
///
/// `cargo test --release -p waxseal-relay --bin relay -- --ignored --nocapture group_messages`
#[tokio::test]
#[ignore = "a measurement"]
async fn what_a_message_to_a_group_costs() {
    for members in [3, 10, 100, 1_000] {
        let world = World::at(NOW);
        let took = post(&world.open().await, members).await;
        println!("{members} members: {took:.3} ms");
    }
}

#[cfg(feature = "postgres")]
mod at_once;
