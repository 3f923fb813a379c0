//! What is wrong, and how a command ends.

use std::fmt;

use crate::text::printable;

/// Most problems that are shown. A hostile folder could have one in each file.
const MAX_SHOWN: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Number of the check that failed, as the specifications count them.
    pub check: u8,
    /// What is wrong, with the entry or file.
    pub what: String,
    /// What it means, and what to do.
    pub meaning: &'static str,
}

/// All that is wrong, in the order in which it was found.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    shown: Vec<Problem>,
    /// Number of problems that are not shown.
    more: u64,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        if self.shown.contains(&problem) {
            return;
        }
        match self.shown.len() < MAX_SHOWN {
            true => self.shown.push(problem),
            false => self.more = self.more.saturating_add(1),
        }
    }

    pub fn add(&mut self, check: u8, what: impl Into<String>, meaning: &'static str) {
        let what = what.into();
        self.push(Problem {
            check,
            what,
            meaning,
        });
    }

    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Adds the problems of another step.
    pub fn append(&mut self, other: Self) {
        self.extend(other.shown);
        self.more = self.more.saturating_add(other.more);
    }

    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    pub fn shown(&self) -> &[Problem] {
        &self.shown
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.shown {
            writeln!(
                f,
                "WRONG: {} (CHK-{})",
                printable(&problem.what),
                problem.check
            )?;
            writeln!(f, "       {}", problem.meaning)?;
        }
        if self.more > 0 {
            writeln!(f, "WRONG: {} more problems are not shown", self.more)?;
        }
        Ok(())
    }
}

/// How a command ends that could do its work: what it prints, and what is wrong.
#[derive(Debug)]
pub struct Outcome {
    pub text: String,
    pub problems: Problems,
}

impl Outcome {
    pub fn of_text(text: String) -> Self {
        Self {
            text,
            problems: Problems::default(),
        }
    }
}

/// Wrong arguments, or a file that cannot be read: the command could not do its work.
#[derive(Debug)]
pub struct Unusable(pub String);

impl From<lexopt::Error> for Unusable {
    fn from(error: lexopt::Error) -> Self {
        Self(format!("{}; try --help", printable(&error.to_string())))
    }
}
