//! Tests of the proof of a group's authority.
