//! A conversation of Alice and Bob, which Bob reports, and what the reviewer's command shows of it.

use std::process::Command;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use waxseal_reporting::message::{Content, Payload, PayloadHeader};
use waxseal_reporting::recipient::Evidence;
use waxseal_reporting::relay::{Envelope, Receipt};
use waxseal_reporting::reporter::Disclosure;
use waxseal_reporting::sender::{SentMessage, seal};
use waxseal_reporting::{Audience, FrankingTag};

use super::{Device, NoChannel, VaultProcess, World, now};

/// Bob keeps all messages, to report them.
pub struct Conversation {
    pub world: World,
    _vault: VaultProcess,
    pub alice: Device,
    pub bob: Device,
    next: [u64; 2],
    pub kept: Vec<Evidence>,
}

impl Conversation {
    pub fn new() -> Self {
        let world = World::new();
        let _vault = VaultProcess::start(&world);
        let (alice, bob) = (world.device("alice"), world.device("bob"));
        Self {
            world,
            _vault,
            alice,
            bob,
            next: [0; 2],
            kept: Vec::new(),
        }
    }

    pub fn header(&mut self, from_alice: bool) -> PayloadHeader {
        let next = &mut self.next[usize::from(from_alice)];
        *next += 1;
        PayloadHeader::new(*next - 1, now())
    }

    pub fn say(
        &mut self,
        from_alice: bool,
        header: PayloadHeader,
        content: Content,
    ) -> FrankingTag {
        self.send(
            from_alice,
            Payload::new(header, content).unwrap(),
            |envelope| envelope,
        )
    }

    /// Sends a message. `spoil` may exchange the envelope that the relay stamps.
    pub fn send(
        &mut self,
        from_alice: bool,
        payload: Payload,
        spoil: impl FnOnce(Envelope) -> Envelope,
    ) -> FrankingTag {
        let (from, to) = match from_alice {
            true => (&self.alice, &self.bob),
            false => (&self.bob, &self.alice),
        };
        let audience = Audience::Direct(to.me.account.clone());
        let conversation = audience.conversation(&from.me.account);
        let rng = &mut rand::rng();
        let sealed = seal(&mut NoChannel, &from.me, &conversation, &payload, rng).unwrap();
        let posted = from.post(&spoil(sealed.envelope), &to.me.account);
        let receipt = from.client.send(from.session(), &to.me.account, &posted);
        let receipt = receipt.unwrap();
        let evidence = match from_alice {
            true => self.bob.receive().remove(0).1,
            // Bob reports his own messages by their receipts.
            false => {
                let receipt = Receipt::decode(&receipt).unwrap();
                receipt
                    .authenticate(&from.delivery_key, &sealed.sent)
                    .unwrap()
            }
        };
        wait_until_after(&evidence);
        let tag = *evidence.tag();
        self.kept.push(evidence);
        tag
    }

    /// A text of Alice as a client of before sent it: its tag does not name her. Bob keeps evidence
    /// of format 01. The message stays in Bob's queue, since no client opens it any more.
    pub fn say_in_format_01(&mut self, text: &str) {
        let (alice, bob) = (&self.alice, &self.bob);
        let audience = Audience::Direct(bob.me.account.clone());
        let conversation = audience.conversation(&alice.me.account);
        // flags u8 || conversation 32 || sequence be64 || sent be64 || forwards u8 || expires be32
        let sequence = self.next[1].to_be_bytes();
        let sent_at = now().as_millis().to_be_bytes();
        let header = [
            &[0],
            &conversation.as_bytes()[..],
            &sequence,
            &sent_at,
            &[0; 5],
        ]
        .concat();
        let parts = [header, [b"\x01", text.as_bytes()].concat()];
        let key = [3; 32];
        let mut commitments = Vec::new();
        // 01 || sender || K_f 32 || n u8 || n x (len be32 || part)
        let mut sent = [&[1, 5], &b"alice"[..], &[0, 0, 0, 1], &key, &[2]].concat();
        for (index, part) in (0..).zip(&parts) {
            let part = [&(part.len() as u32).to_be_bytes()[..], part].concat();
            let part_key = mac(&key, &[b"waxseal/1/frank-part-key", &[index], &[1]]);
            commitments.extend(mac(
                &part_key,
                &[b"waxseal/1/frank-commit", &[index], &part],
            ));
            sent.extend(part);
        }
        let root = mac(&key, &[b"waxseal/1/frank-root-key", &[1]]);
        let tag = mac(&root, &[b"waxseal/1/frank-tag", &[2], &commitments]);

        let sent = SentMessage::decode(&sent).unwrap();
        let envelope = Envelope::decode(&[&[2], &tag[..], b"unread"].concat()).unwrap();
        let posted = alice.post(&envelope, &bob.me.account);
        let receipt = alice.client.send(alice.session(), &bob.me.account, &posted);
        let receipt = Receipt::decode(&receipt.unwrap()).unwrap();
        let evidence = receipt.authenticate(&alice.delivery_key, &sent).unwrap();
        wait_until_after(&evidence);
        self.kept.push(evidence);
    }

    /// Bob reports these messages. Returns the reviewer's lines from the first message on, without
    /// times, and the messages as JSON.
    pub fn reviewed(&self, messages: &[&Evidence]) -> (Vec<String>, Vec<Value>) {
        let whole = messages.iter().map(|one| (*one, Disclosure::Whole));
        self.reviewed_parts(&whole.collect::<Vec<_>>())
    }

    /// As [`reviewed`](Self::reviewed), of a report that shows these parts of the messages.
    pub fn reviewed_parts(
        &self,
        messages: &[(&Evidence, Disclosure)],
    ) -> (Vec<String>, Vec<Value>) {
        let key = self.world.vault.moderation.public_key();
        let report = self.bob.report_parts(key, messages);
        let taken = self.bob.client.report(self.bob.session(), &report).unwrap();
        let open = |more: &[&str]| {
            let opened = Command::new(env!("CARGO_BIN_EXE_review"))
                .args(["--relay", self.world.url(), "--key", "review.key", "open"])
                .arg(&taken.report_id)
                .args(more)
                .current_dir(self.world.dir.path())
                .output()
                .unwrap();
            assert!(opened.status.success());
            String::from_utf8(opened.stdout).unwrap()
        };
        let lines = open(&[]);
        let lines = lines
            .lines()
            .skip_while(|line| !line.starts_with("messages,"));
        let lines = lines.skip(1).map(|line| match line.split_once(" ms  ") {
            Some((before, after)) => {
                let (number, time) = before.split_once(". ").unwrap();
                assert!(time.parse::<u64>().is_ok());
                format!("{number}. {after}")
            }
            None => line.to_owned(),
        });
        let lines = lines.collect();
        let mut object: Value = serde_json::from_str(&open(&["--json"])).unwrap();
        let Value::Array(messages) = object["messages"].take() else {
            panic!("{object}")
        };
        (lines, messages)
    }
}

/// HMAC-SHA-256. Of `info || 01`, it is also HKDF-Expand to 32 bytes.
fn mac(key: &[u8], input: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    input.iter().for_each(|bytes| mac.update(bytes));
    mac.finalize().into_bytes().into()
}

/// Waits until the relay's clock is past this message. Messages that one sender sends within a
/// millisecond get times ahead of the clock. Another sender's answer could get an earlier time.
fn wait_until_after(evidence: &Evidence) {
    while now() <= evidence.claim().context().accepted_at {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
