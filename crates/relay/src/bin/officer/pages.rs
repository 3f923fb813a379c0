//! The pages.

pub mod appeals;
pub mod ask;
pub mod case;
pub mod confirm;
pub mod decide;
pub mod enter;
pub mod exports;
pub mod file;
pub mod grants;
pub mod holds;
pub mod log;
pub mod message;
pub mod queue;
pub mod sign;
pub mod steps;
pub mod transparency;
pub mod view;

mod attached;
mod choice;
mod plot;
