//! Pieces that several pages have.

use waxseal_relay::desk::{CaseItem, Hex};

use crate::app::Desk;
use crate::html::{Html, Link, Tag};
use crate::views::Opened;
use crate::words;

/// What is wrong with a form: the id of the field, and a sentence.
pub type Wrong = (&'static str, String);

/// Says what is wrong with a form, before everything else. The browser puts the focus here.
pub fn errors(html: &mut Html, wrong: &[Wrong]) {
    if wrong.is_empty() {
        return;
    }
    html.note_wrong(wrong);
    let summary = html
        .tag("div")
        .class("errors")
        .role("alert")
        .tab_index("-1");
    summary.flag("autofocus", true).put(|html| {
        html.tag("h2").text("Please correct this");
        html.tag("ul").put(|html| {
            for (field, said) in wrong {
                html.tag("li").put(|html| {
                    html.tag("a").href(&Link::here(field)).text(said);
                });
            }
        });
    });
}

/// Says that an act was carried out.
pub fn done(html: &mut Html, name: &str) {
    let said = match name {
        "grant" => {
            "Your request is signed and is in the log. It needs an approval if it names one."
        }
        "approved" => "The grant is approved. The requester can open what it names.",
        "denied" => "The grant is denied.",
        "decided" => "The case is decided, and the log has the decision. Both sides will be told.",
        "appeal" => "The appeal is decided, and the log has the outcome.",
        "reviewed" => "The review is in the log.",
        "assigned" => "The case is assigned.",
        "back" => "You gave the case back. Within a minute it is free.",
        "hold" => "The hold is in the log.",
        "export" => "The export is in the log, and waits to be sent.",
        "closed" => "The view is closed, and this program shows its content no more.",
        _ => return,
    };
    // The browser puts the focus here, so that it is read first.
    let message = html.tag("p").class("done").role("status").tab_index("-1");
    message.flag("autofocus", true).text(said);
}

/// A list of facts.
pub fn facts(html: &mut Html, rows: impl FnOnce(&mut Html)) {
    html.tag("dl").class("facts").put(rows);
}

/// One fact of a list.
pub fn fact<T>(html: &mut Html, name: &str, value: impl FnOnce(&mut Html) -> T) {
    html.tag("div").put(|html| {
        html.tag("dt").text(name);
        html.tag("dd").put(value);
    });
}

/// One fact of a list, over its whole width.
pub fn wide_fact<T>(html: &mut Html, name: &str, value: impl FnOnce(&mut Html) -> T) {
    html.tag("div").class("wide").put(|html| {
        html.tag("dt").text(name);
        html.tag("dd").put(value);
    });
}

/// A fact that is text of this program.
pub fn fact_text(html: &mut Html, name: &str, value: &str) {
    fact(html, name, |html| html.text(value));
}

/// A fact that is an identifier.
pub fn fact_id<const N: usize>(html: &mut Html, name: &str, id: &Hex<N>) {
    fact(html, name, |html| html.tag("code").text(&id.to_string()));
}

/// A table. On narrow windows it scrolls by itself.
pub fn table(html: &mut Html, caption: &str, heads: &[&str], rows: impl FnOnce(&mut Html)) {
    let frame = html
        .tag("div")
        .class("scroll")
        .role("region")
        .tab_index("0");
    frame.aria_label(caption).put(|html| {
        html.tag("table").put(|html| {
            html.tag("caption").text(caption);
            html.tag("thead").put(|html| {
                html.tag("tr").put(|html| {
                    for head in heads {
                        html.tag("th").scope("col").text(head);
                    }
                });
            });
            html.tag("tbody").put(rows);
        });
    });
}

/// A cell with text of this program.
pub fn cell(html: &mut Html, text: &str) {
    html.tag("td").text(text);
}

/// A cell with a time: the date and, smaller, how long ago.
pub fn time_cell(html: &mut Html, ms: u64, now_ms: u64) {
    html.tag("td").put(|html| {
        html.tag("span").class("when").text(&words::time(ms));
        html.tag("span")
            .class("small")
            .text(&format!("{} ago", words::ago(ms, now_ms)));
    });
}

/// An officer: the name as the policy has it, and the start of the key.
pub fn officer(html: &mut Html, desk: &Desk, key: &Hex<32>) {
    let (name, key) = words::officer(desk, key);
    html.name(&name);
    html.text(" ");
    html.tag("code").text(&key);
}

/// The account of a case.
pub fn account(html: &mut Html, case: &CaseItem) {
    match &case.account {
        Some(account) => html.said(account),
        None => html.tag("span").class("small").text("name erased"),
    }
}

/// A choice of one value from a list.
pub fn select<'a>(
    html: &mut Html,
    (name, label): (&'static str, &str),
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
    chosen: &str,
) {
    field(html, (name, label), None, |html, described| {
        let list = described.add(html.tag("select").id(name).name(name));
        list.put(|html| {
            for (value, words) in options {
                let option = html.tag("option").value(value);
                option.flag("selected", value == chosen).text(words);
            }
        });
    });
}

/// A field of one line.
pub fn line(html: &mut Html, named: (&'static str, &str), hint: &str, value: &str, max: usize) {
    field(html, named, Some(hint), |html, described| {
        let input = html.tag("input").kind("text").id(named.0).name(named.0);
        let input = private(described.add(input)).autocomplete("off");
        input.max_length(&max.to_string()).value(value).end();
    });
}

/// A field for a number.
pub fn amount(html: &mut Html, named: (&'static str, &str), hint: &str, value: &str, max: u16) {
    field(html, named, Some(hint), |html, described| {
        let input = html.tag("input").kind("number").id(named.0).name(named.0);
        let input = described.add(input).min("1").max(&max.to_string());
        input.value(value).end();
    });
}

/// A field of several lines.
pub fn area(html: &mut Html, named: (&'static str, &str), hint: &str, value: &str, max: usize) {
    field(html, named, Some(hint), |html, described| {
        let area = html.tag("textarea").id(named.0).name(named.0).rows("6");
        let area = private(described.add(area)).autocomplete("off");
        area.max_length(&max.to_string())
            // The parser drops a line break right after the tag, and this one is for it.
            .text(&format!("\n{value}"));
    });
}

/// Keeps browsers from sending what is typed to someone who checks or continues it.
fn private(field: Tag<'_>) -> Tag<'_> {
    field.spell_check("false").writing_suggestions("false")
}

/// What describes a field: the ids of its hint, and of what is wrong with it.
struct Described {
    ids: String,
    is_wrong: bool,
}

impl Described {
    fn add<'a>(&self, field: Tag<'a>) -> Tag<'a> {
        let field = match self.ids.as_str() {
            "" => field,
            ids => field.aria_describedby(ids),
        };
        match self.is_wrong {
            true => field.aria_invalid("true"),
            false => field,
        }
    }
}

/// A label, a hint, what is wrong, and the field itself.
fn field(
    html: &mut Html,
    (name, label): (&'static str, &str),
    hint: Option<&str>,
    input: impl FnOnce(&mut Html, &Described),
) {
    html.tag("div").class("field").put(|html| {
        html.tag("label").label_for(name).text(label);
        let hint = hint.map(|hint| {
            let id = format!("{name}-hint");
            html.tag("p").class("hint").id(&id).text(hint);
            id
        });
        let wrong = wrong_at(html, name);
        let described = Described {
            is_wrong: wrong.is_some(),
            ids: wrong.into_iter().chain(hint).collect::<Vec<_>>().join(" "),
        };
        input(html, &described);
    });
}

/// Says at a field what is wrong with it. Returns the id of what it says.
pub fn wrong_at(html: &mut Html, name: &str) -> Option<String> {
    let said = html.wrong(name)?;
    let id = format!("{name}-wrong");
    html.tag("p").class("wrong").id(&id).text(&said);
    Some(id)
}

/// A button that sends its form.
pub fn button(html: &mut Html, words: &str) {
    html.tag("button").kind("submit").text(words);
}

/// A link to the entries of the log with a number.
pub fn log_link(html: &mut Html, number: &Hex<16>) {
    let link = Link::to("/log").with("number", &number.to_string());
    let label = format!("Log entries of {}", words::short(number));
    html.tag("a").href(&link).aria_label(&label).text("entries");
}

/// A link to an entry of the log by its index.
pub fn entry_link(html: &mut Html, index: u64) {
    let link = Link::to("/log").with("from", &index.to_string());
    html.tag("a").href(&link).text(&format!("entry {index}"));
}

/// A link to a case.
pub fn case_link(html: &mut Html, id: &Hex<16>) {
    let link = Link::to("/case").hex(id);
    html.tag("a")
        .href(&link)
        .text(&format!("case {}", words::short(id)));
}

/// A link to the page of a view.
pub fn view_link(opened: &Opened) -> Link {
    Link::to("/view").hex(&opened.grant).hex(&opened.report)
}
