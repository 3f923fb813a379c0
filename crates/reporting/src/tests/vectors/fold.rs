//! Makes `fold.json`: which references count, and what a folded conversation shows.

use super::*;
use crate::fold::{Author, Foldable, Order, Outcome as Folded, Reference, ReferenceKind, Role, fold};

fn author_of(input: Input<'_>) -> Author {
    let account = account_of(input.get("account"));
    match input.optional("account_key") {
        Some(key) => Author::with_key(account, key.array()),
        None => Author::new(account),
    }
}

fn role_of(input: Input<'_>) -> Role {
    let kind = match input.get("kind").text() {
        "text" => return Role::Text,
        "other" => return Role::Other,
        "note" => return Role::Note,
        "withheld" => return Role::Withheld,
        "edit" => ReferenceKind::Edit,
        "deletion" => ReferenceKind::Deletion,
        "reaction" => ReferenceKind::Reaction,
        kind => panic!("no kind {kind}"),
    };
    let to = FrankingTag::from_bytes(input.get("to").array());
    Role::Reference(Reference { kind, to })
}

pub(super) fn reference(input: Input<'_>) -> Outcome {
    let (reference, base) = (input.get("reference"), input.get("base"));
    let Role::Reference(read) = role_of(reference) else {
        panic!("not a reference");
    };
    let counts = read.counts(&author_of(reference), role_of(base), &author_of(base));
    counts.map_err(refused)?;
    Ok(json!({ "counts": true }))
}

pub(super) fn folds(input: Input<'_>) -> Outcome {
    let messages: Vec<_> = input.list("messages").into_iter().map(|message| Foldable {
        author: author_of(message),
        order: Order {
            sent_at: Timestamp::from_millis(message.get("sent_ms").number()),
            device: DeviceId(message.get("device").number()),
            sequence: message.get("sequence").number(),
            tag: tag_of(message),
        },
        role: role_of(message),
    }).collect();
    let folded = fold(&messages);
    let views: Vec<_> = folded.views.iter().map(|view| json!({
        "message": view.message,
        "is_certain": view.is_certain,
        "edits": view.edits.newest().iter().map(|(_, edit)| *edit).collect::<Vec<_>>(),
        "edit_count": view.edits.count(),
        "deletion": view.deletion,
        "reactions": view.reactions,
    })).collect();
    let outcomes: Vec<_> = folded.outcomes.iter().map(|outcome| match outcome {
        Folded::Shown => json!({ "name": "shown" }),
        Folded::Counts { on } => json!({ "name": "counts", "on": on }),
        Folded::MayCount { on } => json!({ "name": "may_count", "on": on }),
        Folded::Superseded { on, by } => json!({ "name": "superseded", "on": on, "by": by }),
        Folded::Uncounted { on, why } => json!({ "name": format!("{why:?}"), "on": on }),
    }).collect();
    Ok(json!({ "views": views, "outcomes": outcomes }))
}

/// A message: who (with a digit for the key), sent time, its tag, kind, and the tag it refers to.
type Line = (&'static str, u64, u8, &'static str, u8);

fn message((who, sent, tag, kind, to): Line) -> Value {
    let (account, device) = who.split_once('/').map_or((who, 1), |(account, device)| (account, device.parse::<u32>().unwrap()));
    let name = account.trim_end_matches(|one: char| one.is_ascii_digit());
    let key = account[name.len()..].parse::<u8>().ok();
    let to = matches!(kind, "edit" | "deletion" | "reaction").then(|| hex([to; 32]));
    json!({
        "account": name, "account_key": key.map(|key| hex([key; 32])), "device": device, "sent_ms": NOON.as_millis() + sent,
        "sequence": tag, "franking_tag": hex([tag; 32]), "kind": kind, "to": to,
    })
}

#[test]
fn folding() {
    let mut file = Vectors::new(
        CRATE,
        "fold.json",
        "Edits, deletions and reactions: which count, and what a folded conversation shows. SPEC.md, “Kinds and views”.",
        "tags 32 x 01, 32 x 02 ..; account keys 32 x 01 and 32 x 02",
    );
    references(&mut file);
    conversations(&mut file);
    file.finish();
}

