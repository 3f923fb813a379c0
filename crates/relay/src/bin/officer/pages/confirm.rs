//! What is about to be signed, in words and field by field. Signing is the second click.

use std::time::Instant;

use axum::http::StatusCode;
use waxseal_desk::export::decode_content;
use waxseal_relay::desk::Hex;
use waxseal_relay::system_rng;

use crate::app::Desk;
use crate::checks;
use crate::fields::{Field, grant_fields, policy};
use crate::form::CHANGE;
use crate::guard::told;
use crate::html::Link;
use crate::page::{Answer, Ctx, Tab, hidden};
use crate::parts::{case_link, fact, facts};
use crate::prepared::{Prepared, Waiting};
use crate::problem::Problem;
use crate::words;
use crate::words::messages;

/// Keeps an act, and shows the page on which the officer signs it.
pub fn confirm(ctx: &Ctx, desk: &Desk, act: impl Into<Waiting>) -> Answer {
    let waiting = act.into();
    if !checks::is_in_force(&waiting.act, desk) {
        return Err(Problem::PolicyChanged.into());
    }
    show(ctx, desk, waiting, None)
}

/// Shows the page again after an act was not carried out. Nothing of it is lost.
pub fn again(ctx: &Ctx, desk: &Desk, waiting: Waiting, why: &Problem) -> Answer {
    show(ctx, desk, waiting, Some(why))
}

fn show(ctx: &Ctx, desk: &Desk, waiting: Waiting, why: Option<&Problem>) -> Answer {
    let act = &waiting.act;
    let title = title(act);
    let (words, case) = (in_words(act), act.case());
    let (fields, bytes) = (fields_of(act, ctx, desk), act.bytes());
    let (form, is_earlier) = (
        waiting.form.clone(),
        checks::is_of_earlier_policy(act, desk),
    );
    let name = ctx
        .app
        .sessions()
        .prepare(waiting, Instant::now(), &mut system_rng());
    let name = name.ok_or(Problem::NoSession)?;
    let status = why.map_or(StatusCode::OK, Problem::status);
    Ok(ctx.page_as(status, title, Tab::None, |html| {
        if let Some(problem) = why {
            told(html, problem);
        }
        html.tag("p").class("lead").text(words);
        if is_earlier {
            html.tag("p").class("note").text(
                "This grant is of another policy than the one in force. You judge it under the \
                 policy in force.",
            );
        }
        html.tag("p").text(
            "You sign these fields, together with the kind of the act and the time at which you \
             sign. Nothing is sent before you press the button below.",
        );
        html.tag("section").class("card").put(|html| {
            facts(html, |html| {
                fact(html, "Case", |html| case_link(html, &case));
                for field in &fields {
                    field.show(html, desk);
                }
            })
        });
        if !bytes.is_empty() {
            html.tag("details").put(|html| {
                let summary = format!("The act as bytes ({})", words::size(len(&bytes)));
                html.tag("summary").text(&summary);
                html.tag("p").class("hex").put(|html| {
                    html.tag("code").text(&hex(&bytes));
                });
            });
        }
        ctx.post(html, &Link::to("/sign"), |html| {
            hidden(html, "act", &name);
            html.tag("p").class("buttons").put(|html| {
                let button = html.tag("button").kind("submit");
                button.text("Sign and send");
                html.text(" ");
                let back = Link::to("/case").hex(&case);
                html.tag("a").href(&back).text("Do not sign");
            });
        });
        if let Some((to, form)) = &form {
            ctx.post(html, to, |html| {
                hidden(html, CHANGE, "1");
                for (name, value) in form.fields() {
                    hidden(html, name, value);
                }
                let button = html.tag("button").class("quiet").kind("submit");
                button.text("Change it");
            });
        }
    }))
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn title(act: &Prepared) -> &'static str {
    match act {
        Prepared::Grant { .. } => "Sign: ask for a grant",
        Prepared::Approval(_) => "Sign: approve a grant",
        Prepared::Denial { .. } => "Sign: deny a grant",
        Prepared::Decision(_) => "Sign: decide the case",
        Prepared::Appeal { .. } => "Sign: decide the appeal",
        Prepared::Review { .. } => "Sign: review an emergency",
        Prepared::Assignment {
            gives_back: true, ..
        } => "Sign: give the case back",
        Prepared::Assignment { .. } => "Sign: assign the case",
        Prepared::Hold(hold) if hold.lift => "Sign: lift a hold",
        Prepared::Hold(_) => "Sign: place a hold",
        Prepared::Open { .. } => "Sign: open a report",
        Prepared::Export { .. } => "Sign: export the case",
    }
}

