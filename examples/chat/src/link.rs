//! Linking: a new device joins an account. A terminal has no camera, so the code is typed or
//! pasted.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use waxseal::courier::{Event, Linking, LinkingState};
use waxseal::linking::{LINK_WARNING, LinkDigits};
use waxseal::transport::{now, system_rng};

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Relay};
use crate::reach::RelayOptions;
use crate::register::print_keys;
use crate::text::{broken, printable};

/// How long the new device waits for news before it looks again.
const WAIT: Duration = Duration::from_secs(1);

/// On the new device: shows a code, asks for the digits, and joins the account.
pub fn join(folder: &Path, options: &RelayOptions) -> Outcome<()> {
    let rng = &mut system_rng();
    let (mut home, store) = Home::open(folder, rng)?;
    let address = options.address(home.memory.relay.as_ref().map(|relay| &relay.address))?;
    let mut transport = address.transport()?;
    let mut linking = Linking::new(store, now(), rng)?;
    home.memory.relay = Some(Relay::at(address));
    home.remember()?;
    println!(
        "On the device that manages the account, run:\n\n  link {}\n",
        *linking.code()
    );
    let mut is_asked = false;
    loop {
        match transport.link(&mut linking, WAIT)? {
            LinkingState::Digits if !is_asked => {
                let offered = linking.account();
                let offered = offered.ok_or_else(|| Failure::new("no account was offered"))?;
                println!(
                    "This device joins {}.",
                    printable(offered.me.account.as_str())
                );
                is_asked = true;
                let digits = ask_digits()?;
                linking.type_digits(&digits, now(), rng)?;
            }
            LinkingState::Welcome => break,
            LinkingState::Failed(failure) => return Err(Failure::new(failure.to_string())),
            _ => {}
        }
        if let Some(error) = transport.last_error() {
            return Err(error.clone().into());
        }
    }
    let courier = linking.into_courier(rng)?;
    let (name, device) = {
        let me = courier.client().me();
        (me.account.as_str().to_owned(), me.device.0)
    };
    let mut chat = Chat::new(courier, home, transport, false)?;
    chat.courier.listen(false);
    let mut is_registered = false;
    let ended = chat.run(|_, events| {
        is_registered |= events.iter().any(|one| matches!(one, Event::Registered));
        // The keys are printed below.
        events.retain(|one| !matches!(one, Event::Pinned { .. }));
        Ok(is_registered)
    });
    chat.print_notices();
    ended?;
    println!("linked as device {device} of {}", printable(&name));
    print_keys(&chat)?;
    chat.close();
    Ok(())
}

fn ask_digits() -> Outcome<LinkDigits> {
    loop {
        print!("Type the eight digits that the other device shows: ");
        io::stdout().flush()?;
        let mut typed = String::new();
        if io::stdin().read_line(&mut typed)? == 0 {
            return Err(Failure::new("no digits were typed"));
        }
        if let Some(digits) = LinkDigits::parse(typed.trim()) {
            return Ok(digits);
        }
        println!("These are not eight digits.");
    }
}

/// On a device that has the account: shows digits for the device with this code, and adds it.
pub fn add(chat: &mut Chat, code: &str) -> Outcome<()> {
    chat.courier.link_device(code, now())?;
    let (mut ended, mut changed) = (None, Vec::new());
    let ran = chat.wait(|chat, events| {
        for event in &*events {
            match event {
                Event::LinkDigits(digits) => {
                    println!("Type these digits into the new device: {}", *digits.shown());
                    println!("{}", broken(LINK_WARNING));
                }
                Event::Linked { device } => ended = Some(Ok(*device)),
                Event::LinkFailed(failure) => ended = Some(Err(failure.to_string())),
                _ => {}
            }
        }
        changed.extend(chat.take_own_changes(events));
        Ok(ended.is_some())
    });
    let linked = ended.as_ref().and_then(|ended| ended.as_ref().ok());
    chat.tell_own_changes(changed, linked.copied(), None);
    chat.print_notices();
    match ended {
        Some(Ok(device)) => {
            println!("added device {}", device.0);
            Ok(())
        }
        Some(Err(why)) => Err(Failure::new(why)),
        None => ran,
    }
}
