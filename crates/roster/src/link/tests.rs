//! Tests of link codes, link bundles and digits.

use super::{LinkBundle, LinkCode, link_digits};

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