fn in_words(act: &Prepared) -> &'static str {
    match act {
        Prepared::Grant { .. } => {
            "You ask for leave to open the messages below, for this purpose and until this time. The \
             request becomes an entry of the public log. The entry tells the purpose, and not whom \
             it is about."
        }
        Prepared::Approval(_) => {
            "You allow another officer to open the messages below. The approval becomes an entry of \
             the public log, and you answer for it together with the requester."
        }
        Prepared::Denial { .. } => {
            "You deny another officer's request. The denial becomes an entry of the public log."
        }
        Prepared::Decision(_) => {
            "You decide this case. The decision becomes an entry of the public log. The reporters \
             and the reported account are told the measure, the rule and the statement of reasons, \
             and can appeal."
        }
        Prepared::Appeal { .. } => {
            "You decide whether the decision stands. The outcome becomes an entry of the public \
             log, and the side that appealed reads the statement of reasons."
        }
        Prepared::Review { .. } => {
            "You judge whether there was an emergency when this grant was used without a second \
             person. The outcome becomes an entry of the public log."
        }
        Prepared::Assignment {
            gives_back: true, ..
        } => {
            "You give this case back. Your assignment ends in a minute, and any officer can take \
             the case then. There is no entry in the log about it."
        }
        Prepared::Assignment { .. } => {
            "You assign this case. While the assignment lasts, only that officer can decide the \
             case or give it away. There is no entry in the log about it."
        }
        Prepared::Hold(hold) if hold.lift => {
            "You lift a hold. Once no hold is left, the content is erased when its time is over. \
             This becomes an entry of the public log."
        }
        Prepared::Hold(_) => {
            "You place a hold. The content of this case is kept until the hold is lifted. This \
             becomes an entry of the public log."
        }
        Prepared::Open { .. } => {
            "You open this report. The opening becomes an entry of the public log before anything \
             is shown, and the reporter can learn of it. It uses one opening of the grant up. The \
             view stays in this program for an hour, so read it then. Opening can take a minute, \
             because vault and witnesses cosign the log first."
        }
        Prepared::Export { .. } => {
            "You have data of this case sent to another system. The export becomes an entry of the \
             public log with the digest of what leaves. What was sent cannot be taken back."
        }
    }
}

fn fields_of(act: &Prepared, ctx: &Ctx, desk: &Desk) -> Vec<Field> {
    let me = ctx.app.me();
    let mut fields = match act {
        Prepared::Grant { grant, reports } => grant_fields(grant, reports, desk, &me),
        Prepared::Approval(grant) => grant_fields(grant, &[], desk, &me),
        Prepared::Denial { denial, grant } => {
            let mut fields = vec![Field::Written("Reason", denial.reason.clone())];
            fields.extend(grant_fields(grant, &[], desk, &me));
            fields
        }
        Prepared::Decision(decision) => vec![
            Field::Id("Policy", policy(decision.policy.as_bytes(), desk)),
            Field::Text(
                "Reason found",
                words::reason(decision.reason.number()).to_owned(),
            ),
            Field::Text("Measure", words::measure(decision.measure).to_owned()),
            Field::Written("Rule", decision.rule.clone()),
            Field::Written("Statement of reasons", decision.statement.clone()),
        ],
        Prepared::Appeal {
            decision, appeal, ..
        } => vec![
            Field::Id("Appeal", Hex(*decision.appeal.as_bytes()).to_string()),
            Field::Text("Who appeals", words::side(appeal.side).to_owned()),
            match &appeal.text {
                Some(text) => Field::Said("What they write, as the desk tells", text.clone()),
                None => Field::Text("What they write", "erased".to_owned()),
            },
            Field::Id("Decision", appeal.decision.to_string()),
            Field::Text(
                "Outcome",
                words::appeal_outcome(decision.outcome.number()).to_owned(),
            ),
            Field::Written("Statement of reasons", decision.statement.clone()),
        ],
        Prepared::Review { review, grant } => {
            let outcome = words::review_outcome(review.outcome.number());
            let mut fields = vec![
                Field::Text("Outcome", outcome.to_owned()),
                Field::Written("Statement", review.statement.clone()),
            ];
            fields.extend(grant_fields(grant, &[], desk, &me));
            fields
        }
        Prepared::Assignment {
            assignment,
            gives_back,
        } => vec![
            Field::Officer("To", Hex(*assignment.officer.as_bytes())),
            Field::Text(
                "Until",
                match gives_back {
                    true => "one minute after you sign".to_owned(),
                    false => words::time(assignment.until.as_millis()),
                },
            ),
        ],
        Prepared::Hold(hold) => {
            let request = hold.request.map(|request| Hex(*request.as_bytes()));
            let request = request.map(|request| Field::Id("Legal request", request.to_string()));
            let mut fields = vec![Field::Id("Hold", Hex(*hold.id.as_bytes()).to_string())];
            fields.extend(request);
            fields.push(Field::Written("Why", hold.statement.clone()));
            fields
        }
        Prepared::Open {
            open,
            grant,
            report,
            ..
        } => {
            let granted = grant.report(report).map_or(0, |one| one.messages);
            let mut fields = vec![
                Field::Id("Report", open.report.to_string()),
                Field::Report(messages(granted), Hex(*report.as_bytes())),
            ];
            fields.extend(grant_fields(grant, &[], desk, &me));
            fields
        }
        Prepared::Export { ask, content, .. } => {
            let mut fields = vec![Field::Text("To", words::target(ask.target).to_owned())];
            let given = ask.fields.iter();
            fields.extend(
                given.map(|(name, value)| Field::Written("Field", format!("{name} = {value}"))),
            );
            let content = match decode_content(content) {
                Ok(shown) if shown.is_empty() => "none goes along".to_owned(),
                Ok(shown) => {
                    let ids = shown.iter().map(|one| Hex(*one.report.as_bytes()));
                    let ids: Vec<_> = ids.map(|id| words::short(&id)).collect();
                    format!("all that you opened of report {}", ids.join(", "))
                }
                Err(_) => "cannot be read".to_owned(),
            };
            fields.push(Field::Text("Content of reports", content));
            fields
        }
    };
    fields.push(Field::Id("Case id", act.case().to_string()));
    fields.push(Field::Id("Log", ctx.app.keys.origin().to_owned()));
    fields.push(Field::Officer("Signed by", ctx.app.me()));
    fields
}
