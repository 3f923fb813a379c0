//! Asks the witnesses to cosign a checkpoint, with the C2SP witness protocol.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use waxseal_interface::HttpRequest;
use waxseal_interface::http::Link;
use waxseal_log::keys::LogKeys;
use waxseal_log::note::{Note, NoteSignature, Verifier};
use waxseal_log::tree::TreeHash;
use waxseal_log::witness::{AddCheckpoint, Answer, read_answer};

use crate::errors::Refusal;
use crate::files::Result;

/// Maximum time for the witnesses to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the others are waited for once enough have answered.
const LATE_TIMEOUT: Duration = Duration::from_millis(200);

/// A witness on the command line: `NAME+ID+KEY=URL`.
#[derive(Clone, Debug)]
pub struct WitnessArgument {
    key: Verifier,
    url: String,
}

impl FromStr for WitnessArgument {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let at = text.find("=http").ok_or("give NAME+ID+KEY=URL")?;
        let (key, url) = text.split_at(at);
        let key = key
            .parse()
            .map_err(|_| "NAME+ID+KEY is no key of a witness")?;
        let url = url.trim_start_matches('=').to_owned();
        Ok(Self { key, url })
    }
}

/// A witness, and how it is reached.
struct Witness {
    key: Verifier,
    link: Link,
    path: String,
}

/// The witnesses of the log.
#[derive(Clone)]
pub struct Witnesses {
    all: Vec<Arc<Witness>>,
    quorum: usize,
}

impl Witnesses {
    /// Those whose keys are pinned.
    pub fn new(keys: &LogKeys, arguments: &[WitnessArgument]) -> Result<Self> {
        let mut all = Vec::new();
        for WitnessArgument { key, url } in arguments {
            if !keys.witnesses().contains(key) {
                return Err(format!("{} is not among the pinned keys", key.name()).into());
            }
            let (scheme, rest) = url.split_once("://").ok_or("a URL begins with https://")?;
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = path.trim_end_matches('/');
            let before = if path.is_empty() { "" } else { "/" };
            all.push(Arc::new(Witness {
                key: key.clone(),
                link: Link::new(&format!("{scheme}://{authority}"))?,
                path: format!("{before}{path}/add-checkpoint"),
            }));
        }
        if all.len() < keys.quorum() {
            return Err("give --witness for at least as many witnesses as the quorum".into());
        }
        Ok(Self {
            all,
            quorum: keys.quorum(),
        })
    }

    /// Asks all of them at once. Returns the cosignatures that came in time. Once a quorum has
    /// answered, the others have a moment more.
    ///
    /// `prove` makes the proof from an older size to this one.
    pub fn ask(
        &self,
        note: &Note,
        size: u64,
        prove: &(dyn Fn(u64) -> std::result::Result<Vec<TreeHash>, Refusal> + Sync),
    ) -> Vec<NoteSignature> {
        let (answers, answered) = mpsc::channel();
        let began = Instant::now();
        let mut lines = Vec::new();
        // What a witness last saw is not remembered. Its first answer tells it.
        let mut asked = 0usize;
        for witness in &self.all {
            let first = (size, Vec::new());
            asked += usize::from(ask_in_thread(witness, note, first, &answers));
        }
        let mut retried = Vec::new();
        while asked > 0 {
            let limit = if lines.len() >= self.quorum {
                LATE_TIMEOUT
            } else {
                ASK_TIMEOUT.saturating_sub(began.elapsed())
            };
            let Ok((witness, answer)) = answered.recv_timeout(limit) else {
                break;
            };
            asked -= 1;
            match answer {
                Some(Answer::Cosigned(line)) => lines.push(line),
                Some(Answer::OtherSize(seen)) if seen <= size => {
                    let name = witness.key.name().to_owned();
                    if retried.contains(&name) {
                        tracing::error!(witness = name, "it has another tree of this size");
                        continue;
                    }
                    retried.push(name);
                    if let Ok(proof) = prove(seen) {
                        let again = (seen, proof);
                        asked += usize::from(ask_in_thread(&witness, note, again, &answers));
                    }
                }
                Some(Answer::OtherSize(seen)) => {
                    tracing::error!(seen, size, "a witness has cosigned more than the log has");
                }
                None => {}
            }
        }
        lines
    }
}

type Answers = mpsc::Sender<(Arc<Witness>, Option<Answer>)>;

/// Asks one witness, in a thread of its own. Returns whether the thread was started.
fn ask_in_thread(
    witness: &Arc<Witness>,
    note: &Note,
    (old, proof): (u64, Vec<TreeHash>),
    answers: &Answers,
) -> bool {
    let (witness, note, answers) = (witness.clone(), note.clone(), answers.clone());
    let ask = move || {
        let answer = witness.ask(&note, old, proof);
        let _ = answers.send((witness, answer));
    };
    let thread = thread::Builder::new().name("witness".to_owned()).spawn(ask);
    thread.is_ok()
}

impl Witness {
    fn ask(&self, note: &Note, old: u64, proof: Vec<TreeHash>) -> Option<Answer> {
        let request = AddCheckpoint {
            old,
            proof,
            note: note.clone(),
        };
        let answer = self.link.call(&HttpRequest {
            method: "POST",
            path: self.path.clone(),
            headers: Vec::new(),
            body: request.encode(),
        });
        let name = self.key.name();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(witness = name, %error, "not reached");
                return None;
            }
        };
        match read_answer(answer.status, &answer.body, note, &self.key) {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::warn!(witness = name, %error, "no cosignature");
                None
            }
        }
    }
}
