//! A report whose content was altered.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Device;

/// Alters the sealed openings of a report, which reveal its content, and computes the reporter's
/// MAC again, as a dishonest reporter could.
pub fn with_junk_openings(reporter: &Device, report: &[u8]) -> Vec<u8> {
    // The report is 02 and then fields 1 to 5, each as tag, length (varint) and bytes. The last
    // field is the MAC.
    let (mut sections, mut rest) = (Vec::new(), &report[1..]);
    while !rest.is_empty() {
        let (mut len, mut at) = (0, 1);
        loop {
            len |= usize::from(rest[at] & 0x7f) << (7 * (at - 1));
            at += 1;
            if rest[at - 1] < 0x80 {
                break;
            }
        }
        sections.push(rest[at..at + len].to_vec());
        rest = &rest[at + len..];
    }
    *sections[3].last_mut().unwrap() ^= 1;
    let key = reporter.delivery_key.to_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).unwrap();
    mac.update(b"waxseal/2/reporter-mac");
    for section in &sections[..4] {
        mac.update(&u32::try_from(section.len()).unwrap().to_be_bytes());
        mac.update(section);
    }
    // The report ends with `.. sealed openings || 2a 20 MAC`. Flips one bit of the sealed openings
    // and appends the new MAC.
    let mut junk = report[..report.len() - 34].to_vec();
    *junk.last_mut().unwrap() ^= 1;
    junk.extend_from_slice(&[0x2a, 0x20]);
    junk.extend_from_slice(&mac.finalize().into_bytes());
    junk
}
