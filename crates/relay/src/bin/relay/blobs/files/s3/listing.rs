//! Reads what a store lists.

/// The keys of a page in their order, and whether there are more. `None` if it is no list.
pub fn read(body: &[u8]) -> Option<(Vec<String>, bool)> {
    let text = std::str::from_utf8(body).ok()?;
    let list = element(text, "ListBucketResult")?;
    let is_truncated = element(list, "IsTruncated")? == "true";
    let contents = list.split("<Contents>").skip(1);
    let keys = contents.map(|object| element(object, "Key").map(unescaped));
    Some((keys.collect::<Option<_>>()?, is_truncated))
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