fn references(file: &mut Vectors) {
    let input = |by: &'static str, kind, of: &'static str, base| {
        json!({ "reference": message((by, 2, 2, kind, 1)), "base": message((of, 1, 1, base, 9)) })
    };
    for kind in ["edit", "deletion"] {
        let mut passes = |id: &str, comment: &str, input| file.passes(&format!("{kind}-{id}"), comment, "reference", input);
        passes("own", "of a text of the same account", input("alice", kind, "alice", "text"));
        passes("device", "from another device", input("alice1/2", kind, "alice1", "text"));
        passes("withheld", "of a message of which a report withholds the content: it may count", input("alice", kind, "alice", "withheld"));
        let mut fails = |id: &str, comment: &str, input, check| file.fails(&format!("{kind}-{id}"), comment, "reference", input, check);
        fails("other", "of a text of another account", input("bob", kind, "alice", "text"), 550);
        fails("other-same-key", "of another account with the same key", input("bob1", kind, "alice1", "text"), 550);
        fails("other-key", "the account has another key", input("alice2", kind, "alice1", "text"), 551);
        fails("key-unknown", "the key of the message is unknown", input("alice1", kind, "alice", "text"), 551);
        fails("key-unknown-own", "the key of the reference is unknown", input("alice", kind, "alice1", "text"), 551);
        fails("note", "of a note", input("alice", kind, "alice", "note"), 552);
        fails("edit", "of an edit", input("alice", kind, "alice", "edit"), 552);
        fails("reaction", "of a reaction", input("alice", kind, "alice", "reaction"), 552);
    }
    file.passes("deletion-application", "the deletion of content that is no text", "reference", input("alice", "deletion", "alice", "other"));
    file.fails("edit-application", "the edit of content that is no text", "reference", input("alice", "edit", "alice", "other"), 553);
    file.passes("reaction-other", "the reaction of another account", "reference", input("bob", "reaction", "alice", "text"));
    file.passes("reaction-other-key", "the reaction of the account under another key", "reference", input("alice2", "reaction", "alice1", "other"));
    file.fails("reaction-note", "a reaction to a note", "reference", input("bob", "reaction", "alice", "note"), 552);
    file.fails("reaction-deletion", "a reaction to a deletion", "reference", input("bob", "reaction", "alice", "deletion"), 552);
}

fn conversations(file: &mut Vectors) {
    let edits: Vec<Line> = (2..14).rev().map(|tag| ("alice", 50, tag, "edit", 1)).chain([("alice", 1, 1, "text", 0)]).collect();
    let cases: [(&str, &str, &[Line]); 8] = [
        ("fold", "a text that is edited on another device, reacted to, and reacted to again", &[
            ("alice", 1, 1, "text", 0), ("alice/2", 4, 2, "edit", 1), ("bob", 5, 3, "reaction", 1), ("bob", 6, 4, "reaction", 1), ("carol", 2, 5, "reaction", 1)]),
        ("fold-newest", "of two edits, the one that was sent later counts; then device, number and tag decide", &[
            ("alice", 1, 1, "text", 0), ("alice", 9, 2, "edit", 1), ("alice", 8, 7, "edit", 1), ("alice/2", 9, 3, "edit", 1), ("alice", 9, 4, "edit", 1)]),
        ("fold-deleted", "a deletion counts before its message and before a later edit; the first of two is shown", &[
            ("alice", 5, 3, "deletion", 1), ("alice", 1, 1, "text", 0), ("alice", 9, 4, "edit", 1), ("alice", 2, 5, "deletion", 1)]),
        ("fold-others", "what does not count: another account, a note, an edit, an application's content, a message that is not here, itself", &[
            ("alice", 1, 1, "text", 0), ("bob", 2, 2, "edit", 1), ("alice", 3, 3, "note", 0), ("alice", 4, 4, "deletion", 3), ("alice", 5, 5, "deletion", 2),
            ("alice", 6, 6, "other", 0), ("alice", 7, 7, "edit", 6), ("alice", 8, 8, "reaction", 99), ("alice", 9, 9, "edit", 9)]),
        ("fold-keys", "an account that had another key edits nothing of before", &[
            ("alice1", 1, 1, "text", 0), ("alice2", 2, 2, "edit", 1), ("alice1/2", 3, 3, "edit", 1), ("alice", 4, 4, "edit", 1), ("alice2", 5, 5, "reaction", 1)]),
        ("fold-history", "twelve edits: ten are kept, and all are counted", &edits),
        ("fold-withheld", "what refers to a message of which the content is withheld may count, but not what another account writes", &[
            ("alice", 1, 1, "withheld", 0), ("alice", 2, 2, "edit", 1), ("alice", 3, 3, "edit", 1), ("alice", 4, 4, "deletion", 1), ("bob", 5, 5, "reaction", 1), ("bob", 6, 6, "edit", 1)]),
        ("fold-none", "no messages", &[]),
    ];
    for (id, comment, lines) in cases {
        let messages: Vec<_> = lines.iter().map(|line| message(*line)).collect();
        file.passes(id, comment, "fold", json!({ "messages": messages }));
    }
}
