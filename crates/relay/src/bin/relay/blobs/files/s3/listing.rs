//! Reads what a store lists.

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// In their order.
    pub keys: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// What asks for the next page, if the store gives it.
    pub token: Option<String>,
}

/// Reads a page. `None` if it is no list.
pub fn read(body: &[u8]) -> Option<Page> {
    let text = std::str::from_utf8(body).ok()?;
    let list = element(text, "ListBucketResult")?;
    let token = element(list, "NextContinuationToken").map(unescaped);
    let contents = list.split("<Contents>").skip(1);
    let keys = contents.map(|object| element(object, "Key").map(unescaped));
    Some(Page {
        keys: keys.collect::<Option<_>>()?,
        is_truncated: element(list, "IsTruncated")? == "true",
        token: token.filter(|token| !token.is_empty()),
    })
}

/// What is in the first element with this name.
pub fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}"))?;
    let (_, inside) = after.split_once('>')?; // there may be attributes
    let (inside, _) = inside.split_once(&format!("</{name}>"))?;
    Some(inside)
}

/// Text without the escapes of XML. The names that relays give have none.
fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#39;", "'").replace("&amp;", "&")
}
