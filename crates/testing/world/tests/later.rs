//! What a client of the present version does with messages of a later one: it receives, stores,
//! lists and reports them, and loses none of their bytes.

#![allow(clippy::restriction, reason = "tests")]

use waxseal::core::SessionSet;
use waxseal::reporting::Audience;
use waxseal::reporting::message::Attachment;
use waxseal::reporting::reviewer::{LastSeen, VerifiedPart};
use waxseal::reporting::sender::SentMessage;
use waxseal::{
    Client, Content, DeviceAddress, Disclosure, Draft, FrankingTag, Message, Reason, Received,
    SqliteStore, StoreKey, Timestamp,
};
use waxseal_world::{BareDevice, NOW, Provider, account, address};

/// Maximum length of the body of a message with this header alone: 65,536 bytes for the payload
/// hold the number of parts, two lengths, the header and the kind.
const MAX_BODY_LEN: usize = 65_536 - 1 - 4 - 22 - 4 - 1;

/// What a message of a later version is made of, byte by byte.
#[derive(Clone)]
struct Written {
    name: &'static str,
    reply_to: Option<FrankingTag>,
    extensions: Vec<u8>,
    content: Vec<u8>,
    attachments: Vec<Vec<u8>>,
    /// Number of the kind, if the content is unknown to the present version.
    unknown_kind: Option<u8>,
    /// For each attachment, the scheme if it is unknown to the present version.
    schemes: Vec<Option<u8>>,
}

fn written(name: &'static str, content: &[u8]) -> Written {
    Written {
        name,
        reply_to: None,
        extensions: Vec::new(),
        content: content.to_vec(),
        attachments: Vec::new(),
        unknown_kind: None,
        schemes: Vec::new(),
    }
}

impl Written {
    fn unknown(mut self) -> Self {
        self.unknown_kind = Some(self.content[0]);
        self
    }

    fn with(mut self, attachment: &[u8], scheme: Option<u8>) -> Self {
        self.attachments.push(attachment.to_vec());
        self.schemes.push(scheme);
        self
    }

    /// Adds an extension: `type be16 || len be16 || value`.
    fn extended(mut self, kind: u16, value: &[u8]) -> Self {
        self.extensions.extend(kind.to_be_bytes());
        let len = u16::try_from(value.len()).unwrap();
        self.extensions.extend(len.to_be_bytes());
        self.extensions.extend(value);
        self
    }

    /// The parts: header, content, attachments.
    fn parts(&self, sequence: u64, sent: Timestamp) -> Vec<Vec<u8>> {
        // flags u8 || sequence be64 || sent be64 || forwards u8 || expires be32 || [reply_to 32]
        // || extensions
        let mut header = vec![u8::from(self.reply_to.is_some()) << 1];
        header.extend(sequence.to_be_bytes());
        header.extend(sent.as_millis().to_be_bytes());
        header.extend([0; 5]);
        header.extend(self.reply_to.iter().flat_map(|tag| *tag.as_bytes()));
        header.extend(&self.extensions);
        let mut parts = vec![header, self.content.clone()];
        parts.extend(self.attachments.iter().cloned());
        parts
    }
}

