use std::collections::BTreeSet;

use waxseal_reporting::intake::ReportId;
use waxseal_reporting::{AccountId, BlobId, ConversationId};

use super::*;
use crate::group::{AskRosters, GroupLeave};
use crate::message::{Leave, PreKeys, Register, SignIn};
use crate::name::BadName;
use crate::roster::AskBundles;

const SPECIFICATION: &str = include_str!("../../SPEC.md");

/// One request of each variant. `{name}` is `alice`, `{id}` and `{mailbox}` are 32 digits `a`, and
/// `{slot}` is 7. `{group}`, `{leaf}` and `{blob}` are 64 digits `a`, `{version}` and `{number}`
/// are 7, and of a blob, `{at}` is 5 and `{len}` 9.
fn one_of_each() -> Vec<Request> {
    let alice = || AccountId::new("alice").unwrap();
    let group = ConversationId::from_bytes([0xaa; 32]);
    let blob = BlobId::from_bytes([0xaa; 32]);
    let all = vec![
        Request::Card,
        Request::Challenge,
        Request::Register(Register {
            name: "alice".to_owned(),
            device: 1,
            identity: [2; 64],
            sealed_delivery_key: vec![3; 1_168],
            challenge: vec![4; 64],
            proof: [5; 64],
            roster: None,
        }),
        Request::SignIn(SignIn {
            name: "alice".to_owned(),
            device: 1,
            challenge: vec![4; 64],
            proof: [5; 64],
        }),
        Request::PreKeysLeft,
        Request::PutPreKeys(PreKeys {
            base: vec![6; 9],
            one_time: vec![vec![7; 8]; 3],
            replace: true,
        }),
        Request::Post {
            recipient: alice(),
            posted: b"posted".to_vec(),
            mark: None,
            contact: ContactHeaders::default(),
        },
        Request::Reseal {
            recipient: alice(),
            posted: b"resealed".to_vec(),
            mark: Some([7; 40]),
        },
        Request::Report(b"report".to_vec()),
        Request::ReportState(ReportId::from_bytes([0xaa; 16])),
        Request::Deliveries,
        Request::PutRoster(b"signed roster".to_vec()),
        Request::Roster(alice()),
        Request::Bundles(AskBundles {
            name: "alice".to_owned(),
            devices: vec![2, 3],
        }),
        Request::PutMailbox {
            mailbox: [0xaa; 16],
            slot: 7,
            content: b"offer".to_vec(),
        },
        Request::Mailbox {
            mailbox: [0xaa; 16],
            slot: 7,
        },
        Request::Leave(Leave {
            name: "alice".to_owned(),
            device: 2,
            challenge: vec![4; 64],
            proof: [5; 64],
        }),
        Request::PutGroup {
            group,
            entry: b"entry".to_vec(),
            tokens: Vec::new(),
        },
        Request::Group { group, after: 7 },
        Request::GroupRosters {
            group,
            asked: AskRosters {
                names: vec!["alice".to_owned()],
            },
        },
        Request::PostGroup {
            group,
            posted: b"posted to a group".to_vec(),
            mark: Some([7; 40]),
        },
        Request::LeaveGroup {
            group,
            leave: GroupLeave {
                version: 7,
                mac: [8; 32],
            },
        },
        Request::PutBlob {
            blob,
            at: 5,
            of: 9,
            bytes: b"part".to_vec(),
        },
        Request::BlobState(blob),
        Request::Blob {
            blob,
            at: 5,
            len: 9,
        },
        Request::LogKeys,
        Request::Promise(ReportId::from_bytes([0xaa; 16])),
        Request::ReportReceipt(ReportId::from_bytes([0xaa; 16])),
        Request::RefusedReceipt([0xaa; 32]),
        Request::Notices { after: 7 },
        Request::DecisionReceipt([0xaa; 32]),
        Request::Appeal {
            decision: [0xaa; 32],
            appeal: Appeal {
                side: 1,
                report_id: Some("a".repeat(32)),
                text: "It was not me.".to_owned(),
            },
        },
    ];
    for request in &all {
        // If you add a variant, add it to the list, and its route to the specification.
        match request {
            Request::Card
            | Request::Challenge
            | Request::Register(_)
            | Request::SignIn(_)
            | Request::Leave(_)
            | Request::PreKeysLeft
            | Request::PutPreKeys(_)
            | Request::Post { .. }
            | Request::Reseal { .. }
            | Request::Report(_)
            | Request::ReportState(_)
            | Request::Deliveries
            | Request::PutRoster(_)
            | Request::Roster(_)
            | Request::Bundles(_)
            | Request::PutMailbox { .. }
            | Request::Mailbox { .. }
            | Request::PutGroup { .. }
            | Request::Group { .. }
            | Request::GroupRosters { .. }
            | Request::PostGroup { .. }
            | Request::LeaveGroup { .. }
            | Request::PutBlob { .. }
            | Request::BlobState(_)
            | Request::Blob { .. }
            | Request::LogKeys
            | Request::Promise(_)
            | Request::ReportReceipt(_)
            | Request::RefusedReceipt(_)
            | Request::Notices { .. }
            | Request::DecisionReceipt(_)
            | Request::Appeal { .. } => {}
        }
    }
    all
}

