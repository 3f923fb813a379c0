//! `transparency`: counts the transparency report from the public tiles alone.

use std::fmt::Write as _;
use std::path::PathBuf;

use lexopt::{Arg, ValueExt as _};
use serde_json::{Map, Value, json};
use waxseal_desk::transparency::{Row, csv, date, date_and_time, day, rows};
use waxseal_log::counts::Counts;
use waxseal_log::entry::Day;
use waxseal_log::limits::PROMISE_DAYS;

use crate::folder::Folder;
use crate::follow::{Followed, Task, follow};
use crate::keys::Keys;
use crate::problem::{Outcome, Unusable};
use crate::text::{grouped, printable};
use crate::usage::{TRANSPARENCY, refuse};

/// How the numbers are printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Csv,
    Json,
}

pub fn run(mut parser: lexopt::Parser) -> Result<Outcome, Unusable> {
    let (mut folder, mut keys, mut from, mut to) = (None, None, None, None);
    let mut form = Form::Table;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("from") => from = Some(parse(&parser.value()?.string()?)?),
            Arg::Long("to") => to = Some(parse(&parser.value()?.string()?)?),
            Arg::Long("keys") => keys = Some(PathBuf::from(parser.value()?)),
            Arg::Long("csv") if form == Form::Table => form = Form::Csv,
            Arg::Long("json") if form == Form::Table => form = Form::Json,
            Arg::Long("help") | Arg::Short('h') => return Ok(TRANSPARENCY.show()),
            Arg::Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let (Some(folder), Some(from), Some(to)) = (folder, from, to) else {
        return Err(refuse(&TRANSPARENCY, "name the folder, --from and --to"));
    };
    if from > to {
        return Err(refuse(&TRANSPARENCY, "--from is after --to"));
    }
    let folder = Folder::new(&folder)?;
    let keys = Keys::load(keys.as_deref(), Some(&folder))?
        .ok_or_else(|| refuse(&TRANSPARENCY, "name the keys"))?;
    let task = Task {
        folder: &folder,
        keys: &keys.keys,
        days: (from, to),
        references: &[],
        promised: None,
    };
    let followed = follow(&task, |_, _| {})?;
    let text = match form {
        Form::Table => table(&keys, &followed),
        Form::Csv => {
            proven(&followed).map_or_else(String::new, |size| csv(followed.audit.counts(), size))
        }
        Form::Json => object(&keys, &followed),
    };
    Ok(Outcome {
        text,
        problems: followed.problems,
    })
}

fn parse(text: &str) -> Result<Day, Unusable> {
    day(text).ok_or_else(|| {
        let text = printable(text);
        Unusable(format!(
            "{text} is no date from 1970 to 9999; write 2026-01-31"
        ))
    })
}

/// The size of the checkpoint that proves the numbers. `None` if entries after it were read, since
/// an altered log ends the check there: then no number is proven.
fn proven(followed: &Followed) -> Option<u64> {
    let size = followed.audit.last_checkpoint().map(|last| last.size());
    size.filter(|size| *size == followed.audit.size())
}

/// Says that the last days may lack entries.
fn incomplete(followed: &Followed) -> Option<String> {
    let last = followed.audit.last_checkpoint()?;
    let to = followed.audit.counts().to;
    // The arrivals of a day are logged until their promises are due.
    let until = Day(to.0.saturating_add(PROMISE_DAYS)).end_ms();
    let is_complete = until <= last.vault_time().saturating_mul(1_000);
    let until = date_and_time(last.vault_time());
    (!is_complete).then(|| format!("the checkpoint is of {until}: later entries are not counted"))
}

fn table(keys: &Keys, followed: &Followed) -> String {
    let mut text = keys.describe();
    text.push_str(&followed.describe());
    if proven(followed).is_none() {
        text.push_str("Numbers   none: no checkpoint proves them\n");
        return text;
    }
    let counts: &Counts = followed.audit.counts();
    let (from, to) = (date(counts.from), date(counts.to));
    let _ = writeln!(text, "Numbers   from {from} to {to}, both included");
    if let Some(note) = incomplete(followed) {
        let _ = writeln!(text, "          {note}");
    }
    text.push('\n');
    for row in rows(counts) {
        let _ = writeln!(text, "{:48} {:>12}", label(&row), grouped(row.value));
    }
    text
}

fn label(row: &Row) -> String {
    if row.by.is_empty() {
        return row.number.replace('_', " ");
    }
    let by = row.by.iter().map(|(dimension, value)| match *dimension {
        "check" => format!("check {value}"),
        "openings" if value == "1" => "opened once".to_owned(),
        "openings" => format!("opened {value} times"),
        "statistic" => format!("{}, {value}", row.number.replace('_', " ")),
        _ => value.replace('_', " "),
    });
    let by = by.collect::<Vec<_>>().join(", ");
    let indent = if row.by.iter().any(|(name, _)| *name == "statistic") {
        0
    } else {
        2
    };
    format!("{:indent$}{by}", "")
}

fn object(keys: &Keys, followed: &Followed) -> String {
    let counts = followed.audit.counts();
    let checkpoint = followed.audit.last_checkpoint();
    let proven = proven(followed);
    let row = |row: Row| {
        let mut object = Map::new();
        object.insert("number".to_owned(), row.number.into());
        for (dimension, value) in row.by {
            object.insert(dimension.to_owned(), value.into());
        }
        object.insert("value".to_owned(), row.value.into());
        Value::Object(object)
    };
    let rows: Option<Vec<Value>> = proven.map(|_| rows(counts).into_iter().map(row).collect());
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let problems = followed.problems.shown().iter().map(|problem| {
        json!({ "check": problem.check, "what": problem.what, "meaning": problem.meaning })
    });
    let object = json!({
        "log": keys.keys.origin(),
        "keys_pinned": keys.is_pinned(),
        "from": date(counts.from),
        "to": date(counts.to),
        "checkpoint": checkpoint.map(|checkpoint| json!({
            "size": checkpoint.size(),
            "root": hex(checkpoint.root().as_bytes()),
            "vault_time": checkpoint.vault_time(),
        })),
        "incomplete": incomplete(followed),
        "rows": rows,
        "problems": problems.collect::<Vec<_>>(),
    });
    format!("{object}\n")
}
