//! The messages that travel.

use std::path::Path;

use crate::Result;

/// One message to send.
#[derive(Clone)]
pub struct Line {
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
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        let (label, text) = line
            .split_once('\t')
            .ok_or_else(|| format!("line {number} has no tab between label and text"))?;
        lines.push(Line {
            is_spam: label == "spam",
            text: text.to_owned(),
        });
    }
    Ok(lines)
}

/// The messages that are sent if no file is given.
const BUILT_IN: &str = "\
ham\tAre you coming on Saturday?
spam\tCONGRATULATIONS! You have been selected for a £1,000 gift card. Reply YES to claim now
spam\tI know where you live. Pay 300 by tonight or you will be sorry
spam\thi sweetie, how old are you? do not tell your parents that we talk
ham\tOlives, if you pass the market. And your guitar :)
spam\tYour parcel is held at the depot. Pay the fee of 1.99 at parcel-fee.example to release it
spam\tWINNER!! Your number was drawn. Call 0900-555-0101 within 12 hours
ham\tDon't click that, it's the same number as last week
spam\tHi mum, I dropped my phone in the sink, this is my new number. Can you send 800 for the rent?
ham\tMum says hi, and that the cat is fine 🐈
spam\tURGENT: your tax refund of 412.50 waits. Confirm your card at refund-now.example
spam\tHot stock tip: buy before Monday, double your money, no risk
ham\tBin um acht da, Zug hat Verspätung
spam\tWork from home and earn 5000 a week!! Limited places, register today at easy-money.example
spam\tYou have 1 unread voicemail. Listen at voice-box.example/a8f3
ham\t好的，到时候见
spam\tFINAL NOTICE: your account will be closed. Verify your password at bank-verify.example
spam\tFree ringtone! Text TONE to 80888, 4.50 a week until you stop
ham\tRunning late, start without me
spam\tDear customer, we could not deliver your order. Choose a new date at your-order.example
spam\tInvest 250 today and a famous investor shows you the rest: coin-secret.example
ham\tSaved you a plate
spam\tYour neighbour saw you. Watch the video at who-saw-me.example
spam\tLAST CHANCE to claim your holiday for two, quote ref 9921
ham\tYou are the best
spam\tCheap pills, no questions, shipped in plain paper
spam\tYour bank: a payment of 940 was made. Not you? Call 0900-555-0144 now
ham\tDid you get that one too?
spam\tWe bought your old phone number, send the code that you just received
spam\tLoan approved! 10,000 within the hour, no checks, reply LOAN
ham\tYes, reported it
spam\tYou are invited to a private group with daily signals. Join before it closes
ham\tGood night!
";
