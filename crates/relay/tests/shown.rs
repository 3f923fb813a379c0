//! What the reviewer's command shows of a report: every message for what it is, and what each side
//! had seen.

#![allow(clippy::restriction, reason = "tests")]

mod world;

use serde_json::{Value, json};
use waxseal_reporting::FrankingTag;
use waxseal_reporting::message::{
    Attachment, AttachmentKey, Content, Extensions, Payload, WholeFile,
};
use waxseal_reporting::relay::Envelope;
use world::conversation::Conversation;

const NEVER_SEEN: &str = "      no message of another account here shows that this one was seen";

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn hex(tag: &FrankingTag) -> String {
    tag.as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Asserts the fields of a message that matter here, and which of the others are there at all.
#[track_caller]
fn assert_fields(message: &Value, expected: Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&message[field], value, "{field}");
    }
    if message["kind"] != "text" {
        assert_eq!(
            message["text"],
            Value::Null,
            "nothing else passes for a text"
        );
    }
}

#[test]
fn every_kind_of_message_is_shown_for_what_it_is() {
    let mut talk = Conversation::new();
    let (alice, bob) = (true, false);
    let not_here = FrankingTag::from_bytes([0xab; 32]);

    let header = talk.header(alice);
    let hello = talk.say(alice, header, text("hello"));
    let mut header = talk.header(bob);
    (header.last_seen, header.reply_to) = (Some(hello), Some(hello));
    let answer = talk.say(bob, header, text("what?"));
    let edit = |of: FrankingTag, text: &str| Content::Edit {
        of,
        text: text.to_owned(),
    };
    let mut header = talk.header(alice);
    header.last_seen = Some(answer);
    talk.say(alice, header, edit(hello, "I will find you"));
    // Bob claims to change Alice's words.
    let header = talk.header(bob);
    talk.say(bob, header, edit(hello, "I will hit you"));
    let reaction = |to: FrankingTag, reaction: &str| Content::Reaction {
        to,
        reaction: reaction.to_owned(),
    };
    let header = talk.header(alice);
    talk.say(alice, header, reaction(answer, "👎"));
    let header = talk.header(alice);
    talk.say(alice, header, reaction(not_here, ""));
    let mut header = talk.header(alice);
    header.expires_after_secs = 60; // ignored: a deletion does not expire
    talk.say(alice, header, Content::Deletion { of: hello });
    let mut header = talk.header(alice);
    (header.forward_count, header.expires_after_secs) = (3, 60);
    let poll = Content::Application {
        kind: "poll/1".to_owned(),
        body: vec![0, 0xff],
    };
    talk.say(alice, header, poll);
    let file = || {
        let key = AttachmentKey::from_bytes([5; 32]);
        let file = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1");
        vec![Attachment::from(file.unwrap())]
    };
    let header = talk.header(alice);
    let picture = Payload::with_attachments(header, text(""), file()).unwrap();
    talk.send(alice, picture, |envelope| envelope);
    let mut header = talk.header(alice);
    header.extensions = Extensions::unassigned(&[(7, b"new")]).unwrap();
    let later = Content::Unknown {
        kind: 0xff,
        body: b"later".to_vec(),
    };
    talk.say(alice, header, later);
    let mut header = talk.header(alice);
    header.extensions = Extensions::unassigned(&[(7, b""), (0x8001, b"new")]).unwrap();
    let critical = Payload::with_attachments(header, text("not to be shown"), file()).unwrap();
    talk.send(alice, critical, |envelope| envelope);
    // A text that says what the command would say of another kind.
    let header = talk.header(alice);
    talk.say(alice, header, text("edits message 2: yes\nmessage"));

    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let not_here = hex(&not_here);
    let expected = format!(
        "  1. #0  alice, text: hello
      last seen by its sender: none
      edited 1 time(s), at last by message 3
      deleted by message 7
  2. #0  bob, text: what?
      last seen by its sender: message 1
      answer to message 1
      reacted to by message 5
  3. #1  alice, edits message 1 (of device 1, by device 1):
      | I will find you
      last seen by its sender: message 2
  4. #1  bob, edits message 1, which ANOTHER ACCOUNT wrote, so it does not count:
      | I will hit you
      last seen by its sender: none; not seen: 1, 3
      no message of another account here shows that this one was seen
  5. #2  alice, reaction to message 2: 👎
      last seen by its sender: none; not seen: 2, 4
  6. #3  alice, takes back the reaction to message {not_here}, which is not in this report
      last seen by its sender: none; not seen: 2, 4
  7. #4  alice, deletes message 1 (of device 1, by device 1)
      last seen by its sender: none; not seen: 2, 4
  8. #5  alice, content of the application's own kind, 2 bytes:
      | poll/1
      last seen by its sender: none; not seen: 2, 4
      forwarded 3 time(s) before, unverified
      to disappear 60 s after it is read
  9. #6  alice, text: \n      last seen by its sender: none; not seen: 2, 4
      part 2: file of 7 bytes, image/png at blob/1
  10. #7  alice, content of unknown kind 255, 5 bytes
      last seen by its sender: none; not seen: 2, 4
      extension 0007 of its header, 3 bytes
  11. #8  alice, content of unknown kind 1, 15 bytes
      last seen by its sender: none; not seen: 2, 4
      extension 0007 of its header, 0 bytes
      extension 8001 of its header, 3 bytes
      only a later version can show this message
      part 2: attachment of unknown scheme 0, described in 123 bytes
  12. #9  alice, text: edits message 2: yes\\u{{a}}message
      last seen by its sender: none; not seen: 2, 4"
    );
    assert_eq!(lines.join("\n"), expected);

    let hello = json!({ "id": hex(&hello), "message": 0, "from": "alice" });
    let answer = json!({ "id": hex(&answer), "message": 1, "from": "bob" });
    assert_fields(
        &json[0],
        json!({ "kind": "text", "text": "hello", "last_seen": null }),
    );
    assert_fields(
        &json[1],
        json!({ "kind": "text", "reply_to": hello, "last_seen": 0, "not_seen": [], "seen_by_others": true }),
    );
    assert_fields(
        &json[2],
        json!({ "kind": "edit", "about": hello, "new_text": "I will find you", "last_seen": 1 }),
    );
    assert_fields(
        &json[3],
        json!({ "from": "bob", "kind": "edit", "about": hello, "not_seen": [0, 2], "seen_by_others": false }),
    );
    assert_fields(
        &json[4],
        json!({ "kind": "reaction", "about": answer, "reaction": "👎" }),
    );
    let about = json!({ "id": not_here, "message": null, "from": null });
    assert_fields(
        &json[5],
        json!({ "kind": "reaction", "about": about, "reaction": "" }),
    );
    assert_fields(&json[6], json!({ "kind": "deletion", "about": hello }));
    assert_fields(
        &json[7],
        json!({
            "kind": "application", "application_kind": "poll/1", "body": "AP8=",
            "forward_count": 3, "expires_after_secs": 60,
        }),
    );
    let file = &json[8]["attachments"][0];
    assert_eq!(
        (
            &file["part"],
            &file["kind"],
            &file["media_type"],
            &file["size_bytes"],
            &file["location"]
        ),
        (
            &json!(2),
            &json!("whole_file"),
            &json!("image/png"),
            &json!(7),
            &json!("blob/1")
        )
    );
    assert_eq!(file["key"], "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=");
    assert_fields(
        &json[9],
        json!({
            "kind": "unknown", "unknown_kind": 255, "body": "bGF0ZXI=",
            "extensions": [{ "type": 7, "value": "bmV3" }], "needs_later_version": false,
        }),
    );
    assert_fields(
        &json[10],
        json!({
            "kind": "unknown", "unknown_kind": 1, "body": "bm90IHRvIGJlIHNob3du",
            "extensions": [{ "type": 7, "value": "" }, { "type": 0x8001, "value": "bmV3" }],
            "needs_later_version": true,
        }),
    );
    let unknown = &json[10]["attachments"][0];
    assert_eq!(
        (&unknown["kind"], &unknown["scheme"]),
        (&json!("unknown"), &json!(0))
    );
    assert!(
        unknown["description"].as_str().unwrap().len() > 100,
        "every byte is there"
    );
    assert_fields(
        &json[11],
        json!({ "kind": "text", "text": "edits message 2: yes\nmessage" }),
    );
}

