//! Files in a store that speaks S3: each is an object.
//!
//! Four calls are used, all in the form `ENDPOINT/BUCKET/KEY`, which every such store takes. Their
//! signature is made here, of the hashes that the relay has anyway.

use std::io::{self, ErrorKind};
use std::time::Duration;

use waxseal_interface::http::{Link, LinkError};
use waxseal_interface::{HttpAnswer, HttpRequest};

use crate::blobs::files::s3::credentials::Credentials;
use crate::blobs::files::s3::place::{Place, shown};
use crate::blobs::files::s3::signature::Signer;
use crate::blobs::files::{Files, PAGE, Pages, is_ours};

/// Maximum time for one try.
const TRY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pauses before a call is tried again. All tries together take less time than a request has.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(700)];

/// A bucket, or what is under a prefix in it.
#[derive(Clone)]
pub struct S3 {
    place: Place,
    link: Link,
    credentials: Credentials,
}

impl S3 {
    /// A store at this URL: see [`Place`]. `ca` is a PEM file with the authorities whose
    /// certificates are accepted in place of the platform's.
    pub fn new(url: &str, credentials: Credentials, ca: Option<&[u8]>) -> Result<Self, String> {
        let place = Place::parse(url)?;
        // CHK-724: the store is reached by TLS, or on this machine.
        let link = match ca {
            Some(pem) => Link::with_ca(&place.endpoint, pem),
            None => Link::new(&place.endpoint),
        };
        let link =
            link.map_err(|error| format!("the endpoint {}: {error}", shown(&place.endpoint)));
        let link = link?;
        Ok(Self {
            place,
            link: link.within(TRY_TIMEOUT),
            credentials,
        })
    }

    fn object(&self, name: &str) -> String {
        format!("/{}/{}{name}", self.place.bucket, self.place.prefix)
    }

    /// Makes a call, and tries again if the store does not answer, or says that it cannot now.
    fn call(
        &self,
        method: &'static str,
        path: &str,
        query: &[(&str, &str)],
        range: Option<String>,
        body: Vec<u8>,
    ) -> io::Result<HttpAnswer> {
        let mut request = HttpRequest {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body,
        };
        let mut pauses = PAUSES.iter();
        loop {
            let credentials = self.credentials.read()?;
            let signer = Signer {
                credentials: &credentials,
                region: &self.place.region,
                host: self.place.host(),
            };
            request.path = path.to_owned();
            signer.sign(&mut request, query)?;
            request
                .headers
                .extend(range.clone().map(|range| ("range", range)));
            let answer = self.link.call(&request);
            signature::wipe(&mut request);
            let why = match answer {
                Ok(answer) if !may_pass(answer.status) => {
                    let answer = checked(method, answer);
                    // The store may still carry out an earlier try.
                    let is_open = method == "PUT" && pauses.len() < PAUSES.len();
                    return answer.map_err(|error| match is_open {
                        true => unreachable(&error.to_string()),
                        false => error,
                    });
                }
                Ok(answer) => format!("it answers {} {}", answer.status, code(&answer)),
                Err(LinkError::Unreachable(why)) => why,
                Err(error) => error.to_string(),
            };
            match pauses.next() {
                Some(pause) => std::thread::sleep(*pause),
                None => return Err(unreachable(&why)),
            }
        }
    }
}

/// Whether another try may succeed.
fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=506 | 508..)
}

/// An answer of success, or the error that it is.
fn checked(method: &str, answer: HttpAnswer) -> io::Result<HttpAnswer> {
    if matches!(answer.status, 200..=299) {
        return Ok(answer);
    }
    let code = code(&answer);
    Err(match (answer.status, &*code) {
        // An answer to HEAD has no code.
        (404, "NoSuchKey") => ErrorKind::NotFound.into(),
        (404, "") if method == "HEAD" => ErrorKind::NotFound.into(),
        (416, _) => ErrorKind::UnexpectedEof.into(),
        (507, _) => ErrorKind::StorageFull.into(),
        (_, "QuotaExceeded" | "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded") => {
            ErrorKind::QuotaExceeded.into()
        }
        (status, code) => unreachable(&format!("it answers {status} {code}")),
    })
}

/// Whether an answer with a part of an object says that the object ends before the range does.
fn is_shorter(answer: &HttpAnswer, at: u64, len: usize) -> bool {
    let range = header(answer, "content-range").and_then(|range| range.rsplit_once('/'));
    let whole = range.and_then(|(_, whole)| whole.parse::<u64>().ok());
    let len = u64::try_from(len).unwrap_or(u64::MAX);
    whole.is_some_and(|whole| whole < at.saturating_add(len))
}

