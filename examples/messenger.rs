//! A messenger in 30 lines: each line that you type goes to PEER.
//!
//! `cargo run --release -p waxseal-chat --bin messenger -- RELAY ME PEER`

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output")]

use std::{env, fs, io, sync::mpsc, thread, time::Duration};

use waxseal::courier::{Courier, Event};
use waxseal::transport::{Transport, now, system_rng};
use waxseal::{AccountId, DeviceAddress, DeviceId, SqliteStore, StoreKey};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args().skip(1);
    let mut arg = || args.next().ok_or("give RELAY ME PEER");
    let (relay, me, peer) = (arg()?, arg()?, AccountId::new(&arg()?)?);
    let (key_file, rng) = (format!("{me}.key"), &mut system_rng());
    if !fs::exists(&key_file)? {
        fs::write(&key_file, StoreKey::generate(rng).to_bytes())?; // better: a key store
    }
    let key = fs::read(&key_file)?.try_into().map_err(|_| "not a key")?;
    let store = SqliteStore::open(format!("{me}.sqlite"), &StoreKey::from_bytes(key))?;
    let me = DeviceAddress::new(AccountId::new(&me)?, DeviceId(1));
    let mut courier = Courier::open_or_create(store, me, now(), rng)?;
    let mut transport = Transport::new(&relay)?;
    let (typed, lines) = mpsc::channel();
    thread::spawn(move || io::stdin().lines().try_for_each(|line| typed.send(line)));
    loop {
        for line in lines.try_iter() {
            courier.send(&peer, line?.as_str(), now(), rng)?;
        }
        for event in transport.turn(&mut courier, Duration::from_millis(100))? {
            match event {
                Event::Message { from, message, .. } => {
                    let text = message.text().unwrap_or_default();
                    println!("{}: {}", from.as_str(), text.escape_debug());
                }
                Event::Trouble(_) | Event::GivenUp { .. } => eprintln!("{event:?}"),
                _ => {} // `Event` lists what else an application can show
            }
        }
    }
}
