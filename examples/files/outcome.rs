//! Holds and prints what `files` measured of a file.

use std::path::Path;

/// What one file showed.
pub struct Outcome {
    pub bytes: u64,
    /// Bytes of the blob in requests and answers, of both phones, repeated ones included.
    pub wire_bytes: u64,
    /// How often the file went on where it stopped: after each lost answer, and after the end of
    /// each process.
    pub resumed: u64,
    pub seal_mb_s: f64,
    pub open_mb_s: f64,
    /// Most memory that the process used while the file was sent and saved: both phones, and the
    /// relay, which keeps blobs on disk. `None` where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Whether the recipient has what was sent.
    pub identical: bool,
    pub report_whole_verified: bool,
    pub report_part_verified: bool,
    /// How many altered blobs, descriptors and keys were tried.
    pub altered_tried: u64,
    /// How many of them opened to anything but the file.
    pub altered_accepted: u64,
    /// What is not as it should be, in words.
    pub wrong: Vec<&'static str>,
}

impl Outcome {
    /// Names everything that is not as it should be.
    pub fn judge(&mut self) {
        let claims = [
            ("the saved file is another one", self.identical),
            (
                "the report of the whole file failed",
                self.report_whole_verified,
            ),
            ("the report of a part failed", self.report_part_verified),
            ("nothing was altered", self.altered_tried > 0),
            ("something altered was accepted", self.altered_accepted == 0),
        ];
        let wrong = claims.into_iter().filter(|(_, holds)| !holds);
        self.wrong.extend(wrong.map(|(claim, _)| claim));
    }

    /// Prints one JSON object, or a table. What is wrong goes to stderr.
    pub fn print(&self, file: &Path, json: bool) {
        let object = serde_json::json!({
            "bytes": self.bytes,
            "wire_bytes": self.wire_bytes,
            "resumed": self.resumed,
            "seal_mb_s": self.seal_mb_s,
            "open_mb_s": self.open_mb_s,
            "peak_memory_bytes": self.peak_memory_bytes,
            "identical": self.identical,
            "report_whole_verified": self.report_whole_verified,
            "report_part_verified": self.report_part_verified,
            "altered_tried": self.altered_tried,
            "altered_accepted": self.altered_accepted,
        });
        match json {
            true => println!("{object}"),
            false => {
                println!("{}", file.display());
                for (name, value) in object.as_object().into_iter().flatten() {
                    println!("  {:<24} {value:>14}", name.replace('_', " "));
                }
            }
        }
        for what in &self.wrong {
            eprintln!("files: {}: {what}", file.display());
        }
    }
}