/// Bob asks about lunch, stamps a message that Alice never can open, and reports her answer. The
/// message verifies, since the relay does stamp what it cannot read.
#[test]
fn a_message_that_the_peer_never_could_open_is_shown_as_not_seen() {
    let mut talk = Conversation::new();
    let (alice, bob) = (true, false);
    let header = talk.header(bob);
    let lunch = talk.say(bob, header, text("shall we have lunch?"));
    let header = talk.header(bob);
    let decoy = Payload::new(header, text("may I hit you?")).unwrap();
    let garbage = |envelope: Envelope| {
        let tag = &envelope.encode()[..33];
        Envelope::decode(&[tag, b"garbage"].concat()).unwrap()
    };
    talk.send(bob, decoy, garbage);
    let mut header = talk.header(alice);
    header.last_seen = Some(lunch);
    talk.say(alice, header, text("yes"));

    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let expected = [
        "  1. #0  bob, text: shall we have lunch?",
        "      last seen by its sender: none",
        "  2. #1  bob, text: may I hit you?",
        "      last seen by its sender: none",
        NEVER_SEEN,
        "  3. #0  alice, text: yes",
        "      last seen by its sender: message 1; not seen: 2",
    ];
    assert_eq!(lines, expected);
    let seen = json.iter().map(|message| &message["seen_by_others"]);
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [&json!(true), &json!(false), &json!(false)]
    );
    assert_fields(&json[2], json!({ "last_seen": 0, "not_seen": [1] }));
}

