//! Signatures of calls: AWS Signature Version 4, in the `authorization` header, as Amazon's
//! "Authenticating Requests (AWS Signature Version 4)" says. The body is signed with them.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use waxseal_interface::HttpRequest;
use zeroize::{Zeroize, Zeroizing};

use crate::blobs::files::hex;
use crate::blobs::files::s3::credentials::Pair;

pub struct Signer<'a> {
    pub credentials: &'a Pair,
    pub region: &'a str,
    pub host: &'a str,
}

impl Signer<'_> {
    /// Adds the query to a request, and replaces its headers by those that sign it by the clock.
    pub fn sign(&self, request: &mut HttpRequest, query: &[(&str, &str)]) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_err(io::Error::other)?.as_secs();
        self.sign_at(request, query, &Date::of(now));
        Ok(())
    }

    fn sign_at(&self, request: &mut HttpRequest, query: &[(&str, &str)], date: &Date) {
        let body = hex(&Sha256::digest(&request.body));
        let mut signed = vec![
            ("host", self.host.to_owned()),
            ("x-amz-content-sha256", body.clone()),
            ("x-amz-date", date.time.clone()),
        ];
        if let Some(token) = &self.credentials.session_token {
            signed.push(("x-amz-security-token", token.to_string()));
        }
        let mut query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        query.sort_unstable();
        let query = query.join("&");
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        // Buckets, prefixes and names have no characters that are encoded in a path. No text of the
        // whole call is made, because the session token is in it.
        let mut call = Sha256::new();
        call.update(format!("{}\n{}\n{query}\n", request.method, request.path));
        for (name, value) in &signed {
            for text in [name, ":", value, "\n"] {
                call.update(text);
            }
        }
        call.update(format!("\n{names}\n{body}"));
        let call = hex(&call.finalize());
        let scope = format!("{}/{}/s3/aws4_request", date.day(), self.region);
        let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{call}", date.time);
        let signature = hex(&*mac(&*self.key(date), &text));
        let key = &self.credentials.access_key;
        signed.push((
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, \
                 Signature={signature}"
            ),
        ));
        if !query.is_empty() {
            request.path = format!("{}?{query}", request.path);
        }
        request.headers = signed;
    }

    /// The key for one day, region and service.
    fn key(&self, date: &Date) -> Zeroizing<[u8; 32]> {
        let secret = Zeroizing::new(format!("AWS4{}", *self.credentials.secret_key));
        let key = mac(secret.as_bytes(), date.day());
        let key = mac(&*key, self.region);
        mac(&*mac(&*key, "s3"), "aws4_request")
    }
}

/// Takes the headers off a request that was sent: a session token is a secret.
pub fn wipe(request: &mut HttpRequest) {
    for (_, value) in &mut request.headers {
        value.zeroize();
    }
    request.headers.clear();
}

fn mac(key: &[u8], text: &str) -> Zeroizing<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mac = mac.map(|mac| mac.chain_update(text).finalize().into_bytes().into());
    Zeroizing::new(mac.unwrap_or_default()) // keys of all lengths are taken
}

/// Text as it is in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(byte.into());
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A time in UTC, as `20150830T123600Z`.
struct Date {
    time: String,
}

impl Date {
    /// The time this many seconds after the beginning of 1970.
    fn of(secs: u64) -> Self {
        let (days, of_day) = (secs / 86_400, secs % 86_400);
        // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March.
        let days = days + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + 400 * era + u64::from(month <= 2);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        Self {
            time: format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"),
        }
    }

    fn day(&self) -> &str {
        self.time.split('T').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
