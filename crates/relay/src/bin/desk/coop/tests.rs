use super::*;
use crate::coop_key::CoopKey;
use crate::outbox::tests::world::{Target, World};
use axum::body::Body;
use axum::http::StatusCode;
use tower::ServiceExt as _;
use waxseal_desk::store::{CallbackList, CaseStatus, Store as _};

/// An RSA key of 2,048 bits, made by `openssl genrsa`.
pub const KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAruGpaFjOyxowRK0VIG/x
YtUSakoB91O9qww1naPDBwrAypE4kKjSFfp51JhuGCyRtv83W8r8Qro/N9ELwHBt
tN/ayYZh+rz4nGBuHw4qhmKS/cOJ86MwA+E9q4E3+wwrvpGySz6XHGu5xSgBsz6+
H+QJ2tNCCFEDCKbZeP/c82M0G1h+vnyxYBD3KOIWgVymrGD1ksi5WR71wzDaq9G2
mb8h3u7z1QWbhuCJsts0c9pQtS5pHXeNyS+LN39IahmCTE/zWxYR9Ec8LsJFQdpU
myqoHBLWvSdLHt3IC/Pj6SKcoCbM0dCfnXlrKyqIsLZXR1v5RZVj9n95M6AKbXJJ
0wIDAQAB
-----END PUBLIC KEY-----
";

/// An action about the account `mallory`.
pub const ACTION: &str =
    r#"{"item":{"id":"mallory","typeId":"t-user"},"action":{"id":"a-suspend"},"policies":[]}"#;

/// What `openssl dgst -sha256 -sign` makes of it with the key.
pub const SIGNATURE: &str = concat!(
    "fLAr0kTV0LhgTSrj/nbygSBJsfkul/FIaIdGx7PWs9WGa3E2tONlqSo2dUKfBWDesauP6oE1YWIe",
    "ytJ4hUkQxDm0UP6rRbq9zNCdnRCDFynxhD+cEvojzucVVIEj4gnLSCy5fOHARDXmKiKdMQ2czi1c",
    "RKq/LHQltrf70R62Q+MKYXYJzzqWrRr/Bzv77vmk0hWaM/CajJsy0n44PH43GkQXzjt0Ca7oqver",
    "ljBCw3h5mniVkJB8vTnaSOd+aMuSnHrprXyinFytr62T500VjpO6TVipH2/IBFKbGpSuu9Fb7Iyt",
    "lfRaME5u11bFMAIoVOvLKfCdNLuo/zAeMik31w==",
);

/// The same with another key.
const BY_OTHER: &str = concat!(
    "CahfRRzpQ6qaWqEDxsoIfkP+tKJeJnD2AGWIO5RdgMzh9f1k9SBHPtRRTEEytZ06GOmOvsL2ifOL",
    "6R5rTjBVuT+I8sftw/qfXC15SD12y5fF+AMvq9wi+evkboZiYVpEO/wIRxpIW2iBvMH+euNtv05Q",
    "ZPHqqo4I8dBq09kyodHdblUei5eT26zBVV5wZzbScHQPfg1KyHHc6CVDCLaC19bCm0iJKL98Dgvu",
    "fZ3Z36ZYYAQffkIjFZdFdiZBkUfm5L0qFP2RfXt+ggtc/2msDpu2+v5GBVexTfkITiakyEAxWduK",
    "DNG8P4L++11bwS7EWOb8kbfMvuXmYnLyuPe4kQ==",
);

/// The same with RSASSA-PSS.
const PSS: &str = concat!(
    "cTRhGnCGG1nyjIbNmjBXmQssO9spO6ne99i9mKypeMGI61CbB/vFpUKPP1FLHYT7FD3JVKZ/AECk",
    "Mv9b4U7oXn8yIEgz1sSg565nckZMh/tszbB3CTfdgHnLrEgsqFfqLwkc0GwgOI+2wlMu8G+cklQx",
    "JntzYCFcr9aC2/U1pfTLrCKNJttaBkws/KpihTsVeoZHpfkGfWdYyOnhLEamXZXNpGlV+14RpNQp",
    "M+7RxPltBI4SV4HdGWGL10susU+MAVueL5vSa1ZojGkGH6PS3nN1lcNsjhnm9C1hYFK6azvL1jtl",
    "tfyWAVeM2Yjd0/6Je/w0H+cprL9OFxv9o5Z0XA==",
);

/// The same with SHA-512.
const SHA_512: &str = concat!(
    "mL5zFoBP/BC7v826cCVOQ1Y248UUrADbBlIg0Rpzv9ftA44X/EBW/VXVYSrea8w9S94N8b9rTb0s",
    "EuUMrL82qXlvM8TrqnpgmowUMiknlNm2CKmnUnfci9h1L5LEPmxN83wvbHaBbfOovR240q9bbBjT",
    "SmvHhIEgv34oO6ws/nOSgmDdjhKVXQ1iuNNu/aXdVBwDSeKIYZoj6xhDdZRaTSpGHFok7z8iAViw",
    "drU94x6YrwNX61Q6sIkhdZh7/ytKmY9GofDYC3UOgYynEAufGgndzfTmFg9fyTjTTEE5AGyW877q",
    "HD10JxqaoFBYpd8bcZpUodKWd9AiJQRiQM6/ZA==",
);

