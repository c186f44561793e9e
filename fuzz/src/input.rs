//! A request out of bytes: header lines, a blank line and a body, or a body alone. So a fixture is an input as
//! it stands in its file.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use warroom::signature::RawHook;

/// More than this is no head.
const LONGEST_HEAD: usize = 4096;

/// The request that `bytes` stand for.
pub fn hook(bytes: &[u8]) -> RawHook {
    let (headers, query, body) = head(bytes).unwrap_or_else(|| (HeaderMap::new(), None, bytes));
    RawHook { source: "fuzz".to_owned(), headers, query, body: Bytes::copy_from_slice(body) }
}

fn head(bytes: &[u8]) -> Option<(HeaderMap, Option<String>, &[u8])> {
    let start = bytes.get(..bytes.len().min(LONGEST_HEAD))?;
    let blank = start.windows(2).position(|two| two == b"\n\n")?;
    let (mut headers, mut query) = (HeaderMap::new(), None);
    for line in std::str::from_utf8(&bytes[..blank]).ok()?.lines() {
        let (name, value) = line.split_once(':')?;
        if name == "?" {
            query = Some(value.trim().to_owned());
            continue;
        }
        headers
            .append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((headers, query, &bytes[blank + 2..]))
}
