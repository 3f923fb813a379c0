//! The options for blobs.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::blobs::files::Files;
use crate::blobs::files::folder::Folder;
use crate::blobs::files::s3::S3;
use crate::blobs::files::s3::credentials::Credentials;
use crate::blobs::files::s3::place::shown;
use crate::keys::VERIFY_DAYS;

const GIB: f64 = (1 << 30) as f64;

/// Maximum number of days for which a relay keeps a blob.
const MAX_DAYS: u16 = 3_650;

/// The same in milliseconds.
pub const MAX_KEPT_MS: i64 = MAX_DAYS as i64 * 86_400_000;

/// How much of blobs the relay keeps, and for how long.
#[derive(Args)]
pub struct BlobOptions {
    /// The space for the sealed files of one account, in GiB, and again for those that its reports
    /// name; may have a fraction
    #[arg(long, value_name = "GIB", default_value = "8", value_parser = gib)]
    blob_quota_gib: i64,
    /// The space for the sealed files of all accounts together, in GiB; may have a fraction
    #[arg(long, value_name = "GIB", default_value = "100", value_parser = gib)]
    blobs_gib: i64,
    /// For how many days a sealed file is kept. Give all relays of one database the same
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_DAYS)))]
    blob_days: u16,
    /// Start although no sealed file is there that the database names. Use it once, after checking
    /// that the disk with the files is mounted and empty: what reports and messages name is then
    /// answered as gone
    #[arg(long)]
    blobs_lost: bool,
    /// Where the sealed files are, in place of DIR/blobs: another folder, or a bucket of a store
    /// that speaks S3, as `s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION`. Relays of
    /// one database share it. It begins empty, or with all files of before
    #[arg(long, value_name = "DIR|URL")]
    blobs: Option<String>,
    /// A file with lines AWS_ACCESS_KEY_ID=, AWS_SECRET_ACCESS_KEY= and, if there is one,
    /// AWS_SESSION_TOKEN=. It may be replaced while the relay runs. Without it, these are variables
    /// of the environment
    #[arg(long, value_name = "FILE", requires = "blobs")]
    blobs_credentials: Option<PathBuf>,
    /// A PEM file with the authorities whose certificates the store may have, in place of those of
    /// the platform
    #[arg(long, value_name = "FILE", requires = "blobs")]
    blobs_ca: Option<PathBuf>,
    /// Compare the files with the database at the start: files that it does not name are removed,
    /// and sealed files of which one is missing are answered as gone. Use it once, after a backup
    /// was restored. For files in DIR/blobs of the only relay, this is always done
    #[arg(long)]
    check_blobs: bool,
}

/// Where the files of blobs are, if the operator says so.
pub type Place = Option<Arc<dyn Files>>;

/// What the operator says of files that are there or not.
#[derive(Clone, Copy, Default)]
pub struct Wishes {
    /// The files are lost for good.
    pub are_lost: bool,
    /// Files and rows are compared. For files in the relay's own folder, they always are.
    pub check: bool,
}

/// The limits that the operator sets.
#[derive(Clone, Copy, Debug)]
pub struct BlobRoom {
    /// Maximum number of bytes that one account keeps, and again that its reports hold.
    pub of_account: i64,
    /// Maximum number of bytes of all blobs.
    pub of_all: i64,
    /// For how many milliseconds a complete blob is kept.
    pub kept_ms: i64,
}

impl BlobOptions {
    pub fn room(&self) -> BlobRoom {
        if self.is_short() {
            tracing::warn!(
                days = self.blob_days,
                VERIFY_DAYS,
                "--blob-days is less than the time in which a message can be reported: by then its \
                 files can be gone"
            );
        }
        BlobRoom {
            of_account: self.blob_quota_gib,
            of_all: self.blobs_gib,
            kept_ms: i64::from(self.blob_days) * 86_400_000,
        }
    }
}

impl BlobOptions {
    /// Opens the store that the operator names.
    pub fn place(&self) -> Result<Place, Box<dyn Error>> {
        let Some(place) = &self.blobs else {
            return Ok(None);
        };
        if !place.starts_with("s3://") {
            if is_like_url(place) {
                let why = "it is no folder, and does not begin with s3://";
                return Err(format!("--blobs {}: {why}", shown(place)).into());
            }
            return Ok(Some(Arc::new(Folder::open(Path::new(place))?)));
        }
        let credentials = Credentials::find(self.blobs_credentials.clone())?;
        let ca = self.blobs_ca.as_ref().map(fs::read).transpose()?;
        Ok(Some(Arc::new(S3::new(place, credentials, ca.as_deref())?)))
    }

    pub fn wishes(&self) -> Wishes {
        Wishes {
            are_lost: self.blobs_lost,
            check: self.check_blobs,
        }
    }

    /// Whether a message can be reported for longer than its files are kept.
    fn is_short(&self) -> bool {
        u32::from(self.blob_days) < VERIFY_DAYS
    }
}

/// Whether a place is a URL, or meant as one: it is not the name of a folder to make.
fn is_like_url(place: &str) -> bool {
    let scheme = place.get(..3).unwrap_or_default();
    place.contains("://") || scheme.eq_ignore_ascii_case("s3:")
}

/// Reads a number of GiB as one of bytes.
fn gib(text: &str) -> Result<i64, String> {
    let number = text.parse::<f64>().ok();
    let number = number.filter(|number| (0.0..=1e6).contains(number));
    let number = number.ok_or("not a number of GiB from 0 to 1000000")?;
    Ok((number * GIB) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_go_before_their_message_can_no_longer_be_reported_are_noticed() {
        for (blob_days, is_short) in [(1, true), (29, true), (30, false), (3_650, false)] {
            let options = BlobOptions {
                blob_quota_gib: 0,
                blobs_gib: 0,
                blob_days,
                blobs_lost: false,
                blobs: None,
                blobs_credentials: None,
                blobs_ca: None,
                check_blobs: false,
            };
            assert_eq!(options.is_short(), is_short);
        }
    }

    #[test]
    fn a_mistyped_url_is_no_folder() {
        for url in ["S3://b", "s3:/b", "S3:b", "https://host/b", "file:///b"] {
            assert!(is_like_url(url), "{url}");
        }
        for folder in ["b", "/srv/blobs", "./s3:b", "s3", "ä", "../b:c"] {
            assert!(!is_like_url(folder), "{folder}");
        }
    }

    #[test]
    fn space_is_a_number_of_gib_that_may_have_a_fraction() {
        assert_eq!(gib("8"), Ok(8 << 30));
        assert_eq!(gib("0.5"), Ok(512 << 20));
        assert_eq!(gib("0"), Ok(0));
        for bad in ["", "-1", "nan", "inf", "1e7", "8GiB"] {
            assert!(gib(bad).is_err(), "{bad}");
        }
    }
}
