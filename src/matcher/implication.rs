//! Whether some matchers can hold at all, and whether others then hold as well.
//!
//! Everything said here is certain: a pattern whose texts cannot be listed implies nothing but itself.

use std::collections::BTreeMap;

use super::{Matcher, Test};

/// Labels that always have one of these values.
pub type Domains = BTreeMap<String, Vec<String>>;

/// What labels can be while all of some matchers hold.
#[derive(Debug)]
pub struct Reach<'a> {
    labels: BTreeMap<&'a str, Left<'a>>,
    domains: &'a Domains,
}

/// What one label can be.
#[derive(Debug)]
struct Left<'a> {
    matchers: Vec<&'a Matcher>,
    /// If these are a few.
    values: Option<Vec<&'a str>>,
}

impl<'a> Reach<'a> {
    /// Of `matchers`, which all must hold.
    #[must_use]
    pub fn of(matchers: impl IntoIterator<Item = &'a Matcher>, domains: &'a Domains) -> Self {
        let mut labels: BTreeMap<&str, Left<'_>> = BTreeMap::new();
        for matcher in matchers {
            let left =
                labels.entry(matcher.name()).or_insert_with(|| Left { matchers: Vec::new(), values: None });
            left.matchers.push(matcher);
        }
        for (name, left) in &mut labels {
            let values = domains.get(*name).map(Vec::as_slice);
            let values = values.or_else(|| left.matchers.iter().find_map(|m| m.wanted()));
            let remain = |value: &&str| left.matchers.iter().all(|m| m.holds(Some(*value)));
            left.values = values.map(|values| values.iter().map(String::as_str).filter(remain).collect());
        }
        Self { labels, domains }
    }

    /// A label that no value satisfies, with the matchers about it.
    #[must_use]
    pub fn contradiction(&self) -> Option<(&'a str, &[&'a Matcher])> {
        let is_impossible = |left: &Left<'_>| match &left.values {
            Some(values) => values.is_empty(),
            None => left.matchers.iter().any(|m| left.matchers.iter().any(|other| m.is_opposite(other))),
        };
        let (name, left) = self.labels.iter().find(|(_, left)| is_impossible(left))?;
        Some((name, &left.matchers))
    }

    /// Whether `other` holds whenever all of these do. Never said of matchers that contradict each other.
    #[must_use]
    pub fn implies(&self, other: &Matcher) -> bool {
        let Some(left) = self.labels.get(other.name()) else {
            let domain = self.domains.get(other.name());
            return domain.is_some_and(|values| values.iter().all(|value| other.holds(Some(value))));
        };
        if let Some(values) = &left.values {
            return !values.is_empty() && values.iter().all(|value| other.holds(Some(value)));
        }
        let ruled_out = |value: &String| left.matchers.iter().any(|m| !m.holds(Some(value)));
        left.matchers.iter().any(|m| m.is_same(other))
            || other.unwanted().is_some_and(|values| values.iter().all(ruled_out))
    }
}

impl Matcher {
    /// The only values for which this holds, if they are a few.
    fn wanted(&self) -> Option<&[String]> {
        matches!(self.test, Test::Equal(_) | Test::Like(_)).then(|| self.values()).flatten()
    }

