//! The lenient reader: no panic, no stall, what it has read reads as the same again, and what is valid is read
//! as `serde_json` reads it.

use warroom::json::{read, value};

/// Reads the input as somebody's JSON.
pub fn check(bytes: &[u8]) {
    let Ok(reading) = read(bytes) else { return };
    assert!(!reading.documents.is_empty());
    for document in &reading.documents {
        assert_eq!(value(document.to_string().as_bytes()).as_ref(), Ok(document));
    }
    if let Ok(valid) = serde_json::from_slice::<serde_json::Value>(bytes) {
        assert!(reading.oddities.is_empty());
        // Numbers that no type holds are texts here.
        let is_equal = reading.documents == [valid];
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        assert!(is_equal || digits > 15);
    }
}
