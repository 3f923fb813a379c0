mod rounds;
pub mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::records::export_digest;
use waxseal_desk::request::{BodyDigest, RequestTerms};
use waxseal_desk::store::ExportState;
use waxseal_relay::desk::{
    AT_HEADER, AskExport, BODY_HEADER, DeskErrorBody, Exported, Exports, KEY_HEADER, NONCE_HEADER,
    SIGNATURE_HEADER,
};
use waxseal_relay::system_rng;

use super::*;
use world::{Target, World};

/// Asks the server as an officer.
async fn ask(
    world: &World,
    key: &OfficerKey,
    method: &str,
    path: &str,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let mut nonce = [0; 16];
    rand_core::Rng::fill_bytes(&mut system_rng(), &mut nonce);
    let terms = RequestTerms {
        origin: "provider.example/desk",
        method,
        path,
        at: now(),
        nonce,
        body: BodyDigest::of(body),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(KEY_HEADER, Hex(*key.id().as_bytes()).to_string())
        .header(AT_HEADER, terms.at.as_millis().to_string())
        .header(NONCE_HEADER, Hex(nonce).to_string())
        .header(BODY_HEADER, Hex(*terms.body.as_bytes()).to_string())
        .header(SIGNATURE_HEADER, Hex(terms.sign(key)).to_string())
        .body(Body::from(body.to_vec()))
        .unwrap();
    let router = crate::routes::router(world.server.clone());
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 16 << 20).await.unwrap();
    (status, body.to_vec())
}

fn asked(target: Target, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields.iter();
    let ask = AskExport {
        target: target.number(),
        fields: fields
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        content: Vec::new(),
    };
    serde_json::to_vec(&ask).unwrap()
}

