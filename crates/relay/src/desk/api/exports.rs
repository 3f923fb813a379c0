//! Exports and callbacks.

use serde::{Deserialize, Serialize};
use waxseal_interface::b64;

use crate::desk::hex::Hex;

json! {
    /// `POST /v1/cases/{id}/exports`: an officer has a case exported.
    AskExport {
        /// Number of the target.
        target: u8,
        /// What only the officer knows, by the names that the export's documentation lists.
        fields: std::collections::BTreeMap<String, String>,
        /// The reports whose content goes along, with the view of each. Empty if none does.
        #[serde(with = "b64")]
        content: Vec<u8>,
    }

    /// An export was logged, and waits to be sent.
    Exported {
        /// The export.
        id: Hex<16>,
        /// What leaves, byte for byte.
        #[serde(with = "b64")]
        sent: Vec<u8>,
        /// Number of entries in the log now.
        log_size: u64,
    }

    /// The exports of all cases, the newest first; or those of one case.
    Exports {
        /// At most 1,000.
        exports: Vec<ExportItem>,
        /// What targets said later, at most 1,000. It decides nothing.
        callbacks: Vec<CallbackItem>,
    }

    /// What a target said later, such as what was decided in ROOST Coop.
    CallbackItem {
        /// The case that it is about, if it names one.
        case: Option<Hex<16>>,
        /// What it said. Show it as text.
        text: String,
        /// When it came.
        received_at_ms: u64,
    }

    /// An export.
    ExportItem {
        /// The export.
        id: Hex<16>,
        /// The case.
        case: Hex<16>,
        /// Number of the target.
        target: u8,
        /// When it was made.
        made_at_ms: u64,
        /// Who asked for it.
        officer: Hex<32>,
        /// Index of the entry in the log.
        log_index: u64,
        /// When the target took it. `None` while it waits.
        taken_at_ms: Option<u64>,
        /// When it was given up. `None` while it waits.
        given_up_at_ms: Option<u64>,
        /// How often it was tried.
        tries: u32,
        /// What the target said last. Bounded, and shown as text.
        answer: String,
    }
}
