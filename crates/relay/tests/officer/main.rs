//! Tests of the program `officer`: what its pages let through, in a real browser, and what they
//! refuse.

#![allow(clippy::restriction, unreachable_pub, reason = "tests")]

mod access;
mod asking;
mod attachments;
mod browser;
mod command;
mod connections;
mod conversation;
mod desks;
mod evil_answers;
mod evil_desk;
mod evil_grants;
mod evil_view;
mod harmless;
mod hostile;
mod job;
#[path = "../office/mod.rs"]
mod office;
mod pictures;
mod program;
mod proxy;
mod scene;
mod sessions;
mod short_jobs;
mod signing;
mod visit;
#[path = "../world/mod.rs"]
mod world;
