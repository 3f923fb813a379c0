use std::path::PathBuf;
use std::sync::Arc;

use super::credentials::Pair;
use super::*;
use crate::blobs::files::draw;

/// A store in a bucket of a real server. `None` where there is no server.
pub fn store(bucket: &str) -> Option<(Arc<waxseal_s3::Server>, S3)> {
    let server = waxseal_s3::Server::start()?;
    let store = with(&server, bucket, waxseal_s3::SECRET_KEY);
    Some((Arc::new(server), store))
}

fn with(server: &waxseal_s3::Server, bucket: &str, secret: &str) -> S3 {
    let pair = Pair {
        access_key: waxseal_s3::ACCESS_KEY.to_owned(),
        secret_key: secret.to_owned().into(),
        session_token: None,
    };
    S3::new(
        &server.url(bucket, "of/relays"),
        Credentials::Known(pair),
        None,
    )
    .unwrap()
}

#[test]
fn calls_with_a_wrong_secret_are_refused() {
    let Some((server, right)) = store("blobs") else {
        return;
    };
    let (wrong, name) = (with(&server, "blobs", "wrong"), draw());
    let refused = wrong.put(&name, b"sealed").unwrap_err();
    assert!(
        refused.to_string().contains("SignatureDoesNotMatch"),
        "{refused}"
    );
    assert_eq!(refused.kind(), ErrorKind::NotConnected);
    assert!(wrong.list().unwrap().next().unwrap().is_err());
    right.put(&name, b"sealed").unwrap();
    assert!(wrong.read(&name, 0, 6).is_err() && wrong.len(&name).is_err());
    assert!(wrong.remove(&name).is_err());
    assert_eq!(right.read(&name, 0, 6).unwrap(), b"sealed");
}

#[test]
fn prefixes_are_stores_of_their_own() {
    let Some((server, store)) = store("blobs") else {
        return;
    };
    let whole = with(&server, "blobs", waxseal_s3::SECRET_KEY);
    let root = S3 {
        place: Place {
            prefix: String::new(),
            ..whole.place.clone()
        },
        ..whole
    };
    let (name, other) = (draw(), draw());
    store.put(&name, b"sealed").unwrap();
    root.put(&other, b"other").unwrap();
    let list = |store: &S3| {
        store
            .list()
            .unwrap()
            .flat_map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(&store), [name]);
    assert_eq!(list(&root), [other]);
}

#[test]
fn answers_say_whether_a_file_is_lost_or_there_is_no_room_or_the_store_is_away() {
    use ErrorKind::{NotConnected, NotFound, QuotaExceeded, StorageFull, UnexpectedEof};
    for (method, status, code, kind) in [
        ("GET", 404, "NoSuchKey", NotFound),
        ("HEAD", 404, "", NotFound),
        ("GET", 404, "NoSuchBucket", NotConnected),
        ("GET", 404, "", NotConnected),
        ("GET", 416, "InvalidRange", UnexpectedEof),
        ("PUT", 507, "", StorageFull),
        ("PUT", 400, "XMinioStorageFull", QuotaExceeded),
        ("PUT", 403, "QuotaExceeded", QuotaExceeded),
        ("PUT", 403, "ExpiredToken", NotConnected),
        ("GET", 301, "PermanentRedirect", NotConnected),
    ] {
        let answer = HttpAnswer {
            status,
            headers: Vec::new(),
            body: format!("<Error><Code>{code}</Code></Error>").into_bytes(),
        };
        let error = checked(method, answer).err().unwrap();
        assert_eq!(error.kind(), kind, "{method} {status} {code}");
    }
    let passing = [408, 429, 500, 503, 504].map(may_pass);
    let lasting = [200, 403, 404, 416, 501, 507].map(may_pass);
    assert_eq!((passing, lasting), ([true; 5], [false; 6]));
}

