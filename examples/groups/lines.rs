//! The texts that are sent.

use std::path::Path;

use crate::Result;

/// One text.
#[derive(Clone)]
pub struct Line {
    /// Whether a member reports it.
    pub is_spam: bool,
    pub text: String,
}

/// Reads the lines of a file, or the built-in ones.
pub fn read(file: Option<&Path>) -> Result<Vec<Line>> {
    let text = match file {
        None => BUILT_IN.to_owned(),
        Some(path) => {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<_> = lines.map(line).collect();
    match lines.is_empty() {
        true => Err("the file holds no text".into()),
        false => Ok(lines),
    }
}

fn line(line: &str) -> Line {
    let (label, text) = line.split_once('\t').unwrap_or(("", line));
    Line {
        is_spam: label == "spam",
        text: text.to_owned(),
    }
}

const BUILT_IN: &str = "\
ham\tWelcome, everybody! First meeting on Saturday?
ham\tAround six suits me. Shall I bring something?
ham\tOlives, if you pass the market. And your guitar :)
spam\tCONGRATULATIONS! You have been selected for a £1,000 gift card. Reply YES to claim now
ham\tWho let that one in?
ham\tBin um acht da, Zug hat Verspätung
spam\tYour parcel is held at the depot. Pay the fee of 1.99 at parcel-fee.example to release it
ham\t好的，到时候见
ham\tMum says hi, and that the cat is fine 🐈
spam\tInvest 250 today and a famous investor shows you the rest: coin-secret.example
ham\tRunning late, start without me
ham\tSaved you a plate
ham\tYou are the best
spam\tYou are invited to a private group with daily signals. Join before it closes
ham\tReported it.
ham\tGood night!
";
