//! The attachments of a message. Nothing of a file is loaded or shown before a click: a page with
//! messages has no picture, and links to a page that has it.

use waxseal_desk::vault::{AttachedFile, ChunkedFile, FileAccess, ViewedAttachment, ViewedMessage};

use crate::html::{Html, Link};
use crate::page::{Ctx, hidden};
use crate::pages::confirm::hex;
use crate::parts::{button, fact, fact_text, facts, view_link};
use crate::pictures::kind_of;
use crate::views::{Fetched, Opened};
use crate::words;

/// Shows what the message says of its attachments.
pub fn attachments(html: &mut Html, ctx: &Ctx, opened: &Opened, one: &ViewedMessage) {
    for (part, attachment) in &one.attachments {
        html.tag("div")
            .class("attachment")
            .put(|html| match attachment {
                ViewedAttachment::Chunked(file) => {
                    chunked(html, ctx, opened, (one.ordinal, *part), file);
                }
                ViewedAttachment::File(file) => whole(html, file),
                ViewedAttachment::Unknown {
                    scheme,
                    description_len,
                } => {
                    let len = words::size(u64::from(*description_len));
                    let said = format!("Attachment of unknown scheme {scheme}, described in {len}");
                    html.tag("p").class("what").text(&said);
                }
            });
    }
}

fn whole(html: &mut Html, file: &AttachedFile) {
    html.tag("p")
        .class("what")
        .text("File that is encrypted as a whole");
    facts(html, |html| {
        let size = format!("{}, as the sender claims", words::size(file.size_bytes));
        fact_text(html, "Size", &size);
        fact(html, "Type, as the sender claims", |html| {
            html.said(&file.media_type)
        });
        fact(html, "Place, as the sender claims", |html| {
            html.said(&file.location)
        });
        fact(html, "SHA-256", |html| {
            html.tag("code").text(&hex(&file.plaintext_digest));
        });
    });
    html.tag("p").class("small").text(
        "This program loads nothing from a place that a sender names. Never open such an address \
         in a browser.",
    );
}

fn chunked(
    html: &mut Html,
    ctx: &Ctx,
    opened: &Opened,
    (ordinal, part): (u8, u8),
    file: &ChunkedFile,
) {
    html.tag("p").class("what").text("File");
    facts(html, |html| {
        fact_text(html, "Size", &words::size(file.size_bytes));
        fact(html, "Name, as the sender claims", |html| {
            html.said(&file.name)
        });
        fact(html, "Type, as the sender claims", |html| {
            html.said(&file.media_type)
        });
        fact(html, "Root", |html| html.tag("code").text(&hex(&file.root)));
        let shown = match &file.access {
            FileAccess::Descriptor => "nothing of its content".to_owned(),
            FileAccess::Chunks(chunks) => {
                let count = u64::try_from(chunks.len()).unwrap_or(u64::MAX);
                format!("{} of 64 KiB", words::counted(count, "piece"))
            }
            FileAccess::Whole(_) => "all of it".to_owned(),
        };
        fact_text(html, "The reporter shows", &shown);
    });
    if let Some(preview) = &file.preview {
        if kind_of(&preview.picture).is_some() {
            let link = view_link(opened).part("preview");
            let link = link.number(ordinal.into()).number(part.into());
            let words = "Show the small picture, which may show something else";
            picture(html, words, &link.part("page"));
        } else {
            html.tag("p")
                .text("Its small picture is of no format that is shown here.");
        }
    }
    if matches!(file.access, FileAccess::Descriptor) {
        return;
    }
    match opened.file((ordinal, part)) {
        Some(fetched) => fetched_file(html, opened, (ordinal, part), &fetched),
        None if file.named => ctx.post(html, &view_link(opened).part("fetch"), |html| {
            hidden(html, "message", &ordinal.to_string());
            hidden(html, "part", &part.to_string());
            button(html, "Fetch the file");
            html.tag("p").class("small").text(
                "This is entered in the public log. The file is verified against what the message \
                 names, and stays in this program's memory.",
            );
        }),
        None => {
            let said = "The report did not name the stored file, so the provider did not keep it.";
            html.tag("p").text(said);
        }
    }
}

fn fetched_file(html: &mut Html, opened: &Opened, at: (u8, u8), fetched: &Fetched) {
    let size = u64::try_from(fetched.bytes.len()).unwrap_or(u64::MAX);
    let verified = if fetched.shown == size {
        "Fetched, and all of it is verified.".to_owned()
    } else {
        let shown = words::size(fetched.shown);
        format!("Fetched: {shown} are shown by the reporter and verified, the others are zeros.")
    };
    html.tag("p").text(&verified);
    let link = |part| {
        view_link(opened)
            .part(part)
            .number(at.0.into())
            .number(at.1.into())
    };
    if fetched.picture.is_some() {
        picture(html, "Show the picture", &link("picture").part("page"));
    }
    html.tag("p").put(|html| {
        html.tag("a")
            .href(&link("file"))
            .text("Save it as a file with a neutral name");
        html.tag("span")
            .class("small")
            .text("It may harm the machine that opens it. Open it only where it can do no harm.");
    });
}

/// A link to the page with a picture. Browsers load and decode what a page has, also where it is
/// folded or far below.
fn picture(html: &mut Html, words: &str, page: &Link) {
    html.tag("p").put(|html| {
        html.tag("a").class("picture").href(page).text(words);
    });
}