/// Bob puts the message that Alice cannot open before a question that she does answer.
#[test]
fn an_answer_to_another_message_does_not_show_that_this_one_was_seen() {
    let mut talk = Conversation::new();
    let (alice, bob) = (true, false);
    let header = talk.header(bob);
    let decoy = Payload::new(header, text("may I hit you?")).unwrap();
    talk.send(bob, decoy, |envelope| {
        Envelope::decode(&[&envelope.encode()[..33], b"garbage"].concat()).unwrap()
    });
    let header = talk.header(bob);
    let lunch = talk.say(bob, header, text("or lunch?"));
    let mut header = talk.header(alice);
    (header.last_seen, header.reply_to) = (Some(lunch), Some(lunch));
    talk.say(alice, header, text("yes"));
    // Bob leaves out what Alice answered, and the report says so.
    let (lines, json) = talk.reviewed(&[&talk.kept[0], &talk.kept[2]]);
    let expected = [
        "  1. #0  bob, text: may I hit you?",
        "      last seen by its sender: none",
        NEVER_SEEN,
        "  2. #0  alice, text: yes",
        "      last seen by its sender: a message that is not in this report",
    ];
    assert_eq!(lines[..5], expected);
    let answered = format!(
        "      answer to message {}, which is not in this report",
        hex(&lunch)
    );
    assert_eq!(lines[5..], [answered]);
    assert_fields(
        &json[1],
        json!({ "last_seen": "not_in_report", "not_seen": null, "seen_by_others": false }),
    );

    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    assert_eq!(lines[..2], expected[..2]);
    assert!(lines[2..4].contains(&NEVER_SEEN.to_owned()), "{lines:?}");
    assert_eq!(json[0]["seen_by_others"], false);
    assert_eq!(json[1]["seen_by_others"], true);
    assert_fields(&json[2], json!({ "last_seen": 1, "not_seen": [] }));
    assert!(lines.contains(&"      answer to message 2".to_owned()));
}

#[test]
fn a_message_is_shown_as_seen_if_another_account_names_it_in_any_way() {
    let mut talk = Conversation::new();
    let (alice, bob) = (true, false);
    let mut say = |text_of_bob: &str| {
        let header = talk.header(bob);
        talk.say(bob, header, text(text_of_bob))
    };
    let [last_seen, answered, reacted_to, unseen] = ["a", "b", "c", "d"].map(&mut say);
    let reaction = |to: FrankingTag| Content::Reaction {
        to,
        reaction: "!".to_owned(),
    };
    let mut header = talk.header(alice);
    header.last_seen = Some(last_seen);
    talk.say(alice, header, text("e"));
    let mut header = talk.header(alice);
    header.reply_to = Some(answered);
    talk.say(alice, header, text("f"));
    let header = talk.header(alice);
    talk.say(alice, header, reaction(reacted_to));
    // Bob names his own message in each of these ways.
    let mut header = talk.header(bob);
    (header.last_seen, header.reply_to) = (Some(unseen), Some(unseen));
    talk.say(bob, header, reaction(unseen));

    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let seen = json.iter().map(|message| message["seen_by_others"] == true);
    let seen: Vec<bool> = seen.collect();
    assert_eq!(seen[..4], [true, true, true, false]);
    // Whether Alice's messages were seen is no question: Bob has them.
    let not_seen = lines.iter().filter(|line| *line == NEVER_SEEN);
    assert_eq!(not_seen.count(), 2, "Bob's fourth message and his last one");
}

#[test]
fn a_message_of_format_01_is_shown_with_what_its_tag_does_not_say() {
    let mut talk = Conversation::new();
    let header = talk.header(true);
    talk.say(true, header, text("new"));
    talk.say_in_format_01("old");
    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let expected = [
        "  1. #0  alice, text: new",
        "      last seen by its sender: none",
        "  2. #1  alice, text: old",
        "      last seen by its sender: none",
        "      an old message: the tag does not name its sender",
    ];
    assert_eq!(lines, expected);
    assert_fields(&json[0], json!({ "text": "new", "tag_names_sender": true }));
    assert_fields(
        &json[1],
        json!({ "text": "old", "tag_names_sender": false }),
    );
}

#[test]
fn a_text_that_a_terminal_would_break_cannot_imitate_a_line_of_the_command() {
    let mut talk = Conversation::new();
    let forged = "  2. 1 ms  #0  bob, text: I will hit you";
    let long = format!("{}{forged}", " ".repeat(80));
    let header = talk.header(true);
    talk.say(true, header, text(&long));
    let header = talk.header(true);
    talk.say(true, header, text("zero\u{200b}width \u{202e}and back"));
    let (lines, json) = talk.reviewed(&talk.kept.iter().collect::<Vec<_>>());
    let of_bob: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("bob, text"))
        .collect();
    assert_eq!(of_bob.len(), 1);
    assert!(of_bob[0].starts_with("      | "), "{of_bob:?}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 80),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("zero\\u{200b}width \\u{202e}and back"))
    );
    assert_eq!(json[0]["text"], long);
}
