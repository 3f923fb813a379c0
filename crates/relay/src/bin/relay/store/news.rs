//! What the relays of one database tell each other. None of it is kept: who misses it finds it in
//! the database a moment later.

#[cfg(feature = "postgres")]
use std::collections::HashMap;

/// What one relay tells the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A message waits for this device.
    Queued(i64),
    /// This account has other devices or keys than before.
    Account(i64),
    /// This device has a connection with this number. Older ones have lower numbers.
    Connected { device: i64, number: i64 },
    /// Whatever others told may have been missed, because the database was not there. No relay
    /// tells this.
    #[cfg(feature = "postgres")]
    Missed,
}

/// What takes the news.
#[cfg(feature = "postgres")]
pub trait Ear: Send + Sync {
    /// Takes what another relay told, or this one.
    fn hear(&self, news: News);
    /// The devices that are connected here. With each, the number that its next message has at
    /// least, unless the database went back in time.
    fn connected(&self) -> HashMap<i64, i64>;
    /// Takes what the database has of a connected device: which number its next message has, and
    /// which one its newest connection.
    fn found(&self, device: i64, next: i64, connection: i64);
    /// The database went back in time: it gives numbers again that were given.
    fn went_back(&self);
}

impl News {
    /// Appends the news to others in one text: `q`, `a` or `c`, the numbers, and a space.
    #[cfg(feature = "postgres")]
    pub fn write(&self, text: &mut String) {
        let written = match self {
            Self::Queued(device) => format!("q{device} "),
            Self::Account(account) => format!("a{account} "),
            Self::Connected { device, number } => format!("c{device}.{number} "),
            Self::Missed => return,
        };
        text.push_str(&written);
    }

    /// Reads all news in a text. Leaves out what a later version may add.
    #[cfg(feature = "postgres")]
    pub fn read(text: &str) -> impl Iterator<Item = Self> + '_ {
        text.split_ascii_whitespace().filter_map(|word| {
            let (kind, numbers) = word.split_at_checked(1)?;
            match kind {
                "q" => numbers.parse().ok().map(Self::Queued),
                "a" => numbers.parse().ok().map(Self::Account),
                "c" => {
                    let (device, number) = numbers.split_once('.')?;
                    let (device, number) = (device.parse().ok()?, number.parse().ok()?);
                    Some(Self::Connected { device, number })
                }
                _ => None,
            }
        })
    }
}