    /// The only values for which this does not hold, if they are a few.
    fn unwanted(&self) -> Option<&[String]> {
        matches!(self.test, Test::NotEqual(_) | Test::NotLike(_)).then(|| self.values()).flatten()
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.test, &other.test) {
            (Test::Equal(a), Test::Equal(b)) | (Test::NotEqual(a), Test::NotEqual(b)) => a == b,
            (Test::Like(a), Test::Like(b)) | (Test::NotLike(a), Test::NotLike(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }

    fn is_opposite(&self, other: &Self) -> bool {
        match (&self.test, &other.test) {
            (Test::Equal(a), Test::NotEqual(b)) => a == b,
            (Test::Like(a), Test::NotLike(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::all_hold;
    use proptest::prelude::*;

    fn read(texts: &[&str]) -> Vec<Matcher> {
        texts.iter().map(|text| Matcher::parse(text).unwrap()).collect()
    }

    fn implied(later: &[&str], earlier: &[&str]) -> bool {
        let (domains, later) = (Domains::new(), read(later));
        let reach = Reach::of(&later, &domains);
        read(earlier).iter().all(|m| reach.implies(m))
    }

    #[test]
    fn what_holds_whenever_another_does() {
        for (later, earlier) in [
            ("a = v", "a = v"),
            ("a = \"v\"", "a=v"),
            ("a = prod", "a =~ \"prod.*\""),
            ("a = w", "a != v"),
            ("a =~ \"x|y\"", "a =~ \"x|y|z\""),
            ("a =~ \"sev[12]\"", "a =~ \"sev[1-4]\""),
            ("a =~ \"prod(uction)?\"", "a =~ \"prod.*\""),
            ("a =~ \"x.*\"", "a =~ \"x.*\""),
            ("a =~ \"x.*\"", "a != y"),
            ("a !~ \"x|y\"", "a != x"),
            ("a !~ \"x.*\"", "a !~ \"x|xx\""),
            ("a = \"\"", "a !~ \".+\""),
        ] {
            assert!(implied(&[later], &[earlier]), "{later} implies {earlier}");
        }
        assert!(implied(&["a =~ \"x|y\"", "a != x", "b = 1"], &["a = y"]), "what is left counts");
    }

    #[test]
    fn what_may_not_hold_is_not_claimed() {
        for (later, earlier) in [
            ("a = v", "b = v"),
            ("a = v", "a = w"),
            ("a =~ \"x|y\"", "a = x"),
            ("a =~ \"x.*\"", "a =~ \"x.+\""),
            ("a != x", "a != y"),
            ("a !~ \"x.*\"", "a != y"),
            ("a =~ \"x)|(y\"", "a =~ \"x|y\""),
            ("a =~ \".*\"", "a = x"),
        ] {
            assert!(!implied(&[later], &[earlier]), "{later} does not imply {earlier}");
        }
        assert!(!implied(&[], &["a = v"]));
        assert!(!implied(&["a = x", "a = y"], &["a = z"]), "of what never holds nothing is said");
    }

    #[test]
    fn a_label_of_a_few_values_says_more() {
        let domains = Domains::from([("severity".to_owned(), vec!["sev1".to_owned(), "sev2".to_owned()])]);
        let later = read(&["severity != sev2"]);
        let reach = Reach::of(&later, &domains);
        assert!(reach.implies(&Matcher::parse("severity = sev1").unwrap()));
        assert!(Reach::of(&[], &domains).implies(&Matcher::parse("severity =~ \"sev.\"").unwrap()));
    }

    #[test]
    fn matchers_that_contradict_each_other() {
        let domains = Domains::new();
        let says = |texts: &[&str]| {
            let matchers = read(texts);
            Reach::of(&matchers, &domains).contradiction().map(|(name, _)| name.to_owned())
        };
        for texts in [
            ["a = x", "a = y"],
            ["a = x", "a != x"],
            ["a =~ \"x|y\"", "a =~ z"],
            ["a =~ \"x.*\"", "a !~ \"x.*\""],
            ["a = x", "a =~ \"y.*\""],
            ["a = x", "a = \"\""],
        ] {
            assert_eq!(says(&texts).as_deref(), Some("a"), "{texts:?}");
        }
        for texts in [["a = x", "b = y"], ["a != x", "a != y"], ["a =~ \"x.*\"", "a =~ \".*y\""]] {
            assert_eq!(says(&texts), None, "{texts:?}");
        }
    }

    #[test]
    fn a_pattern_that_matches_nothing() {
        for text in ["a =~ \"$prod\"", "a =~ \"prod^\"", "a =~ \"[^\\s\\S]\"", "a =~ \"(x$y)+\""] {
            assert!(Matcher::parse(text).unwrap().is_never(), "{text}");
        }
        for text in ["a =~ \"^prod$\"", "a =~ \"($x)?\"", "a =~ \"x|$y\"", "a =~ \"\"", "a = \"$x\""] {
            assert!(!Matcher::parse(text).unwrap().is_never(), "{text}");
        }
    }

    const VALUES: [&str; 9] = ["", "x", "y", "xx", "xy", "X", "z", "xz", "x\n"];

    fn matcher() -> impl Strategy<Value = String> {
        let values = ["x", "y", "xx", "\"\"", "z", "\"x\\n\""];
        let patterns = [
            "x", "x|y", "x.*", "x?", "(x|y)z?", "[xy]", "[^x]", ".*", ".+", "(?i)x", "x{1,2}", "x)|(y",
            "^x$", "$x", "|y", "(?s).*", "(?-u:x)", "\\bx", "xx?|y",
        ];
        let equal = (prop::sample::select(vec!["=", "!="]), prop::sample::select(values.to_vec()))
            .prop_map(|(op, value)| format!("{op} {value}"));
        let like = (prop::sample::select(vec!["=~", "!~"]), prop::sample::select(patterns.to_vec()))
            .prop_map(|(op, value)| format!("{op} \"{}\"", value.replace('\\', "\\\\")));
        (prop::sample::select(vec!["a", "b"]), prop_oneof![equal, like])
            .prop_map(|(label, rest)| format!("{label} {rest}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Whatever is claimed is true of all labels, present or not.
        #[test]
        fn no_claim_is_false(
            later in prop::collection::vec(matcher(), 0..4),
            earlier in prop::collection::vec(matcher(), 1..4),
            closed: bool,
        ) {
            let later: Vec<Matcher> = later.iter().map(|text| Matcher::parse(text).unwrap()).collect();
            let earlier: Vec<Matcher> = earlier.iter().map(|text| Matcher::parse(text).unwrap()).collect();
            let all: Vec<String> = VALUES.iter().map(|v| (*v).to_owned()).collect();
            let domains = if closed { Domains::from([("a".to_owned(), all)]) } else { Domains::new() };
            let reach = Reach::of(&later, &domains);
            for a in VALUES.iter().map(Some).chain((!closed).then_some(None)) {
                for b in VALUES.iter().map(Some).chain([None]) {
                    let labels: BTreeMap<String, String> = [("a", a), ("b", b)]
                        .into_iter()
                        .filter_map(|(name, value)| Some((name.to_owned(), (*value?).to_owned())))
                        .collect();
                    if !all_hold(&later, &labels) {
                        continue;
                    }
                    prop_assert!(reach.contradiction().is_none(), "{later:?} hold for {labels:?}");
                    for m in &earlier {
                        prop_assert!(!reach.implies(m) || m.holds(labels.get(m.name()).map(String::as_str)), "{m} for {labels:?}");
                    }
                    prop_assert!(later.iter().all(|m| m.is_negative() || !m.is_never()));
                }
            }
        }

        /// Where the texts of a pattern are listed, they are all of them.
        #[test]
        fn the_list_of_texts_is_complete(text in matcher(), value in "[xyzX\n]{0,3}") {
            let matcher = Matcher::parse(&text).unwrap();
            if let Some(values) = matcher.wanted() {
                prop_assert!(values.iter().all(|v| matcher.holds(Some(v))));
                prop_assert_eq!(matcher.holds(Some(&value)), values.contains(&value));
            }
        }
    }
}
