//! What this program shares with the other examples.

#[path = "../support/linking.rs"]
pub mod linking;
#[path = "../support/packets.rs"]
pub mod packets;
