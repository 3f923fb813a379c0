//! Makes and checks the vectors in `tests/vectors/*.json`: known answers for other implementations,
//! passing and failing. `tests/vectors/README.md` says how to read them.
//!
//! `WAXSEAL_REGENERATE=1 cargo test -p waxseal-reporting vectors` rewrites them from the code. If a
//! byte changes, the format has changed.
#![expect(clippy::type_complexity, reason = "tables of vectors")]

use serde_json::{Value, json};
use waxseal_vectors::harness::{
    self, Crate, Input, Outcome, Vectors, changed, flipped, hex, refused, with,
};

use crate::labels;
use crate::tests::all::*;
use crate::tests::world::NOON;

// These modules hold one test vector per line.
#[rustfmt::skip]
mod about;
#[rustfmt::skip]
mod attached;
#[rustfmt::skip]
mod control;
#[rustfmt::skip]
mod delivery;
#[rustfmt::skip]
mod fanout;
#[rustfmt::skip]
mod file;
#[rustfmt::skip]
mod fold;
#[rustfmt::skip]
mod formats;
#[rustfmt::skip]
mod franking;
#[rustfmt::skip]
mod group;
#[rustfmt::skip]
mod neighbours;
#[rustfmt::skip]
mod queue;
#[rustfmt::skip]
mod report;
#[rustfmt::skip]
mod reseal;
#[rustfmt::skip]
mod review;
#[rustfmt::skip]
mod stamp;
#[rustfmt::skip]
mod transcript;
#[rustfmt::skip]
mod unseal;

const CRATE: Crate = Crate {
    folder: env!("CARGO_MANIFEST_DIR"),
    run,
    checks_of,
};

/// The checks for which an error's variant stands. `Malformed` stands for all checks of form.
fn checks_of(variant: &str) -> &'static [u16] {
    match variant {
        "TooLong" => &[51],
        "UnknownVersion" => &[52],
        "Malformed" => &[
            53, 54, 55, 56, 57, 58, 59, 60, 72, 73, 75, 91, 92, 94, 102, 107, 115, 116, 291, 410,
            411, 414, 415, 488, 490,
        ],
        "AccountIdError" => &[55],
        "OtherTag" => &[61, 86, 101],
        "OtherConversation" => &[89],
        "MissingStamp" => &[63],
        "NotAuthentic" => &[64, 66, 103, 292, 412],
        "TooOld" => &[104],
        "NotStamped" => &[104, 105],
        "OtherTarget" => &[106],
        "OtherTargets" => &[293, 413],
        "MissingKey" => &[294],
        "ClockDiffers" => &[111],
        "AnswerError" => &[112],
        "NotAccepted" => &[81],
        "OtherReport" => &[113],
        "GroupIsDirect" => &[114],
        "OwnAccount" => &[117],
        "OtherRecipient" => &[65, 290],
        "OtherMessage" => &[67],
        "OtherEpoch" => &[68],
        "EpochUnknown" | "EpochOutOfReach" => &[69],
        "InTheFuture" => &[70, 104],
        "NotOurs" => &[71],
        "NotFromReporter" => &[74],
        "ClaimsOutOfOrder" => &[76],
        "SeveralConversations" => &[77],
        "NotAParticipant" => &[78],
        "AlreadyReported" => &[80],
        "OtherModerationKey" => &[82],
        "SealBroken" => &[83],
        "MalformedOpenings" => &[84, 489],
        "UnknownOpeningVersion" => &[97],
        "OpeningCount" => &[85],
        "OtherPart" => &[87],
        "HeaderWithheld" => &[88],
        "MalformedPart" => &[90],
        "ChannelRefused" => &[93],
        "ChunkOfNoFile" => &[118],
        "OtherBlob" => &[119],
        "FileTooLong" => &[480],
        "OtherLength" => &[481],
        "Altered" => &[482, 483, 484, 485],
        "OtherAccount" => &[550],
        "OtherAccountKey" => &[551],
        "NotChangeable" => &[552],
        "NotText" => &[553],
        _ => &[],
    }
}

