//! Lists of exports and callbacks.

use std::cmp::Reverse;

use super::{MemoryStore, first};
use crate::store::lists::{CallbackList, ExportList, FetchList};
use crate::store::rows::{CallbackRow, ExportRow, FetchRow};

impl MemoryStore {
    pub(super) fn list_exports(&self, list: &ExportList, limit: usize) -> Vec<ExportRow> {
        let exports = self.exports.values();
        let newest = |export: &ExportRow| Reverse(export.log_index);
        match *list {
            ExportList::OfCase(id) => {
                let exports = exports.filter(|export| export.case_id == id);
                first(exports, newest, None, limit)
            }
            ExportList::Newest => first(exports, newest, None, limit),
            ExportList::DueBy(time) => {
                let is_due = |export: &&ExportRow| {
                    let next = export.next_try_at_ms;
                    next.is_some_and(|next| next <= time)
                };
                let place = |export: &ExportRow| (export.next_try_at_ms, export.id);
                first(exports.filter(is_due), place, None, limit)
            }
        }
    }

    pub(super) fn list_fetches(&self, list: &FetchList, limit: usize) -> Vec<FetchRow> {
        let is_listed = |fetch: &&FetchRow| match *list {
            FetchList::OfReport(id) => fetch.report_id == id,
            FetchList::OfBlob(blob) => fetch.blob == blob,
        };
        let fetches = self.fetches.values().filter(is_listed);
        first(fetches, |fetch| fetch.log_index, None, limit)
    }

    pub(super) fn list_callbacks(&self, list: &CallbackList, limit: usize) -> Vec<CallbackRow> {
        let callbacks = self.callbacks.values();
        let place = |one: &CallbackRow| (one.received_at_ms, one.digest);
        match *list {
            CallbackList::OfCase(id) => {
                let callbacks = callbacks.filter(|one| one.case_id == Some(id));
                first(callbacks, place, None, limit)
            }
            CallbackList::Newest => first(callbacks, |one| Reverse(place(one)), None, limit),
        }
    }
}
