//! Replies about people → member rows, per-person outcomes, and pairs of phone and hidden id.
//!
//! Nothing here believes that someone named in a reply is in the group: rows marked with an error or as
//! having left are told apart (whatsmeow lists those whom it could not add beside the members).

use serde_json::{Value, json};

use super::reply::{Reply, at, flag_at, person_at, status_code, text_at};
use crate::gateway::{AddOutcome, Added, Own};
use crate::jid::Jid;

const IDS: [&str; 4] = ["id", "JID", "jid", "wid"];
const PHONES: [&str; 4] = ["pn", "phoneNumber", "PhoneNumber", "phone_number"];
const LIDS: [&str; 2] = ["lid", "LID"];

/// Sorted, each once, and never the number itself: the engine adds it.
pub(super) fn without_me(people: &[Jid], me: Option<&Own>) -> Vec<Jid> {
    let mut people: Vec<Jid> = people.iter().filter(|p| !me.is_some_and(|me| me.is(p))).cloned().collect();
    people.sort();
    people.dedup();
    people
}

/// People as a request names them: objects, because plain ids are refused.
pub(super) fn named(people: &[Jid]) -> Value {
    people.iter().map(|person| json!({ "id": person.to_string() })).collect()
}

/// One entry of a member list, before hidden ids are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) phone: Option<Jid>,
    pub(super) hidden: Option<Jid>,
    pub(super) admin: bool,
    /// Not a member: why.
    pub(super) refused: Option<AddOutcome>,
}

/// The rows of a member list, or `None` if the reply is no list. Those who left are left out.
pub(super) fn rows(reply: &Reply) -> Option<Vec<Row>> {
    let rows = reply.rows(&["participants", "Participants"])?;
    Some(rows.into_iter().filter_map(|(key, row)| row_of(key, row)).collect())
}

fn row_of(key: Option<&str>, row: &Value) -> Option<Row> {
    if text_at(row, &["role"]) == Some("left") {
        return None;
    }
    let (phone, hidden) = identity_of(key, row);
    if phone.is_none() && hidden.is_none() {
        return None;
    }
    let role = text_at(row, &["admin", "role"]).unwrap_or_default();
    let flags = ["isAdmin", "isSuperAdmin", "IsAdmin", "IsSuperAdmin", "admin"];
    let admin =
        role == "admin" || role == "superadmin" || flags.iter().any(|f| flag_at(row, &[f]) == Some(true));
    let code = ["Error", "error"].iter().find_map(|name| status_code(row.get(*name)?));
    Some(Row {
        phone,
        hidden,
        admin,
        refused: code.filter(|code| !matches!(code, 0 | 200)).map(|code| outcome(code, false)),
    })
}

pub(super) fn identity_of(key: Option<&str>, row: &Value) -> (Option<Jid>, Option<Jid>) {
    let bare = |hidden| {
        let texts = [row.as_str(), key];
        let mut parsed = texts.into_iter().flatten().filter_map(|text| text.parse::<Jid>().ok());
        parsed.find(|jid| jid.is_hidden() == hidden)
    };
    let phone =
        person_at(row, &PHONES, false).or_else(|| person_at(row, &IDS, false)).or_else(|| bare(false));
    let hidden = person_at(row, &LIDS, true).or_else(|| person_at(row, &IDS, true)).or_else(|| bare(true));
    (phone, hidden)
}

/// What the reply to a creation says about single people. Baileys drops the refusals and lists everybody
/// as if they were members, so its rows say nothing; whatsmeow's rows speak only by their error.
pub(super) fn said_at_creation(reply: &Reply) -> Vec<Added> {
    let mut said = Vec::new();
    for layer in reply.layers() {
        let Some(list) = layer.get("participants").or_else(|| layer.get("Participants")) else {
            continue;
        };
        let list = Reply::Json(list.clone());
        for (key, row) in list.rows(&[]).unwrap_or_default() {
            if flag_at(row, &["isGroupCreator"]) == Some(true) {
                continue;
            }
            let code = ["statusCode", "code"].iter().find_map(|name| status_code(row.get(*name)?));
            let error = row.get("Error").and_then(status_code).filter(|code| *code != 0);
            said.extend(code.or(error).and_then(|code| added(key, row, code)));
        }
    }
    said
}

/// The per-person results of an add, a removal or a promotion; `None` if the reply holds no list.
pub(super) fn results(reply: &Reply) -> Option<Vec<Added>> {
    let rows = reply.rows(&["participants", "Participants", "updateParticipants"])?;
    let said = rows.into_iter().filter_map(|(key, row)| {
        let places = ["code", "statusCode", "status", "content.attrs.error", "error", "Error"];
        let code = places.iter().find_map(|path| status_code(at(row, path)?))?;
        // whatsmeow's rows have no code of their own for success.
        added(key, row, if code == 0 { 200 } else { code })
    });
    Some(said.collect())
}

