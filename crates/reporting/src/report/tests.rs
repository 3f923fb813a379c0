//! Tests of `report.rs`.
