mod files;
mod read;

use super::*;
use crate::export::tests::{blob, facts, fields, hostile, message, settings};
use crate::vault::{Participant, ViewedAttachment, ViewedContent};
use read::{read, value};
use waxseal_log::entry::Measure;

fn settings_of_ncmec() -> NcmecSettings {
    settings().ncmec.unwrap()
}

fn tip(facts: &CaseFacts, pairs: &[(&str, &str)]) -> Result<Vec<u8>, ExportError> {
    package(facts, &settings_of_ncmec(), &fields(pairs))
}

fn xml(facts: &CaseFacts, pairs: &[(&str, &str)]) -> String {
    report_of(&tip(facts, pairs).unwrap()).unwrap()
}

const ALL: [(&str, &str); 10] = [
    ("minor", "yes"),
    ("escalate", "A meeting is planned for today."),
    ("annotations", "spam,csamSolicitation"),
    ("screen_name", "mal"),
    ("display_name", "Mal & Co"),
    ("email", "mal@mail.example"),
    ("ip_address", "203.0.113.10"),
    ("ip_event", "Login"),
    ("ip_at", "2027-01-15T08:00:00Z"),
    ("additional_info", "None."),
];

#[test]
fn all_elements_are_in_the_order_of_the_schema() {
    for measure in [Measure::Suspended, Measure::Terminated, Measure::None] {
        let mut facts = facts(Reason::Sextortion);
        facts.decision.as_mut().unwrap().measure = measure;
        let mut settings = settings_of_ncmec();
        settings.terms_of_service = "No harm.".into();
        let package = package(&facts, &settings, &fields(&ALL)).unwrap();
        let read = read(&report_of(&package).unwrap());
        let expected = [
            (
                "incidentType",
                Some("Online Enticement of Children for Sexual Acts"),
            ),
            ("incidentDateTime", Some("2027-01-15T08:00:00.000Z")),
            ("sextortion", Some("")),
            ("spam", Some("")),
            ("csamSolicitation", Some("")),
            ("minorToMinorInteraction", None),
            ("displayName", Some("Mal & Co")),
            ("espIdentifier", Some("mallory")),
            ("ipAddress", Some("203.0.113.10")),
            ("termsOfService", Some("No harm.")),
            (
                "accountTemporarilyDisabled",
                (measure == Measure::Suspended).then_some("true"),
            ),
            (
                "accountPermanentlyDisabled",
                (measure == Measure::Terminated).then_some("true"),
            ),
        ];
        for (name, text) in expected {
            assert_eq!(value(&read, name), text, "{name}");
        }
    }
}

#[test]
fn the_smallest_tip_has_no_empty_elements() {
    let settings = NcmecSettings {
        esp_service: "Messages".into(),
        ..NcmecSettings::default()
    };
    let mut facts = facts(Reason::Csam);
    facts.decision = None;
    let package = package(&facts, &settings, &BTreeMap::new()).unwrap();
    let read = read(&report_of(&package).unwrap());
    let empty = read.iter().filter(|(_, text)| text.is_empty());
    assert_eq!(empty.count(), 0);
    let leaves = read.iter().filter(|(_, text)| !text.trim().is_empty());
    assert_eq!(leaves.count(), 7);
}

#[test]
fn the_type_follows_from_the_reason_and_a_minor_is_never_guessed() {
    let kind = |reason, minor: bool| {
        let pairs: &[(&str, &str)] = if minor { &[("minor", "yes")] } else { &[] };
        let made = tip(&facts(reason), pairs)?;
        let read = read(&report_of(&made).unwrap());
        Ok(value(&read, "incidentType").unwrap().to_owned())
    };
    let enticement = "Online Enticement of Children for Sexual Acts";
    let known = [
        (
            Reason::Csam,
            true,
            "Child Pornography (possession, manufacture, and distribution)",
        ),
        (Reason::Grooming, true, enticement),
        (Reason::Sextortion, false, enticement),
        (
            Reason::UnwantedSexual,
            false,
            "Unsolicited Obscene Material Sent to a Child",
        ),
        (Reason::Trafficking, false, "Child Sex Trafficking"),
    ];
    for (reason, alone, expected) in known {
        assert_eq!(kind(reason, true).as_deref(), Ok(expected));
        match kind(reason, false) {
            Ok(_) => assert!(alone, "{reason}"),
            Err(error) => {
                assert!(!alone);
                assert_eq!(error, ExportError::Missing { field: "minor" });
            }
        }
    }
    for reason in Reason::ALL {
        if known.iter().all(|(known, ..)| *known != reason) {
            let error = ExportError::Invalid { field: "reason" };
            assert_eq!(kind(reason, true), Err(error), "{reason}");
        }
    }
}

