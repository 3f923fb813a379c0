use super::*;

/// The certificate of a relay that signed it itself.
const AUTHORITY: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIBoTCCAUegAwIBAgIUDq0pGE25HNQ967vaOAgZZk0spOAwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNcmVsYXkuZXhhbXBsZTAgFw0yNjExMjgyMDA2MTlaGA8yMTI2
MTEwNDIwMDYxOVowGDEWMBQGA1UEAwwNcmVsYXkuZXhhbXBsZTBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABAj72nrYYV8r+T1a5lSFZByFJPyuVybgMhDYWtlgxCiZ
f3JyEOHHSqP0fdBs1RQ53WeJOEPqZaUtTfAZhdsM472jbTBrMB0GA1UdDgQWBBTI
LHbiCvhBKuBq17CFjciupQEKajAfBgNVHSMEGDAWgBTILHbiCvhBKuBq17CFjciu
pQEKajAPBgNVHRMBAf8EBTADAQH/MBgGA1UdEQQRMA+CDXJlbGF5LmV4YW1wbGUw
CgYIKoZIzj0EAwIDSAAwRQIga+CufDOPn407zEzLtcaRHn7NqLhfTLbKHfZE0F/D
GjsCIQCihVBDt7V8AdWVVALGOHVHaoBa7IyBhLDUNaXmgn9yiw==
-----END CERTIFICATE-----";

const PUBLIC_KEY: &[u8] = b"-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECPvaethhXyv5PVrmVIVkHIUk/K5X
JuAyENha2WDEKJl/cnIQ4cdKo/R90GzVFDndZ4k4Q+plpS1N8BmF2wzjvQ==
-----END PUBLIC KEY-----";

#[test]
fn a_relay_is_named_by_host_and_port() {
    for url in [
        "http://127.0.0.1:80",
        "http://localhost:7600/",
        "http://[::1]:7600",
        "https://relay.example",
        "https://relay.example:7600/",
    ] {
        Link::with_ca(url, AUTHORITY).unwrap();
    }
    for url in [
        "127.0.0.1:80",
        "ftp://localhost",
        "http://",
        "https://",
        "http://:80",
        "http://localhost:x",
        "http://a/b",
        "https://a@b",
    ] {
        for link in [Link::with_ca(url, AUTHORITY), Link::with_plain_http(url)] {
            assert!(matches!(link, Err(LinkError::BadUrl)), "{url}");
        }
    }
}

#[test]
fn plain_http_to_another_machine_must_be_asked_for() {
    for url in [
        "http://relay.example:7600",
        "http://192.0.2.1:7600",
        "http://[2001:db8::1]",
        "http://localhost.example",
        "http://127.0.0.1.example",
    ] {
        for link in [Link::new(url), Link::with_ca(url, AUTHORITY)] {
            assert!(matches!(link, Err(LinkError::PlainHttp)), "{url}");
        }
        Link::with_plain_http(url).unwrap();
    }
    let with_tls = Link::with_plain_http("https://relay.example");
    assert!(matches!(with_tls, Err(LinkError::BadUrl)));
}

#[test]
fn an_authoritys_file_must_hold_a_certificate() {
    let (url, pem) = ("https://relay.example", AUTHORITY);
    for bad in [b"", &pem[..pem.len() / 2], PUBLIC_KEY] {
        let link = Link::with_ca(url, bad);
        assert!(matches!(link, Err(LinkError::NoAuthority)));
    }
}

#[test]
fn a_path_cannot_lead_to_another_host() {
    let link = Link::with_ca("https://relay.example", AUTHORITY).unwrap();
    let uri = link.uri("ws", "/v1/a").unwrap();
    assert_eq!(uri.to_string(), "wss://relay.example/v1/a");
    for path in [
        "",
        "@other.example/",
        ".other.example/",
        ":1/",
        "v1/a",
        "/v1/\n",
    ] {
        assert_eq!(link.uri("http", path), Err(LinkError::BadUrl), "{path:?}");
    }
    let slashes = link.uri("http", "//other.example/").unwrap();
    assert_eq!(slashes.host(), Some("relay.example"));
}

#[test]
fn a_link_waits_for_an_answer_for_as_long_as_it_is_told_to() {
    // Accepts connections and answers nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let link = Link::new(&url).unwrap().within(Duration::from_millis(200));
    let request = HttpRequest {
        method: "GET",
        path: "/".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let began = std::time::Instant::now();
    let answer = link.call(&request);
    assert!(matches!(answer, Err(LinkError::Unreachable(_))));
    assert!(began.elapsed() < CALL_TIMEOUT / 2);
}
