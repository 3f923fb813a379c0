//! A conversation over a real relay, reported to a real desk, and how an officer reads it.

use std::process::Command;

use serde_json::json;
use waxseal_relay::RelayClient;
use waxseal_reporting::file::{FileDescriptor, FileKey, FileShape, seal as seal_file};
use waxseal_reporting::message::{Attachment, Content, FileAttachment, Payload, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::Receipt;
use waxseal_reporting::reporter::{Disclosure, ModerationPublicKey};
use waxseal_reporting::sender::seal;
use waxseal_reporting::{Audience, BlobId};

use crate::access::look;
use crate::browser::Browser;
use crate::job::{ask_for_all, enter, says, sign};
use crate::office::{ORIGIN, Office, Process, wait_for};
use crate::pictures::png;
use crate::world::{Device, NoChannel, now};

/// Mallory and victor, who write to each other over a relay.
struct Talk {
    office: Office,
    _relay: Process,
    mallory: Device,
    victor: Device,
    next: [u64; 2],
}

impl Talk {
    fn new() -> Self {
        // A port that is free now.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let office = Office::of_relay(&format!("http://{address}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command
            .args(["--data", "relay-data", "--listen", &address])
            .args(["--desk", office.url(), "--desk-origin", ORIGIN])
            .args(["--moderation-key", "moderation.pub"])
            .args(["--acceptance-key", "acceptance.key", "--desk-interval", "1"])
            .args(["--reviewer-key", "desk/reviewer.key.pub"])
            .env("RUST_LOG", "error")
            .current_dir(office.dir.path());
        let (_relay, url) = Process::start(&mut command, "listening on ");
        let pinned = office.dir.path().join("desk/relay.pinned");
        wait_for(|| pinned.exists().then_some(()));
        let device = |name: &str| {
            let mut device = Device::new(name, RelayClient::new(&url).unwrap());
            device.register().unwrap();
            device
        };
        Self {
            mallory: device("mallory"),
            victor: device("victor"),
            office,
            _relay,
            next: [0; 2],
        }
    }

    fn header(&mut self, from_mallory: bool) -> PayloadHeader {
        let next = &mut self.next[usize::from(from_mallory)];
        *next += 1;
        PayloadHeader::new(*next - 1, now())
    }

    /// Sends a message. Victor keeps the evidence.
    fn send(&self, from_mallory: bool, payload: &Payload) -> Evidence {
        let (from, to) = match from_mallory {
            true => (&self.mallory, &self.victor),
            false => (&self.victor, &self.mallory),
        };
        let audience = Audience::Direct(to.me.account.clone());
        let conversation = audience.conversation(&from.me.account);
        let rng = &mut rand::rng();
        let sealed = seal(&mut NoChannel, &from.me, &conversation, payload, rng).unwrap();
        let posted = from.post(&sealed.envelope, &to.me.account);
        let receipt = from.client.send(from.session(), &to.me.account, &posted);
        let receipt = Receipt::decode(&receipt.unwrap()).unwrap();
        let evidence = match from_mallory {
            true => self.victor.receive().remove(0).1,
            false => receipt
                .authenticate(&from.delivery_key, &sealed.sent)
                .unwrap(),
        };
        while now() <= evidence.claim().context().accepted_at {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        evidence
    }

    fn say(&mut self, from_mallory: bool, content: Content) -> Evidence {
        let header = self.header(from_mallory);
        self.send(from_mallory, &Payload::new(header, content).unwrap())
    }

    /// Mallory sends a picture, and uploads it.
    fn picture(&mut self) -> Evidence {
        let ring = |x: u32, y: u32| {
            let (x, y) = (x.abs_diff(150), y.abs_diff(100));
            let far = (f64::from(x * x + y * y)).sqrt();
            if (60.0..80.0).contains(&far) { 90 } else { 225 }
        };
        let bytes = png(300, 200, b"Comment\0none", ring);
        let rng = &mut rand::rng();
        let (blob, key) = (BlobId::generate(rng), FileKey::generate(rng));
        let (mut sealed, size) = (Vec::new(), u64::try_from(bytes.len()).unwrap());
        let root = seal_file(&mut &bytes[..], size, &key, &mut sealed).unwrap();
        let shape = FileShape::new(size).unwrap();
        let place = FileDescriptor::blob_location(&blob);
        let name = "receipt\u{202e}gnp.exe";
        let file = FileDescriptor::new(shape, root, "text/html", name, &place).unwrap();
        let file = Attachment::from(FileAttachment::new(file, key, None));
        let text = Content::Text("The proof that your parcel is here:".to_owned());
        let header = self.header(true);
        let payload = Payload::with_attachments(header, text, vec![file]).unwrap();
        let evidence = self.send(true, &payload);
        let (client, session) = (&self.mallory.client, self.mallory.session());
        let len = u64::try_from(sealed.len()).unwrap();
        client.put_blob(session, &blob, 0, len, &sealed).unwrap();
        evidence
    }
}

#[test]
fn an_officer_reads_each_kind_of_content_for_what_it_is_and_fetches_a_file() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let browser = &mut browser;
    let mut talk = Talk::new();
    let text = |text: &str| Content::Text(text.to_owned());
    let first = talk.say(
        true,
        text("Hi! I found your parcel. It only needs a small fee."),
    );
    let asked = talk.say(false, text("Who are you?"));
    let mut header = talk.header(true);
    header.reply_to = Some(*asked.tag());
    header.last_seen = Some(*asked.tag());
    header.forward_count = 3;
    header.expires_after_secs = 3_600;
    let answer = Payload::new(
        header,
        text("Support. Pay at <a href=//evil.example>here</a>"),
    )
    .unwrap();
    let answer = talk.send(true, &answer);
    let picture = talk.picture();
    let _lost = talk.say(true, text("This one is not reported."));
    let edit = talk.say(
        true,
        Content::Edit {
            of: *first.tag(),
            text: "Hi! I have your parcel.".to_owned(),
        },
    );
    let smile = talk.say(
        true,
        Content::Reaction {
            to: *asked.tag(),
            reaction: "👍".to_owned(),
        },
    );
    let timer = talk.say(true, Content::Timer { after_secs: 86_400 });
    let own = talk.say(
        true,
        Content::Application {
            kind: "x-app/poll".to_owned(),
            body: b"{\"q\":1}".to_vec(),
        },
    );
    let taken_back = talk.say(true, Content::Deletion { of: *answer.tag() });
    let said = talk.say(true, text("I never wrote that."));

    let moderation = std::fs::read(talk.office.dir.path().join("moderation.pub")).unwrap();
    let moderation = ModerationPublicKey::decode(&moderation).unwrap();
    let all = [
        &first,
        &asked,
        &answer,
        &picture,
        &edit,
        &smile,
        &timer,
        &own,
        &taken_back,
    ];
    let mut shown: Vec<_> = all.iter().map(|one| (*one, Disclosure::Whole)).collect();
    shown.push((&said, Disclosure::Parts(vec![])));
    let report = talk.victor.report_parts(&moderation, &shown);
    talk.victor
        .client
        .report(talk.victor.session(), &report)
        .unwrap();
    let case = talk.office.case_about("mallory").case.id;

    let alice = enter(&talk.office, browser, "alice", &talk.office.officers.alice);
    alice.go(browser, &format!("/case/{case}/ask"));
    ask_for_all(browser, "1");
    sign(browser, "Sign: ask for a grant", &[]);
    browser.follow("button[aria-label^='Open report']");
    sign(browser, "Sign: open a report", &[]);
    for said in [
        "10 of 10 in the report are granted and shown",
        "Pay at <a href=//evil.example>here</a>",
        "Answers message 2",
        "Forwarded 3 times, as the sender claims",
        "To disappear 1 hour after it is read",
        "1 earlier message of the reported account not in the report",
        "New text for message 1",
        "Edited by message 5",
        "Taken back by message 9",
        "Reaction to message 2",
        "Timer: messages disappear 1 day after they are read",
        "Content of the application's own kind x-app/poll",
        "Takes back message 3",
        "The reporter withheld what it says.",
        "receiptU+202Egnp.exe",
    ] {
        let text = browser.text().replace('\n', " ").replace("  ", " ");
        assert!(text.contains(said), "{said}: {text}");
    }
    look(browser, "26-view-of-all-kinds");

    // A click fetches the file, and another one shows the picture.
    browser.follow("form[action$='/fetch'] button");
    says(browser, "Fetched, and all of it is verified.");
    look(browser, "27-view-with-file");
    browser.follow("a.picture");
    let size = browser.eval(
        "(async () => { const e = document.querySelector('img'); await e.decode(); \
         return [e.naturalWidth, e.naturalHeight]; })()",
    );
    assert_eq!(size, json!([300, 200]));
    look(browser, "28-picture");
    // The log has an entry for it.
    alice.go(browser, "/log");
    says(browser, "file fetched");
}