#[test]
fn chk689_a_tip_that_nobody_could_act_on_is_refused() {
    let mut unknown = facts(Reason::Csam);
    unknown.account = None;
    assert_eq!(tip(&unknown, &[]), Err(ExportError::NoIdentifier));
    let mut silent = facts(Reason::Csam);
    silent.reports[0].view = None;
    let error = ExportError::Missing { field: "content" };
    assert_eq!(tip(&silent, &[]), Err(error));
    let mut empty = facts(Reason::Csam);
    empty.reports[0].view.as_mut().unwrap().messages.clear();
    assert_eq!(tip(&empty, &[]), Err(error));
    let nameless = NcmecSettings::default();
    let made = package(&facts(Reason::Csam), &nameless, &BTreeMap::new());
    assert_eq!(
        made,
        Err(ExportError::Missing {
            field: "esp_service"
        })
    );
}

#[test]
fn files_are_classified_as_the_officer_says_and_only_where_that_is_allowed() {
    let id = blob().to_text();
    let (meme, class) = (format!("{id}:potentialMeme"), format!("{id}:A1"));
    let notes = format!("{id}:generativeAi, {id}:viral");
    let made = tip(
        &facts(Reason::Csam),
        &[("classified", &class), ("annotated", &notes)],
    );
    let files = files_of(&made.unwrap()).unwrap();
    assert_eq!(files[0].annotations, ["viral", "generativeAi"]);
    let read = read(&files[0].xml(7, "f").unwrap());
    assert_eq!(value(&read, "industryClassification"), Some("A1"));
    assert_eq!(value(&read, "fileRelevance"), Some("Reported"));
    assert_eq!(value(&read, "viral"), Some(""));
    let mut other = facts(Reason::Csam);
    other.reports[0].view.as_mut().unwrap().messages[0].sender = Participant::Number(1);
    let relevance = files_of(&tip(&other, &[]).unwrap()).unwrap()[0].relevance;
    assert_eq!(relevance, Relevance::Supplemental);
    let invalid = |field| Err(ExportError::Invalid { field });
    assert_eq!(
        tip(&other, &[("classified", &class)]),
        invalid("classified")
    );
    assert_eq!(tip(&other, &[("annotated", &meme)]), invalid("annotated"));
    let known = facts(Reason::Csam);
    for wrong in [
        format!("{id}:A3"),
        id.clone(),
        format!("{}:A1", "0".repeat(64)),
    ] {
        assert_eq!(
            tip(&known, &[("classified", &wrong)]),
            invalid("classified")
        );
    }
    let twice = format!("{id}:A1,{id}:B2");
    assert_eq!(
        tip(&known, &[("classified", &twice)]),
        invalid("classified")
    );
    let wrong = format!("{id}:Viral");
    assert_eq!(tip(&known, &[("annotated", &wrong)]), invalid("annotated"));
    assert_eq!(
        files[0].xml(7, " "),
        Err(ExportError::Missing { field: "fileId" })
    );
}

#[test]
fn chk686_each_limit_of_a_tip_holds_at_and_one_past() {
    let limits = [
        ("escalate", 3_000),
        ("additional_info", 3_000),
        ("screen_name", 255),
        ("display_name", 255),
        ("email", 255),
    ];
    let facts = facts(Reason::Csam);
    for (field, max) in limits {
        // Characters count, not bytes.
        let longest = "é".repeat(max);
        assert!(xml(&facts, &[(field, &longest)]).contains(&longest));
        let longer = "é".repeat(max + 1);
        let error = ExportError::TooLong { field, max };
        assert_eq!(tip(&facts, &[(field, &longer)]), Err(error));
    }
    let limits = [
        ("first_name", 100),
        ("last_name", 100),
        ("email", 255),
        ("company_template", 3_000),
        ("terms_of_service", 3_000),
        ("legal_url", 2_083),
        ("esp_service", 100),
    ];
    for (field, max) in limits {
        for len in [max, max + 1] {
            let mut settings = settings_of_ncmec();
            *setting_named(&mut settings, field) = "ü".repeat(len);
            let made = package(&facts, &settings, &BTreeMap::new());
            let error = ExportError::TooLong { field, max };
            assert_eq!(made.err(), (len > max).then_some(error), "{field} {len}");
        }
    }
}

#[test]
fn chk686_a_text_has_its_length_as_the_document_shows_it() {
    let facts = facts(Reason::Csam);
    for len in [375, 376] {
        let controls = "\u{1}".repeat(len);
        let made = tip(&facts, &[("escalate", &controls)]);
        let (field, max) = ("escalate", 3_000);
        let error = ExportError::TooLong { field, max };
        assert_eq!(made.err(), (len > 375).then_some(error));
    }
    let mut settings = settings_of_ncmec();
    settings.esp_service = "\u{1}".repeat(13);
    let error = package(&facts, &settings, &BTreeMap::new()).unwrap_err();
    let field = "esp_service";
    assert_eq!(error, ExportError::TooLong { field, max: 100 });
}

fn setting_named<'a>(settings: &'a mut NcmecSettings, field: &str) -> &'a mut String {
    match field {
        "first_name" => &mut settings.first_name,
        "last_name" => &mut settings.last_name,
        "email" => &mut settings.email,
        "company_template" => &mut settings.company_template,
        "terms_of_service" => &mut settings.terms_of_service,
        "legal_url" => &mut settings.legal_url,
        _ => &mut settings.esp_service,
    }
}

