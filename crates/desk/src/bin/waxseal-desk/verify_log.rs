//! `verify-log`: checks a published log.

use std::fmt::Write as _;
use std::path::PathBuf;

use lexopt::Arg;
use waxseal_log::entry::Day;

use crate::folder::Folder;
use crate::follow::{Task, follow};
use crate::keys::Keys;
use crate::problem::{Outcome, Problems, Unusable};
use crate::reference::{Reference, Standing};
use crate::text::counted;
use crate::usage::{VERIFY_LOG, refuse};

pub fn run(mut parser: lexopt::Parser) -> Result<Outcome, Unusable> {
    let (mut folder, mut checkpoint, mut keys) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("checkpoint") => checkpoint = Some(PathBuf::from(parser.value()?)),
            Arg::Long("keys") => keys = Some(PathBuf::from(parser.value()?)),
            Arg::Long("help") | Arg::Short('h') => return Ok(VERIFY_LOG.show()),
            Arg::Value(value) if folder.is_none() => folder = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let folder = folder.ok_or_else(|| refuse(&VERIFY_LOG, "name the folder of the log"))?;
    let folder = Folder::new(&folder)?;
    let keys = Keys::load(keys.as_deref(), Some(&folder))?
        .ok_or_else(|| refuse(&VERIFY_LOG, "name the keys"))?;
    let mut problems = Problems::default();
    let reference = match checkpoint {
        None => None,
        Some(file) => Reference::read(&file, &keys.keys, &mut problems)?,
    };
    let references: Vec<Reference> = reference.into_iter().collect();
    let followed = follow(
        &Task {
            folder: &folder,
            keys: &keys.keys,
            days: (Day(0), Day(u32::MAX)),
            references: &references,
            promised: None,
        },
        |_, _| {},
    )?;
    let mut text = keys.describe();
    text.push_str(&followed.describe());
    for (reference, standing) in references.iter().zip(&followed.standings) {
        describe(&mut text, reference, *standing, &mut problems);
    }
    problems.append(followed.problems);
    if problems.is_empty() {
        text.push_str("Good      nothing is wrong\n");
    }
    Ok(Outcome { text, problems })
}

/// Says how a checkpoint that the user named relates to the log.
fn describe(text: &mut String, reference: &Reference, standing: Standing, problems: &mut Problems) {
    let (name, count) = (&reference.name, counted(reference.size, "entry", "entries"));
    let _ = match standing {
        Standing::Contained => writeln!(
            text,
            "Contained {name}: the log continues your checkpoint over {count}"
        ),
        Standing::Archived => writeln!(
            text,
            "Published {name}: your checkpoint over {count} is published, and the tiles do not\n          \
             reach it yet. Check it again in seven days"
        ),
        Standing::Ahead => {
            problems.add(
                235,
                format!("{name}: your checkpoint is over {count}, which is more than the folder has"),
                "The folder is older than your checkpoint, or the log was rolled back. Fetch it again.",
            );
            Ok(())
        }
        Standing::Contradicted => {
            let what = format!("{name}: the log does not contain your checkpoint over {count}");
            problems.add(235, what, "The other problems say why.");
            Ok(())
        }
    };
}