/// Runs an operation of the vectors by its name.
fn run(operation: &str, input: Input<'_>) -> Outcome {
    match operation {
        "commit" => franking::commit(input),
        "commit_1" => franking::commit_1(input),
        "open_payload" => franking::open_payload(input),
        "account" => stamp::account(input),
        "conversation_direct" => stamp::conversation_direct(input),
        "conversation_group" => stamp::conversation_group(input),
        "epoch_key" => stamp::epoch_key(input),
        "seal_control" => control::seal_control(input),
        "open_control" => control::open_control(input),
        "refusal_data" => control::refusal_data(input),
        "read_refusal" => control::read_refusal(input),
        "post_fanout" => fanout::post_fanout(input),
        "accept_fanout" => fanout::accept_fanout(input),
        "import_fanout" => fanout::import_fanout(input),
        "post_group" => group::post_group(input),
        "accept_group" => group::accept_group(input),
        "import_group_fanout" => group::import_group_fanout(input),
        "deliver_group" => group::deliver_group(input),
        "import_stamped_group" => group::import_stamped_group(input),
        "import_group_slot" => group::import_group_slot(input),
        "split_group" => group::split_group(input),
        "post_again" => reseal::post_again(input),
        "accept_again" => reseal::accept_again(input),
        "stamp" => stamp::stamp(input),
        "verify_stamp" => stamp::verify_stamp(input),
        "import_stamp_keys" => stamp::import_stamp_keys(input),
        "decode_envelope" => delivery::decode_envelope(input),
        "import_stamped" => queue::import_stamped(input),
        "import_claim" => queue::import_claim(input),
        "answer" => queue::answer(input),
        "check_answer" => queue::check_answer(input),
        "next_accepted" => stamp::next_accepted(input),
        "import_unsealed" => unseal::import_unsealed(input),
        "transcript" => transcript::transcript(input),
        "reference" => fold::reference(input),
        "fold" => fold::folds(input),
        "deliver" => delivery::deliver(input),
        "open_delivery" => delivery::open_delivery(input),
        "make_receipt" => delivery::make_receipt(input),
        "confirm_receipt" => delivery::confirm_receipt(input),
        "open_channel" => delivery::open_channel(input),
        "nullifier" => report::nullifier(input),
        "accept" => report::accept(input),
        "import_accepted" => report::import_accepted(input),
        "import_evidence" => report::import_evidence(input),
        "moderation_key_pair" => unseal::moderation_key_pair(input),
        "moderation_public_key" => unseal::moderation_public_key(input),
        "unseal" => unseal::unseal(input),
        "file_shape" => file::file_shape(input),
        "seal_file" => file::seal_file(input),
        "file_tree" => file::file_tree(input),
        "check_tags" => file::check_tags(input),
        "open_file" => file::open_file(input),
        "open_chunk" => file::open_chunk(input),
        "review_openings" => review::review_openings(input),
        _ => panic!("no operation {operation}"),
    }
}

/// The labels that an operation uses.
fn labels_of(operation: &str) -> Vec<&'static [u8]> {
    match operation {
        "commit" => vec![
            labels::FRANKING_ROOT_KEY,
            labels::FRANKING_PART_KEY,
            labels::FRANKING_PART,
            labels::FRANKING_TAG,
        ],
        "commit_1" => vec![labels::FRANKING_TAG_1],
        "open_channel" => vec![labels::CHANNEL],
        "conversation_direct" => vec![labels::CONVERSATION_DIRECT],
        "conversation_group" => vec![labels::CONVERSATION_GROUP],
        "epoch_key" => vec![labels::STAMP_EPOCH_KEY, labels::STAMP_NEXT_ROOT],
        "stamp" => vec![labels::STAMP],
        "seal_control" => vec![labels::CONTROL_KEY, labels::CONTROL_TAG],
        "refusal_data" => vec![labels::REFUSAL],
        "post_again" => vec![labels::RESEAL],
        "post_fanout" => vec![labels::FANOUT],
        "post_group" => vec![labels::GROUP_POST],
        "answer" => vec![labels::ANSWER],
        "deliver" => vec![labels::DELIVERY],
        "make_receipt" => vec![labels::RECEIPT],
        "nullifier" => vec![labels::NULLIFIER, labels::ACCOUNT_NULLIFIER],
        "accept" => vec![
            labels::REPORTER,
            labels::REPORTER_1,
            labels::REPORTER_3,
            labels::ACCEPTANCE,
        ],
        "import_accepted" => vec![labels::ACCEPTANCE_1],
        "unseal" => vec![
            labels::REPORT_OPENINGS,
            labels::REPORT_OPENINGS_1,
            labels::REPORT_OPENINGS_3,
        ],
        "seal_file" => vec![
            labels::FILE_CHUNK_KEY,
            labels::FILE_CIPHER_KEY,
            labels::FILE_HASH_KEY,
            labels::FILE_CHUNK_TAG,
        ],
        "file_tree" => vec![labels::FILE_NODE, labels::FILE_ROOT],
        "moderation_key_pair" => vec![labels::MODERATION_KEY],
        _ => vec![],
    }
}

