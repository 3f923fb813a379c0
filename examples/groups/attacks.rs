//! What the relay, members and former members try. `reading` tries to read what is not for them,
//! `ghosts` to bring someone into the group, `forgeries` to have a message taken that nobody sent,
//! and `forks` to show different groups to different members. `claims` are reports that are forged.

mod claims;
mod forgeries;
mod forks;
mod ghosts;
mod reading;
mod tools;
