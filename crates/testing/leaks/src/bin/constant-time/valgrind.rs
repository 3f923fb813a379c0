//! Runs this program under valgrind and reads memcheck's reports.

use std::fmt;
use std::process::{Command, Stdio};

/// A place that memcheck reports: its call stack, innermost function first, with inlined functions.
pub(crate) struct Report {
    what: String,
    pub(crate) frames: Vec<Frame>,
}

pub(crate) struct Frame {
    function: String,
    file: String,
    line: String,
}

impl Frame {
    /// Whether the function is `main`, which calls the scenarios.
    fn is_main(&self) -> bool {
        self.function.ends_with("::main")
    }

    /// File and function, without the directories of the file.
    pub(crate) fn place(&self) -> String {
        let file = self.file.rsplit('/').next().unwrap_or_default();
        format!("{file} {}", self.function)
    }

    /// Whether the function belongs to the standard library, or has a name that does not tell which
    /// code uses it.
    pub(crate) fn is_standard(&self) -> bool {
        self.file.contains("library/")
            || ["", "bcmp", "memmove", "malloc"].contains(&&self.function[..])
    }
}

/// Runs a scenario under valgrind. Returns each place that memcheck reports.
pub(crate) fn run(scenario: &str) -> Vec<Report> {
    let this = std::env::current_exe().expect("the path of this program");
    let xml = this.with_extension("memcheck.xml");
    let status = Command::new("valgrind")
        .args(["--tool=memcheck", "--leak-check=no", "--num-callers=60"])
        .args(["--read-inline-info=yes", "--undef-value-errors=yes"])
        .args(["--error-limit=no", "--xml=yes"])
        .arg(format!("--xml-file={}", xml.display()))
        .arg(&this)
        .arg(scenario)
        .stdout(Stdio::null())
        .status()
        .expect("valgrind starts");
    assert!(status.success(), "{scenario}: {status}");
    let text = std::fs::read_to_string(&xml).expect("valgrind's report");
    std::fs::remove_file(&xml).expect("the report can be removed");
    assert!(text.contains("</valgrindoutput>"), "{scenario}: cut short");
    elements(&text, "error").map(report).collect()
}

fn report(error: &str) -> Report {
    let stack = elements(error, "stack").next().unwrap_or_default();
    Report {
        what: text(error, "what"),
        frames: elements(stack, "frame")
            .map(|frame| Frame {
                function: text(frame, "fn"),
                file: text(frame, "dir") + "/" + &text(frame, "file"),
                line: text(frame, "line"),
            })
            .collect(),
    }
}

/// The contents of all elements with this name.
fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open[..])
        .skip(1)
        .map(move |rest| rest.split_once(&close[..]).map_or("", |(inside, _)| inside))
        .collect::<Vec<_>>()
        .into_iter()
}

fn text(xml: &str, name: &str) -> String {
    let text = elements(xml, name).next().unwrap_or_default();
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    {}", self.what)?;
        for frame in self.frames.iter().take_while(|frame| !frame.is_main()) {
            writeln!(
                f,
                "      {}  ({}:{})",
                frame.function, frame.file, frame.line
            )?;
        }
        Ok(())
    }
}