fn added(key: Option<&str>, row: &Value, code: u16) -> Option<Added> {
    let (phone, hidden) = identity_of(key, row);
    let from_attrs = || person_at(row, &["content.attrs.phone_number", "content.attrs.jid"], false);
    Some(Added {
        person: phone.or_else(from_attrs).or(hidden)?,
        outcome: outcome(code, flag_at(row, &["isInviteV4Sent"]) == Some(true)),
    })
}

/// `WhatsApp`'s participant codes, as whatsapp-web.js, Baileys and whatsmeow document them.
fn outcome(code: u16, invited: bool) -> AddOutcome {
    match code {
        200 | 409 => AddOutcome::Added,
        403 | 417 => AddOutcome::NeedsInvite { by_gateway: invited },
        404 => AddOutcome::NotOnNetwork,
        401 => AddOutcome::Blocked,
        408 => AddOutcome::LeftRecently,
        419 => AddOutcome::Full,
        other => AddOutcome::Unclear(other),
    }
}

/// If exactly one person asked for has no answer and exactly one answer names a hidden id, they belong
/// together.
pub(super) fn assign_unmatched_result(said: &mut [Added], asked: &[Jid]) {
    let unanswered: Vec<&Jid> =
        asked.iter().filter(|person| said.iter().all(|added| added.person != **person)).collect();
    let mut nameless =
        said.iter_mut().filter(|added| added.person.is_hidden() && !asked.contains(&added.person));
    if let ([person], Some(added), None) = (unanswered.as_slice(), nameless.next(), nameless.next()) {
        added.person = (*person).clone();
    }
}

