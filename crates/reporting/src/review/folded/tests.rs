//! Tests of `folded.rs`.

use super::*;
use crate::file::{FileDescriptor, FileKey, FileRoot, FileShape};
use crate::fold::{Outcome, Uncounted};
use crate::tests::all::*;
use crate::tests::world::*;

/// A conversation whose messages Bob reports.
struct Talk {
    world: World,
    kept: Vec<Evidence>,
}

impl Talk {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            kept: Vec::new(),
        }
    }

    fn say(&mut self, from_alice: bool, content: Content) -> FrankingTag {
        self.forward(from_alice, 0, content, vec![])
    }

    fn forward(
        &mut self,
        from_alice: bool,
        count: u8,
        content: Content,
        attachments: Vec<Attachment>,
    ) -> FrankingTag {
        let mut header = self.world.header(from_alice);
        header.forward_count = count;
        self.send(from_alice, header, content, attachments)
    }

    fn send(
        &mut self,
        from_alice: bool,
        header: PayloadHeader,
        content: Content,
        attachments: Vec<Attachment>,
    ) -> FrankingTag {
        let payload = Payload::with_attachments(header, content, attachments).unwrap();
        let sent = self.world.send(from_alice, &payload);
        let evidence = if from_alice {
            sent.opened.evidence().clone()
        } else {
            sent.own
        };
        let tag = *evidence.tag();
        self.kept.push(evidence);
        tag
    }

    fn review(&mut self) -> VerifiedReport {
        let report = self.world.report(&self.kept.iter().collect::<Vec<_>>());
        self.world.verify(report).unwrap()
    }

    /// The forward counts, with some parts withheld.
    fn counts(&mut self, disclosure: &Disclosure) -> Vec<ForwardCount> {
        let mut draft = ReportDraft::new(self.world.bob.clone(), Reason::Spam);
        for evidence in &self.kept {
            draft.add(evidence, disclosure.clone()).unwrap();
        }
        let report = self.world.seal_report(&draft);
        let verified = self.world.verify(report).unwrap();
        let messages = verified.messages().iter();
        messages.map(VerifiedMessage::forwards).collect()
    }
}

fn text(text: &str) -> Content {
    Content::Text(text.into())
}

fn file() -> Attachment {
    let key = AttachmentKey::from_bytes([5; 32]);
    let file = WholeFile::new("image/png", b"picture", b"cipher", key, "blob/1");
    file.unwrap().into()
}

fn contradicted(claimed: u8, by: usize) -> ForwardCount {
    ForwardCount::Contradicted { claimed, by }
}

#[test]
fn chk550_reviewer_sees_what_counts_and_from_which_device() {
    let mut talk = Talk::new(1);
    let of = talk.say(true, text("abuse"));
    let to = of;
    let edit = |text: &str| Content::Edit {
        of,
        text: text.into(),
    };
    let reaction = "!".to_owned();
    talk.world.alice.device = DeviceId(2);
    talk.say(true, edit("sorry"));
    talk.say(false, edit("more abuse"));
    talk.say(false, Content::Reaction { to, reaction });
    talk.say(true, Content::Timer { after_secs: 60 });
    talk.say(true, Content::Deletion { of });
    let report = talk.review();
    let folded = report.folded();
    let why = Uncounted::OtherAccount;
    let on = Some(0);
    let counts = Outcome::Counts { on: 0 };
    let other = Outcome::Uncounted { on, why };
    let expected = [
        Outcome::Shown,
        counts,
        other,
        counts,
        Outcome::Shown,
        counts,
    ];
    assert_eq!(folded.outcomes, expected);
    let [view, timer] = &folded.views[..] else {
        panic!("{folded:?}")
    };
    assert_eq!((view.message, timer.message), (0, 4));
    assert_eq!(view.edits.last(), Some(&1));
    assert_eq!((view.deletion, &view.reactions[..]), (Some(5), &[3][..]));
    let devices = [0, 1].map(|place| report.messages()[place].sender().device);
    assert_eq!(devices, [1, 2].map(DeviceId));
}

