//! Messages in groups.

mod again;
mod attacks;
mod crash;
mod journey;
mod late;
mod property;
mod renewal;
mod retarget;
