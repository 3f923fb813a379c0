//! What a provider does after an abuse report, and proof that it happened by the rules.

pub mod transparency;
