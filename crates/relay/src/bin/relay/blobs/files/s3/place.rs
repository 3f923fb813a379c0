//! Where a store is.

/// A bucket and where it is, as `s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION`. The
/// prefix may be left out. Without an endpoint it is that of Amazon in the region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    /// What all keys begin with: empty, or with a slash at its end.
    pub prefix: String,
}

/// The region of stores that have none.
const REGION: &str = "us-east-1";

impl Place {
    pub fn parse(url: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("--blobs {}: {why}", shown(url)));
        let Some(rest) = url.strip_prefix("s3://") else {
            return bad("it does not begin with s3://");
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let is_plain = |text: &str, more: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte);
            text.bytes().all(plain)
        };
        if bucket.is_empty() || !is_plain(bucket, ".-_") {
            return bad("the bucket is missing, or has other characters than A-Z a-z 0-9 . - _");
        }
        let prefix = prefix.trim_end_matches('/');
        let is_path = prefix
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
        if !prefix.is_empty() && (!is_plain(prefix, "./-_") || !is_path) {
            return bad(
                "the prefix has other characters than A-Z a-z 0-9 . - _ /, or an empty part",
            );
        }
        let (mut endpoint, mut region) = (None, REGION);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("endpoint", value)) => endpoint = Some(value.trim_end_matches('/')),
                Some(("region", value)) if is_plain(value, "-") => region = value,
                _ => return bad("it knows endpoint=URL and region=REGION"),
            }
        }
        let of_amazon = || format!("https://s3.{region}.amazonaws.com");
        Ok(Self {
            endpoint: endpoint.map_or_else(of_amazon, str::to_owned),
            region: region.to_owned(),
            bucket: bucket.to_owned(),
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
        })
    }

    /// The host, as a request names it.
    pub fn host(&self) -> &str {
        let (_, host) = self.endpoint.split_once("://").unwrap_or_default();
        host
    }
}

/// A URL for the log. What is before an `@` may be a secret.
pub fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("...@{rest}"),
        None => url.to_owned(),
    }
}
