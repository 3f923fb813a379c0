//! Messages in groups.

mod journey;
