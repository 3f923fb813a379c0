//! The calls of [`Store`](super::Store) that read, as a list that macros go through.

/// Passes a macro the signature of each call that reads, after `$first`.
macro_rules! reads {
    ($macro:ident $($first:tt)*) => {
        $macro! {
            $($first)*
            fn log_size(&self) -> u64;
            fn entry(&self, log_index: u64) -> Option<EntryRow>;
            fn entries(&self, from: u64, limit: usize) -> Vec<EntryRow>;
            fn entries_with(&self, number: &[u8; 16], limit: usize) -> Vec<EntryRow>;
            fn tile(&self, level: u8, tile_index: u64) -> Option<TileRow>;
            fn checkpoint(&self, size: u64) -> Option<CheckpointRow>;
            fn newest_checkpoint(&self, complete: bool) -> Option<CheckpointRow>;
            fn checkpoints(&self, after: u64, limit: usize) -> Vec<CheckpointRow>;
            fn pending_leaf(&self, leaf_hash: &[u8; 32]) -> Option<PendingRow>;
            fn pending(&self, before_day: u32, limit: usize) -> Vec<PendingRow>;
            fn report(&self, id: &[u8; 16]) -> Option<ReportRow>;
            fn report_with_digest(&self, digest: &[u8; 32]) -> Option<ReportRow>;
            fn report_with_number(&self, number: &[u8; 16]) -> Option<ReportRow>;
            fn reports(
                &self, list: &ReportList, after: Option<(u64, [u8; 16])>, limit: usize
            ) -> Vec<ReportRow>;
            fn content(&self, report_id: &[u8; 16]) -> Option<ContentRow>;
            fn has_reported(&self, case_id: &[u8; 16], reporter: &[u8; 32]) -> bool;
            fn case(&self, id: &[u8; 16]) -> Option<CaseRow>;
            fn case_with_number(&self, number: &[u8; 16]) -> Option<CaseRow>;
            fn undecided_case(&self, account: &str) -> Option<CaseRow>;
            fn cases_of(&self, account: &str, limit: usize) -> Vec<CaseRow>;
            fn queue(&self, query: &Query) -> Page;
            fn grant(&self, id: &[u8; 16]) -> Option<GrantRow>;
            fn grant_with_digest(&self, digest: &[u8; 32]) -> Option<GrantRow>;
            fn grants(&self, list: &GrantList, limit: usize) -> Vec<GrantRow>;
            fn opening(&self, grant_digest: &[u8; 32], ordinal: u16) -> Option<OpeningRow>;
            fn openings(
                &self, list: &OpeningList, after: Option<u64>, limit: usize
            ) -> Vec<OpeningRow>;
            fn decision(&self, leaf_hash: &[u8; 32]) -> Option<DecisionRow>;
            fn decisions(&self, case_id: &[u8; 16], limit: usize) -> Vec<DecisionRow>;
            fn notices(&self, list: &NoticeList, limit: usize) -> Vec<NoticeRow>;
            fn appeal(&self, leaf_hash: &[u8; 32]) -> Option<AppealRow>;
            fn appeals(
                &self, list: &AppealList, after: Option<u64>, limit: usize
            ) -> Vec<AppealRow>;
            fn legal_request(&self, id: &[u8; 16]) -> Option<LegalRow>;
            fn legal_requests(
                &self, after: Option<(u64, [u8; 16])>, limit: usize
            ) -> Vec<LegalRow>;
            fn hold(&self, id: &[u8; 16]) -> Option<HoldRow>;
            fn holds(&self, case_id: &[u8; 16], limit: usize) -> Vec<HoldRow>;
            fn policy(&self, version: u32) -> Option<PolicyRow>;
            fn newest_policy(&self) -> Option<PolicyRow>;
            fn key_epochs(
                &self, key_kind: u8, after: Option<u64>, limit: usize
            ) -> Vec<KeyEpochRow>;
            fn export(&self, id: &[u8; 16]) -> Option<ExportRow>;
            fn exports(&self, list: &ExportList, limit: usize) -> Vec<ExportRow>;
            fn outbox(&self, export_id: &[u8; 16]) -> Option<OutboxRow>;
            fn fetch(
                &self, grant_digest: &[u8; 32], ordinal: u16, blob: &[u8; 32]
            ) -> Option<FetchRow>;
            fn fetches(&self, list: &FetchList, limit: usize) -> Vec<FetchRow>;
            fn callback(&self, digest: &[u8; 32]) -> Option<CallbackRow>;
            fn callbacks(&self, list: &CallbackList, limit: usize) -> Vec<CallbackRow>;
            fn meta(&self, name: &str) -> Option<MetaRow>;
            fn clock(&self) -> Option<u64>;
        }
    };
}
pub(crate) use reads;