/// `n u8 || n x (len be32 || part)`
fn encoded(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(parts.len()).unwrap()];
    for part in parts {
        bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

/// A whole file, scheme 0: `00 || size be64 || digests 64 || key 32 || short(media type) ||
/// medium(location)`.
fn file() -> Vec<u8> {
    let fixed = [&[0][..], &7_u64.to_be_bytes(), &[1; 64], &[5; 32]].concat();
    [&fixed[..], b"\x09image/png", b"\x00\x06blob/1"].concat()
}

/// A peer whose client has a later version.
struct Peer {
    device: BareDevice,
    sessions: SessionSet,
    sent: u64,
}

impl Peer {
    fn new(provider: &mut Provider) -> Self {
        let device = BareDevice::new(provider, "later");
        Self {
            sessions: device.initiate(provider, "bob"),
            device,
            sent: 0,
        }
    }

    fn me(&self) -> &DeviceAddress {
        &self.device.me
    }

    /// A sent message of these parts:
    /// `02 || sender || conversation 32 || K_f 32 || n u8 || n x (len be32 || part)`.
    fn message(&self, parts: &[Vec<u8>]) -> Option<SentMessage> {
        let conversation = Audience::Direct(account("bob")).conversation(&self.me().account);
        let name = self.me().account.as_str();
        let mut bytes = vec![2, u8::try_from(name.len()).unwrap()];
        bytes.extend(name.as_bytes());
        bytes.extend(self.me().device.0.to_be_bytes());
        bytes.extend(conversation.as_bytes());
        bytes.extend([u8::try_from(self.sent).unwrap(); 32]);
        bytes.extend(encoded(parts));
        SentMessage::decode(&bytes).ok()
    }

    /// Sends a message to Bob. Returns the delivery, the tag and the parts.
    fn send(&mut self, provider: &mut Provider, message: &Written) -> Sent {
        provider.now = Timestamp::from_millis(provider.now.as_millis() + 1_000);
        let parts = message.parts(self.sent, provider.now);
        let sent = self.message(&parts).unwrap();
        self.sent += 1;
        let mut channel = self.device.channel(&mut self.sessions);
        let envelope = sent.seal_for(&mut channel, &mut provider.rng).unwrap();
        let (delivery, _) = provider.stamp_as(&self.device.me, &address("bob"), &envelope);
        Sent {
            delivery,
            id: *sent.tag(),
            parts,
        }
    }
}

struct Sent {
    delivery: Vec<u8>,
    id: FrankingTag,
    parts: Vec<Vec<u8>>,
}

/// What a later version may write, and what the present version may write about it. `about` is the
/// tag of a message of unknown kind.
fn messages(about: &FrankingTag) -> Vec<Written> {
    let names = |kind: u8, text: &[u8]| [&[kind][..], about.as_bytes(), text].concat();
    let largest = [&[0x40][..], &vec![7; MAX_BODY_LEN]].concat();
    let longest = |kind| written("the longest extension", b"\x01text").extended(kind, &[7; 1_020]);
    let mut all = vec![
        written("an unknown kind", b"\x29poll").unknown(),
        written("the kind before the first", b"\x00poll").unknown(),
        written("the last kind, without a body", b"\xff").unknown(),
        written("the largest body", &largest).unknown(),
        written("an unknown scheme", b"\x01text").with(b"\x04stream", Some(4)),
        written("the last scheme, after a file", b"\x01text")
            .with(&file(), None)
            .with(b"\xff", Some(255)),
        written("an unknown kind with a file", b"\x2apoll")
            .with(&file(), None)
            .unknown(),
        written("an extension", b"\x01text").extended(1, b"new"),
        longest(0x7fff),
        written("a critical extension", b"\x01text")
            .extended(0x8000, b"")
            .with(&file(), Some(0))
            .unknown(),
        longest(0xffff).unknown(),
        written("an extension and a critical one", b"\x01text")
            .extended(1, b"new")
            .extended(0x8001, b"new")
            .with(&file(), Some(0))
            .with(b"\x09", Some(9))
            .unknown(),
        written("a critical edit", &names(2, b"new"))
            .extended(0x8001, b"new")
            .unknown(),
        written("an edit", &names(2, b"new")),
        written("a deletion", &names(3, b"")),
        written("a reaction", &names(4, "👍".as_bytes())),
        written("the application's own", b"\x05\x04poll\x00\xff"),
    ];
    let mut reply = written("a reply", b"\x01text");
    reply.reply_to = Some(*about);
    let mut critical_reply = reply.clone().extended(0x8001, b"");
    critical_reply.name = "a reply of unknown kind";
    all.extend([reply, critical_reply.unknown()]);
    let mut full = written("thirty unknown attachments", b"\x01text");
    for scheme in 4..=33 {
        full = full.with(&[scheme], Some(scheme));
    }
    all.push(full);
    all
}

/// Checks content and attachments, as a client or a reviewer sees them.
fn assert_shown(message: &Written, content: &Content, attachments: &[&Attachment]) {
    let name = message.name;
    let kind = match content {
        Content::Unknown { kind, body } => {
            assert_eq!(*body, message.content[1..], "{name}");
            Some(*kind)
        }
        _ => None,
    };
    assert_eq!(kind, message.unknown_kind, "{name}");
    let schemes = attachments.iter().map(|attachment| match attachment {
        Attachment::Unknown(unknown) => Some(unknown.scheme()),
        _ => None,
    });
    assert_eq!(schemes.collect::<Vec<_>>(), message.schemes, "{name}");
}

fn assert_listed(message: &Written, sent: &Sent, listed: &Message) {
    let attachments: Vec<_> = listed.attachments().iter().collect();
    assert_shown(message, listed.content(), &attachments);
    assert_eq!(*listed.id(), sent.id);
    assert_eq!(listed.header().reply_to, message.reply_to);
    let is_known_text = message.content[0] == 1 && message.unknown_kind.is_none();
    assert_eq!(listed.text(), is_known_text.then_some("text"));
    // Evidence ends with the parts.
    let evidence = listed.evidence().unwrap().encode();
    let kept = evidence.ends_with(&encoded(&sent.parts));
    assert!(kept, "{}", message.name);
}

/// Bob's store, which is closed and opened again.
struct Disk(tempfile::TempDir);

impl Disk {
    fn store(&self) -> SqliteStore {
        let path = self.0.path().join("bob.sqlite");
        SqliteStore::open(path, &StoreKey::from_bytes([4; 32])).unwrap()
    }

    fn reopened(&self, client: Client<SqliteStore>) -> Client<SqliteStore> {
        drop(client);
        Client::open(self.store()).unwrap()
    }
}

#[test]
fn a_client_receives_stores_lists_and_reports_what_a_later_version_wrote() {
    let mut provider = Provider::new(12);
    let disk = Disk(tempfile::tempdir().unwrap());
    let mut bob = provider.register_in(disk.store(), "bob");
    let mut peer = Peer::new(&mut provider);
    let from = account("later");
    let about = peer.send(&mut provider, &written("a poll", b"\x29poll").unknown());
    provider.receive(&mut bob, &about.delivery).unwrap();

    let messages = messages(&about.id);
    let mut sent = Vec::new();
    for message in &messages {
        let one = peer.send(&mut provider, message);
        let Received::Message { message: shown, .. } = bob.receive(&one.delivery).unwrap() else {
            panic!("{}: a new message", message.name)
        };
        assert_listed(message, &one, &shown);
        bob = disk.reopened(bob);
        let again = bob.receive(&one.delivery).unwrap();
        assert!(matches!(again, Received::Duplicate { id, .. } if id == one.id));
        sent.push(one);
    }

    // Each is listed at its place, alone and in pages.
    let mut listed = bob.messages(&from, None, 100).unwrap().items;
    assert_eq!(*listed.remove(0).id(), about.id);
    assert_eq!(listed.len(), messages.len());
    let mut after = Some(0);
    for ((message, sent), listed) in messages.iter().zip(&sent).zip(&listed) {
        assert_listed(message, sent, listed);
        let page = bob.messages(&from, after, 1).unwrap().items;
        assert_listed(message, sent, &page[0]);
        assert_listed(
            message,
            sent,
            &bob.message(&from, &sent.id).unwrap().unwrap(),
        );
        after = Some(page[0].ordinal());
    }

    // All are reported together, and the report waits on the disk.
    let whole = sent.iter().map(|sent| (sent.id, Disclosure::Whole));
    let draft = bob.draft_report(&from, Reason::Other, whole).unwrap();
    let preview = draft.preview();
    let kept = preview
        .messages()
        .iter()
        .map(|message| message.parts().len());
    let parts = sent.iter().map(|sent| sent.parts.len());
    assert!(kept.eq(parts), "the preview has every part");
    let key = provider.moderation.public_key();
    bob.report(&draft, key, &mut provider.rng).unwrap();
    bob = disk.reopened(bob);
    let report = bob.pending_reports(None, 10).unwrap().items.remove(0);
    let verified = provider.take_report(&report.report).unwrap();
    assert_eq!(verified.messages().len(), messages.len());
    for ((message, sent), reviewed) in messages.iter().zip(&sent).zip(verified.messages()) {
        let attachments: Vec<_> = reviewed.attachments().map(|(_, one)| one).collect();
        assert_shown(message, reviewed.content().unwrap(), &attachments);
        assert_eq!(*reviewed.tag(), sent.id);
        let shown = reviewed.parts().iter().map(|part| match part {
            VerifiedPart::Shown(bytes) => bytes.to_vec(),
            VerifiedPart::Withheld => panic!("{}", message.name),
        });
        assert_eq!(shown.collect::<Vec<_>>(), sent.parts, "{}", message.name);
    }
}

/// Bob answers, reacts to, and reports in part what his client cannot show.
#[test]
fn a_client_answers_and_reports_in_part_what_it_cannot_show() {
    let mut provider = Provider::new(13);
    let disk = Disk(tempfile::tempdir().unwrap());
    let mut bob = provider.register_in(disk.store(), "bob");
    let mut peer = Peer::new(&mut provider);
    let from = account("later");
    let poll = written("a poll", b"\x29poll").unknown().with(&file(), None);
    let poll = peer.send(&mut provider, &poll);
    provider.receive(&mut bob, &poll.delivery).unwrap();
    let critical = written("critical", b"\x01text").extended(0x8001, b"new");
    let critical = peer.send(&mut provider, &critical.unknown());
    bob.receive(&critical.delivery).unwrap();

    let reaction = Content::Reaction {
        to: poll.id,
        reaction: "?".to_owned(),
    };
    let drafts = [
        Draft::from("what is this?").reply_to(poll.id),
        Draft::new(reaction),
    ];
    let mut shown = vec![
        (poll.id, Disclosure::Parts(vec![2])),
        (critical.id, Disclosure::Parts(vec![])),
    ];
    for draft in drafts {
        let sent = bob.send(&from, draft, provider.now, &mut provider.rng);
        let sent = sent.unwrap();
        let (_, receipt) = provider.relay_as(bob.me(), peer.me(), &sent.envelope);
        bob.confirm(&from, &receipt).unwrap();
        shown.push((sent.id, Disclosure::Whole));
    }
    // What needs a later version is not sent on as what it is.
    let unknown = bob.message(&from, &critical.id).unwrap().unwrap();
    let on = Draft::new(unknown.content().clone());
    assert!(bob.send(&from, on, NOW, &mut provider.rng).is_err());

    bob = disk.reopened(bob);
    let draft = bob.draft_report(&from, Reason::Other, shown).unwrap();
    let key = provider.moderation.public_key();
    let report = bob.report(&draft, key, &mut provider.rng).unwrap();
    let verified = provider.verify(&report.report).unwrap();
    let [poll, critical, reply, reaction] = verified.messages() else {
        panic!("four messages")
    };
    assert_eq!((poll.content(), poll.attachments().len()), (None, 1));
    assert_eq!(critical.content(), None);
    assert!(
        critical.header().has_unknown_critical(),
        "the header is always shown"
    );
    assert_eq!(reply.last_seen(), LastSeen::InReport(1));
    assert_eq!(reply.header().reply_to, Some(*poll.tag()));
    assert_eq!(reaction.content().unwrap().refers_to(), Some(poll.tag()));
}

#[test]
fn a_body_of_one_byte_more_than_fits_is_no_message() {
    let mut provider = Provider::new(14);
    let _bob = provider.register("bob");
    let peer = Peer::new(&mut provider);
    for (len, fits) in [(MAX_BODY_LEN, true), (MAX_BODY_LEN + 1, false)] {
        let message = written("long", &[&[0x40][..], &vec![7; len]].concat());
        assert_eq!(peer.message(&message.parts(0, NOW)).is_some(), fits);
    }
    let empty = written("no kind", b"");
    assert!(peer.message(&empty.parts(0, NOW)).is_none());
    let empty = written("no scheme", b"\x01text").with(b"", None);
    assert!(peer.message(&empty.parts(0, NOW)).is_none());
}
