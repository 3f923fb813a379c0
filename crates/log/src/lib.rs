//! Transparency log of what a provider does with abuse reports.
