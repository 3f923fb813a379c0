//! Tests of `contact_headers.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

#[test]
fn a_header_of_another_form_counts_as_absent() {
    let token = ContactToken::from_bytes([1; 36]).to_text();
    let pass = ContactPass::from_bytes([2; 40]).to_text();
    for bad in [
        "",
        "-",
        "1 ",
        &token[1..],
        &format!("{token}A"),
        &pass.replace("==", ""),
        &"A".repeat(4_000),
        &STANDARD.encode([0; 35]),
        &STANDARD.encode([0; 41]),
    ] {
        assert_eq!(ContactToken::from_text(bad), None, "{bad}");
        assert_eq!(ContactPass::from_text(bad), None, "{bad}");
        let read = ContactHeaders::read(|_| Some(bad));
        assert_eq!(read, ContactHeaders::default(), "{bad}");
    }
    // Neither is taken for the other.
    assert_eq!(ContactToken::from_text(&pass), None);
    assert_eq!(ContactPass::from_text(&token), None);
    assert!(ContactPass::from_text(&format!(" {pass}\r\n")).is_some());
}

#[test]
fn the_tokens_of_an_entry_are_read_in_its_order() {
    let token = |byte| Some(ContactToken::from_bytes([byte; 36]));
    for tokens in [
        vec![token(1)],
        vec![None, token(2)],
        vec![token(1), None, None, token(4), None],
        vec![token(7); MAX_ADDED],
    ] {
        let text = encode_tokens(&tokens).unwrap();
        assert_eq!(decode_tokens(&text), tokens);
        // One past the longest counts as absent, as does a text of another form.
        assert!(decode_tokens(&format!("{text}{}", ",".repeat(3_200))).is_empty());
        let altered = text.replace(['A', 'B', 'H'], "-");
        assert!(decode_tokens(&altered).iter().all(Option::is_none));
    }
    assert_eq!(encode_tokens(&[]), None);
    assert_eq!(encode_tokens(&[None, None]), None);
    let many = encode_tokens(&[token(1); MAX_ADDED + 1]).unwrap();
    assert_eq!(decode_tokens(&many).len(), MAX_ADDED);
    assert_eq!(decode_tokens(""), [None]);
}

#[test]
fn tokens_are_sent_with_an_entry_and_read_by_a_device_that_asks_for_deliveries() {
    let headers = |request: &crate::Request| {
        let (request, _) = request.ask(Some("token"), &mut rand::rng()).unwrap();
        let about = request.headers.into_iter();
        let about = about.filter(|(name, _)| name.contains("token"));
        about.collect::<Vec<_>>()
    };
    let entry = |tokens| crate::Request::PutGroup {
        group: waxseal_reporting::ConversationId::from_bytes([1; 32]),
        entry: b"entry".to_vec(),
        tokens,
    };
    let token = ContactToken::from_bytes([1; 36]);
    let sent = format!(",{}", token.to_text());
    assert_eq!(
        headers(&entry(vec![None, Some(token)])),
        [(CONTACT_TOKENS_HEADER, sent)]
    );
    assert_eq!(headers(&entry(Vec::new())), []);
    let asks = (READS_TOKENS_HEADER, "1".to_owned());
    assert_eq!(headers(&crate::Request::Deliveries), [asks]);
}

#[test]
fn what_a_device_says_of_a_contact_is_sent_with_a_message_to_it() {
    let token = ContactToken::from_bytes([1; 36]);
    let pass = ContactPass::from_bytes([2; 40]);
    for (accepts, token, pass) in [
        (false, None, None),
        (true, None, None),
        (false, Some(token), None),
        (true, Some(token), Some(pass)),
    ] {
        let contact = ContactHeaders {
            accepts,
            token,
            pass,
        };
        let post = crate::Request::Post {
            recipient: waxseal_reporting::AccountId::new("alice").unwrap(),
            posted: Vec::new(),
            mark: None,
            contact,
        };
        let (request, _) = post.ask(None, &mut rand::rng()).unwrap();
        let header = |name| {
            let mut headers = request.headers.iter();
            Some(headers.find(|(header, _)| *header == name)?.1.as_str())
        };
        assert_eq!(ContactHeaders::read(header), contact);
        let sent =
            usize::from(accepts) + usize::from(token.is_some()) + usize::from(pass.is_some());
        assert_eq!(request.headers.len(), 3 + sent);
    }
}
