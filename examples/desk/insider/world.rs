//! A copy of the office in which cases wait, and the steps of an opening, each by itself.

use waxseal::Timestamp;
use waxseal_desk::grant::{GrantedReport, SignedGrant};
use waxseal_desk::ids::AcceptedDigest;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::store::Store;
use waxseal_desk::vault::{Challenge, OpenRequest, OpeningDetail, VaultCalls, VaultError, View};
use waxseal_log::entry::{Detail, Event, Mark, Number, Purpose};

use super::facts::{Scene, Target};
use super::pen;
use crate::Result;
use crate::office::Office;
use crate::officers::Ask;
use crate::people::Filed;

pub struct World<'a> {
    pub office: Office,
    pub now: Timestamp,
    /// The case that the insider is after, and another one.
    pub target: Target<'a>,
    pub other: Target<'a>,
    /// The insider's own officer, who may ask alone.
    pub officer: &'a OfficerKey,
    pub leads: &'a [OfficerKey; 2],
}

impl<'a> World<'a> {
    /// A copy in which the vault has followed the log.
    pub fn new(scene: &Scene<'a>) -> Result<Self> {
        Self::with(scene, true)
    }

    /// With or without witnesses.
    pub fn with(scene: &Scene<'a>, witnesses: bool) -> Result<Self> {
        let mut office = scene.office(&scene.before, witnesses)?;
        let now = scene.before.now;
        office.settle(now)?;
        let [target, other] = scene.targets(&office)?;
        Ok(Self {
            office,
            now,
            target,
            other,
            officer: &scene.officers.reviewers[0],
            leads: &scene.officers.leads,
        })
    }

    /// The first report of the target.
    pub fn report(&self) -> &'a Filed {
        self.target.reports[0]
    }

    pub fn later(&mut self, ms: u64) {
        self.now = Timestamp::from_millis(self.now.as_millis() + ms);
    }

    /// What the insider's officer asks for: all messages of all reports of the target.
    pub fn ask(&self, purpose: Purpose) -> Ask<'a> {
        Ask::all(
            self.target.case,
            purpose,
            self.officer,
            None,
            &self.target.reports,
        )
    }

    /// An honest grant for some messages of the first report, once.
    pub fn granted(&mut self, messages: u32) -> Result<SignedGrant> {
        let mut ask = self.ask(Purpose::UserReport);
        ask.reports = vec![GrantedReport {
            digest: self.report().accepted,
            messages,
        }];
        ask.max_openings = 1;
        let granted = ask.at_desk(&mut self.office, self.now)?;
        self.office.settle(self.now)?;
        Ok(granted)
    }

    pub fn challenge(
        &mut self,
        grant: &SignedGrant,
        filed: &Filed,
    ) -> Result<Challenge, VaultError> {
        self.office
            .vault
            .challenge(grant, &filed.accepted, self.now)
    }

    /// What the entry of an opening is about.
    pub fn detail(
        &mut self,
        grant: &SignedGrant,
        filed: &Filed,
        challenge: &Challenge,
    ) -> Result<Detail> {
        let detail = OpeningDetail::new(grant.grant().digest(), filed.accepted, challenge);
        Ok(Detail::new(detail.encode(), &mut self.office.rng)?)
    }

    /// Appends the entry of an opening under this number, past the desk.
    pub fn log(
        &mut self,
        grant: &SignedGrant,
        challenge: &Challenge,
        number: Number,
        detail: &Detail,
    ) -> Result<u64> {
        let event = Event::ContentOpened {
            purpose: grant.grant().terms().purpose,
            mark: challenge.mark,
        };
        let entry = pen::entry(self.now, number, event, detail);
        pen::append(&mut self.office, &entry, detail)
    }

    /// Asks the vault to show a report.
    pub fn open(
        &mut self,
        grant: &SignedGrant,
        filed: &Filed,
        challenge: &[u8; 32],
        detail: &Detail,
    ) -> Result<Result<View, VaultError>> {
        let accepted = self.accepted(filed)?;
        Ok(self.show(grant, accepted, filed, challenge, detail))
    }

    fn accepted(&self, filed: &Filed) -> Result<Vec<u8>> {
        let content = self.office.desk.store().content(filed.id.as_bytes())?;
        Ok(content.ok_or("the content is gone")?.accepted)
    }

    fn show(
        &mut self,
        grant: &SignedGrant,
        accepted: Vec<u8>,
        filed: &Filed,
        challenge: &[u8; 32],
        detail: &Detail,
    ) -> Result<View, VaultError> {
        let request = OpenRequest {
            grant: grant.clone(),
            id: filed.id,
            challenge: *challenge,
            salt: *detail.salt(),
            accepted,
        };
        self.office.vault.open(&request, self.now)
    }

    /// All steps of an opening, as a desk without any checks would do them. If the vault draws no
    /// challenge, the insider logs and tries one of his own.
    pub fn whole(
        &mut self,
        grant: &SignedGrant,
        filed: &Filed,
    ) -> Result<Result<View, VaultError>> {
        let accepted = self.accepted(filed)?;
        self.whole_of(grant, filed, filed.promised.number(), accepted)
    }

    /// All steps of an opening, with these bytes in place of the accepted report, and an entry
    /// under this number.
    pub fn whole_of(
        &mut self,
        grant: &SignedGrant,
        filed: &Filed,
        number: Number,
        accepted: Vec<u8>,
    ) -> Result<Result<View, VaultError>> {
        let digest = AcceptedDigest::of(&accepted);
        let drawn = self.office.vault.challenge(grant, &digest, self.now);
        let challenge = drawn.clone().unwrap_or(Challenge {
            ordinal: 1,
            mark: Mark::from_bytes([7; 16]),
            challenge: [7; 32],
        });
        let detail = OpeningDetail::new(grant.grant().digest(), digest, &challenge);
        let detail = Detail::new(detail.encode(), &mut self.office.rng)?;
        self.log(grant, &challenge, number, &detail)?;
        self.office.settle(self.now)?;
        let view = self.show(grant, accepted, filed, &challenge.challenge, &detail);
        // The refusal of the challenge says more than that of an invented one.
        Ok(view.map_err(|error| drawn.err().unwrap_or(error)))
    }
}
