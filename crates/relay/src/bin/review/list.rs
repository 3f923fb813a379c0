//! `list`: what waits for the reviewer, from outside.

use std::error::Error;

use crate::{Desk, plain, plain_json};

pub fn list(desk: &Desk, json: bool) -> Result<(), Box<dyn Error>> {
    let mut after = Some(0);
    while let Some(from) = after {
        let page = desk.relay.reports(&desk.session, from)?;
        for report in page.reports {
            if json {
                println!("{}", plain_json(&report)?);
                continue;
            }
            let state = match (report.rejected, report.opened) {
                (Some(check), _) => format!("rejected, check {check}"),
                (None, 0) => "new".to_owned(),
                (None, opened) => format!("opened {opened} times"),
            };
            println!(
                "{}  {} message(s) reported by {} at {} ms  {state}",
                plain(&report.report_id),
                report.messages,
                plain(&report.reporter),
                report.accepted_at_ms,
            );
        }
        // Pages ascend, whatever the relay says.
        after = page.next.filter(|next| *next > from);
    }
    Ok(())
}
