//! Forms of type `multipart/form-data`, as far as tools send them: a few fields of text.

/// More parts than this are no form of a monitoring tool's.
const MOST_PARTS: usize = 8;

/// The fields of a form, if the body is one. The boundary is the body's own first line, because content types are
/// set by hand.
pub(super) fn fields(body: &[u8]) -> Option<Vec<(String, String)>> {
    let end = find(body, b"\r\n")?;
    // RFC 2046: two hyphens and at most 70 characters.
    let boundary = body.get(..end).filter(|line| line.starts_with(b"--") && line.len() <= 72)?;
    let delimiter = [b"\r\n", boundary].concat();
    let mut rest = body.get(end..)?;
    let mut fields = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        if fields.len() == MOST_PARTS {
            return None;
        }
        let (head, content) = split(part, b"\r\n\r\n")?;
        let (content, after) = split(content, &delimiter)?;
        let name = std::str::from_utf8(head).ok()?.lines().find_map(name_in)?;
        fields.push((name, crate::json::narrow(content).into_owned()));
        rest = after;
    }
    (!fields.is_empty()).then_some(fields)
}

/// `Content-Disposition: form-data; name="data"`.
fn name_in(line: &str) -> Option<String> {
    let (header, value) = line.split_once(':')?;
    let is_it = header.trim().eq_ignore_ascii_case("content-disposition");
    value.split(';').filter(|_| is_it).find_map(|parameter| {
        let (key, text) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case("name").then(|| text.trim().trim_matches('"').to_owned())
    })
}

fn split<'b>(bytes: &'b [u8], at: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let place = find(bytes, at)?;
    Some((bytes.get(..place)?, bytes.get(place + at.len()..)?))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_are_found_whatever_else_the_parts_say() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\n\
            content-type: text/plain\r\ncontent-disposition: form-data; name=data\r\n\r\n{\"b\": \"\r\n\"}\r\n--x--\r\n";
        let found = fields(body).unwrap();
        assert_eq!(
            found,
            [("a".to_owned(), "1".to_owned()), ("data".to_owned(), "{\"b\": \"\r\n\"}".to_owned())]
        );
    }

    #[test]
    fn what_is_no_form_has_no_fields() {
        for body in [
            &b""[..],
            b"{}",
            b"--x",
            b"--x\r\n",
            b"--x\r\n\r\n1\r\n--x--",
            b"--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\ncut",
            &b"-".repeat(100_000),
        ] {
            assert_eq!(fields(body), None);
        }
        let part = "--x\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n1\r\n";
        assert_eq!(fields(part.repeat(50_000).as_bytes()), None);
    }
}
