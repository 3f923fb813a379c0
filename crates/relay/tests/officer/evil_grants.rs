//! The grants of the desk that was taken over: one of the officer, and two of others.

use std::sync::atomic::Ordering;

use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, OfficerId, VaultId};
use waxseal_log::entry::Purpose;
use waxseal_relay::desk::{GrantItem, Hex};
use waxseal_reporting::Timestamp;

use crate::evil_desk::{ASKED, CASE, EMERGENCY, Evil, GRANT};

impl Evil {
    /// The grant of the officer.
    pub fn grant(&self) -> GrantItem {
        let (me, more) = (self.me.id(), 0);
        self.item_of(GRANT, Purpose::UserReport, (me, None), more, "approved")
    }

    /// The grant that another officer asks for. This officer is to approve it.
    pub fn asked(&self) -> GrantItem {
        let (other, me) = (self.other(), self.me.id());
        self.item_of(ASKED, Purpose::Identify, (other, Some(me)), 1, "requested")
    }

    /// The grant that another officer used alone.
    pub fn emergency(&self) -> GrantItem {
        let other = self.other();
        self.item_of(EMERGENCY, Purpose::Emergency, (other, None), 1, "approved")
    }

    fn other(&self) -> OfficerId {
        let mut officers = self.policy.terms().officers.iter();
        let other = officers.find(|officer| officer.id != self.me.id());
        other.unwrap().id
    }

    fn item_of(
        &self,
        id: Hex<16>,
        purpose: Purpose,
        (requester, approver): (OfficerId, Option<OfficerId>),
        more: u8,
        state: &str,
    ) -> GrantItem {
        // What it tells of the same grant differs after a change.
        let is_changed = self.is_changed.load(Ordering::SeqCst);
        let messages = match is_changed {
            false => self.granted.load(Ordering::SeqCst),
            true => 0x3fff_fffe,
        };
        let expires = self.begun_ms + 3_600_000 + u64::from(is_changed);
        let report = |digest: u8| GrantedReport {
            digest: AcceptedDigest::from_bytes([digest; 32]),
            messages,
        };
        let grant = Grant::new(GrantTerms {
            id: GrantId::from_bytes(id.0),
            origin: self.keys.origin().to_owned(),
            vault: VaultId::from_bytes(*self.keys.vault().key()),
            case: CaseId::from_bytes(CASE.0),
            purpose,
            policy: self.policy.digest(),
            requester,
            approver,
            requested: Timestamp::from_millis(self.begun_ms),
            expires: Timestamp::from_millis(expires),
            max_openings: 3,
            reports: (5..=5 + more).map(report).collect(),
        });
        let grant = grant.unwrap();
        GrantItem {
            id,
            digest: Hex(*grant.digest().as_bytes()),
            grant: grant.encode().to_vec(),
            case: CASE,
            purpose: purpose.number(),
            state: state.to_owned(),
            requester: Hex(*requester.as_bytes()),
            approver: approver.map(|approver| Hex(*approver.as_bytes())),
            requested_at_ms: self.begun_ms,
            expires_at_ms: expires,
            max_openings: 3,
            openings: 0,
            review_until_ms: Some(self.begun_ms),
            review: None,
        }
    }
}
