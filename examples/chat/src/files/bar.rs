//! A bar that shows how far a file is, on a terminal.

use std::io::{self, IsTerminal, Write};

/// How many characters the bar is wide.
const WIDTH: u64 = 30;

/// A bar on stderr. If that is no terminal, nothing is shown.
pub struct Bar {
    did: &'static str,
    is_shown: bool,
    is_drawn: bool,
}

impl Bar {
    /// A bar whose line says what was done with the bytes.
    pub fn new(did: &'static str) -> Self {
        Self {
            did,
            is_shown: io::stderr().is_terminal(),
            is_drawn: false,
        }
    }

    /// Draws how many bytes are done.
    pub fn show(&mut self, done: u64, of: u64) {
        if self.is_shown {
            eprint!("\r{}", line(self.did, done, of));
            let _ = io::stderr().flush(); // it is shown for comfort alone
            self.is_drawn = true;
        }
    }

    /// Goes on below the bar.
    pub fn end(&mut self) {
        if self.is_drawn {
            eprintln!();
            self.is_drawn = false;
        }
    }
}

fn line(did: &str, done: u64, of: u64) -> String {
    let share = |whole: u64| {
        done.min(of)
            .saturating_mul(whole)
            .checked_div(of)
            .unwrap_or(whole)
    };
    let full = usize::try_from(share(WIDTH)).unwrap_or_default();
    let empty = usize::try_from(WIDTH)
        .unwrap_or_default()
        .saturating_sub(full);
    let (bar, rest) = ("#".repeat(full), ".".repeat(empty));
    let percent = share(100);
    let (done, of) = (amount(done), amount(of));
    format!("[{bar}{rest}] {percent:>3} %  {did} {done} of {of}    ")
}

/// A number of bytes for people: three digits or four, and a unit.
pub fn amount(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, "bytes");
    for larger in UNITS {
        if whole < 1_000 {
            break;
        }
        (whole, rest, unit) = (whole / 1_000, whole % 1_000 / 100, larger);
    }
    match unit {
        "bytes" if whole == 1 => "1 byte".to_owned(),
        "bytes" => format!("{whole} bytes"),
        _ if whole < 10 => format!("{whole}.{rest} {unit}"),
        _ => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_999, "1.9 kB"),
            (65_536, "65 kB"),
            (1 << 32, "4.2 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn a_bar_is_as_full_as_what_is_done() {
        let line = |done, of| line("sent", done, of);
        assert!(line(0, 0).contains("100 %"));
        assert!(line(0, 10).contains(&".".repeat(30)));
        assert!(line(5, 10).contains(&format!("[{}{}]", "#".repeat(15), ".".repeat(15))));
        assert!(line(11, 10).contains(&"#".repeat(30)));
        assert!(line(u64::MAX, u64::MAX).contains(" % "));
    }
}
