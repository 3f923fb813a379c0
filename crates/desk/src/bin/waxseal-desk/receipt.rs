//! `verify-receipt`: reads a receipt for its reporter, or for the account that was decided against.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lexopt::{Arg, ValueExt as _};
use waxseal_log::entry::Day;
use waxseal_log::keys::LogKeys;
use waxseal_log::limits::{MAX_PROMISE_LEN, MAX_RECEIPT_LEN};
use waxseal_log::promise::{Promise, PromisedReport};
use waxseal_log::receipt::{Expected, Receipt, ReceiptError, Role, Told};
use waxseal_log::report::ReportDetail;

use crate::files::{given, shown};
use crate::folder::Folder;
use crate::follow::{Task, follow};
use crate::keys::Keys;
use crate::meaning;
use crate::problem::{Outcome, Problems, Unusable};
use crate::reference::Reference;
use crate::story::{self, Reader};
use crate::usage::{VERIFY_RECEIPT, refuse};

/// The command line.
#[derive(Default)]
struct Arguments {
    file: Option<PathBuf>,
    promise: Option<PathBuf>,
    account: Option<String>,
    keys: Option<PathBuf>,
    log: Option<PathBuf>,
    earlier: Option<PathBuf>,
}

pub fn run(mut parser: lexopt::Parser) -> Result<Outcome, Unusable> {
    let mut arguments = Arguments::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("promise") => arguments.promise = Some(parser.value()?.into()),
            Arg::Long("account") => arguments.account = Some(parser.value()?.string()?),
            Arg::Long("keys") => arguments.keys = Some(parser.value()?.into()),
            Arg::Long("log") => arguments.log = Some(parser.value()?.into()),
            Arg::Long("earlier") => arguments.earlier = Some(parser.value()?.into()),
            Arg::Long("help") | Arg::Short('h') => return Ok(VERIFY_RECEIPT.show()),
            Arg::Value(value) if arguments.file.is_none() => arguments.file = Some(value.into()),
            other => return Err(other.unexpected().into()),
        }
    }
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(now_ms.as_millis()).unwrap_or(u64::MAX);
    verify(&arguments, now_ms)
}

fn verify(arguments: &Arguments, now_ms: u64) -> Result<Outcome, Unusable> {
    let refuse = |why| refuse(&VERIFY_RECEIPT, why);
    let file = arguments
        .file
        .as_deref()
        .ok_or_else(|| refuse("name the receipt"))?;
    let folder = arguments.log.as_deref().map(Folder::new).transpose()?;
    // What an app saves in the same folder as a receipt, for who names nothing else.
    let parent = file.parent().filter(|path| !path.as_os_str().is_empty());
    let near = Folder::new(parent.unwrap_or(Path::new(".")))?;
    let near = Some(near).filter(|near| near.has("keys").unwrap_or(false));
    let keys = Keys::load(arguments.keys.as_deref(), folder.as_ref().or(near.as_ref()))?
        .ok_or_else(|| refuse("name the keys of the log with --keys, or its folder with --log"))?;
    let promise = file.with_extension("promise");
    let is_near = arguments.account.is_none() && promise.is_file();
    let promise = arguments.promise.clone().or(is_near.then_some(promise));
    let mut outcome = Outcome::of_text(keys.describe());
    let problems = &mut outcome.problems;

    let promised = match promise.as_deref() {
        None => None,
        Some(promise) => match promised(promise, &keys.keys, now_ms, problems)? {
            None => return Ok(outcome),
            promised => promised,
        },
    };
    let expected = match (&promised, &arguments.account) {
        (Some(promise), None) => Expected::Report { promise },
        (None, Some(account)) => Expected::Account {
            account: account.as_bytes(),
        },
        (Some(_), Some(_)) => return Err(refuse("give either --promise or --account")),
        (None, None) => return Err(refuse(reader_of(file)?)),
    };
    let Some(told) = told(file, &keys.keys, expected, problems)? else {
        return Ok(outcome);
    };
    let contradictions = told.contradictions.iter();
    problems.extend(contradictions.map(meaning::of_contradiction));
    let mut references = vec![Reference::of(
        &format!("the checkpoint in {}", shown(file)),
        &told.checkpoint,
    )];
    if let Some(earlier) = &arguments.earlier
        && let Some(before) = self::told(earlier, &keys.keys, expected, problems)?
    {
        let found = told.contradicts(&before);
        problems.extend(found.iter().map(meaning::of_contradiction));
        let name = format!("the checkpoint in {}", shown(earlier));
        references.push(Reference::of(&name, &before.checkpoint));
    }
    let reader = match (&promised, &arguments.account) {
        (Some(promise), _) => Reader::Reporter(promise),
        (None, account) => Reader::Account(account.as_deref().unwrap_or_default()),
    };
    outcome.text.push_str(&story::tell(&told, reader, now_ms));
    match &folder {
        None => outcome.text.push_str(story::WITHOUT_LOG),
        Some(folder) => compare(
            &mut outcome,
            folder,
            &keys.keys,
            &told,
            &references,
            promised,
        )?,
    }
    if outcome.problems.is_empty() {
        outcome
            .text
            .push_str("Good      nothing is missing, and nothing contradicts\n");
    }
    Ok(outcome)
}

