//! Makes and checks the files of test vectors.
//!
//! The outcome in a vector is what the vector's operation returned for its input when the file was
//! made. The test compares the committed file byte for byte with what the code produces now.

use core::fmt::Debug;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{env, fs};

use serde_json::{Value, json};

/// Writes bytes as hexadecimal. A run of at least 1,024 equal bytes is shortened to the form
/// `(c7*75776)`, because vectors that test limits are long.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
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

/// Reads what [`hex`] writes.
pub fn unhex(text: &str) -> Vec<u8> {
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

/// The input of an operation, or one field of it.
#[derive(Clone, Copy)]
pub struct Input<'a>(&'a Value);

impl<'a> Input<'a> {
    /// Wraps a JSON value.
    pub fn of(value: &'a Value) -> Self {
        Self(value)
    }

    /// The field `name`, which must exist.
    pub fn get(self, name: &str) -> Self {
        let value = self.0.get(name);
        Self(value.unwrap_or_else(|| panic!("no field {name} in {}", self.0)))
    }

    /// The field `name`, or `None` if it is absent or null.
    pub fn optional(self, name: &str) -> Option<Self> {
        self.0.get(name).filter(|value| !value.is_null()).map(Input)
    }

    /// The elements of the array in the field `name`.
    pub fn list(self, name: &str) -> Vec<Self> {
        let items = self.get(name).0.as_array().unwrap();
        items.iter().map(Input).collect()
    }

    /// This value as a string.
    pub fn text(self) -> &'a str {
        self.0.as_str().unwrap()
    }

    /// This value as bytes, written as [`hex`] writes them.
    pub fn bytes(self) -> Vec<u8> {
        unhex(self.text())
    }

    /// This value as exactly `N` bytes.
    pub fn array<const N: usize>(self) -> [u8; N] {
        let bytes = self.bytes();
        let len = bytes.len();
        bytes
            .try_into()
            .unwrap_or_else(|_| panic!("{len} bytes are not {N}"))
    }

    /// This value as an unsigned integer that fits `N`.
    pub fn number<N: TryFrom<u64>>(self) -> N {
        let number = N::try_from(self.0.as_u64().unwrap());
        number.unwrap_or_else(|_| panic!("{} is out of range", self.0))
    }
}

/// What an operation returns: the expected values, or the error as [`refused`] writes it.
pub type Outcome = Result<Value, String>;

/// Writes an error as the vectors do: its variant with its fields.
pub fn refused(error: impl Debug) -> String {
    format!("{error:?}")
}

/// What the harness needs to know about the crate whose vectors it makes.
#[derive(Clone, Copy)]
pub struct Crate {
    /// Folder of the crate, which has the vectors in `tests/vectors`.
    pub folder: &'static str,
    /// Runs the operation with this name on an input.
    pub run: fn(&str, Input<'_>) -> Outcome,
    /// Numbers of the checks that can fail with this error variant.
    pub checks_of: fn(&str) -> &'static [u16],
}

/// The innermost variant in an error's debug text, without the variants that wrap it.
fn variant(error: &str) -> &str {
    let names = error.split(|character: char| !character.is_alphanumeric());
    let mut variants = names.filter(|name| name.starts_with(char::is_uppercase));
    variants.next_back().unwrap()
}

/// One file of vectors that the code is building.
///
/// [`Vectors::passes`] and [`Vectors::fails`] run an operation and add a vector.
/// [`Vectors::finish`] compares the result with the committed file.
pub struct Vectors {
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
    /// Starts an empty file. `seed` says what the inputs are made from.
    pub fn new(
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

    /// Adds a vector whose operation must succeed, and returns the operation's result.
    pub fn passes(&mut self, id: &str, comment: &str, operation: &str, input: Value) -> Value {
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

    /// Adds a vector that the check numbered `check` must reject. Panics if the operation succeeds,
    /// or fails with an error that this check cannot cause.
    pub fn fails(&mut self, id: &str, comment: &str, operation: &str, input: Value, check: u16) {
        let Err(error) = (self.of.run)(operation, Input(&input)) else {
            panic!("{id} is not refused");
        };
        assert!(
            (self.of.checks_of)(variant(&error)).contains(&check),
            "{id} is refused for a reason that is not CHK-{check:02}: {error}"
        );
        *self.failing.entry(operation.to_owned()).or_default() += 1;
        let must_fail = json!({ "check": format!("CHK-{check:02}"), "error": error });
        self.add(id, comment, operation, input, ("must_fail", must_fail));
    }

    /// Compares the vectors with the committed file, byte for byte. If `WAXSEAL_REGENERATE` is set,
    /// writes the file first. Each operation with a failing vector must also have a passing one.
    pub fn finish(self) {
        for operation in self.failing.keys() {
            assert!(
                self.passing.contains(operation),
                "{operation} has failing vectors but none that passes"
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
            "{} differs from what the code produces; if the change is intended, set WAXSEAL_REGENERATE=1",
            self.file
        );
    }
}

fn regenerating() -> bool {
    env::var_os("WAXSEAL_REGENERATE").is_some()
}

/// Reads the vectors of all committed files of the crate in `folder`.
pub fn committed(folder: &str) -> Vec<Value> {
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

/// Asserts that the committed vectors cover the specification. Does nothing while the files are
/// being written.
///
/// - Every check in `checks` has either a failing vector, or a reason in `without_vectors` for
///   having none.
/// - The operations that have a passing vector use every label in `all_labels`, and no others.
/// - More vectors fail than pass.
pub fn assert_coverage(
    folder: &str,
    checks: impl Iterator<Item = u16>,
    without_vectors: &[(u16, &str)],
    all_labels: &[&[u8]],
    labels_of: fn(&str) -> Vec<&'static [u8]>,
) {
    if regenerating() {
        // Other tests are writing the files now. The next run checks them.
        return;
    }
    let vectors = committed(folder);
    let (failing, passing): (Vec<_>, Vec<_>) = vectors
        .iter()
        .partition(|vector| vector.get("must_fail").is_some());
    assert!(
        failing.len() > passing.len(),
        "more vectors must fail than pass"
    );

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
    assert_eq!(
        derived, all,
        "labels used by the operations of passing vectors"
    );
}

/// Copies an input and replaces one field.
pub fn with(input: &Value, field: &str, value: impl Into<Value>) -> Value {
    let mut copy = input.clone();
    assert!(copy.get(field).is_some(), "no field {field}");
    copy[field] = value.into();
    copy
}

/// Copies an input and flips the bits of `mask` in byte `at` of one hexadecimal field. A negative
/// `at` counts from the end.
pub fn flipped(input: &Value, field: &str, at: isize, mask: u8) -> Value {
    with(input, field, flip(&input[field], at, mask))
}

fn flip(field: &Value, at: isize, mask: u8) -> String {
    let mut bytes = unhex(field.as_str().unwrap());
    let len = isize::try_from(bytes.len()).unwrap();
    let index = usize::try_from(at.rem_euclid(len)).unwrap();
    bytes[index] ^= mask;
    hex(bytes)
}

/// Copies an input and lets `change` edit the bytes of one hexadecimal field.
pub fn changed(input: &Value, field: &str, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut bytes = unhex(input[field].as_str().unwrap());
    change(&mut bytes);
    with(input, field, hex(bytes))
}
