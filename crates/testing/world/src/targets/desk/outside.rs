//! What the desk's server reads of others: what an officer lets go along with an export, callbacks
//! of Coop, and reports that the relay brings.

use waxseal_desk::DeskError;
use waxseal_desk::desk::{Desk, DeskSetup};
use waxseal_desk::export::coop::{Callback, NamedItem};
use waxseal_desk::export::{decode_content, encode_content};
use waxseal_desk::store::{MemoryStore, ReportList, Store};
use waxseal_log::promise::Promise;
use waxseal_reporting::intake::AcceptedReport;
use zeroize::Zeroizing;

use super::prepared::{PREPARED, log};
use crate::{NOW, rng};

/// What goes along has one encoding.
pub(super) fn content(bytes: &[u8]) {
    if let Ok(shown) = decode_content(bytes) {
        assert_eq!(*encode_content(&shown), bytes, "a second encoding");
    }
}

/// A message is named by its report, in the words of the callback.
pub(super) fn callback(bytes: &[u8]) {
    let Ok(callback) = Callback::decode(bytes) else {
        return;
    };
    let said: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    match callback {
        Callback::Action { item, action } => {
            assert_eq!(said["action"]["id"], action);
            let id = match item {
                NamedItem::Message { report, id } => {
                    let hex: String = report.iter().map(|byte| format!("{byte:02x}")).collect();
                    assert!(id.starts_with(&hex), "another report");
                    id
                }
                NamedItem::Other(id) => id,
            };
            assert_eq!(said["item"]["id"], id);
        }
        Callback::Appeal { granted, .. } => {
            let decision = if granted { "ACCEPT" } else { "REJECT" };
            assert_eq!(said["appealDecision"], decision);
        }
    }
}

/// A report that is taken in gets one promise, which its own log signed. One that is refused
/// changes nothing.
pub(super) fn report(bytes: &[u8]) {
    let setup = DeskSetup {
        log: log(),
        keys: PREPARED.keys.clone(),
        secret: Zeroizing::new([9; 32]),
    };
    let mut desk = Desk::open(MemoryStore::new(), setup).unwrap();
    let rng = &mut rng(3);
    let unsorted = |desk: &Desk<MemoryStore>| {
        let store = desk.store();
        store.reports(&ReportList::Unsorted, None, 9).unwrap()
    };
    let promise = match desk.take_in_encoded(bytes, NOW, rng) {
        Ok(promise) => promise,
        Err(error) => {
            assert!(matches!(error, DeskError::Refused(_)), "{error}");
            assert!(unsorted(&desk).is_empty(), "a refused report was kept");
            return;
        }
    };
    let again = desk.take_in_encoded(bytes, NOW, rng).unwrap();
    assert_eq!(again.encode(), promise.encode(), "a second promise");
    assert!(Promise::decode(&promise.encode()).is_ok());
    let rows = unsorted(&desk);
    let [row] = &rows[..] else {
        panic!("{} rows of one report", rows.len())
    };
    let sent = AcceptedReport::report_of(bytes).unwrap();
    let account = sent.reporter().account.as_str();
    assert_eq!(row.reporter_account.as_deref(), Some(account));
    let content = desk.store().content(&row.id).unwrap().unwrap();
    assert_eq!(content.accepted, bytes, "another content");
}
