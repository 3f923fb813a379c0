//! What this program shares with the other examples.

#[path = "../support/forge.rs"]
pub mod forge;
#[path = "../support/network.rs"]
pub mod network;
#[path = "../support/no_channel.rs"]
pub mod no_channel;
#[path = "../support/progress.rs"]
pub mod progress;
#[path = "../support/provider.rs"]
pub mod provider;