/// The hidden id and the phone of one person, from the mapping routes. Wawp's own example calls the phone
/// `number` and may write either without a server.
pub(super) fn pair(reply: &Reply) -> (Option<Jid>, Option<Jid>) {
    let mut hidden = None;
    let mut phone = None;
    for layer in reply.layers() {
        let bare = |names: &[&str], server: &str| {
            let digits = text_at(layer, names)?.trim_start_matches('+');
            format!("{digits}@{server}").parse::<Jid>().ok()
        };
        hidden = hidden.or_else(|| person_at(layer, &LIDS, true)).or_else(|| bare(&LIDS, "lid"));
        let places = ["pn", "phoneNumber", "PhoneNumber", "phone", "number"];
        phone = phone.or_else(|| person_at(layer, &places, false)).or_else(|| bare(&places, "c.us"));
    }
    (hidden, phone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        text.parse().unwrap()
    }

    #[test]
    fn members_of_all_engines_are_read() {
        let web = json!([
            {"id": {"server": "c.us", "user": "15550100001", "_serialized": "15550100001@c.us"}, "isAdmin": true},
            {"id": {"server": "lid", "user": "99990002", "_serialized": "99990002@lid"}, "isAdmin": false}]);
        let baileys = json!([
            {"id": "99990001@lid", "phoneNumber": "15550100001@s.whatsapp.net", "admin": "superadmin"},
            {"id": "99990002@lid", "admin": null}]);
        let whatsmeow = json!([
            {"JID": "99990001@lid", "PhoneNumber": "15550100001@s.whatsapp.net", "LID": "99990001@lid", "IsAdmin": true, "Error": 0},
            {"JID": "99990002@lid", "PhoneNumber": "", "LID": "", "IsAdmin": false, "Error": 0}]);
        let second = json!([
            {"id": "99990001@lid", "pn": "15550100001@c.us", "role": "admin"},
            {"id": "99990002@lid", "pn": null, "role": "participant"},
            {"id": "99990003@lid", "pn": null, "role": "left"}]);
        for list in [web, baileys, whatsmeow, second] {
            let rows = rows(&Reply::Json(list.clone())).unwrap();
            let [one, two] = rows.as_slice() else { panic!("{list}") };
            assert_eq!(one.phone, Some(jid("15550100001@c.us")), "{list}");
            assert!(one.admin && !two.admin, "{list}");
            assert_eq!((&two.phone, &two.hidden), (&None, &Some(jid("99990002@lid"))), "{list}");
            assert!(rows.iter().all(|row| row.refused.is_none()));
        }
    }

    #[test]
    fn a_row_with_an_error_is_not_a_member() {
        let rows = rows(&Reply::Json(json!([{"JID": "15550100001@s.whatsapp.net", "Error": 403}]))).unwrap();
        assert_eq!(rows[0].refused, Some(AddOutcome::NeedsInvite { by_gateway: false }));
    }

    #[test]
    fn people_can_be_listed_as_bare_ids() {
        let rows = rows(&Reply::Json(json!({"0": "15550100001@c.us", "1": "status@broadcast"}))).unwrap();
        assert_eq!(rows.len(), 1);
    }

    #[test]
    fn creation_speaks_about_people_only_where_the_engine_knows() {
        let web = json!({"gid": {"_serialized": "1@g.us"}, "participants": {
            "15550100000@c.us": {"statusCode": 200, "isGroupCreator": true, "isInviteV4Sent": false},
            "15550100001@c.us": {"statusCode": 200, "isGroupCreator": false, "isInviteV4Sent": false},
            "15550100002@c.us": {"statusCode": 403, "isGroupCreator": false, "isInviteV4Sent": true},
            "15550100003@c.us": {"statusCode": 404, "isGroupCreator": false, "isInviteV4Sent": false}}});
        let outcomes: Vec<_> = said_at_creation(&Reply::Json(web)).into_iter().map(|a| a.outcome).collect();
        assert_eq!(
            outcomes,
            [AddOutcome::Added, AddOutcome::NeedsInvite { by_gateway: true }, AddOutcome::NotOnNetwork]
        );
        let baileys = json!({"id": "1@g.us", "participants": [{"id": "99990001@lid", "phoneNumber": "15550100001@s.whatsapp.net"}]});
        assert_eq!(said_at_creation(&Reply::Json(baileys)), []);
        let whatsmeow = json!({"JID": "1@g.us", "Participants": [
            {"JID": "99990001@lid", "PhoneNumber": "15550100001@s.whatsapp.net", "Error": 0},
            {"JID": "99990002@lid", "PhoneNumber": "15550100002@s.whatsapp.net", "Error": 403}]});
        assert_eq!(
            said_at_creation(&Reply::Json(whatsmeow)),
            [Added {
                person: jid("15550100002@c.us"),
                outcome: AddOutcome::NeedsInvite { by_gateway: false }
            }]
        );
    }

    #[test]
    fn adding_is_read_in_all_shapes() {
        let web = json!({"15550100001@c.us": {"code": 403, "message": "m", "isInviteV4Sent": true}});
        let baileys = json!([{"status": "403", "jid": "15550100001@s.whatsapp.net",
            "content": {"tag": "participant", "attrs": {"jid": "15550100001@s.whatsapp.net", "error": "403"}}}]);
        let whatsmeow =
            json!([{"JID": "99990001@lid", "PhoneNumber": "15550100001@s.whatsapp.net", "Error": 403}]);
        for (list, by_gateway) in [(web, true), (baileys, false), (whatsmeow, false)] {
            assert_eq!(
                results(&Reply::Json(list.clone())).unwrap(),
                [Added { person: jid("15550100001@c.us"), outcome: AddOutcome::NeedsInvite { by_gateway } }],
                "{list}"
            );
        }
        let fine = json!([{"JID": "15550100001@s.whatsapp.net", "Error": 0}]);
        assert_eq!(results(&Reply::Json(fine)).unwrap()[0].outcome, AddOutcome::Added);
    }

    #[test]
    fn every_code_has_its_meaning() {
        assert_eq!(outcome(409, false), AddOutcome::Added);
        assert_eq!(outcome(417, false), AddOutcome::NeedsInvite { by_gateway: false });
        assert_eq!(outcome(401, true), AddOutcome::Blocked);
        assert_eq!(outcome(408, false), AddOutcome::LeftRecently);
        assert_eq!(outcome(419, false), AddOutcome::Full);
        assert_eq!(outcome(500, false), AddOutcome::Unclear(500));
    }

    #[test]
    fn one_hidden_answer_belongs_to_the_one_person_without_any() {
        let asked = [jid("15550100001@c.us"), jid("15550100002@c.us")];
        let mut said = vec![
            Added { person: jid("15550100001@c.us"), outcome: AddOutcome::Added },
            Added { person: jid("99990002@lid"), outcome: AddOutcome::NotOnNetwork },
        ];
        assign_unmatched_result(&mut said, &asked);
        assert_eq!(said[1].person, asked[1]);

        let mut two = vec![
            Added { person: jid("99990001@lid"), outcome: AddOutcome::Added },
            Added { person: jid("99990002@lid"), outcome: AddOutcome::NotOnNetwork },
        ];
        let before = two.clone();
        assign_unmatched_result(&mut two, &asked);
        assert_eq!(two, before, "two nameless answers cannot be told apart");
    }

    #[test]
    fn pairs_are_read_in_both_documented_forms() {
        let both = (Some(jid("99990001@lid")), Some(jid("15550100001@c.us")));
        for body in [
            json!({"lid": "99990001@lid", "pn": "15550100001@c.us"}),
            json!({"lid": "99990001", "number": "15550100001"}),
            json!({"lid": "99990001@lid", "number": "+15550100001"}),
            json!({"data": {"lid": "99990001@lid", "pn": "15550100001@s.whatsapp.net"}}),
        ] {
            assert_eq!(pair(&Reply::Json(body.clone())), both, "{body}");
        }
        let unknown = json!({"lid": null, "pn": "15550100001@c.us"});
        assert_eq!(pair(&Reply::Json(unknown)), (None, Some(jid("15550100001@c.us"))));
        let unknown = json!({"lid": "99990001@lid", "pn": null});
        assert_eq!(pair(&Reply::Json(unknown)), (Some(jid("99990001@lid")), None));
    }
}
