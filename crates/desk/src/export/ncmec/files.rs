//! The files of a tip, and the XML document `fileDetails` of each.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waxseal_reporting::BlobId;
use waxseal_reporting::file::FileShape;

use crate::export::coop::{hex, unhex};
use crate::export::fields::{Fields, within};
use crate::export::xml::{Xml, visible};
use crate::export::{CaseFacts, ExportError, ReportFacts, invalid};
use crate::vault::{FileAccess, Participant, ViewedAttachment, ViewedMessage};

/// Annotations of a file, in the order of the schema.
const ANNOTATIONS: [&str; 10] = [
    "animeDrawingVirtualHentai",
    "potentialMeme",
    "viral",
    "possibleSelfProduction",
    "physicalHarm",
    "violenceGore",
    "bestiality",
    "liveStreaming",
    "infant",
    "generativeAi",
];

/// Classes of the industry's scale.
const CLASSES: [&str; 4] = ["A1", "A2", "B1", "B2"];

const START: &str = "<fileDetails xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xsi:noNamespaceSchemaLocation=\"https://report.cybertip.org/ispws/xsd\">";

/// How a file relates to the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relevance {
    /// The reported account sent it.
    Reported,
    /// Someone else sent it: it gives context.
    Supplemental,
}

impl Relevance {
    fn name(self) -> &'static str {
        match self {
            Self::Reported => "Reported",
            Self::Supplemental => "Supplemental Reported",
        }
    }
}

/// What is known about a file of a tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDetails {
    /// The report.
    pub report: [u8; 16],
    /// Ordinal of the message.
    pub message: u8,
    /// Number of the part with the descriptor.
    pub part: u8,
    /// The blob, if the report names one.
    pub blob: Option<BlobId>,
    /// The size, as claimed by the sender.
    pub size_bytes: u64,
    /// The name, as claimed by the sender.
    pub original_file_name: Option<String>,
    /// Whether an officer viewed all of it. `None` if one may have and states nothing.
    pub viewed: Option<bool>,
    /// How it relates to the report.
    pub relevance: Relevance,
    /// Annotations, in the order of the schema.
    pub annotations: Vec<&'static str>,
    /// The class on the industry's scale.
    pub classification: Option<&'static str>,
    /// Further facts.
    pub additional_info: String,
}

impl FileDetails {
    /// The body of `POST /fileinfo`, with the identifiers that NCMEC gave.
    ///
    /// # Errors
    /// [`ExportError::Missing`] if `file_id` is empty.
    pub fn xml(&self, report_id: u64, file_id: &str) -> Result<String, ExportError> {
        if file_id.trim().is_empty() {
            return Err(ExportError::Missing { field: "fileId" });
        }
        let mut xml = Xml::new("fileDetails", START);
        xml.text("reportId", &report_id.to_string());
        xml.text("fileId", file_id);
        xml.optional("originalFileName", self.original_file_name.as_deref());
        let viewed = self.viewed.map(|viewed| viewed.to_string());
        xml.optional("fileViewedByEsp", viewed.as_deref());
        xml.text("fileRelevance", self.relevance.name());
        if !self.annotations.is_empty() {
            xml.begin("fileAnnotations");
            self.annotations.iter().for_each(|name| xml.empty(name));
            xml.end();
        }
        xml.optional("industryClassification", self.classification);
        xml.text("additionalInfo", &self.additional_info);
        Ok(xml.finish())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "report": hex(&self.report),
            "message": self.message,
            "part": self.part,
            "blob": self.blob.map(|blob| blob.to_text()),
            "size_bytes": self.size_bytes,
            "original_file_name": self.original_file_name,
            "viewed": self.viewed,
            "relevance": self.relevance.name(),
            "annotations": self.annotations,
            "classification": self.classification,
            "additional_info": self.additional_info,
        })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str();
        let small = |name: &str| u8::try_from(value.get(name)?.as_u64()?).ok();
        let annotations = value.get("annotations")?.as_array()?.iter();
        let annotations = annotations.map(|name| known(&ANNOTATIONS, name.as_str()?));
        Some(Self {
            report: unhex(text("report")?)?,
            message: small("message")?,
            part: small("part")?,
            blob: match value.get("blob")? {
                Value::Null => None,
                blob => Some(BlobId::from_text(blob.as_str()?)?),
            },
            size_bytes: value.get("size_bytes")?.as_u64()?,
            original_file_name: text("original_file_name").map(str::to_owned),
            viewed: value.get("viewed")?.as_bool(),
            relevance: match text("relevance")? {
                "Reported" => Relevance::Reported,
                "Supplemental Reported" => Relevance::Supplemental,
                _ => return None,
            },
            annotations: annotations.collect::<Option<_>>()?,
            classification: match value.get("classification")? {
                Value::Null => None,
                class => Some(known(&CLASSES, class.as_str()?)?),
            },
            additional_info: text("additional_info")?.to_owned(),
        })
    }
}

