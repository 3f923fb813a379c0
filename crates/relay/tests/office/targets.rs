//! Targets of exports on this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use waxseal_desk::export::{ShownReport, encode_content};
use waxseal_desk::officer::OfficerKey;
use waxseal_desk::vault::View;
use waxseal_log::entry::Target;
use waxseal_relay::desk::{AskExport, DeskError, Exported, Hex, read_json};
use waxseal_reporting::intake::ReportId;

use super::{Office, now};

/// A target that answers with this status. Returns its URL and the requests that it gets.
pub fn target(statuses: &'static [u16]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (got, requests) = channel();
    thread::spawn(move || {
        let statuses = statuses.iter().chain(std::iter::repeat(&201));
        for (stream, status) in listener.incoming().zip(statuses) {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            loop {
                let mut buffer = [0; 4_096];
                let read = stream.read(&mut buffer).unwrap_or(0);
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let head = text.split_once("\r\n\r\n");
                let len = head.and_then(|(head, _)| {
                    let line = head.lines().find_map(|line| {
                        let line = line.to_lowercase();
                        Some(line.strip_prefix("content-length: ")?.to_owned())
                    });
                    line?.parse::<usize>().ok()
                });
                let is_whole = head
                    .zip(len)
                    .is_some_and(|((_, body), len)| body.len() >= len);
                if is_whole {
                    let _ = got.send(text);
                }
                // The desk may be killed in the middle of a request.
                if is_whole || read == 0 {
                    break;
                }
            }
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
            );
        }
    });
    (url, requests)
}

/// Sets targets up, and starts the desk again.
pub fn set_up(office: &mut Office, targets: &str) {
    let folder = office.dir.path().join("desk");
    let private = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    private("coop.key", b"the-api-key");
    private("webhook.key", &[5; 32]);
    private("dsa.key", b"the-token\n");
    std::fs::write(folder.join("targets.json"), targets).unwrap();
    office.crash();
}

pub fn export(
    office: &Office,
    officer: &OfficerKey,
    case: Hex<16>,
    target: Target,
    shown: Option<(Hex<16>, &View)>,
) -> Result<Exported, DeskError> {
    export_with(office, officer, (case, target), &[], shown)
}

/// An export with what the officer adds.
pub fn export_with(
    office: &Office,
    officer: &OfficerKey,
    (case, target): (Hex<16>, Target),
    fields: &[(&str, &str)],
    shown: Option<(Hex<16>, &View)>,
) -> Result<Exported, DeskError> {
    let shown: Vec<_> = shown
        .into_iter()
        .map(|(report, view)| ShownReport {
            report: ReportId::from_bytes(report.0),
            view: view.clone(),
        })
        .collect();
    let ask = AskExport {
        target: target.number(),
        fields: fields
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()))
            .collect(),
        content: encode_content(&shown).to_vec(),
    };
    let path = format!("/v1/cases/{case}/exports");
    let (client, rng) = (office.client(), &mut rand::rng());
    read_json(&client.post_json(officer, &path, &ask, now(), rng)?)
}
