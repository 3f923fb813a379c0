//! Tests of link codes, link bundles and digits.

use super::{LinkBundle, LinkCode, LinkError, link_digits};
use crate::limits::{MAX_BUNDLE_PART_LEN, MAX_LINK_BUNDLE_LEN, MAX_TEXT_LEN};

fn bundle() -> Vec<u8> {
    let bundle = LinkBundle::new(vec![1; 1_700], vec![2; 1_600], &[7; 16]).unwrap();
    bundle.encode()
}

#[test]
fn the_code_of_a_new_device_leads_to_its_bundle() {
    let code = LinkCode::generate(&bundle(), &mut rand::rng());
    assert_eq!(code.encode().len(), 49);
    let text = code.to_text();
    assert_eq!(text.len(), 79);
    let scanned = LinkCode::from_text(&format!(" {}\n", *text)).unwrap();
    assert_eq!(scanned.mailbox(), code.mailbox());
    assert_eq!(scanned.secret(), code.secret());
    assert!(scanned.fits(&bundle()));
    let read = LinkBundle::decode(&bundle()).unwrap();
    assert_eq!((read.base().len(), read.one_time().len()), (1_700, 1_600));
    assert!(read.commits_to(&[7; 16]));
}

#[test]
fn digits_are_four_and_depend_on_session_and_random_bytes() {
    let digits = link_digits(&[1; 32], &[2; 16]);
    assert!(digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_ne!(digits, link_digits(&[2; 32], &[2; 16]));
    assert_ne!(digits, link_digits(&[1; 32], &[3; 16]));
}

fn code() -> LinkCode {
    LinkCode::new(&bundle(), &[9; 16])
}

#[test]
fn chk260_a_code_or_bundle_that_is_too_long_is_refused() {
    let too_long = |error| assert_eq!(error, LinkError::TooLong);
    too_long(LinkCode::decode(&[1; 50]).unwrap_err());
    too_long(LinkCode::from_text(&" ".repeat(MAX_TEXT_LEN + 1)).unwrap_err());
    let padding = " ".repeat(MAX_TEXT_LEN - 79);
    LinkCode::from_text(&format!("{padding}{}", *code().to_text())).unwrap();
    let part = vec![1; MAX_BUNDLE_PART_LEN];
    let largest = LinkBundle::new(part.clone(), part.clone(), &[7; 16]).unwrap();
    let bytes = largest.encode();
    assert_eq!(bytes.len(), MAX_LINK_BUNDLE_LEN);
    assert_eq!(LinkBundle::decode(&bytes).unwrap(), largest);
    too_long(LinkBundle::decode(&[&*bytes, &[0]].concat()).unwrap_err());
    let longer = vec![1; MAX_BUNDLE_PART_LEN + 1];
    too_long(LinkBundle::new(longer.clone(), part, &[7; 16]).unwrap_err());
    too_long(LinkBundle::new(vec![1], longer.clone(), &[7; 16]).unwrap_err());
    // A part that is too long, in a bundle that is not.
    let len = u16::try_from(longer.len()).unwrap().to_be_bytes();
    let bytes = [&[1], &len[..], &longer, &[0, 0], &[7; 32]].concat();
    too_long(LinkBundle::decode(&bytes).unwrap_err());
}

#[test]
fn chk261_a_code_or_bundle_of_an_unknown_version_is_refused() {
    let unknown = LinkError::UnknownVersion { version: 2 };
    let mut bytes = code().encode();
    bytes[0] = 2;
    assert_eq!(LinkCode::decode(&bytes).unwrap_err(), unknown);
    let mut bytes = bundle();
    bytes[0] = 2;
    assert_eq!(LinkBundle::decode(&bytes).unwrap_err(), unknown);
}

#[test]
fn chk262_a_code_or_bundle_that_is_cut_or_goes_on_is_refused() {
    let bytes = code().encode();
    for len in 0..bytes.len() {
        assert_eq!(
            LinkCode::decode(&bytes[..len]).unwrap_err(),
            LinkError::Malformed
        );
    }
    let bytes = bundle();
    for len in 0..bytes.len() {
        assert_eq!(LinkBundle::decode(&bytes[..len]), Err(LinkError::Malformed));
    }
    let long = [&*bytes, &[0]].concat();
    assert_eq!(LinkBundle::decode(&long), Err(LinkError::Malformed));
    let empty = LinkBundle::new(vec![], vec![1], &[7; 16]);
    assert_eq!(empty, Err(LinkError::Malformed));
}

#[test]
fn chk262_a_text_that_is_no_code_is_refused() {
    let text = code().to_text();
    let code = text.strip_prefix("waxseal-link:").unwrap();
    for text in [
        code.to_owned(),
        format!("WAXSEAL-LINK:{code}"),
        format!("waxseal-link:{code}="),
        format!("waxseal-link:{}", &code[1..]),
        format!("waxseal-link: {code}"),
        format!("waxseal-link:{}é", &code[..64]),
        // Base64 whose unused bits are set.
        format!("waxseal-link:{}B", &code[..65]),
    ] {
        assert_eq!(
            LinkCode::from_text(&text).unwrap_err(),
            LinkError::Malformed,
            "{text}"
        );
    }
}

#[test]
fn chk281_another_bundle_does_not_fit_the_code() {
    assert!(code().fits(&bundle()));
    for at in [0, 4, 1_705, bundle().len() - 1] {
        let mut other = bundle();
        other[at] ^= 1;
        assert!(!code().fits(&other));
    }
    assert!(!code().fits(b""));
}

#[test]
fn chk282_other_random_bytes_do_not_open_the_commitment() {
    let bundle = LinkBundle::decode(&bundle()).unwrap();
    assert!(bundle.commits_to(&[7; 16]));
    let mut other = [7; 16];
    other[15] ^= 1;
    assert!(!bundle.commits_to(&other));
}

#[test]
fn mailboxes_differ_by_secret_and_debug_shows_none() {
    let other = LinkCode::new(&bundle(), &[8; 16]);
    assert_ne!(code().mailbox(), other.mailbox());
    assert_ne!(code().mailbox(), *code().secret());
    assert_eq!(format!("{:?}", code()), "LinkCode { .. }");
}
