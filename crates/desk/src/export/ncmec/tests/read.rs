//! Reads a tip, and checks the order of its elements.

/// Children of each element, in the order of the schema.
const SEQUENCES: [(&str, &[&str]); 11] = [
    (
        "report",
        &[
            "batchedReport",
            "incidentSummary",
            "internetDetails",
            "lawEnforcement",
            "reporter",
            "personOrUserReported",
            "intendedRecipient",
            "victim",
            "additionalInfo",
        ],
    ),
    (
        "incidentSummary",
        &[
            "incidentType",
            "platform",
            "escalateToHighPriority",
            "reportAnnotations",
            "incidentDateTime",
            "incidentDateTimeDescription",
        ],
    ),
    (
        "reportAnnotations",
        &[
            "sextortion",
            "csamSolicitation",
            "minorToMinorInteraction",
            "spam",
            "sadisticOnlineExploitation",
        ],
    ),
    ("internetDetails", &["chatImIncident"]),
    (
        "chatImIncident",
        &["chatClient", "chatRoomName", "content", "additionalInfo"],
    ),
    (
        "reporter",
        &[
            "reportingPerson",
            "contactPerson",
            "companyTemplate",
            "termsOfService",
            "legalURL",
        ],
    ),
    (
        "reportingPerson",
        &["firstName", "lastName", "phone", "email", "address"],
    ),
    (
        "personOrUserReported",
        &[
            "personOrUserReportedPerson",
            "vehicleDescription",
            "espIdentifier",
            "espService",
            "compromisedAccount",
            "screenName",
            "displayName",
            "profileUrl",
            "profileBio",
            "ipCaptureEvent",
            "deviceId",
            "thirdPartyUserReported",
            "priorCTReports",
            "groupIdentifier",
            "accountTemporarilyDisabled",
            "accountPermanentlyDisabled",
            "estimatedLocation",
            "allEmailsReported",
            "associatedAccount",
            "additionalInfo",
        ],
    ),
    (
        "personOrUserReportedPerson",
        &["firstName", "lastName", "phone", "email", "address"],
    ),
    (
        "ipCaptureEvent",
        &[
            "ipAddress",
            "eventName",
            "dateTime",
            "possibleProxy",
            "port",
        ],
    ),
    (
        "fileDetails",
        &[
            "reportId",
            "fileId",
            "fileName",
            "originalFileName",
            "uploadedToEspTimestamp",
            "locationOfFile",
            "fileViewedByEsp",
            "exifViewedByEsp",
            "publiclyAvailable",
            "fileRelevance",
            "fileAnnotations",
            "industryClassification",
            "originalFileHash",
            "ipCaptureEvent",
            "deviceId",
            "details",
            "additionalInfo",
        ],
    ),
];

/// Reads a document without a parser's leniency: names and texts, in the order in which they occur.
/// Asserts that children follow their sequence and that everything is closed.
pub(super) fn read(xml: &str) -> Vec<(String, String)> {
    let (head, mut rest) = xml.split_once('\n').unwrap();
    assert_eq!(head, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut read = Vec::new();
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "{before}");
        text.push_str(before);
        let (tag, after) = after.split_once('>').unwrap();
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let (opened, _) = open.pop().unwrap();
            assert_eq!(opened, name);
            read.push((opened, unescape(&text)));
            text.clear();
            continue;
        }
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let name = tag.split(' ').next().unwrap().to_owned();
        if let Some((parent, place)) = open.last_mut() {
            let known = SEQUENCES.iter().find(|(of, _)| of == parent);
            if let Some((_, children)) = known {
                let at = children.iter().position(|child| *child == name);
                let at = at.unwrap_or_else(|| panic!("{parent} has no {name}"));
                assert!(at >= *place, "{name} is too late in {parent}");
                *place = at;
            }
        }
        assert!(text.trim().is_empty(), "{text}");
        text.clear();
        if is_empty {
            read.push((name, String::new()));
        } else {
            open.push((name, 0));
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    read
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, after) = after.split_once(';').unwrap();
        out.push_str(before);
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#13" => '\r',
            other => panic!("&{other};"),
        });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The text of an element that is there at most once.
pub(super) fn value<'a>(read: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = read.iter().filter(|(is, _)| is == name);
    let value = found.next().map(|(_, text)| text.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}