/// An officer asks for an export, which waits.
async fn exported(world: &World, case: [u8; 16], target: Target) -> Exported {
    let path = format!("/v1/cases/{}/exports", Hex(case));
    let body = asked(target, &[]);
    let (status, body) = ask(world, &world.decider, "POST", &path, &body).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

/// Sends what is due.
async fn send_all(world: &World) -> usize {
    let server = world.server.clone();
    let sent = tokio::task::spawn_blocking(move || send_due(&server).unwrap());
    sent.await.unwrap()
}

fn row(world: &World, id: Hex<16>) -> ExportRow {
    world
        .read(move |desk| Ok(desk.store().export(&id.0)?))
        .unwrap()
}

/// Makes an export due again, as if its pause were over.
fn pause_is_over(world: &World, id: Hex<16>) {
    let old = row(world, id);
    let new = ExportRow {
        next_try_at_ms: Some(0),
        ..old.clone()
    };
    let mut store = world.server.folder.store().unwrap();
    let swap = waxseal_desk::store::Change::swap(old, new);
    store.apply(&[swap]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_gets_its_own_request() {
    let world = World::new(&[Target::Coop, Target::Webhook]);
    let case = world.case("mallory");
    let coop = exported(&world, case, Target::Coop).await;
    assert_eq!(send_all(&world).await, 1);
    let webhook = exported(&world, case, Target::Webhook).await;
    assert_eq!(send_all(&world).await, 1);
    let got = world.got();
    assert_eq!(got[0].line, "POST /c/api/v1/report HTTP/1.1");
    assert_eq!(got[0].headers["x-api-key"], "coop-api-key");
    assert_eq!(got[0].headers["content-type"], "application/json");
    assert_eq!(got[0].body, coop.sent);
    assert_eq!(got[1].line, "POST /hook HTTP/1.1");
    assert_eq!(got[1].headers["waxseal-export"], webhook.id.to_string());
    let at = got[1].headers["waxseal-timestamp"].parse().unwrap();
    let signature = &got[1].headers["waxseal-signature"];
    let now = now().as_millis() / 1_000;
    assert!(webhook::verify(
        &[5; 32],
        &webhook.id.0,
        at,
        &got[1].body,
        signature,
        now
    ));
    assert!(!got[1].headers.contains_key("x-api-key"));
    for export in [coop, webhook] {
        let row = row(&world, export.id);
        assert_eq!((row.state, row.tries), (ExportState::Taken, 1));
        // What arrived is what the log has the digest of.
        let index = row.log_index;
        let entry = world.read(move |desk| Ok(desk.store().entry(index)?));
        assert_eq!(entry.unwrap().detail.unwrap(), export_digest(&export.sent));
    }
    // Taken, so nothing is left to send.
    assert_eq!(send_all(&world).await, 0);
    assert_eq!(world.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn chk696_an_export_is_sent_again_with_the_same_bytes_after_failures_and_restarts() {
    let mut world = World::new(&[Target::Webhook]);
    let case = world.case("mallory");
    let export = exported(&world, case, Target::Webhook).await;
    world.answers(&[(503, "busy"), (429, "slow"), (401, "key"), (200, "ok")]);
    for (tries, answer) in (1..).zip(["503 busy", "429 slow", "401 key"]) {
        assert_eq!(send_all(&world).await, 1);
        let row = row(&world, export.id);
        assert_eq!((row.state, row.tries), (ExportState::Waiting, tries));
        assert_eq!(row.answer, answer);
        // It waits for its pause to be over.
        assert_eq!(send_all(&world).await, 0);
        world.restart();
        pause_is_over(&world, export.id);
    }
    assert_eq!(send_all(&world).await, 1);
    assert_eq!(row(&world, export.id).state, ExportState::Taken);
    let got = world.got();
    assert_eq!(got.len(), 4);
    for one in got {
        assert_eq!(one.body, export.sent);
        assert_eq!(one.headers["idempotency-key"], export.id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_answer_is_kept_sends_the_export_again() {
    let mut world = World::new(&[Target::Webhook]);
    let case = world.case("mallory");
    let export = exported(&world, case, Target::Webhook).await;
    // The target takes it, and the desk stops before it can keep that.
    let body = world.read(|desk| Ok(desk.store().outbox(&export.id.0)?));
    let (server, row_before) = (world.server.clone(), row(&world, export.id));
    let sent = tokio::task::spawn_blocking(move || send(&server, &row_before, &body.unwrap().body));
    assert_eq!(sent.await.unwrap().0, Tried::Taken);
    world.restart();
    assert_eq!(row(&world, export.id).state, ExportState::Waiting);
    assert_eq!(send_all(&world).await, 1);
    let got = world.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].body, got[1].body);
    let key = |at: usize| got[at].headers["idempotency-key"].clone();
    assert_eq!(key(0), key(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_given_up_and_a_statement_that_is_there_already_is_taken() {
    let world = World::new(&[Target::Webhook]);
    let case = world.case("mallory");
    for status in [400, 413, 415, 422] {
        world.answers(&[(status, "{\"errors\":{\"puid\":[\"not unique\"]}}")]);
        let export = exported(&world, case, Target::Webhook).await;
        send_all(&world).await;
        assert_eq!(row(&world, export.id).state, ExportState::GivenUp);
    }
    let there = br#"{"message":"x","errors":{"puid":["not unique"]}}"#;
    assert!(is_known(422, there));
    assert!(!is_known(400, there));
    let other = br#"{"errors":{"puid":["x"],"category":["y"]}}"#;
    for body in [&b""[..], b"{}", b"{\"errors\":[]}", other] {
        assert!(!is_known(422, body));
    }
    // A target that sends elsewhere is not followed.
    world.answers(&[(302, "")]);
    let export = exported(&world, case, Target::Webhook).await;
    send_all(&world).await;
    assert_eq!(row(&world, export.id).state, ExportState::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_or_strange_answer_is_cut_and_shown_as_text() {
    let world = World::new(&[Target::Webhook]);
    let case = world.case("mallory");
    let long: &'static str = Box::leak("é<script>".repeat(5_000).into_boxed_str());
    world.answers(&[(500, long)]);
    let export = exported(&world, case, Target::Webhook).await;
    send_all(&world).await;
    let answer = row(&world, export.id).answer;
    assert_eq!(answer.chars().count(), 4 + MAX_SAID);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_for_their_owner() {
    let world = World::new(&[Target::Osprey]);
    let case = world.case("mallory");
    let export = exported(&world, case, Target::Osprey).await;
    assert_eq!(send_all(&world).await, 1);
    let row = row(&world, export.id);
    assert_eq!(row.state, ExportState::Taken);
    let name = row.answer.strip_prefix("written to ").unwrap();
    assert_eq!(name, format!("osprey-{}.jsonl", export.id));
    let folder = world.server.folder.path("outbox");
    let path = folder.join(name);
    assert_eq!(fs::read(&path).unwrap(), export.sent);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&path)), (0o700, 0o600));
    // A tip is a package and its report.
    let package = br#"{"report":"<report/>","files":[]}"#;
    let name = write(&world.server, Form::CyberTip, "0a", package).unwrap();
    assert_eq!(fs::read(folder.join(name)).unwrap(), package);
    assert_eq!(
        fs::read(folder.join("cybertip-0a.xml")).unwrap(),
        b"<report/>"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_officer_reads_what_became_of_exports() {
    let world = World::new(&[Target::Webhook, Target::Ncmec]);
    let (case, other) = (world.case("mallory"), world.case("oscar"));
    let first = exported(&world, case, Target::Webhook).await;
    send_all(&world).await;
    exported(&world, other, Target::Webhook).await;
    let of = |path: String| {
        let world = &world;
        async move {
            let (status, body) = ask(world, &world.asker, "GET", &path, b"").await;
            assert_eq!(status, 200);
            serde_json::from_slice::<Exports>(&body).unwrap()
        }
    };
    let all = of("/v1/exports".to_owned()).await;
    assert_eq!(all.exports.len(), 2);
    let one = of(format!("/v1/exports?case={}", Hex(case))).await;
    assert_eq!((one.exports.len(), one.exports[0].id), (1, first.id));
    assert!(one.exports[0].taken_at_ms.is_some() && one.exports[0].given_up_at_ms.is_none());
    assert!(all.exports[0].taken_at_ms.is_none());
    let (_, card) = ask(&world, &world.asker, "GET", "/v1/desk", b"").await;
    let card: Value = serde_json::from_slice(&card).unwrap();
    assert_eq!(card["exports"], serde_json::json!(["ncmec", "webhook"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_refused_and_nothing_is_entered() {
    let world = World::new(&[Target::Webhook, Target::Ncmec, Target::Dsa]);
    let case = world.case("mallory");
    let path = format!("/v1/cases/{}/exports", Hex(case));
    let size = world.read(|desk| Ok(desk.store().log_size()?));
    let webhook = asked(Target::Webhook, &[]);
    let refused = |key: &OfficerKey, path: &str, body: Vec<u8>| {
        let (world, path, key) = (&world, path.to_owned(), OfficerKey::from_seed(key.seed()));
        async move {
            let (status, body) = ask(world, &key, "POST", &path, &body).await;
            let body: DeskErrorBody = serde_json::from_slice(&body).unwrap();
            (StatusCode::from_u16(status).unwrap(), body.message)
        }
    };
    let (status, _) = refused(&world.asker, &path, webhook.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let stranger = OfficerKey::generate(&mut system_rng());
    let (status, _) = refused(&stranger, &path, webhook.clone()).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let unknown = format!("/v1/cases/{}/exports", Hex([1; 16]));
    let (status, _) = refused(&world.decider, &unknown, webhook.clone()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for (body, why) in [
        (asked(Target::Coop, &[]), "not set up"),
        (asked(Target::Dsa, &[]), "decision is missing"),
        (asked(Target::Ncmec, &[]), "content is missing"),
        (
            asked(Target::Webhook, &[("more", "x")]),
            "not one of this form",
        ),
        (b"{}".to_vec(), "not one of this version"),
    ] {
        let (status, message) = refused(&world.decider, &path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(message.contains(why), "{message}");
    }
    let content = AskExport {
        target: Target::Webhook.number(),
        fields: Default::default(),
        content: vec![1, 1],
    };
    let content = serde_json::to_vec(&content).unwrap();
    let (status, _) = refused(&world.decider, &path, content).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let after = world.read(|desk| Ok(desk.store().log_size()?));
    assert_eq!(size, after);
    assert_eq!(send_all(&world).await, 0);
}