/// The rows of the table of routes: method, path, caller and request body.
fn routes() -> Vec<[&'static str; 4]> {
    let section = SPECIFICATION.split("## Routes\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.contains("`/v1/"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let mut cell = || cells.next().unwrap();
        [cell(), cell().trim_matches('`'), cell(), cell()]
    })
    .collect()
}

#[test]
fn the_requests_are_the_routes_of_the_specification() {
    let (requests, routes) = (one_of_each(), routes());
    assert_eq!(requests.len(), routes.len());
    let name_of_body = |request: &Request| match request {
        Request::Register(_) => "`Register`",
        Request::SignIn(_) => "`SignIn`",
        Request::Leave(_) => "`Leave`",
        Request::PutPreKeys(_) => "`PreKeys`",
        Request::Post { .. } => "binary `PostedFanout`",
        Request::Bundles(_) => "`AskBundles`",
        Request::PutRoster(_) => "binary signed roster",
        Request::PutMailbox { .. } => "binary content",
        Request::Reseal { .. } => "binary `PostedReseal`",
        Request::Report(_) => "binary `Report`",
        Request::PutGroup { .. } => "binary signed entry",
        Request::GroupRosters { .. } => "`AskRosters`",
        Request::PostGroup { .. } => "binary `PostedGroup`",
        Request::LeaveGroup { .. } => "`GroupLeave`",
        Request::PutBlob { .. } => "binary bytes",
        Request::Appeal { .. } => "`Appeal`",
        _ => "",
    };
    for request in requests {
        let path = request.path().unwrap();
        let row = routes.iter().find(|[method, route, ..]| {
            let route = route.replace("{name}", "alice").replace("{slot}", "7");
            let route = route.replace("{id}", &"a".repeat(32));
            let route = route.replace("{mailbox}", &"a".repeat(32));
            let route = route.replace("{version}", "7").replace("{number}", "7");
            let long = ["{group}", "{leaf}", "{digest}", "{blob}"].into_iter();
            let route = long.fold(route, |route, of| route.replace(of, &"a".repeat(64)));
            let route = route.replace("{at}", "5").replace("{len}", "9");
            *method == request.method() && route == path
        });
        let [_, _, caller, body] = row.unwrap_or_else(|| panic!("{request:?} has no route"));
        assert_eq!(*body, name_of_body(&request), "{request:?}");
        let content_type = match *body {
            "" => None,
            binary if binary.starts_with("binary ") => Some("application/octet-stream"),
            _ => Some("application/json"),
        };
        assert_eq!(request.content_type(), content_type, "{request:?}");
        assert_eq!(request.body().is_empty(), body.is_empty(), "{request:?}");
        assert_eq!(request.needs_token(), *caller == "device", "{request:?}");
    }
}

