//! What the reviewer's command shows of messages that others change, and of forward counts.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::{Value, json};
use waxseal_reporting::FrankingTag;
use waxseal_reporting::message::Content;
use waxseal_reporting::reporter::Disclosure;
use world::conversation::Conversation;

const ALICE: bool = true;
const BOB: bool = false;

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn edit(of: FrankingTag, text: &str) -> Content {
    let text = text.to_owned();
    Content::Edit { of, text }
}

fn reaction(to: FrankingTag, reaction: &str) -> Content {
    let reaction = reaction.to_owned();
    Content::Reaction { to, reaction }
}

/// Says something at a time that the sender claims, in ms after a fixed one.
fn say(talk: &mut Conversation, from_alice: bool, sent: u64, content: Content) -> FrankingTag {
    forward(talk, from_alice, sent, 0, content)
}

fn forward(
    talk: &mut Conversation,
    from_alice: bool,
    sent: u64,
    count: u8,
    content: Content,
) -> FrankingTag {
    let mut header = talk.header(from_alice);
    let start = header.sent_at.as_millis() / 3_600_000 * 3_600_000;
    header.sent_at = waxseal_reporting::Timestamp::from_millis(start + sent);
    header.forward_count = count;
    talk.say(from_alice, header, content)
}

/// The lines, without those about what each sender had seen.
fn lines(lines: Vec<String>) -> Vec<String> {
    let seen = |line: &String| line.contains("seen by its sender") || line.contains("was seen");
    lines.into_iter().filter(|line| !seen(line)).collect()
}

/// The fields that say what a message changes and what changes it.
fn fields(message: &Value) -> Value {
    let names = [
        "outcome",
        "superseded_by",
        "does_not_count",
        "edited_by",
        "edit_count",
        "deleted_by",
        "reactions",
        "changes_are_certain",
    ];
    names.iter().map(|name| message[name].clone()).collect()
}

