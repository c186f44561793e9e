//! What a route gives to the people in its rooms beside each other: where to look, where to talk, what to
//! know, and the wording it is said in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::language::Language;

/// What a route, or several that continue, gives into a room. It is kept with the room, so that a changed
/// roster changes nothing in a room that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handout {
    /// Where to look, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dashboards: Vec<Dashboard>,
    /// Where to talk: the web address of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What to know, in the words and the markup of whoever wrote the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The language of the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Templates that win over those of the config, by their name there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub messages: BTreeMap<String, String>,
}

/// A page with graphs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    /// What it shows, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its web address.
    pub url: String,
}

impl Handout {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What several routes give together, the lead first: every dashboard once, the first call there is, all
    /// texts with an empty line between them, the first language there is, and the wording of the lead.
    #[must_use]
    pub fn joined(each: &[&Self]) -> Self {
        let mut dashboards: Vec<Dashboard> = Vec::new();
        for dashboard in each.iter().flat_map(|handout| &handout.dashboards) {
            if dashboards.iter().all(|known| known.url != dashboard.url) {
                dashboards.push(dashboard.clone());
            }
        }
        let mut texts: Vec<&str> = Vec::new();
        for text in each.iter().filter_map(|handout| handout.text.as_deref()) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Self {
            dashboards,
            call: each.iter().find_map(|handout| handout.call.clone()),
            text: (!texts.is_empty()).then(|| texts.join("\n\n")),
            language: each.iter().find_map(|handout| handout.language.clone()),
            messages: each.first().map(|lead| lead.messages.clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dashboard(title: Option<&str>, url: &str) -> Dashboard {
        Dashboard { title: title.map(str::to_owned), url: url.to_owned() }
    }

    #[test]
    fn several_routes_give_each_thing_once_and_the_first_one_leads() {
        let lead = Handout {
            dashboards: vec![dashboard(Some("Checkout"), "https://g.example/a")],
            call: None,
            text: Some("Ask before a restart.".to_owned()),
            language: None,
            messages: BTreeMap::from([("welcome".to_owned(), "lead".to_owned())]),
        };
        let next = Handout {
            dashboards: vec![dashboard(None, "https://g.example/a"), dashboard(None, "https://g.example/b")],
            call: Some("https://meet.example/next".to_owned()),
            text: Some("Payments are frozen on Fridays.".to_owned()),
            language: Some("de".parse().unwrap()),
            messages: BTreeMap::from([("invite".to_owned(), "next".to_owned())]),
        };
        let last = Handout {
            call: Some("https://meet.example/last".to_owned()),
            text: Some("Ask before a restart.".to_owned()),
            ..Handout::default()
        };
        let joined = Handout::joined(&[&lead, &next, &last]);
        assert_eq!(
            joined.dashboards,
            [dashboard(Some("Checkout"), "https://g.example/a"), dashboard(None, "https://g.example/b")]
        );
        assert_eq!(joined.call.as_deref(), Some("https://meet.example/next"));
        assert_eq!(joined.text.as_deref(), Some("Ask before a restart.\n\nPayments are frozen on Fridays."));
        assert_eq!(joined.language, next.language);
        assert_eq!(joined.messages, lead.messages);
        assert!(Handout::joined(&[]).is_empty());
    }

    #[test]
    fn a_room_from_before_has_none_and_an_empty_one_is_not_written() {
        assert_eq!(serde_json::from_str::<Handout>("{}").unwrap(), Handout::default());
        assert_eq!(serde_json::to_string(&Handout::default()).unwrap(), "{}");
    }
}
