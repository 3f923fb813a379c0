use super::*;

/// The examples of "Signature Calculations for the Authorization Header" in Amazon's documentation
/// of S3.
#[test]
fn the_examples_of_amazon_have_these_signatures() {
    let credentials = Pair {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned().into(),
        session_token: None,
    };
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        host: "examplebucket.s3.amazonaws.com",
    };
    let date = Date::of(1_369_353_600);
    assert_eq!(date.time, "20130524T000000Z");
    for (path, query, signature) in [
        (
            "/",
            &[("lifecycle", "")][..],
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "/",
            &[("max-keys", "2"), ("prefix", "J")][..],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let mut request = HttpRequest {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        signer.sign_at(&mut request, query, &date);
        let (_, authorization) = request.headers.last().unwrap();
        assert_eq!(
            *authorization,
            format!(
                "AWS4-HMAC-SHA256 \
                 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
            )
        );
    }
}

#[test]
fn times_are_those_of_the_calendar() {
    for (secs, time) in [
        (0, "19700101T000000Z"),
        (951_782_399, "20000228T235959Z"),
        (951_782_400, "20000229T000000Z"),
        (951_868_800, "20000301T000000Z"),
        (1_796_074_441, "20261130T213401Z"),
        (4_107_542_399, "21000228T235959Z"),
        (4_107_542_400, "21000301T000000Z"),
    ] {
        assert_eq!(Date::of(secs).time, time);
    }
}

#[test]
fn a_query_is_encoded_and_sorted() {
    let credentials = Pair {
        access_key: "key".to_owned(),
        secret_key: "secret".to_owned().into(),
        session_token: Some("token".to_owned().into()),
    };
    let signer = Signer {
        credentials: &credentials,
        region: "r",
        host: "h",
    };
    let mut request = HttpRequest {
        method: "GET",
        path: "/b".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    signer
        .sign(&mut request, &[("prefix", "a/b "), ("list-type", "2")])
        .unwrap();
    assert_eq!(request.path, "/b?list-type=2&prefix=a%2Fb%20");
    assert!(
        request
            .headers
            .contains(&("x-amz-security-token", "token".to_owned()))
    );
}

#[test]
fn a_session_token_is_signed_and_taken_off_once_it_was_sent() {
    let sign = |token: Option<&str>| {
        let credentials = Pair {
            access_key: "key".to_owned(),
            secret_key: "secret".to_owned().into(),
            session_token: token.map(|token| token.to_owned().into()),
        };
        let mut request = HttpRequest {
            method: "GET",
            path: "/blobs/1".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let signer = Signer {
            credentials: &credentials,
            region: "us-east-1",
            host: "s3.example",
        };
        signer.sign_at(&mut request, &[], &Date::of(0));
        request
    };
    let mut one = sign(Some("token"));
    assert!(
        one.headers
            .contains(&("x-amz-security-token", "token".to_owned()))
    );
    let all = [sign(None), sign(Some("other")), one.clone()];
    let signatures: Vec<_> = all.iter().map(|request| request.headers.last()).collect();
    assert!(signatures[0] != signatures[1] && signatures[1] != signatures[2]);
    let (_, signed) = one.headers.last().unwrap();
    assert!(
        signed.contains("x-amz-date;x-amz-security-token, "),
        "{signed}"
    );
    wipe(&mut one);
    assert!(one.headers.is_empty());
}