/// Answers calls with these answers, one after another.
fn answering(answers: &'static [&'static str]) -> S3 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "s3://blobs?endpoint=http://{}",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                io::Read::read_exact(&mut stream, &mut byte).unwrap();
                asked.push(byte[0]);
            }
            io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
        }
    });
    let pair = Pair {
        access_key: "key".to_owned(),
        secret_key: "secret".to_owned().into(),
        session_token: None,
    };
    S3::new(&url, Credentials::Known(pair), None).unwrap()
}

#[test]
fn an_object_is_lost_only_if_the_store_says_so() {
    const NONE: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const NO_BUCKET: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 40\r\n\r\n\
        <Error><Code>NoSuchBucket</Code></Error>";
    const NO_KEY: &str = "HTTP/1.1 404 x\r\nconnection: close\r\ncontent-length: 37\r\n\r\n\
        <Error><Code>NoSuchKey</Code></Error>";
    // Without its bucket, HEAD answers as without the object.
    let away = answering(&[NONE, NO_BUCKET]).len("1").unwrap_err();
    assert_eq!(away.kind(), ErrorKind::NotConnected, "{away}");
    let lost = answering(&[NONE, NO_KEY]).len("1").unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::NotFound, "{lost}");
    for (answer, kind) in [
        (
            "HTTP/1.1 206 x\r\nconnection: close\r\ncontent-range: bytes 0-1/2\r\n\
             content-length: 2\r\n\r\nse",
            ErrorKind::UnexpectedEof,
        ),
        (
            "HTTP/1.1 206 x\r\nconnection: close\r\ncontent-range: bytes 0-1/6\r\n\
             content-length: 2\r\n\r\nse",
            ErrorKind::NotConnected,
        ),
    ] {
        let short = answering(Box::leak(Box::new([answer]))).read("1", 0, 6);
        assert_eq!(short.unwrap_err().kind(), kind);
    }
}

#[test]
fn a_file_may_come_after_a_try_without_an_answer_whatever_the_next_one_says() {
    const LATE: &str = "HTTP/1.1 503 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const FULL: &str = "HTTP/1.1 507 x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let full = answering(&[FULL]).put("1", b"").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let open = answering(&[LATE, FULL]).put("1", b"").unwrap_err();
    assert_eq!(open.kind(), ErrorKind::NotConnected);
    assert!(open.to_string().contains("storage"), "{open}");
}

#[test]
fn a_list_that_does_not_go_on_is_no_list() {
    const PAGE: &str = "HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 104\r\n\r\n\
        <ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>1</Key></Contents>\
        </ListBucketResult>   ";
    let mut pages = answering(&[PAGE, PAGE]).list().unwrap();
    assert_eq!(pages.next().unwrap().unwrap(), ["1"]);
    let stuck = pages.next().unwrap().unwrap_err();
    assert!(stuck.to_string().contains("does not go on"), "{stuck}");
}

#[test]
fn a_bucket_with_versions_is_noticed() {
    const KEEPS: &str = "HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 81\r\n\r\n\
        <VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>      ";
    const FORGETS: &str = "HTTP/1.1 200 x\r\nconnection: close\r\ncontent-length: 26\r\n\r\n\
        <VersioningConfiguration/>";
    assert!(answering(&[KEEPS]).keeps_removed().unwrap());
    assert!(!answering(&[FORGETS]).keeps_removed().unwrap());
}

#[test]
fn a_store_that_is_away_is_tried_again_and_given_up_in_time() {
    let Some((server, store)) = store("blobs") else {
        return;
    };
    let name = draw();
    store.put(&name, b"sealed").unwrap();
    server.kill();
    let began = std::time::Instant::now();
    let away = store.read(&name, 0, 6).unwrap_err();
    assert_eq!(away.kind(), ErrorKind::NotConnected);
    assert!(began.elapsed() < Duration::from_secs(16));
    std::thread::scope(|scope| {
        let read = scope.spawn(|| store.read(&name, 0, 6));
        std::thread::sleep(Duration::from_millis(50));
        server.restart();
        assert_eq!(read.join().unwrap().unwrap(), b"sealed");
    });
}

