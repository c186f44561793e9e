//! Replies about groups → the id of a new one, and the rows of a list.
//!
//! Three engines, three shapes: whatsapp-web.js (`gid`, `groupMetadata`), Baileys (`id`, `subject`, lists
//! as a map), whatsmeow (Go's field names). All of them are tried on every reply, because Wawp does not say
//! which engine serves an instance and may change it.

use serde_json::Value;

use super::reply::{Reply, at, id_text, number, text_at};
use crate::clock::Timestamp;
use crate::gateway::FoundGroup;
use crate::jid::GroupId;

/// Where a group's id can be, best first.
const IDS: [&str; 4] = ["gid", "id", "JID", "jid"];

/// The id of the group that was made, if the reply holds one in a known place.
pub(super) fn created_group(reply: &Reply) -> Option<GroupId> {
    match reply {
        Reply::Text(text) => text.parse().ok(),
        _ => reply
            .layers()
            .into_iter()
            .find_map(|layer| group_id(layer).or_else(|| layer.as_str()?.parse().ok())),
    }
}

fn group_id(value: &Value) -> Option<GroupId> {
    IDS.iter().find_map(|name| id_text(value.get(*name)?)?.parse().ok())
}

/// One page of a list of groups.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Those that do not tell their name have an empty one.
    pub(super) groups: Vec<FoundGroup>,
    /// Rows that hold no id, of which anything could be true.
    pub(super) unread: usize,
}

/// A page of groups, or `None` if the reply is no list.
pub(super) fn page(reply: &Reply) -> Option<Page> {
    let mut page = Page::default();
    for (key, row) in reply.rows(&["groups"])? {
        let id = IDS.iter().find_map(|name| id_text(row.get(*name)?)).or_else(|| key.map(str::to_owned));
        match (group_id(row).or_else(|| key?.parse().ok()), id) {
            (Some(group), _) => page.groups.push(found(row, group)),
            // A chat of another kind.
            (None, Some(id)) if id.contains('@') => {}
            (None, _) => page.unread += 1,
        }
    }
    Some(page)
}

/// The group of a reply about a single one.
pub(super) fn single(reply: &Reply, group: &GroupId) -> Option<FoundGroup> {
    let told = reply.layers().into_iter().map(|layer| found(layer, group.clone()));
    told.max_by_key(|told| !told.subject.is_empty())
}

fn found(row: &Value, group: GroupId) -> FoundGroup {
    let subject = text_at(row, &["subject", "Name", "groupMetadata.subject", "name"]);
    FoundGroup {
        created_at: created_at(row).or_else(|| in_the_id(&group)),
        subject: subject.unwrap_or_default().to_owned(),
        group,
    }
}

/// The moment of creation. whatsapp-web.js's own `timestamp` is that of the last message and is not used.
fn created_at(row: &Value) -> Option<Timestamp> {
    let places = ["creation", "groupMetadata.creation", "GroupCreated", "createdAt"];
    places.iter().find_map(|path| moment(at(row, path)?))
}

/// Old group ids carry their moment: `<creator's phone>-<unix seconds>@g.us`.
fn in_the_id(group: &GroupId) -> Option<Timestamp> {
    let (_, made) = group.as_str().strip_suffix("@g.us")?.split_once('-')?;
    moment(&Value::String(made.to_owned()))
}