/// The files of all messages that go along.
pub(super) fn files(
    facts: &CaseFacts,
    fields: &Fields<'_>,
) -> Result<Vec<FileDetails>, ExportError> {
    let viewed = blobs("viewed", fields.items("viewed")?)?;
    let classes = pairs("classified", fields, &CLASSES)?;
    let notes = pairs("annotated", fields, &ANNOTATIONS)?;
    let (mut files, mut complete) = (Vec::new(), BTreeSet::new());
    for (report, message) in facts.messages() {
        for (part, attachment) in &message.attachments {
            let blob = report.blob(message.claim, *part);
            complete.extend(blob.filter(|blob| is_complete(report, blob, attachment)));
            files.push(file(report, message, *part, attachment)?);
        }
    }
    let all_known = |named: &BlobId| files.iter().any(|file| file.blob == Some(*named));
    let is_known = |field, named: &[BlobId]| match named.iter().all(all_known) {
        true => Ok(()),
        false => Err(invalid(field)),
    };
    is_known("viewed", &viewed)?;
    is_known(
        "classified",
        &classes.iter().map(|pair| pair.0).collect::<Vec<_>>(),
    )?;
    is_known(
        "annotated",
        &notes.iter().map(|pair| pair.0).collect::<Vec<_>>(),
    )?;
    for file in &mut files {
        let Some(blob) = file.blob else { continue };
        if viewed.contains(&blob) {
            // CHK-688: a file was viewed only if all of it was handed out to an officer.
            if !complete.contains(&blob) {
                return Err(ExportError::NotFetched);
            }
            file.viewed = Some(true);
        }
        let of_file = |pairs: &[(BlobId, &'static str)]| {
            let pairs = pairs.iter().filter(|pair| pair.0 == blob);
            pairs.map(|pair| pair.1).collect::<Vec<_>>()
        };
        let named = of_file(&notes);
        let annotations = ANNOTATIONS.into_iter().filter(|one| named.contains(one));
        file.annotations = annotations.collect();
        file.classification = match of_file(&classes).as_slice() {
            [] => None,
            [class] => Some(class),
            _ => return Err(invalid("classified")),
        };
        // The documentation allows both for reported files only.
        let is_meme = file.annotations.contains(&"potentialMeme");
        let is_supplemental = file.relevance == Relevance::Supplemental;
        if is_supplemental && is_meme {
            return Err(invalid("annotated"));
        }
        if is_supplemental && file.classification.is_some() {
            return Err(invalid("classified"));
        }
    }
    Ok(files)
}

fn file(
    report: &ReportFacts,
    message: &ViewedMessage,
    part: u8,
    attachment: &ViewedAttachment,
) -> Result<FileDetails, ExportError> {
    let blob = report.blob(message.claim, part);
    let (size_bytes, name, media_type) = match attachment {
        ViewedAttachment::Chunked(file) => {
            let name = Some(file.name.as_str()).filter(|name| !name.is_empty());
            (file.size_bytes, name, file.media_type.as_str())
        }
        ViewedAttachment::File(file) => (file.size_bytes, None, file.media_type.as_str()),
        ViewedAttachment::Unknown { .. } => (0, None, "unknown"),
    };
    let name = name.map(visible);
    within(
        "originalFileName",
        name.as_deref().unwrap_or_default(),
        2_056,
    )?;
    // Whoever had no byte of it, or no key, cannot have viewed it. What is kept elsewhere can be
    // fetched past the desk.
    let can_be_viewed = match blob {
        Some(blob) => report.fetched.contains_key(&blob),
        None => has_key(attachment),
    };
    Ok(FileDetails {
        report: report.id,
        message: message.ordinal,
        part,
        blob,
        size_bytes,
        original_file_name: name,
        viewed: (!can_be_viewed).then_some(false),
        relevance: match message.sender {
            Participant::Reported => Relevance::Reported,
            Participant::Number(_) => Relevance::Supplemental,
        },
        annotations: Vec::new(),
        classification: None,
        additional_info: format!(
            "Sender's claims: media type {media_type}, {size_bytes} bytes. Name and media type are \
             unverified."
        ),
    })
}

/// Whether an officer had all of the sealed bytes of a file, and its keys.
fn is_complete(report: &ReportFacts, blob: &BlobId, attachment: &ViewedAttachment) -> bool {
    let len = match attachment {
        ViewedAttachment::Chunked(file) => {
            let shape = FileShape::new(file.size_bytes).ok();
            shape
                .filter(|shape| match &file.access {
                    FileAccess::Whole(_) => true,
                    FileAccess::Chunks(keys) => {
                        u32::try_from(keys.len()) == Ok(shape.chunk_count())
                    }
                    FileAccess::Descriptor => false,
                })
                .map(FileShape::sealed_len)
        }
        ViewedAttachment::File(file) => Some(file.size_bytes),
        ViewedAttachment::Unknown { .. } => None,
    };
    let handed_out = report.fetched.get(blob);
    len.zip(handed_out).is_some_and(|(len, out)| *out >= len)
}

/// Whether the view shows a key of the file, or may show one that this version does not know.
fn has_key(attachment: &ViewedAttachment) -> bool {
    match attachment {
        ViewedAttachment::Chunked(file) => !matches!(file.access, FileAccess::Descriptor),
        ViewedAttachment::File(_) | ViewedAttachment::Unknown { .. } => true,
    }
}

fn blobs(field: &'static str, items: Vec<&str>) -> Result<Vec<BlobId>, ExportError> {
    let items = items.into_iter().map(BlobId::from_text);
    let blobs: Option<Vec<_>> = items.collect();
    blobs.ok_or(invalid(field))
}

/// Items such as `blob:A1`.
fn pairs(
    field: &'static str,
    fields: &Fields<'_>,
    values: &[&'static str],
) -> Result<Vec<(BlobId, &'static str)>, ExportError> {
    let pair = |item: &str| {
        let (blob, value) = item.split_once(':')?;
        Some((BlobId::from_text(blob)?, known(values, value)?))
    };
    let items = fields.items(field)?.into_iter().map(pair);
    let pairs: Option<Vec<_>> = items.collect();
    pairs.ok_or(invalid(field))
}

fn known(values: &[&'static str], text: &str) -> Option<&'static str> {
    values.iter().find(|value| **value == text).copied()
}
