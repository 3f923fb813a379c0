//! A provider with a desk: set up as its operator does, with one officer who asks, opens and
//! decides.

use std::thread;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::de::DeserializeOwned;
use waxseal::log::entry::{Measure, Number, Purpose, ReasonCode};
use waxseal_desk::decision::Decision;
use waxseal_desk::grant::{Grant, GrantTerms, GrantedReport};
use waxseal_desk::ids::{AcceptedDigest, CaseId, GrantId, VaultId};
use waxseal_desk::officer::{Act, OfficerKey, Signed};
use waxseal_desk::policy::Policy;
use waxseal_interface::http::Link;
use waxseal_relay::desk::{
    CaseDetail, DeskCard, DeskClient, Done, Hex, Open, QueuePage, read_json,
};

use super::World;

pub const ORIGIN: &str = "provider.example/desk";

/// Maximum time that a test waits for something it expects.
const SOON: Duration = Duration::from_secs(120);

/// The desk's server as its officer sees it.
pub struct AtDesk {
    client: DeskClient,
    officer: OfficerKey,
}

impl World {
    /// Sets up desk, vault and policy, and starts vault, desk and relay.
    pub fn start_with_desk(&self) -> AtDesk {
        let run = |program: &str, arguments: &str| {
            let arguments: Vec<_> = arguments.split(' ').collect();
            self.run_program(program, &arguments).output();
        };
        let officer = OfficerKey::generate(&mut ChaCha20Rng::from_seed([5; 32]));
        let id = Hex(*officer.id().as_bytes());
        run("desk", "policy keygen --key policy.key");
        run(
            "desk",
            &format!("init --folder desk --origin {ORIGIN} --policy-key policy.key.pub"),
        );
        run(
            "waxseal-desk",
            "vault init --folder vault --name provider.example/vault --keys desk/keys \
             --acceptance acceptance.key --public moderation.pub --pinned keys",
        );
        run("desk", "pin --folder desk --keys keys");
        let roles = "ask,approve,decide,appeals,review";
        let other = Hex(*OfficerKey::generate(&mut ChaCha20Rng::from_seed([6; 32]))
            .id()
            .as_bytes());
        run(
            "desk",
            &format!(
                "policy new --out policy.json --origin {ORIGIN} --officer ann:{id}:{roles} \
                 --officer ben:{other}:{roles}"
            ),
        );
        run(
            "desk",
            "policy sign --key policy.key --policy policy.json --out policy.signed",
        );
        run(
            "desk",
            "policy publish --folder desk --policy policy.signed",
        );
        let vault = ["vault", "--folder", "vault", "--socket", "vault.sock"];
        self.serve("waxseal-desk", &vault);
        let desk = ["serve", "--folder", "desk", "--vault", "vault.sock"];
        let more = ["--listen", "127.0.0.1:0", "--publish-after", "0"];
        let line = self.serve("desk", &[&desk[..], &more].concat());
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        let relay = [
            "--data",
            "relay-data",
            "--desk",
            &url,
            "--desk-origin",
            ORIGIN,
        ];
        let keys = [
            "--moderation-key",
            "moderation.pub",
            "--acceptance-key",
            "acceptance.key",
        ];
        let more = [
            "--reviewer-key",
            "desk/reviewer.key.pub",
            "--desk-interval",
            "1",
        ];
        self.serve("relay", &[&relay[..], &keys, &more].concat());
        AtDesk {
            client: DeskClient::new(Link::new(&url).unwrap(), ORIGIN),
            officer,
        }
    }
}

impl AtDesk {
    fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (now, rng) = (waxseal::transport::now(), &mut rand::rng());
        let body = self.client.get(&self.officer, path, now, rng);
        read_json(&body.unwrap()).unwrap()
    }

    /// The only case, once the vault has sorted its report.
    pub fn case(&self) -> CaseDetail {
        let found = wait_for(|| self.get::<QueuePage>("/v1/queue").cases.into_iter().next());
        self.get(&format!("/v1/cases/{}", found.id))
    }

    /// Asks for leave to open the report of a case, and opens it.
    pub fn open(&self, case: &CaseDetail) {
        let card: DeskCard = self.get("/v1/desk");
        let (now, rng) = (waxseal::transport::now(), &mut rand::rng());
        let report = &case.reports[0];
        let terms = GrantTerms {
            id: GrantId::from_bytes(*Number::generate(rng).as_bytes()),
            origin: ORIGIN.to_owned(),
            vault: VaultId::from_bytes(card.vault.0),
            case: CaseId::from_bytes(case.case.id.0),
            purpose: Purpose::UserReport,
            policy: Policy::decode(&card.policy).unwrap().digest(),
            requester: self.officer.id(),
            approver: None,
            requested: now,
            expires: waxseal::Timestamp::from_millis(now.as_millis() + 3_600_000),
            max_openings: 1,
            reports: vec![GrantedReport {
                digest: AcceptedDigest::from_bytes(report.accepted_digest.unwrap().0),
                messages: (1 << report.messages) - 1,
            }],
        };
        let grant = Grant::new(terms).unwrap();
        let encoded = grant.encode();
        let mut body = u32::try_from(encoded.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(encoded);
        body.extend_from_slice(&grant.sign_as_requester(&self.officer));
        let asked = self
            .client
            .post(&self.officer, "/v1/grants", body, now, rng);
        asked.unwrap();
        let open = Open {
            grant: Hex(*grant.terms().id.as_bytes()),
            report: report.id,
        };
        let opened = self
            .client
            .post_json(&self.officer, "/v1/openings", &open, now, rng);
        assert!(!opened.unwrap().is_empty());
    }

    /// Decides a case.
    pub fn decide(&self, case: &CaseDetail, statement: &str) {
        let card: DeskCard = self.get("/v1/desk");
        let decision = Decision {
            case: CaseId::from_bytes(case.case.id.0),
            policy: Policy::decode(&card.policy).unwrap().digest(),
            reason: ReasonCode::from_number(5).unwrap(),
            measure: Measure::Warning,
            rule: "Community rules, section 2".to_owned(),
            statement: statement.to_owned(),
        };
        self.act(&decision);
    }

    fn act(&self, act: &impl Act) {
        let (now, rng) = (waxseal::transport::now(), &mut rand::rng());
        let signed = Signed::sign(act, ORIGIN, &self.officer, now).unwrap();
        let body = signed.encode();
        let done = self.client.post(&self.officer, "/v1/acts", body, now, rng);
        let _: Done = read_json(&done.unwrap()).unwrap();
    }

    /// The appeals that the desk has of a case.
    pub fn appeals(&self, case: &CaseDetail) -> Vec<String> {
        let case: CaseDetail = self.get(&format!("/v1/cases/{}", case.case.id));
        let texts = case.appeals.into_iter().filter_map(|appeal| appeal.text);
        texts.collect()
    }
}

/// Tries until there is a value.
pub fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(began.elapsed() < SOON, "waited for too long");
        thread::sleep(Duration::from_millis(200));
    }
}