fn header<'a>(answer: &'a HttpAnswer, name: &str) -> Option<&'a str> {
    let mut headers = answer.headers.iter();
    let header = headers.find(|(found, _)| found == name);
    header.map(|(_, value)| value.as_str())
}

fn unreachable(why: &str) -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        format!("the store of blobs: {why}"),
    )
}

/// The code of an error, if it is a word.
fn code(answer: &HttpAnswer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let code = listing::element(&text, "Code").unwrap_or_default();
    let is_plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain {
        code.to_owned()
    } else {
        String::new()
    }
}

impl Files for S3 {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // A second try writes the same bytes under the same name.
        self.call("PUT", &self.object(name), &[], None, bytes.to_vec())?;
        Ok(())
    }

    fn read(&self, name: &str, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let end = u64::try_from(len).ok().and_then(|len| at.checked_add(len));
        let last = end.and_then(|end| end.checked_sub(1)).filter(|_| len > 0);
        let last = last.ok_or(ErrorKind::InvalidInput)?;
        let range = format!("bytes={at}-{last}");
        let answer = self.call("GET", &self.object(name), &[], Some(range), Vec::new())?;
        match (answer.status, answer.body.len() == len) {
            (206, true) => Ok(answer.body),
            (206, false) if is_shorter(&answer, at, len) => Err(ErrorKind::UnexpectedEof.into()),
            (206, false) => Err(unreachable("it answers with another number of bytes")),
            _ => Err(unreachable("it knows no ranges")),
        }
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        let answer = match self.call("HEAD", &self.object(name), &[], None, Vec::new()) {
            // It does not say what is not there: the object, the bucket, or the store.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(match self.read(name, 0, 1) {
                    Err(error) if error.kind() != ErrorKind::UnexpectedEof => error,
                    _ => unreachable("it has a file, and says that it has not"),
                });
            }
            answer => answer?,
        };
        let len = header(&answer, "content-length").and_then(|len| len.parse().ok());
        len.ok_or_else(|| unreachable("it tells no length"))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.call("DELETE", &self.object(name), &[], None, Vec::new()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn keeps_removed(&self) -> io::Result<bool> {
        let path = format!("/{}", self.place.bucket);
        let answer = self.call("GET", &path, &[("versioning", "")], None, Vec::new())?;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(listing::element(&text, "Status") == Some("Enabled"))
    }

    fn place(&self) -> String {
        let place = &self.place;
        format!(
            "{}/{}/{}",
            shown(&place.endpoint),
            place.bucket,
            place.prefix
        )
    }

    fn list(&self) -> io::Result<Pages> {
        let (store, mut after) = (self.clone(), After::Nothing);
        let page = move || {
            let (path, max) = (format!("/{}", store.place.bucket), PAGE.to_string());
            let mut query = vec![("list-type", "2"), ("max-keys", &max)];
            query.push(("prefix", &store.place.prefix));
            match &after {
                After::Nothing => {}
                After::Key(key) => query.push(("start-after", key)),
                After::Token(token) => query.push(("continuation-token", token)),
            }
            let answer = store.call("GET", &path, &query, None, Vec::new())?;
            let page = listing::read(&answer.body);
            let page = page.ok_or_else(|| unreachable("it answers with no list"))?;
            let next = After::of(&page);
            // A list that ends too early would make files of others ones that are not there.
            if page.is_truncated && (next == After::Nothing || next == after) {
                return Err(unreachable("its list does not go on"));
            }
            after = next;
            let names = page.keys.iter();
            let names = names.filter_map(|key| key.strip_prefix(&store.place.prefix));
            let names = names.filter(|name| is_ours(name)).map(str::to_owned);
            Ok((names.collect(), !page.is_truncated))
        };
        Ok(Box::new(Listing {
            page,
            is_over: false,
        }))
    }
}

/// After what a list goes on.
#[derive(PartialEq, Eq)]
enum After {
    Nothing,
    /// For stores that give no tokens.
    Key(String),
    Token(String),
}

impl After {
    fn of(page: &listing::Page) -> Self {
        let key = page.keys.last().cloned().map(Self::Key);
        let token = page.token.clone().map(Self::Token);
        token.or(key).unwrap_or(Self::Nothing)
    }
}

/// Pages up to the last one, or the first error.
struct Listing<F> {
    page: F,
    is_over: bool,
}

impl<F: FnMut() -> io::Result<(Vec<String>, bool)>> Iterator for Listing<F> {
    type Item = io::Result<Vec<String>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let page = (self.page)();
        self.is_over = page.as_ref().map_or(true, |(_, is_last)| *is_last);
        Some(page.map(|(names, _)| names))
    }
}

pub mod credentials;
mod listing;
pub mod place;
mod signature;
#[cfg(test)]
pub mod tests;