#[test]
fn chk558_reviewer_sees_that_an_edit_of_withheld_content_may_count() {
    let mut talk = Talk::new(8);
    // Clients ignore the edit of a timer. With the timer withheld, it could be one of a text.
    let of = talk.say(true, Content::Timer { after_secs: 60 });
    let better = "better".into();
    talk.say(true, Content::Edit { of, text: better });
    let (on, why) = (Some(0), Uncounted::NotChangeable);
    for (first, outcome, is_certain) in [
        (Disclosure::Whole, Outcome::Uncounted { on, why }, true),
        (
            Disclosure::Parts(vec![]),
            Outcome::MayCount { on: 0 },
            false,
        ),
    ] {
        let mut draft = ReportDraft::new(talk.world.bob.clone(), Reason::Spam);
        draft.add(&talk.kept[0], first).unwrap();
        draft.add(&talk.kept[1], Disclosure::Whole).unwrap();
        let report = talk.world.seal_report(&draft);
        let verified = talk.world.verify(report).unwrap();
        let folded = verified.folded();
        assert_eq!(folded.outcomes, [Outcome::Shown, outcome]);
        assert_eq!(folded.views[0].is_certain, is_certain);
    }
}

#[test]
fn chk557_forward_count_is_contradicted_by_an_earlier_message_of_the_same_content() {
    let mut talk = Talk::new(2);
    for (from_alice, count, said) in [
        (true, 3, "joke"),
        (false, 4, "joke"),  // forwards the first
        (false, 3, "joke"),  // says it was forwarded less
        (true, 0, "joke"),   // a text can be written twice
        (true, 1, "joke "),  // another text
        (false, 2, "joke "), // forwards it
    ] {
        talk.forward(from_alice, count, text(said), vec![]);
    }
    let claimed = ForwardCount::Claimed;
    let expected = [
        claimed(3),
        claimed(4),
        contradicted(3, 0),
        claimed(0),
        claimed(1),
        claimed(2),
    ];
    assert_eq!(talk.counts(&Disclosure::Whole), expected);
    let unknown = expected.map(|count| claimed(count.claimed()));
    assert_eq!(talk.counts(&Disclosure::Parts(vec![])), unknown);
}

#[test]
fn chk557_texts_that_are_the_same_and_were_not_forwarded_contradict_nothing() {
    let mut talk = Talk::new(3);
    let of = talk.say(true, text("yes"));
    talk.say(false, text("yes"));
    for _ in 0..2 {
        // What is no base has no forward count that counts.
        talk.forward(true, 7, Content::Deletion { of }, vec![]);
    }
    let counts = [0, 0, 7, 7].map(ForwardCount::Claimed);
    assert_eq!(talk.counts(&Disclosure::Whole), counts);
}

#[test]
fn chk557_a_file_that_another_account_sent_before_was_forwarded() {
    let mut talk = Talk::new(4);
    talk.forward(true, 0, text(""), vec![file()]);
    talk.forward(true, 0, text(""), vec![file()]); // the same account may send it twice
    talk.forward(false, 0, text("look"), vec![file()]); // another caption
    talk.forward(false, 0, text(""), vec![file()]);
    talk.forward(false, 1, text(""), vec![file()]);
    let claimed = ForwardCount::Claimed;
    let expected = [
        claimed(0),
        claimed(0),
        claimed(0),
        contradicted(0, 0),
        claimed(1),
    ];
    assert_eq!(talk.counts(&Disclosure::Whole), expected);
    let unknown = expected.map(|count| claimed(count.claimed()));
    assert_eq!(talk.counts(&Disclosure::Parts(vec![1])), unknown);
}

