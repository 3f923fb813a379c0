//! The unit tests of the chat's modules: an example that is built as a test is not built to be run.

#![allow(dead_code, clippy::unwrap_used, reason = "modules of a program")]

mod chat;
mod failure;
mod home;
mod identity;
mod receive;
mod report;
mod send;
mod show;
mod text;