#[test]
fn chk724_a_store_on_another_machine_is_reached_by_tls_alone() {
    let pair = Pair {
        access_key: "key".to_owned(),
        secret_key: "secret".to_owned().into(),
        session_token: None,
    };
    let open = |url: &str| S3::new(url, Credentials::Known(pair.clone()), None);
    let refused = open("s3://blobs?endpoint=http://store.example:9000").err();
    assert!(refused.unwrap().contains("plain HTTP"));
    assert!(open("s3://blobs?endpoint=http://127.0.0.1:9000").is_ok());
}

#[test]
fn places_are_parsed_and_odd_ones_refused() {
    let place = Place::parse("s3://blobs/a/b/?endpoint=https://s3.example:9000/&region=eu-1");
    let whole = Place {
        endpoint: "https://s3.example:9000".to_owned(),
        region: "eu-1".to_owned(),
        bucket: "blobs".to_owned(),
        prefix: "a/b/".to_owned(),
    };
    assert_eq!(place, Ok(whole));
    let place = Place::parse("s3://blobs?region=eu-central-1").unwrap();
    assert_eq!(place.host(), "s3.eu-central-1.amazonaws.com");
    assert_eq!(place.prefix, "");
    for bad in [
        "blobs",
        "s3://",
        "s3:///a",
        "s3://bl obs",
        "s3://blobs/a//b",
        "s3://blobs/../a",
        "s3://blobs/ä",
        "s3://blobs?region=a b",
        "s3://blobs?key=secret",
    ] {
        assert!(Place::parse(bad).is_err(), "{bad}");
    }
    let refused = Place::parse("s3://KEY:SEC@RET@blobs").unwrap_err();
    assert!(refused.starts_with("--blobs ...@blobs: "), "{refused}");
}

#[test]
fn credentials_are_read_from_their_file_for_each_call() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("credentials");
    assert!(Credentials::find(Some(path.clone())).is_err());
    std::fs::write(
        &path,
        "AWS_ACCESS_KEY_ID=one\nAWS_SECRET_ACCESS_KEY = a=b\n",
    )
    .unwrap();
    let found = Credentials::find(Some(path.clone())).unwrap();
    let pair = found.read().unwrap();
    assert_eq!((&*pair.access_key, &**pair.secret_key), ("one", "a=b"));
    assert!(pair.session_token.is_none());
    let newer = "AWS_ACCESS_KEY_ID=two\nAWS_SECRET_ACCESS_KEY=c\nAWS_SESSION_TOKEN=t\n";
    std::fs::write(&path, newer).unwrap();
    let pair = found.read().unwrap();
    assert_eq!(
        (&*pair.access_key, &**pair.session_token.unwrap()),
        ("two", "t")
    );
    std::fs::write(&path, "AWS_ACCESS_KEY_ID=two\n").unwrap();
    assert!(found.read().is_err());
}

#[test]
fn answers_that_are_no_lists_are_refused() {
    assert!(listing::read(b"<html>").is_none());
    assert!(listing::read(b"\xff").is_none());
    let page = b"<ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated><Contents><Size>1\
        </Size><Key>a/b&amp;c</Key></Contents><Contents><Key>a/d</Key></Contents>\
        </ListBucketResult>";
    let read = listing::read(page).unwrap();
    assert_eq!(read.keys, ["a/b&c", "a/d"]);
    assert!(read.is_truncated && After::of(&read) == After::Key("a/d".to_owned()));
    let page = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>1/2=\
        </NextContinuationToken></ListBucketResult>";
    let read = listing::read(page).unwrap();
    assert!(read.keys.is_empty() && After::of(&read) == After::Token("1/2=".to_owned()));
    let no_key = b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents></Contents>\
        </ListBucketResult>";
    assert!(listing::read(no_key).is_none());
}
