//! What makes and checks a file of vectors, in both crates.
//!
//! A vector's outcome is whatever its operation gives for its input, as it stands in the file: so what is written has been run, and
//! what is committed is compared byte for byte with what the code gives now.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use serde_json::{Value, json};

/// Hexadecimal, in which 1,024 and more equal bytes in a row are written `(c7*75776)`: limits are long.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for run in bytes.as_ref().chunk_by(|one, next| one == next) {
        if run.len() < 1_024 {
            text.extend(run.iter().map(|byte| format!("{byte:02x}")));
        } else {
            text.push_str(&format!("({:02x}*{})", run[0], run.len()));
        }
    }
    text
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(mark) = rest.get(..1) {
        let digits = if mark == "(" { &rest[1..3] } else { &rest[..2] };
        let byte = u8::from_str_radix(digits, 16).unwrap();
        if mark == "(" {
            let (count, after) = rest[4..].split_once(')').unwrap();
            bytes.resize(bytes.len() + count.parse::<usize>().unwrap(), byte);
            rest = after;
        } else {
            bytes.push(byte);
            rest = &rest[2..];
        }
    }
    bytes
}

/// An operation's input, or a part of it.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(&'a Value);

impl<'a> Input<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        Self(value)
    }

    pub(crate) fn get(self, name: &str) -> Self {
        let value = self.0.get(name);
        Self(value.unwrap_or_else(|| panic!("no field {name} in {}", self.0)))
    }

    /// Nothing if it is absent or null.
    pub(crate) fn optional(self, name: &str) -> Option<Self> {
        self.0.get(name).filter(|value| !value.is_null()).map(Input)
    }

    pub(crate) fn list(self, name: &str) -> Vec<Self> {
        let items = self.get(name).0.as_array().unwrap();
        items.iter().map(Input).collect()
    }

    pub(crate) fn text(self) -> &'a str {
        self.0.as_str().unwrap()
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        unhex(self.text())
    }

    pub(crate) fn array<const N: usize>(self) -> [u8; N] {
        let bytes = self.bytes();
        let len = bytes.len();
        bytes
            .try_into()
            .unwrap_or_else(|_| panic!("{len} bytes are not {N}"))
    }

    pub(crate) fn number<N: TryFrom<u64>>(self) -> N {
        let number = N::try_from(self.0.as_u64().unwrap());
        number.unwrap_or_else(|_| panic!("{} is out of range", self.0))
    }
}

/// What an operation gives: the expected values, or the error's name.
pub(crate) type Outcome = Result<Value, String>;

/// An error's variant with its fields, as the vectors name it.
pub(crate) fn refused(error: impl Debug) -> String {
    format!("{error:?}")
}