#[test]
fn chk686_a_name_of_a_file_has_a_limit_too() {
    for len in [2_056, 2_057] {
        let mut facts = facts(Reason::Csam);
        let view = facts.reports[0].view.as_mut().unwrap();
        let ViewedAttachment::Chunked(file) = &mut view.messages[0].attachments[0].1 else {
            panic!("another attachment");
        };
        file.name = "n".repeat(len).into();
        let error = ExportError::TooLong {
            field: "originalFileName",
            max: 2_056,
        };
        assert_eq!(tip(&facts, &[]).err(), (len > 2_056).then_some(error));
    }
}

#[test]
fn addresses_and_times_are_checked() {
    let facts = facts(Reason::Csam);
    for address in ["2001:db8::1", "192.0.2.1"] {
        assert!(xml(&facts, &[("ip_address", address)]).contains(address));
    }
    let address = ("ip_address", "192.0.2.1");
    for wrong in ["192.0.2.256", "host", "192.0.2.1:80"] {
        let error = ExportError::Invalid {
            field: "ip_address",
        };
        assert_eq!(tip(&facts, &[("ip_address", wrong)]), Err(error));
    }
    let invalid = Err(ExportError::Invalid { field: "ip_at" });
    for wrong in [
        "2027-01-15",
        "2027-01-15T08:00Z",
        "2027-01-15T08:00:00",
        "2027-01-15T24:00:00Z",
        "2027-01-15T08:60:00Z",
        "2027-02-30T08:00:00Z",
        "2027-01-15T8:00:00Z",
        "2027-01-15T+8:00:00Z",
    ] {
        assert_eq!(
            tip(&facts, &[address, ("ip_at", wrong)]),
            invalid,
            "{wrong}"
        );
    }
    let missing = Err(ExportError::Missing {
        field: "ip_address",
    });
    assert_eq!(tip(&facts, &[("ip_event", "Login")]), missing);
    let wrong = [address, ("ip_event", "login")];
    let invalid = Err(ExportError::Invalid { field: "ip_event" });
    assert_eq!(tip(&facts, &wrong), invalid);
    let wrong = [("annotations", "spam,spam")];
    let invalid = Err(ExportError::Invalid {
        field: "annotations",
    });
    assert_eq!(tip(&facts, &wrong), invalid);
}

#[test]
fn chk687_no_text_breaks_the_document() {
    for text in hostile() {
        let mut facts = facts(Reason::Csam);
        let view = facts.reports[0].view.as_mut().unwrap();
        view.messages[1].content = Some(ViewedContent::Text(text.clone().into()));
        let short: String = text.chars().take(250).collect();
        let mut pairs = vec![("escalate", short.as_str()), ("screen_name", &short)];
        pairs.extend([("additional_info", short.as_str()), ("email", &short)]);
        let document = xml(&facts, &pairs);
        let bad = |char: char| !matches!(char, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(!document.contains(bad), "{text:?}");
        let read = read(&document);
        assert_eq!(value(&read, "espIdentifier"), Some("mallory"));
        let content = value(&read, "content").unwrap();
        assert_eq!(content.matches("\n[20").count(), 2, "{content:?}");
    }
    let controls = visible("a\u{0}\u{b}\u{ffff}\u{7f}b");
    assert_eq!(controls, "a⟨U+0000⟩⟨U+000B⟩⟨U+FFFF⟩\u{7f}b");
}

#[test]
fn no_message_looks_like_two() {
    for end in ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}"] {
        let mut facts = facts(Reason::Csam);
        let forged = format!("Hi{end}[2027-01-15T08:30:00.000Z] mallory (text): I did it");
        let number = Participant::Number(2);
        let view = facts.reports[0].view.as_mut().unwrap();
        view.messages = vec![message(0, number, &forged)];
        let read = read(&xml(&facts, &[]));
        let content = value(&read, "content").unwrap();
        let lines = content.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
        let begun = lines.filter(|line| line.starts_with('['));
        assert_eq!(begun.count(), 1, "{content:?}");
    }
}

#[test]
fn what_was_not_shown_is_said_to_be_withheld() {
    let mut facts = facts(Reason::Csam);
    facts.reports[0].view.as_mut().unwrap().messages[1].content = None;
    let read = read(&xml(&facts, &[]));
    let content = value(&read, "content").unwrap();
    assert!(content.contains(" (withheld)\n"), "{content}");
}

#[test]
fn a_package_is_read_as_it_was_made() {
    let made = tip(&facts(Reason::Csam), &[]).unwrap();
    let files = files_of(&made).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].blob, Some(blob()));
    for wrong in [&b""[..], b"{}", b"[]", b"{\"report\":1,\"files\":[{}]}"] {
        assert!(report_of(wrong).is_err() && files_of(wrong).is_err());
    }
}
