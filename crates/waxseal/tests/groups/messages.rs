//! Messages in groups.

mod again;
mod attacks;
mod chains;
mod crash;
mod decisions;
mod fellow;
mod history;
mod insiders;
mod journey;
mod late;
mod property;
mod renewal;
mod retarget;
mod thief;
mod views;
mod words;
