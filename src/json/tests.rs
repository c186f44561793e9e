//! What is read leniently, what is not, and that valid JSON is read as ever.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn one(bytes: impl AsRef<[u8]>) -> (Value, Vec<Oddity>) {
    let mut reading = read(bytes.as_ref()).unwrap();
    assert_eq!(reading.documents.len(), 1, "{reading:?}");
    (reading.documents.remove(0), reading.oddities)
}

fn why(bytes: impl AsRef<[u8]>) -> String {
    read(bytes.as_ref()).unwrap_err().to_string()
}

#[test]
fn strings_are_read_as_they_were_meant() {
    for (text, meant, oddity) in [
        (r#""half \ud83d""#, "half \u{fffd}", Oddity::LoneSurrogate),
        (r#""\udc00\ud83dx""#, "\u{fffd}\u{fffd}x", Oddity::LoneSurrogate),
        (r#""\ud83d\u0041""#, "\u{fffd}A", Oddity::LoneSurrogate),
        ("\"two\nlines\tand a tab\"", "two\nlines\tand a tab", Oddity::RawControl),
        ("\"a NUL \0 inside\"", "a NUL \0 inside", Oddity::RawControl),
        (r#""E:\Queue\in""#, r"E:\Queue\in", Oddity::WrongEscape),
        (r#""\u12""#, r"\u12", Oddity::WrongEscape),
        (r#""it\'s""#, "it's", Oddity::WrongEscape),
    ] {
        let (value, oddities) = one(format!(r#"{{"k": [{text}]}}"#));
        assert_eq!(value, json!({ "k": [meant] }), "{text}");
        assert_eq!(oddities, [oddity], "{text}");
    }
    assert_eq!(one(r#"["\ud83d\udd25", "x\ud83d"]"#).0, json!(["🔥", "x\u{fffd}"]), "a whole pair is one");
}

#[test]
fn values_are_read_as_they_were_meant() {
    for (text, meant, oddity) in [
        ("[NaN, -Infinity, 1]", json!(["NaN", "-Infinity", 1]), Oddity::NoNumber),
        (r#"{"a": +7}"#, json!({ "a": 7 }), Oddity::NoNumber),
        (r#"{"a": , "b": 2,}"#, json!({ "a": null, "b": 2 }), Oddity::Gap),
        ("[1, 2, ]", json!([1, 2]), Oddity::Gap),
        ("{\"a\": 1}\0", json!({ "a": 1 }), Oddity::Stray),
        ("\u{1e}{\"a\":\u{a0}1}\n", json!({ "a": 1 }), Oddity::Stray),
        (r#"{"a": 1}}"#, json!({ "a": 1 }), Oddity::Rest),
        (r#"{"a": 1}{"b": "#, json!({ "a": 1 }), Oddity::Rest),
    ] {
        assert_eq!(one(text), (meant, vec![oddity]), "{text}");
    }
}

#[test]
fn of_one_name_twice_the_last_one_counts() {
    assert_eq!(one(r#"{"a": 1, "b": 2, "a": 3}"#), (json!({ "a": 3, "b": 2 }), vec![]));
    assert_eq!(one(r#"{"a": 1, "b": "\d", "a": 3}"#).0, json!({ "a": 3, "b": "\\d" }));
}

#[test]
fn several_documents_are_several() {
    for text in ["{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}{\"a\":2}", "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n"] {
        let reading = read(text.as_bytes()).unwrap();
        assert_eq!(reading.documents, [json!({ "a": 1 }), json!({ "a": 2 })], "{text:?}");
        assert!(reading.oddities.contains(&Oddity::Several));
    }
    assert_eq!(why("12 7"), "not readable as JSON (line 1, column 1)", "a text is no documents");
}

#[test]
fn encodings_are_known_by_what_they_look_like() {
    let text = r#"{"title": "Störung 🔥"}"#;
    let wide = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(unit).collect() };
    for bytes in [
        wide(u16::to_le_bytes),
        wide(u16::to_be_bytes),
        [vec![0xff, 0xfe], wide(u16::to_le_bytes)].concat(),
        [vec![0xfe, 0xff], wide(u16::to_be_bytes)].concat(),
    ] {
        assert_eq!(one(&bytes), (json!({ "title": "Störung 🔥" }), vec![Oddity::Utf16]));
    }
    assert_eq!(one([b"\xef\xbb\xbf", text.as_bytes()].concat()).1, []);
    let (value, oddities) = one(b"[\"St\xf6rung \x96 5 \x80\"]");
    assert_eq!((value, oddities), (json!(["Störung – 5 €"]), vec![Oddity::Windows1252]));
    let (value, oddities) = one("[\"St\u{f6}rung\", \"cut \u{1f525}\"]".replace('🔥', "").into_bytes());
    assert_eq!((value, oddities), (json!(["Störung", "cut "]), vec![]));
    let mut cut = "[\"Störung ".as_bytes().to_vec();
    cut.extend(b"\xf0\x9f\x94\"]");
    assert_eq!(one(cut), (json!(["Störung \u{fffd}"]), vec![Oddity::BrokenUtf8]));
}

#[test]
fn numbers_keep_their_digits() {
    for (text, kept) in [
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551616", json!("18446744073709551616")),
        ("-9223372036854775809", json!("-9223372036854775809")),
        ("0.12345678901234567890123", json!("0.12345678901234567890123")),
        ("0.30000000000000004", json!(0.300_000_000_000_000_04)),
        ("1234567890123456789012e3", json!("1234567890123456789012e3")),
        ("1000000000000000000000.0", json!(1e21)),
        ("1e400", json!("1e400")),
        ("1.50", json!(1.5)),
        ("-0", json!(-0.0)),
    ] {
        assert_eq!(one(format!("[{text}]")), (json!([kept]), vec![]), "{text}");
    }
    assert!(!loses_digits(br#"{"id": "18446744073709551616", "a\"1": 123456789012345}"#));
}

#[test]
fn what_can_be_read_in_two_ways_is_not_read() {
    assert_eq!(why(r#"{"a": "query "till" matched"}"#), "not readable as JSON (line 1, column 15)");
    assert_eq!(why(r#"{"a": "code "}", "b": 1}"#), "not readable as JSON (line 1, column 19)");
    assert_eq!(why("{\"a\": 1\n \"b\": 2}"), "not readable as JSON (line 2, column 2)");
    assert_eq!(why(r#"{"path": "D:\", "b": "x"}"#), "not readable as JSON (line 1, column 18)");
    assert_eq!(why(r#"{"a": "b"#), "the JSON ends too early (line 1, column 8)");
    assert_eq!(why("[tru"), "the JSON ends too early (line 1, column 4)");
    assert_eq!(why(""), "the JSON ends too early (line 1, column 0)");
    for text in ["{a: 1}", "[01]", "[1.]", "[--1]", "[1,,2]", "{'a': 1}", "checkout is down", "$ALERT"] {
        assert!(read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |deep: usize| format!("{}\\d\"{}", "[".repeat(deep) + "\"", "]".repeat(deep));
    assert_eq!(one(nested(127)).1, [Oddity::WrongEscape]);
    assert!(why(nested(128)).starts_with("the JSON is nested too deeply"));
    assert!(why("[{\"a\":".repeat(1_000_000)).starts_with("the JSON is nested too deeply"));
}

/// Any document of JSON.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("a number", |f| serde_json::Number::from_f64(f).map(Value::from)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn a_number_that_can_be_written_in_two_ways_is_a_number_as_it_is_written_here() {
    let text = serde_json::to_string(&267_014_913_689_027.12_f64).unwrap();
    assert_eq!(lenient::documents(&text).unwrap().documents, [json!(267_014_913_689_027.12_f64)]);
}

proptest! {
    #[test]
    fn valid_json_is_read_as_ever(document in documents(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let text = text.unwrap();
        let reading = lenient::documents(&text).unwrap();
        prop_assert_eq!(&reading.documents, &vec![document]);
        prop_assert_eq!(&reading.oddities, &vec![]);
        prop_assert_eq!(read(text.as_bytes()).unwrap(), reading);
    }

    #[test]
    fn any_bytes_are_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    /// Whatever `serde_json` takes from the middle of broken text, this takes too, and as the same.
    #[test]
    fn what_is_valid_after_a_cut_is_read_as_ever(
        document in documents(),
        cut in any::<prop::sample::Index>(),
        with in r#"[{}\[\]",:0-9eE.+\\unrtx \n-]{0,3}"#,
    ) {
        let text = document.to_string();
        let at = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect::<Vec<_>>();
        let at = *cut.get(&at);
        let text = format!("{}{with}{}", &text[..at], &text[at..]);
        let ours = lenient::documents(&text);
        if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
            let ours = ours.unwrap();
            prop_assert_eq!(&ours.oddities, &vec![]);
            if !loses_digits(text.as_bytes()) {
                prop_assert_eq!(ours.documents, vec![theirs]);
            }
        }
    }
}