#[test]
fn chk557_a_forward_does_not_contradict_the_message_that_was_sealed_again_after_it() {
    let mut talk = Talk::new(5);
    let (sent, later) = (NOON, Timestamp::from_millis(NOON.as_millis() + 1));
    for (count, files) in [(2, vec![]), (0, vec![file()])] {
        for (from_alice, count, sent_at) in [
            // Alice forwards Bob's message. It is accepted again after that, with its sent time.
            (true, count + 1, later),
            (false, count, sent),
            // Another one that claims to be sent at the time of the forward is contradicted.
            (false, count, later),
        ] {
            let mut header = talk.world.header(from_alice);
            (header.sent_at, header.forward_count) = (sent_at, count);
            talk.send(from_alice, header, text("joke"), files.clone());
        }
    }
    let claimed = ForwardCount::Claimed;
    let expected = [
        claimed(3),
        claimed(2),
        contradicted(2, 0),
        claimed(1),
        claimed(0),
        contradicted(0, 3),
    ];
    assert_eq!(talk.counts(&Disclosure::Whole), expected);
}

#[test]
fn chk557_the_highest_count_and_that_of_the_same_account_are_not_contradicted() {
    let mut talk = Talk::new(6);
    let counts = [
        (true, 254, "chain"),
        (false, 254, "chain"), // contradicted: below the highest
        (true, 255, "joke"),
        (false, 255, "joke"), // forwards it, and can count no further
        (false, 3, "twice"),
        (false, 3, "twice"), // from one source to two conversations
        (true, 3, "twice"),  // contradicted: another account
    ];
    for (from_alice, count, said) in counts {
        talk.forward(from_alice, count, text(said), vec![]);
    }
    let mut expected = counts.map(|(_, count, _)| ForwardCount::Claimed(count));
    expected[1] = contradicted(254, 0);
    expected[6] = contradicted(3, 4);
    assert_eq!(talk.counts(&Disclosure::Whole), expected);
}

#[test]
fn chk557_nothing_is_contradicted_if_the_clock_stepped_back() {
    for back_ms in [0, 600_000] {
        let mut talk = Talk::new(7);
        talk.forward(true, 3, text("joke"), vec![]);
        talk.forward(false, 3, text("joke"), vec![]);
        let accepted = talk.world.now.as_millis();
        talk.world.now = Timestamp::from_millis(accepted - back_ms);
        talk.say(true, text("later"));
        talk.world.now = Timestamp::from_millis(accepted + 2_000);
        let report = talk.review();
        assert_eq!(report.clock_stepped_back(), back_ms > 0);
        let mut messages = report.messages().iter();
        let of_bob = messages.find(|message| message.sender().account == talk.world.bob.account);
        let expected = match back_ms {
            0 => contradicted(3, 0),
            _ => ForwardCount::Claimed(3),
        };
        assert_eq!(of_bob.map(VerifiedMessage::forwards), Some(expected));
    }
}

/// A file that is sealed in chunks: descriptor, key and preview.
fn chunked(root: u8, key: u8, picture: &[u8]) -> Attachment {
    let root = FileRoot::from_bytes([root; 32]);
    let location = FileDescriptor::blob_location(&BlobId::from_bytes([0xb1; 32]));
    let shape = FileShape::new(70_000).unwrap();
    let described = FileDescriptor::new(shape, root, "image/jpeg", "a.jpg", &location);
    let preview = Some(FilePreview::new("image/webp", picture).unwrap());
    FileAttachment::new(described.unwrap(), FileKey::from_bytes([key; 32]), preview).into()
}

#[test]
fn chk557_keys_and_previews_of_a_file_are_not_compared() {
    let mut talk = Talk::new(9);
    talk.forward(true, 2, text(""), vec![chunked(6, 1, b"small")]);
    talk.forward(false, 2, text(""), vec![chunked(6, 2, b"other")]); // the same file
    talk.forward(false, 2, text(""), vec![chunked(7, 1, b"small")]); // another file
    let claimed = ForwardCount::Claimed;
    let expected = [claimed(2), contradicted(2, 0), claimed(2)];
    assert_eq!(talk.counts(&Disclosure::Whole), expected);
    // The key of each file is withheld.
    assert_eq!(talk.counts(&Disclosure::Parts(vec![1, 2, 4])), expected);
    // A withheld part after the key may be a preview or another attachment.
    let unknown = expected.map(|count| claimed(count.claimed()));
    assert_eq!(talk.counts(&Disclosure::Parts(vec![1, 2])), unknown);
}
