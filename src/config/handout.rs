//! What a route gives into its rooms: dashboards, a call, a text, and wording of its own.

use crate::config::item::{Item, Section};
use crate::config::keys::{Form, TEXT, keys};
use crate::config::messages::{ROUTE_MESSAGES, route_texts};
use crate::config::values::{LANGUAGE, WEB_ADDRESS, language, web_address};
use crate::config::yaml::Value;
use crate::roster::{Dashboard, Handout};

/// More dashboards than this in one route are a catalogue, which nobody reads in a chat.
const DASHBOARDS: usize = 8;
/// The longest title of a dashboard, in characters.
const TITLE: usize = 60;
/// The longest text of a route, in characters.
const LONGEST_TEXT: usize = 600;

keys! {
    /// What a route gives into its rooms.
    pub(super) HANDOUT {
        /// Where to look, 8 at most.
        dashboards: Form::Some(&LINK, 0),
            such_as "[ https://grafana.example/d/acme ]";
        /// The web address of a call.
        call: WEB_ADDRESS, such_as "https://meet.example/acme";
        /// What helps in the first minutes, 600 characters at most.
        text: TEXT, such_as "Ask for the change first.";
        /// The tag of the language that its rooms are written in; `rooms.language` of warroom.yaml, if absent.
        language: LANGUAGE, such_as "pt-BR";
        /// Wording of its own, before that of warroom.yaml.
        messages: Form::Map(&ROUTE_MESSAGES);
    }
    /// A page to look at.
    DASHBOARD = "dashboard" {
        /// What people read, 60 characters at most.
        title: TEXT, such_as "Checkout";
        /// Its web address.
        url: WEB_ADDRESS, needed, such_as "https://grafana.example/d/acme";
    }
}

/// A dashboard with or without a title.
static LINK: Form = Form::Any(&[WEB_ADDRESS, Form::Map(&DASHBOARD)]);

pub(super) fn handout(s: &Section<'_>) -> Handout {
    Handout {
        dashboards: s.get("dashboards").map(|item| dashboards(&item)).unwrap_or_default(),
        call: s.get("call").and_then(|item| call(&item)),
        text: s.get("text").and_then(|item| text(&item)),
        language: s.get("language").and_then(|item| language(&item)),
        messages: route_texts(s),
    }
}

fn dashboards(item: &Item<'_>) -> Vec<Dashboard> {
    let items = item.list(true);
    if items.len() > DASHBOARDS {
        item.error_with(
            format!("names {} dashboards, but a route has {DASHBOARDS} at most", items.len()),
            "name those that help in the first minutes; one of them can lead to the others",
        );
    }
    let mut dashboards: Vec<Dashboard> = Vec::new();
    for item in items {
        let Some(dashboard) = dashboard(&item) else { continue };
        if dashboards.iter().any(|known| known.url == dashboard.url) {
            item.warning("is named twice in this route", "remove one of them");
        } else {
            dashboards.push(dashboard);
        }
    }
    dashboards
}

fn dashboard(item: &Item<'_>) -> Option<Dashboard> {
    if !item.is_map() {
        return web_address(item).map(|url| Dashboard { title: None, url });
    }
    item.section(&DASHBOARD, |s| {
        let title = s.get("title").and_then(|item| title(&item));
        let url = s.need("url")?;
        web_address(&url).map(|url| Dashboard { title, url })
    })
}

fn title(item: &Item<'_>) -> Option<String> {
    let text = item.line()?;
    let length = text.chars().count();
    if length > TITLE {
        item.error_with(
            format!("is {length} characters long, but a title has {TITLE} at most"),
            "shorten it; the address stands beside it",
        );
        return None;
    }
    Some(text.to_owned())
}

fn call(item: &Item<'_>) -> Option<String> {
    let is_number = |text: &str| text.starts_with("tel:") || text.starts_with('+');
    if let Value::Text(text) | Value::Number(text) = &item.node.value
        && is_number(text.trim())
    {
        item.error_with(
            "is a phone number, but must be the web address of a call",
            "it begins with `https://`; a number to dial in can stand in `text`",
        );
        return None;
    }
    web_address(item)
}

fn text(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if text.chars().any(|c| c.is_control() && c != '\n') {
        item.error_with(
            "holds control characters",
            "write plain text; several lines stand below `text: |`, indented",
        );
        return None;
    }
    let length = text.chars().count();
    if length > LONGEST_TEXT {
        item.error_with(
            format!("is {length} characters long, but a route's text has {LONGEST_TEXT} at most"),
            "say what helps in the first minutes; the rest belongs into the runbook",
        );
        return None;
    }
    Some(text.to_owned())
}