/// What a crate's vectors are made and judged by.
#[derive(Clone, Copy)]
pub(crate) struct Crate {
    pub(crate) folder: &'static str,
    /// Runs an operation by its name.
    pub(crate) run: fn(&str, Input<'_>) -> Outcome,
    /// The checks that an error's variant can stand for.
    pub(crate) checks_of: fn(&str) -> &'static [u8],
}

/// The innermost variant of an error: what it says beside whatever wraps it.
fn variant(error: &str) -> &str {
    let names = error.split(|character: char| !character.is_alphanumeric());
    let mut variants = names.filter(|name| name.starts_with(char::is_uppercase));
    variants.next_back().unwrap()
}

/// One file of vectors, as the code makes it.
pub(crate) struct Vectors {
    of: Crate,
    file: &'static str,
    description: &'static str,
    seed: &'static str,
    vectors: Vec<Value>,
    ids: BTreeSet<String>,
    passing: BTreeSet<String>,
    failing: BTreeMap<String, usize>,
}

impl Vectors {
    /// `seed` says what the inputs are made from.
    pub(crate) fn new(
        of: Crate,
        file: &'static str,
        description: &'static str,
        seed: &'static str,
    ) -> Self {
        Self {
            of,
            file,
            description,
            seed,
            vectors: Vec::new(),
            ids: BTreeSet::new(),
            passing: BTreeSet::new(),
            failing: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        id: &str,
        comment: &str,
        operation: &str,
        input: Value,
        outcome: (&str, Value),
    ) {
        assert!(self.ids.insert(id.to_owned()), "two vectors {id}");
        let (name, outcome) = outcome;
        self.vectors.push(json!({
            "id": id, "comment": comment, "operation": operation, "input": input, name: outcome,
        }));
    }

    /// A vector that passes; gives what came out.
    pub(crate) fn passes(
        &mut self,
        id: &str,
        comment: &str,
        operation: &str,
        input: Value,
    ) -> Value {
        let outcome = (self.of.run)(operation, Input(&input));
        let expected = outcome.unwrap_or_else(|error| panic!("{id} is refused: {error}"));
        self.passing.insert(operation.to_owned());
        self.add(
            id,
            comment,
            operation,
            input,
            ("expected", expected.clone()),
        );
        expected
    }

    /// A vector that is refused by a check, and by nothing before it.
    pub(crate) fn fails(
        &mut self,
        id: &str,
        comment: &str,
        operation: &str,
        input: Value,
        check: u8,
    ) {
        let Err(error) = (self.of.run)(operation, Input(&input)) else {
            panic!("{id} is not refused");
        };
        assert!(
            (self.of.checks_of)(variant(&error)).contains(&check),
            "{id} is refused for another reason: {error}"
        );
        *self.failing.entry(operation.to_owned()).or_default() += 1;
        let must_fail = json!({ "check": format!("CHK-{check:02}"), "error": error });
        self.add(id, comment, operation, input, ("must_fail", must_fail));
    }

    /// Compares with the committed file byte for byte, or writes it first if `WAXSEAL_REGENERATE` is set.
    pub(crate) fn finish(self) {
        for operation in self.failing.keys() {
            assert!(
                self.passing.contains(operation),
                "{operation}: no vector passes beside those that fail"
            );
        }
        let file = json!({
            "description": self.description, "seed": self.seed, "vectors": self.vectors,
        });
        let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
        let path = Path::new(self.of.folder)
            .join("tests/vectors")
            .join(self.file);
        if regenerating() {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is not what the code makes; if that is meant: WAXSEAL_REGENERATE=1",
            self.file
        );
    }
}

fn regenerating() -> bool {
    env::var_os("WAXSEAL_REGENERATE").is_some()
}

/// Every vector of a crate's committed files.
pub(crate) fn committed(folder: &str) -> Vec<Value> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(Path::new(folder).join("tests/vectors")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            vectors.extend(file["vectors"].as_array().unwrap().iter().cloned());
        }
    }
    vectors
}

/// Fails unless every check of `checks` has a failing vector or a reason why it has none, every label is in the derivations of an
/// operation that passes, and more vectors fail than pass.
pub(crate) fn assert_coverage(
    folder: &str,
    checks: impl Iterator<Item = u8>,
    without_vectors: &[(u8, &str)],
    all_labels: &[&[u8]],
    labels_of: fn(&str) -> Vec<&'static [u8]>,
) {
    if regenerating() {
        // The files are being written: the run after this one looks at them.
        return;
    }
    let vectors = committed(folder);
    let (failing, passing): (Vec<_>, Vec<_>) = vectors
        .iter()
        .partition(|vector| vector.get("must_fail").is_some());
    assert!(failing.len() > passing.len(), "more pass than fail");

    let broken: BTreeSet<_> = failing
        .iter()
        .map(|vector| vector["must_fail"]["check"].as_str().unwrap().to_owned())
        .collect();
    for check in checks {
        let has_vector = broken.contains(&format!("CHK-{check:02}"));
        let reason = without_vectors.iter().find(|(number, _)| *number == check);
        assert!(has_vector != reason.is_some(), "CHK-{check:02}: {reason:?}");
    }

    let derived: BTreeSet<_> = passing
        .iter()
        .flat_map(|vector| labels_of(vector["operation"].as_str().unwrap()))
        .collect();
    let all: BTreeSet<_> = all_labels.iter().copied().collect();
    assert_eq!(derived, all, "labels that the vectors derive with");
}

/// A copy of an input with one field replaced.
pub(crate) fn with(input: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut copy = input.clone();
    assert!(copy.get(field).is_some(), "no field {field}");
    copy[field] = value.into();
    copy
}

/// A copy of an input, one hexadecimal field of which has the bits of `mask` flipped in its byte `at`, from the end if negative.
pub(crate) fn flipped(input: &Value, field: &str, at: isize, mask: u8) -> Value {
    with(input, field, flip(&input[field], at, mask))
}

fn flip(field: &Value, at: isize, mask: u8) -> String {
    let mut bytes = unhex(field.as_str().unwrap());
    let len = isize::try_from(bytes.len()).unwrap();
    let index = usize::try_from(at.rem_euclid(len)).unwrap();
    bytes[index] ^= mask;
    hex(bytes)
}

/// The bytes of a field, changed.
pub(crate) fn changed(input: &Value, field: &str, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut bytes = unhex(input[field].as_str().unwrap());
    change(&mut bytes);
    with(input, field, hex(bytes))
}