#[test]
fn what_edits_deletions_and_reactions_change_is_shown() {
    let mut talk = Conversation::new();
    let abuse = say(&mut talk, ALICE, 1, text("abuse"));
    let other = say(&mut talk, BOB, 2, text("stop"));
    let application = Content::Application {
        kind: "poll/1".to_owned(),
        body: vec![],
    };
    let poll = say(&mut talk, BOB, 3, application);
    say(&mut talk, ALICE, 20, edit(abuse, "sorry"));
    // Accepted later, and older as Alice claims.
    say(&mut talk, ALICE, 10, edit(abuse, "hello"));
    let after_secs = 86_400;
    let timer = say(&mut talk, ALICE, 30, Content::Timer { after_secs });
    say(&mut talk, ALICE, 31, Content::Timer { after_secs: 0 });
    say(&mut talk, ALICE, 32, reaction(other, "👎"));
    say(&mut talk, ALICE, 33, reaction(other, ""));
    say(&mut talk, BOB, 34, reaction(abuse, "😢"));
    say(&mut talk, BOB, 35, edit(poll, "yes"));
    say(&mut talk, BOB, 36, Content::Deletion { of: abuse });
    say(&mut talk, ALICE, 37, Content::Deletion { of: timer });
    say(&mut talk, ALICE, 38, Content::Deletion { of: abuse });

    let (shown, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let expected = "  1. #0  alice, text: abuse
      edited 2 time(s), at last by message 4
      deleted by message 14
      reacted to by message 10
  2. #0  bob, text: stop
  3. #1  bob, content of the application's own kind, 0 bytes:
      | poll/1
  4. #1  alice, edits message 1 (of device 1, by device 1):
      | sorry
  5. #2  alice, edits message 1 (of device 1, by device 1), and message 4 counts instead:
      | hello
  6. #3  alice, timer: 86400 s
  7. #4  alice, timer: off
  8. #5  alice, reaction to message 2, and message 9 counts instead:
      | 👎
  9. #6  alice, takes back the reaction to message 2
  10. #2  bob, reaction to message 1: 😢
  11. #3  bob, edits message 3, which is no text, so it does not count:
      | yes
  12. #4  bob, deletes message 1, which ANOTHER ACCOUNT wrote, so it does not count
  13. #7  alice, deletes message 6, which nothing changes, so it does not count
  14. #8  alice, deletes message 1 (of device 1, by device 1)";
    assert_eq!(lines(shown).join("\n"), expected);

    let shown = |reactions: Value| json!(["shown", null, null, [], 0, null, reactions, true]);
    let counts = json!(["counts", null, null, [], 0, null, [], null]);
    let superseded = |by: usize| json!(["superseded", by, null, [], 0, null, [], null]);
    let uncounted = |why: &str| json!(["does_not_count", null, why, [], 0, null, [], null]);
    let expected = [
        json!(["shown", null, null, [4, 3], 2, 13, [9], true]),
        shown(json!([])),
        shown(json!([])),
        counts.clone(),
        superseded(3),
        shown(json!([])),
        shown(json!([])),
        superseded(8),
        counts.clone(),
        counts.clone(),
        uncounted("not_text"),
        uncounted("other_account"),
        uncounted("not_changeable"),
        counts,
    ];
    assert_eq!(json.iter().map(fields).collect::<Vec<_>>(), expected);
    assert_eq!(
        (&json[5]["kind"], &json[5]["after_secs"]),
        (&json!("timer"), &json!(86_400))
    );
}

#[test]
fn an_edit_of_a_message_that_is_not_in_the_report_is_shown_as_such() {
    let mut talk = Conversation::new();
    let abuse = say(&mut talk, ALICE, 1, text("abuse"));
    say(&mut talk, ALICE, 2, edit(abuse, "sorry"));
    let (shown, json) = talk.reviewed(&[&talk.kept[1]]);
    let id = abuse.as_bytes().iter();
    let id: String = id.map(|byte| format!("{byte:02x}")).collect();
    let expected = [
        format!("  1. #1  alice, edits message {id}, which is not in this report:"),
        "      | sorry".to_owned(),
    ];
    assert_eq!(lines(shown), expected);
    let waits = json!([
        "does_not_count",
        null,
        "not_in_report",
        [],
        0,
        null,
        [],
        null
    ]);
    assert_eq!(fields(&json[0]), waits);
}

#[test]
fn what_refers_to_withheld_content_is_not_shown_as_certain() {
    let mut talk = Conversation::new();
    // Clients ignore an edit of an application's content. Withheld, it could be a text.
    let application = Content::Application {
        kind: "poll/1".to_owned(),
        body: vec![],
    };
    let poll = say(&mut talk, ALICE, 1, application);
    say(&mut talk, ALICE, 2, edit(poll, "one"));
    say(&mut talk, ALICE, 3, edit(poll, "two"));
    say(&mut talk, BOB, 4, reaction(poll, "😢"));
    say(&mut talk, BOB, 5, edit(poll, "three"));
    say(&mut talk, ALICE, 6, Content::Deletion { of: poll });

    let mut parts: Vec<_> = talk
        .kept
        .iter()
        .map(|one| (one, Disclosure::Whole))
        .collect();
    parts[0].1 = Disclosure::Parts(vec![]);
    let (shown, json) = talk.reviewed_parts(&parts);
    let expected = "  1. #0  alice, content withheld by the reporter
      perhaps edited 2 time(s), at last by message 3
      perhaps deleted by message 6
      perhaps reacted to by message 4
      withheld parts: [1]
  2. #1  alice, edits message 1 (of device 1, by device 1), whose content is withheld, and message 3 may count instead:
      | one
  3. #2  alice, edits message 1 (of device 1, by device 1), whose content is withheld, so it may not count:
      | two
  4. #0  bob, reaction to message 1, whose content is withheld, so it may not count:
      | 😢
  5. #1  bob, edits message 1, which ANOTHER ACCOUNT wrote, so it does not count:
      | three
  6. #3  alice, deletes message 1 (of device 1, by device 1), whose content is withheld, so it may not count";
    assert_eq!(lines(shown).join("\n"), expected);
    let may_count = json!(["may_count", null, null, [], 0, null, [], null]);
    let expected = [
        json!(["shown", null, null, [1, 2], 2, 5, [3], false]),
        json!(["superseded", 2, null, [], 0, null, [], null]),
        may_count.clone(),
        may_count.clone(),
        json!([
            "does_not_count",
            null,
            "other_account",
            [],
            0,
            null,
            [],
            null
        ]),
        may_count,
    ];
    assert_eq!(json.iter().map(fields).collect::<Vec<_>>(), expected);
}

#[test]
fn a_forward_count_is_shown_as_unverified_and_contradicted() {
    let mut talk = Conversation::new();
    forward(&mut talk, ALICE, 1, 4, text("joke"));
    forward(&mut talk, BOB, 2, 5, text("joke"));
    forward(&mut talk, BOB, 3, 1, text("joke"));
    let (shown, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let expected = "  1. #0  alice, text: joke
      forwarded 4 time(s) before, unverified
  2. #0  bob, text: joke
      forwarded 5 time(s) before, unverified
  3. #1  bob, text: joke
      forwarded 1 time(s) before, unverified: message 1 says the same, came earlier, and does not claim less";
    assert_eq!(lines(shown).join("\n"), expected);
    let claims = json.iter().map(|message| {
        let by = &message["forward_count_contradicted_by"];
        json!([message["forward_count"], by])
    });
    let expected = [json!([4, null]), json!([5, null]), json!([1, 0])];
    assert_eq!(claims.collect::<Vec<_>>(), expected);
}