/// Compares the receipt with the published log.
fn compare(
    outcome: &mut Outcome,
    folder: &Folder,
    keys: &LogKeys,
    told: &Told,
    references: &[Reference],
    promised: Option<PromisedReport>,
) -> Result<(), Unusable> {
    let mut contradictions = Problems::default();
    let task = Task {
        folder,
        keys,
        days: (Day(0), Day(u32::MAX)),
        references,
        promised: promised.map(|promise| *promise.leaf()),
    };
    let mut later = 0u64;
    let followed = follow(&task, |index, entry| {
        if index >= told.checkpoint.size() && told.concerns(entry) {
            later = later.saturating_add(1);
        }
        if let Some(found) = told.contradicts_entry(index, entry) {
            contradictions.push(meaning::of_contradiction(&found));
        }
    })?;
    outcome.text.push_str(&followed.describe());
    let size = followed.audit.size();
    if let Some(standing) = followed.standings.first() {
        let text = story::compared(told.checkpoint.size(), size, *standing);
        outcome.text.push_str(&text);
    }
    outcome.text.push_str(&story::later(later));
    outcome.problems.append(contradictions);
    outcome.problems.append(followed.problems);
    Ok(())
}

/// Reads and verifies a receipt; `None` with a problem if it shows nothing.
fn told(
    file: &Path,
    keys: &LogKeys,
    expected: Expected<'_>,
    problems: &mut Problems,
) -> Result<Option<Told>, Unusable> {
    let name = shown(file);
    let receipt = Receipt::decode(&given(file, MAX_RECEIPT_LEN)?);
    match receipt.and_then(|receipt| receipt.verify(keys, expected)) {
        Ok(told) => Ok(Some(told)),
        Err(ReceiptError::OtherRole) => Err(refuse(&VERIFY_RECEIPT, reader_of(file)?)),
        Err(error) => {
            problems.push(meaning::of_receipt(&name, &error));
            Ok(None)
        }
    }
}

/// Says whom the receipt is for.
fn reader_of(file: &Path) -> Result<&'static str, Unusable> {
    let receipt = Receipt::decode(&given(file, MAX_RECEIPT_LEN)?);
    Ok(match receipt.map(|receipt| receipt.role) {
        Ok(Role::Reporter) => "this receipt is for who reported: give the promise with --promise",
        Ok(Role::Account) => "this receipt is for who was decided against: give --account",
        Err(_) => "this is no receipt; give --promise or --account with one",
    })
}

/// Reads and verifies a promise; `None` with a problem if it does not bind the provider.
fn promised(
    file: &Path,
    keys: &LogKeys,
    now_ms: u64,
    problems: &mut Problems,
) -> Result<Option<PromisedReport>, Unusable> {
    let name = shown(file);
    let promise = Promise::decode(&given(file, MAX_PROMISE_LEN)?).and_then(|promise| {
        // The client compared this digest with that of the report when it got the promise.
        let digest = ReportDetail::decode(promise.detail()).map(|detail| detail.report);
        let digest = digest.ok_or(waxseal_log::promise::PromiseError::OtherReport)?;
        promise.verify(keys.log(), &digest, now_ms)
    });
    match promise {
        Ok(promise) => Ok(Some(promise)),
        Err(error) => {
            problems.push(meaning::of_promise(&name, &error));
            Ok(None)
        }
    }
}