#[test]
fn vectors_cover_every_label_and_every_check_that_bytes_can_break() {
    let labels = include_str!("../labels.rs").split("b\"").skip(1);
    let labels: Vec<&[u8]> = labels
        .filter_map(|rest| rest.split('"').next())
        .map(str::as_bytes)
        .collect();
    let without = [
        (
            79,
            "it runs the checks 68 to 71 for each claim, which have vectors",
        ),
        (
            95,
            "it refuses nothing; extension-critical in franking.json shows what a client makes of it",
        ),
        (96, "it refuses what a caller hands over, not bytes"),
        (98, "it refuses what a caller hands over, not bytes"),
        (486, "it is about a file that changes while it is read"),
        (487, "it refuses what a caller hands over, not bytes"),
        (554, "it refuses nothing; fold-others in fold.json shows it"),
        (555, "it refuses nothing; fold-newest in fold.json shows it"),
        (
            556,
            "it refuses nothing; fold-deleted in fold.json shows it",
        ),
        (557, "it refuses nothing, and is about a whole report"),
        (
            558,
            "it refuses nothing; fold-withheld in fold.json shows it",
        ),
    ];
    // CHK-62 and CHK-110 are retired.
    let checks = (51..=61)
        .chain(63..=98)
        .chain(101..=107)
        .chain(111..=119)
        .chain(290..=294)
        .chain(410..=415)
        .chain(480..=490)
        .chain(550..=558);
    harness::assert_coverage(CRATE.folder, checks, &without, &labels, labels_of);
}

fn key(input: Input<'_>) -> DeliveryKey {
    DeliveryKey::from_bytes(input.get("delivery_key").array())
}

fn account_of(input: Input<'_>) -> AccountId {
    AccountId::new(input.text()).unwrap()
}

fn sender_of(input: Input<'_>) -> DeviceAddress {
    let device = DeviceId(input.get("device").number());
    DeviceAddress::new(account_of(input.get("account")), device)
}

fn sender_json(sender: &DeviceAddress) -> Value {
    json!({ "account": sender.account.as_str(), "device": sender.device.0 })
}

fn audience_of(input: Input<'_>) -> Audience {
    match input.optional("direct") {
        Some(account) => Audience::Direct(account_of(account)),
        None => Audience::Group(ConversationId::from_bytes(input.get("group").array())),
    }
}

fn tag_of(input: Input<'_>) -> FrankingTag {
    FrankingTag::from_bytes(input.get("franking_tag").array())
}

fn claim_of(input: Input<'_>) -> Result<Claim, String> {
    let context = StampContext::decode(&input.get("context").bytes());
    Ok(Claim {
        tag: tag_of(input),
        context: context.ok_or_else(|| refused(DecodeError::Malformed))?,
        stamp: Stamp::new(input.get("stamp").array()),
    })
}

fn stamp_keys_of(input: Input<'_>) -> Result<StampKeys, String> {
    StampKeys::import(&input.get("stamp_keys").bytes()).map_err(refused)
}