#[test]
fn the_bodies_are_those_that_the_relay_reads() {
    for request in one_of_each() {
        let body = request.body();
        match &request {
            Request::Register(register) => {
                let read: Register = serde_json::from_slice(&body).unwrap();
                assert_eq!(read.identity, register.identity);
                assert_eq!(read.sealed_delivery_key, register.sealed_delivery_key);
            }
            Request::SignIn(sign_in) => {
                let read: SignIn = serde_json::from_slice(&body).unwrap();
                assert_eq!(
                    (read.name, read.proof),
                    (sign_in.name.clone(), sign_in.proof)
                );
            }
            Request::Leave(leave) => {
                let read: Leave = serde_json::from_slice(&body).unwrap();
                assert_eq!((read.device, read.proof), (leave.device, leave.proof));
            }
            Request::PutPreKeys(_) => {
                let text = r#"{"base":"BgYGBgYGBgYG","one_time":["BwcHBwcHBwc=","BwcHBwcHBwc=","BwcHBwcHBwc="],"replace":true}"#;
                assert_eq!(std::str::from_utf8(&body).unwrap(), text);
            }
            Request::Post { posted, .. }
            | Request::Reseal { posted, .. }
            | Request::PostGroup { posted, .. } => assert_eq!(*body, **posted),
            Request::PutGroup { entry, .. } => assert_eq!(*body, **entry),
            Request::GroupRosters { .. } => assert_eq!(*body, *br#"{"names":["alice"]}"#),
            Request::LeaveGroup { leave, .. } => {
                assert_eq!(serde_json::from_slice::<GroupLeave>(&body).unwrap(), *leave);
            }
            Request::Report(report) => assert_eq!(*body, **report),
            Request::PutRoster(roster) => assert_eq!(*body, **roster),
            Request::PutMailbox { content, .. } => assert_eq!(*body, **content),
            Request::PutBlob { bytes, .. } => assert_eq!(*body, **bytes),
            Request::Appeal { appeal, .. } => {
                assert_eq!(serde_json::from_slice::<Appeal>(&body).unwrap(), *appeal);
            }
            Request::Bundles(_) => {
                let text = r#"{"name":"alice","devices":[2,3]}"#;
                assert_eq!(std::str::from_utf8(&body).unwrap(), text);
            }
            _ => assert!(body.is_empty()),
        }
    }
}

#[test]
fn a_name_that_a_relay_does_not_accept_reaches_no_path() {
    for bad in ["..", ".", "a/b", "a?b", "a#b", "a%2e", "a b", "é", "@a"] {
        let bad = || AccountId::new(bad).unwrap();
        for request in [
            Request::Roster(bad()),
            Request::Post {
                recipient: bad(),
                posted: Vec::new(),
                mark: None,
                contact: ContactHeaders::default(),
            },
            Request::Reseal {
                recipient: bad(),
                posted: Vec::new(),
                mark: None,
            },
        ] {
            assert_eq!(request.path(), Err(BadName));
            let asked = request.ask(None, &mut rand::rng());
            assert_eq!(asked.unwrap_err(), RequestError::BadName(BadName));
        }
    }
}

#[test]
fn what_is_asked_has_the_headers_of_its_answer_token_and_body() {
    let rng = &mut rand::rng();
    let mut nonces = BTreeSet::new();
    for request in one_of_each() {
        let (http, asked) = request.ask(Some("t.o-k"), rng).unwrap();
        let header = |name| {
            let mut values = http.headers.iter().filter(|(header, _)| *header == name);
            let value = values.next().map(|(_, value)| value.as_str());
            assert!(values.next().is_none());
            value
        };
        assert_eq!(header("authorization"), Some("Bearer t.o-k"));
        assert_eq!(header("content-type"), request.content_type());
        for (name, value) in asked.headers() {
            assert_eq!(header(name), Some(value.as_str()));
        }
        assert_eq!(
            (http.method, http.path),
            (request.method(), request.path().unwrap())
        );
        assert_eq!(http.body, *request.body());
        assert!(nonces.insert(*asked.nonce().as_bytes()));
    }
    let (http, _) = Request::Card.ask(None, rng).unwrap();
    assert!(
        http.headers
            .iter()
            .all(|(name, _)| *name != "authorization")
    );
    for token in ["a\r\nb: c", "a b", "é", "a\u{0}"] {
        let asked = Request::PreKeysLeft.ask(Some(token), rng);
        assert_eq!(asked.unwrap_err(), RequestError::BadToken);
    }
}

#[test]
fn debug_shows_no_name_no_token_and_no_content() {
    let rng = &mut rand::rng();
    let all: Vec<String> = one_of_each()
        .iter()
        .map(|request| {
            let (http, _) = request.ask(Some("token"), rng).unwrap();
            format!("{request:?} {http:?}")
        })
        .collect();
    assert_eq!(
        all[5],
        "PutPreKeys(3 one-time parts) HttpRequest(PUT, 96 bytes)"
    );
    assert_eq!(all[6], "Post(6 bytes) HttpRequest(POST, 6 bytes)");
    assert_eq!(all[12], "Roster HttpRequest(GET, 0 bytes)");
    assert_eq!(
        all[22],
        "PutBlob(4 bytes at 5 of 9) HttpRequest(PUT, 4 bytes)"
    );
    assert_eq!(all[24], "Blob(9 bytes at 5) HttpRequest(GET, 0 bytes)");
    assert_eq!(all[31], "Appeal(14 bytes) HttpRequest(POST, 81 bytes)");
    for shown in all {
        let secrets = ["token", "alice", "aaaa", "not me"];
        assert!(!secrets.iter().any(|of| shown.contains(of)), "{shown}");
    }
}

#[test]
fn a_mark_is_sent_with_what_is_posted() {
    for mark in [None, Some([7; 40])] {
        let (recipient, posted) = (AccountId::new("alice").unwrap(), Vec::new());
        let post = Request::Post {
            recipient: recipient.clone(),
            posted: posted.clone(),
            mark,
            contact: ContactHeaders::default(),
        };
        let reseal = Request::Reseal {
            recipient,
            posted,
            mark,
        };
        let post_to_group = Request::PostGroup {
            group: ConversationId::group(b"g"),
            posted: Vec::new(),
            mark,
        };
        for request in [post, reseal, post_to_group] {
            let (request, _) = request.ask(None, &mut rand::rng()).unwrap();
            let header = request
                .headers
                .iter()
                .find(|(name, _)| *name == "waxseal-mark");
            let sent = header.map(|(_, value)| crate::decode_mark(value).unwrap());
            assert_eq!(sent, mark);
        }
    }
}
