//! `list`: lists the accepted reports without opening them.

use std::error::Error;

use crate::Reviewer;
use crate::json::printable_json;
use crate::text::printable;

pub fn list(reviewer: &Reviewer, json: bool) -> Result<(), Box<dyn Error>> {
    let mut after = Some(0);
    while let Some(from) = after {
        let page = reviewer.relay.reports(&reviewer.session, from)?;
        for report in page.reports {
            if json {
                println!("{}", printable_json(&report)?);
                continue;
            }
            let state = match (report.rejected, report.opened) {
                _ if report.closed => "closed".to_owned(),
                (Some(82), _) => "unreadable".to_owned(),
                (Some(check), _) => format!("rejected, check {check}"),
                (None, 0) => "new".to_owned(),
                (None, opened) => format!("opened {opened} times"),
            };
            let what = match report.messages {
                0 => "an account, no messages,".to_owned(),
                messages => format!("{messages} message(s)"),
            };
            println!(
                "{}  {what} reported by {} at {} ms  {state}",
                printable(&report.report_id),
                printable(&report.reporter),
                report.accepted_at_ms,
            );
        }
        // Accepts only a later page, so that a faulty relay cannot make this loop endless.
        after = page.next.filter(|next| *next > from);
    }
    Ok(())
}