/// The signature over `not json`.
const OF_NO_JSON: &str = concat!(
    "M1PKr4w+QjALcBG/MYPiTCRDBMkLwdhtv8dGi7qdpW1dmYB+fQS/cPWFjNfg/LytyrzcpvzYjikp",
    "IbUzxtaQFxwoZ2DoF3INr4NKP6OLocKPORFxE0DTzu+sBialesTKW5henBy1Y9pEMpYBVL0nDlxJ",
    "/V8o4k4kZXuYqC0aEsOHIohTyo+Zit1L9E3si25l+alJ3YRTc3QdYnxqCkbxHK0zuysWVMl33rkm",
    "yL1gvP3BxI/yx5MY47r/rJab6ySZi8eHsBjeAeGVfRAYChonhx82Img9KP7FxO9ZrmKlOsz33E87",
    "j+K3tIOEKl/upUEU2d9WtjCxRdnlb6NdSYimdw==",
);

/// A key of another kind.
const EC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELTDfXf7ftTrQU9iHfJlXTYerPlfc
ZzKiBZeRxMa3whQRzyM5Nj+jMcp/ytVF8rqf0k7cbKjfXYGex0Gby5dKtQ==
-----END PUBLIC KEY-----
";

/// An RSA key of 1,024 bits. Nothing that it signs would count.
const SHORT_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7nwaNYqHNGVKdLQAKEcNooU7A
EUCCneR88yX3NM8g0ZOW8ekFESBQva05dr2eStL0Rzs8T9sAT1XW2132rZnpG7g4
zsjyKZ3bjmqgVQlqZQIiwIm3AhDZiQEQ1qq6j1tYpyb7MUjoKM/UZZLO0wlCcf8S
+hSD4hrecJkKjP8IowIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn only_an_rsa_key_of_2048_bits_or_more_is_read() {
    assert!(CoopKey::from_pem(SHORT_KEY).is_err());
    assert!(CoopKey::from_pem(KEY).is_ok());
    assert!(CoopKey::from_pem(&KEY.replace('\n', "\r\n")).is_ok());
    assert!(CoopKey::from_pem(EC_KEY).is_err());
    let body = KEY.lines().nth(1).unwrap();
    for wrong in [
        String::new(),
        KEY.replace("PUBLIC", "PRIVATE"),
        KEY.replace(body, ""),
        KEY.replace("MIIB", "MIIC"),
        KEY.replace("AQAB", "AQABAQAB"),
        body.to_owned(),
    ] {
        assert!(CoopKey::from_pem(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn chk695_only_what_coop_signed_is_its_callback() {
    let key = CoopKey::from_pem(KEY).unwrap();
    assert!(key.has_signed(ACTION.as_bytes(), SIGNATURE));
    let changed = ACTION.replace("mallory", "oscar");
    assert!(!key.has_signed(changed.as_bytes(), SIGNATURE));
    assert!(!key.has_signed(b"", SIGNATURE));
    let (longer, url_safe) = ("A".repeat(1_369), SIGNATURE.replace('+', "-"));
    let wrong = [
        BY_OTHER,
        PSS,
        SHA_512,
        OF_NO_JSON,
        "",
        "AA==",
        &longer,
        &SIGNATURE[1..],
    ];
    for signature in wrong {
        assert!(!key.has_signed(ACTION.as_bytes(), signature), "{signature}");
    }
    if url_safe != SIGNATURE {
        assert!(!key.has_signed(ACTION.as_bytes(), &url_safe));
    }
}

async fn called(world: &World, signature: Option<&str>, body: &str) -> StatusCode {
    let mut request = Request::post("/v1/coop/callback");
    if let Some(signature) = signature {
        request = request.header("Coop-Signature", signature);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let router = crate::routes::router(world.server.clone());
    router.oneshot(request).await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_kept_for_its_case_and_decides_nothing() {
    let world = World::new(&[Target::Coop]);
    let case = world.case("mallory");
    let before = world.row(&case);
    for _ in 0..3 {
        assert_eq!(
            called(&world, Some(SIGNATURE), ACTION).await,
            StatusCode::OK
        );
    }
    let list = CallbackList::OfCase(case);
    let kept = world.read(move |desk| Ok(desk.store().callbacks(&list, 9)?));
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].body, ACTION.as_bytes());
    assert_eq!(
        (world.row(&case), before.status),
        (before, CaseStatus::Open)
    );
    // Of one that this version cannot read, only the digest is kept.
    assert_eq!(
        called(&world, Some(OF_NO_JSON), "not json").await,
        StatusCode::OK
    );
    let all = world.read(|desk| Ok(desk.store().callbacks(&CallbackList::Newest, 9)?));
    assert_eq!(
        (
            all.len(),
            all.iter().filter(|row| row.case_id.is_none()).count()
        ),
        (2, 1)
    );
    let texts = all.iter().filter(|row| !row.body.is_empty());
    assert_eq!(texts.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_coop_did_not_sign_is_refused() {
    let world = World::new(&[Target::Coop]);
    for (signature, body) in [
        (None, ACTION),
        (Some(BY_OTHER), ACTION),
        (Some(SIGNATURE), "{}"),
        (Some(SIGNATURE), ""),
        (Some(""), ACTION),
    ] {
        let status = called(&world, signature, body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let long = "x".repeat(MAX_CALLBACK_LEN + 1);
    let status = called(&world, Some(SIGNATURE), &long).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let kept = world.read(|desk| Ok(desk.store().callbacks(&CallbackList::Newest, 9)?));
    assert!(kept.is_empty());
    let without = World::new(&[]);
    let status = called(&without, Some(SIGNATURE), ACTION).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