/// A moment, written as seconds, milliseconds, a float, text of these, RFC 3339, or a 64-bit number in two
/// halves. Go's empty time (year 1) and zero are no moments.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    /// Seconds would reach this in the year 5138; milliseconds passed it in 1973.
    const MILLIS_FROM: f64 = 1e11;
    let first_year = Timestamp::from_second(86_400).ok()?;
    let at = if let Some(number) = number(value).or_else(|| number(value.get("low")?)) {
        let millis = if number.abs() >= MILLIS_FROM { number } else { number * 1000.0 };
        // Within jiff's range, so that the cast below keeps the value.
        let sane = (0.0..=2.5e14).contains(&millis);
        #[expect(clippy::cast_possible_truncation, reason = "checked to be between 0 and 2.5e14")]
        let millis = sane.then_some(millis.round() as i64)?;
        Timestamp::from_millisecond(millis).ok()?
    } else {
        value.as_str()?.trim().parse().ok()?
    };
    (at > first_year).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_new_id_is_found_in_each_engines_place() {
        for body in [
            json!({"title": "x", "gid": {"server": "g.us", "user": "120363000000000001", "_serialized": "120363000000000001@g.us"}}),
            json!({"gid": "120363000000000001@g.us"}),
            json!({"gid": {"server": "g.us", "user": "120363000000000001"}}),
            json!({"id": "120363000000000001@g.us", "subject": "x"}),
            json!({"id": {"_serialized": "120363000000000001@g.us"}}),
            json!({"JID": "120363000000000001@g.us", "Name": "x"}),
            json!({"data": {"gid": {"_serialized": "120363000000000001@g.us"}}}),
            json!({"success": true, "group": {"id": "120363000000000001@g.us"}}),
            json!({"success": true, "data": "120363000000000001@g.us"}),
        ] {
            let found = created_group(&Reply::Json(body.clone()));
            assert_eq!(found.unwrap().as_str(), "120363000000000001@g.us", "{body}");
        }
    }

    #[test]
    fn what_is_no_group_id_is_not_taken_for_one() {
        for body in [
            json!({"id": "15550100001@c.us"}),
            json!({"id": "evt_1"}),
            json!({"gid": {"_serialized": ""}}),
            json!({"job_id": "120363000000000001@g.us"}),
            json!(["120363000000000001@g.us"]),
            json!(true),
        ] {
            assert_eq!(created_group(&Reply::Json(body.clone())), None, "{body}");
        }
    }

    #[test]
    fn lists_of_all_engines_are_read() {
        let web = json!([{"id": {"_serialized": "1@g.us"}, "name": "INCIDENT-1", "timestamp": 1_800_000_000,
            "groupMetadata": {"subject": "INCIDENT-1 | a", "creation": 1_760_000_000}}]);
        let baileys =
            json!({"1@g.us": {"id": "1@g.us", "subject": "INCIDENT-1 | a", "creation": 1_760_000_000}});
        let whatsmeow =
            json!([{"JID": "1@g.us", "Name": "INCIDENT-1 | a", "GroupCreated": "2025-10-09T08:53:20Z"}]);
        for list in [web, baileys, whatsmeow] {
            let page = page(&Reply::Json(list)).unwrap();
            let [group] = page.groups.as_slice() else { panic!("{page:?}") };
            assert_eq!(group.group.as_str(), "1@g.us");
            assert_eq!(group.subject, "INCIDENT-1 | a");
            assert_eq!(group.created_at.unwrap().to_string(), "2025-10-09T08:53:20Z");
        }
        assert!(page(&Reply::Json(json!({}))).unwrap().groups.is_empty());
        assert!(page(&Reply::Json(json!({"message": "no"}))).is_none());
    }

    #[test]
    fn rows_without_a_name_or_an_id_are_not_passed_over() {
        let list = json!([{"JID": "5@g.us", "Name": "", "GroupCreated": "0001-01-01T00:00:00Z"},
            {"id": "6@g.us", "creation": null}, {"subject": "no id"}, {"id": "15550100001@c.us"}]);
        let page = page(&Reply::Json(list)).unwrap();
        let nameless = page.groups.iter().filter(|g| g.subject.is_empty() && g.created_at.is_none());
        assert_eq!((nameless.count(), page.groups.len(), page.unread), (2, 2, 1));
        let told =
            single(&Reply::Json(json!({"JID": "5@g.us", "Name": "INCIDENT-3 | x"})), &page.groups[0].group);
        assert_eq!(told.unwrap().subject, "INCIDENT-3 | x");
    }

    #[test]
    fn an_old_group_id_tells_its_age() {
        let page =
            page(&Reply::Json(json!([{"id": "15550100001-1500000000@g.us", "subject": "x"}]))).unwrap();
        assert_eq!(page.groups[0].created_at.unwrap().as_second(), 1_500_000_000);
    }

    #[test]
    fn moments_come_in_many_forms() {
        for value in [
            json!(1_760_000_000),
            json!(1_760_000_000_000_i64),
            json!(1_760_000_000.0),
            json!("1760000000"),
            json!("2025-10-09T08:53:20Z"),
            json!("2025-10-09T10:53:20+02:00"),
            json!({"low": 1_760_000_000, "high": 0, "unsigned": true}),
        ] {
            assert_eq!(moment(&value).unwrap().as_second(), 1_760_000_000, "{value}");
        }
        for value in
            [json!(0), json!("0001-01-01T00:00:00Z"), json!(null), json!(-5), json!(1e300), json!("soon")]
        {
            assert_eq!(moment(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_number_is_a_moment_or_none(number in any::<f64>(), text in ".{0,30}") {
            let _ = moment(&json!(number));
            let _ = moment(&json!(text));
        }
    }
}
