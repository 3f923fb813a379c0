//! The recovery secret: shown as words, and an account brought back with them.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use waxseal::courier::{Event, Recovering, RecoveringState};
use waxseal::roster::RecoverySecret;
use waxseal::transport::{now, system_rng};
use waxseal::{Client, DeviceId};
use waxseal_interface::account_name;
use zeroize::Zeroizing;

use crate::chat::Chat;
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Relay};
use crate::reach::RelayOptions;

/// How long one step waits for the relay.
const WAIT: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub enum Action {
    /// Show 24 words: write them down and keep them where no device is
    Show {
        /// Then delete the secret from this device, so that a thief of it does not have it
        #[arg(long)]
        forget: bool,
    },
    /// Bring an account back on this device with its 24 words, if all its devices are lost
    Restore {
        /// The account name
        name: String,
        /// Number of a device that is not lost; can be given several times
        #[arg(long, value_name = "DEVICE")]
        keep: Vec<u32>,
    },
}

/// Carries out an action on an account that exists.
pub fn perform(chat: &mut Chat, action: &Action) -> Outcome<()> {
    let Action::Show { forget } = action else {
        return Err(Failure::new("this home already has an account"));
    };
    let secret = chat.client().account_secret()?;
    let secret = secret.ok_or_else(|| Failure::new("this device does not have the secret"))?;
    println!("{}", *secret.to_words());
    eprintln!(
        "Whoever has these words has your account. Write them down, and keep them where no device \
         is."
    );
    if *forget {
        chat.courier.client_mut().forget_account_secret()?;
        eprintln!("This device has forgotten them.");
    } else {
        eprintln!(
            "A thief of this device has them as well. `recovery show --forget` deletes them here."
        );
    }
    Ok(())
}

/// Brings an account back on a new device.
pub fn restore(folder: &Path, options: &RelayOptions, name: &str, keep: &[u32]) -> Outcome<()> {
    let account = account_name(name)?;
    let rng = &mut system_rng();
    let (mut home, store) = Home::open(folder, rng)?;
    if Client::has_account(&store)? {
        return Err(Failure::new("this home already has an account"));
    }
    let address = options.address(home.memory.relay.as_ref().map(|relay| &relay.address))?;
    let mut transport = address.transport()?;
    let mut recovering = Recovering::new(account, ask_words()?);
    loop {
        match transport.recover(&mut recovering, WAIT) {
            RecoveringState::Found => break,
            RecoveringState::Failed(failure) => return Err(Failure::new(failure.to_string())),
            _ => {}
        }
        if let Some(error) = transport.last_error() {
            return Err(error.clone().into());
        }
    }
    let keep: Vec<_> = keep.iter().copied().map(DeviceId).collect();
    let courier = recovering.into_courier(store, &keep, now(), rng)?;
    home.memory.relay = Some(Relay::at(address));
    home.remember()?;
    let device = courier.client().me().device.0;
    let mut chat = Chat::new(courier, home, transport, false)?;
    chat.courier.listen(false);
    let mut is_registered = false;
    let ended = chat.run(|_, events| {
        is_registered |= events.iter().any(|one| matches!(one, Event::Registered));
        Ok(is_registered)
    });
    chat.print_notices();
    ended?;
    chat.close();
    println!("{name} is back, on device {device}; the safety numbers are as before");
    Ok(())
}

fn ask_words() -> Outcome<RecoverySecret> {
    eprint!("Type the 24 words: ");
    io::stderr().flush()?;
    let mut typed = Zeroizing::new(String::new());
    io::stdin().read_line(&mut typed)?;
    RecoverySecret::from_words(typed.trim())
        .map_err(|_| Failure::new("these are not the 24 words of an account: check each"))
}
