//! Makes `link.json`: link codes, link bundles and digits.

use super::*;
use crate::{LinkBundle, LinkCode};

fn told(code: &LinkCode) -> Value {
    json!({
        "digest": hex(code.digest()), "secret": hex(code.secret()), "mailbox": hex(code.mailbox()), "text": *code.to_text(),
    })
}

pub(super) fn decode_link_code(input: Input<'_>) -> Outcome {
    let bytes = input.get("code").bytes();
    let code = LinkCode::decode(&bytes).map_err(refused)?;
    assert_eq!(*code.encode(), bytes);
    Ok(told(&code))
}

pub(super) fn read_link_text(input: Input<'_>) -> Outcome {
    LinkCode::from_text(input.get("text").text()).map_err(refused).map(|code| told(&code))
}

pub(super) fn decode_link_bundle(input: Input<'_>) -> Outcome {
    let bytes = input.get("bundle").bytes();
    let bundle = LinkBundle::decode(&bytes).map_err(refused)?;
    assert_eq!(bundle.encode(), bytes);
    Ok(json!({ "base": hex(bundle.base()), "one_time": hex(bundle.one_time()) }))
}

pub(super) fn fits(input: Input<'_>) -> Outcome {
    let code = LinkCode::decode(&input.get("code").bytes()).map_err(refused)?;
    if !code.fits(&input.get("bundle").bytes()) {
        return Err("OtherBundle".into());
    }
    Ok(json!({ "mailbox": hex(code.mailbox()) }))
}

pub(super) fn link_digits(input: Input<'_>) -> Outcome {
    let bundle = LinkBundle::decode(&input.get("bundle").bytes()).map_err(refused)?;
    let x = input.get("x").array();
    if !bundle.commits_to(&x) {
        return Err("OtherBytes".into());
    }
    Ok(json!({ "digits": crate::link_digits(&input.get("session_digest").array(), &x) }))
}

#[test]
fn links() {
    let mut file = Vectors::new(
        CRATE,
        "link.json",
        "Link codes, link bundles and digits. SPEC.md, “Linking”.",
        "base 48 x ba, one-time 32 x 07, x 16 x 0c, s 16 x 5e",
    );
    let x = [0x0c; 16];
    let made = |base: usize, one_time: usize| LinkBundle::new(vec![0xba; base], vec![7; one_time], &x).unwrap().encode();
    let bundle = made(48, 32);
    let code = LinkCode::new(&bundle, &[0x5e; 16]);
    let good = json!({ "code": hex(&*code.encode()) });
    file.passes("code", "a link code", "decode_link_code", good.clone());
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "decode_link_code", bad, check);
    fails("code-empty", "no bytes", json!({ "code": "" }), 262);
    fails("code-version", "version 02", flipped(&good, "code", 0, 3), 261);
    fails("code-short", "the last byte is missing", changed(&good, "code", |bytes| { bytes.pop(); }), 262);
    fails("code-long", "one byte more", changed(&good, "code", |bytes| bytes.push(0)), 260);

    let text = code.to_text().to_string();
    let read = |text: String| json!({ "text": text });
    file.passes("text", "the text form", "read_link_text", read(text.clone()));
    file.passes("text-space", "white space around it", "read_link_text", read(format!(" \t{text}\n")));
    let mut fails = |id: &str, comment: &str, bad: String, check: u16| file.fails(id, comment, "read_link_text", read(bad), check);
    fails("text-prefix", "another prefix", text.replace("link:", "code:"), 262);
    fails("text-case", "the prefix in upper case", text.replace("waxseal", "WAXSEAL"), 262);
    fails("text-padding", "padding", format!("{text}="), 262);
    fails("text-space-inside", "a space after the prefix", text.replace(':', ": "), 262);
    fails("text-cut", "the last character is missing", text[..78].into(), 262);
    fails("text-unused", "an unused bit is set", format!("{}{}", &text[..78], if text.ends_with('g') { 'h' } else { 'B' }), 262);
    fails("text-alphabet", "a plus, which base64url does not have", format!("{}+{}", &text[..20], &text[21..]), 262);
    fails("text-version", "version 05", text.replacen(":A", ":B", 1), 261);
    fails("text-long", "1,025 bytes", format!("{text}{}", " ".repeat(1_025 - text.len())), 260);

    let of = |bytes: &[u8]| json!({ "bundle": hex(bytes) });
    let good = of(&bundle);
    file.passes("bundle", "a link bundle", "decode_link_bundle", good.clone());
    file.passes("bundle-no-one-time", "no one-time prekey", "decode_link_bundle", of(&made(48, 0)));
    file.passes("bundle-most", "both parts as long as possible", "decode_link_bundle", of(&made(2_048, 2_048)));
    let mut fails = |id: &str, comment: &str, bad: Value, check: u16| file.fails(id, comment, "decode_link_bundle", bad, check);
    fails("bundle-empty", "no bytes", of(&[]), 262);
    fails("bundle-version", "version 02", flipped(&good, "bundle", 0, 3), 261);
    fails("bundle-short", "the last byte is missing", changed(&good, "bundle", |bytes| { bytes.pop(); }), 262);
    fails("bundle-long", "one byte more", changed(&good, "bundle", |bytes| bytes.push(0)), 262);
    fails("bundle-no-base", "no base", of(&[&[1, 0, 0, 0, 0], &[0; 32][..]].concat()), 262);
    let long = [&[1, 0x08, 0x01], &[0xba; 2_049][..], &[0, 0], &[0; 32]].concat();
    fails("bundle-base-long", "a base of 2,049 bytes", of(&long), 260);
    let long = [&[1, 0, 1, 0xba, 0x08, 0x01][..], &[7; 2_049], &[0; 32]].concat();
    fails("bundle-one-time-long", "a one-time part of 2,049 bytes", of(&long), 260);
    fails("bundle-too-long", "one byte more than the longest", changed(&of(&made(2_048, 2_048)), "bundle", |bytes| bytes.push(0)), 260);

    let pair = json!({ "code": hex(&*code.encode()), "bundle": hex(&bundle) });
    file.passes("fits", "the bundle of the code", "fits", pair.clone());
    let mut fails = |id: &str, comment: &str, bad: Value| file.fails(id, comment, "fits", bad, 281);
    fails("fits-bundle", "another bundle", flipped(&pair, "bundle", 5, 1));
    fails("fits-commitment", "another commitment", flipped(&pair, "bundle", -1, 1));
    fails("fits-more", "the bundle and one byte more", changed(&pair, "bundle", |bytes| bytes.push(0)));
    fails("fits-digest", "another digest", flipped(&pair, "code", 1, 1));

    let digits = json!({ "bundle": hex(&bundle), "x": hex(x), "session_digest": hex([0xd1; 32]) });
    file.passes("digits", "digits of a session", "link_digits", digits.clone());
    file.passes("digits-session", "digits of another session", "link_digits", with(&digits, "session_digest", hex([0xd2; 32])));
    let small = (0..=u8::MAX).find(|byte| crate::link_digits(&[*byte; 32], &x).starts_with('0')).unwrap();
    file.passes("digits-zero", "the first digit is 0", "link_digits", with(&digits, "session_digest", hex([small; 32])));
    file.fails("digits-x", "x does not open the commitment", "link_digits", flipped(&digits, "x", 0, 1), 282);
    file.fails("digits-x-zero", "x is zero", "link_digits", with(&digits, "x", hex([0; 16])), 282);
    file.finish();
}
