//! The shapes of groups and members, engine by engine, as WAHA passes them on.
//! Actors: `api` asks for a shape of what the rules did or know; nothing here changes the world.

use serde_json::{Map, Value, json};

use super::group::{Group, Rank, TurnedAway};
use super::link::LINK_START;
use super::membership::PersonResult;
use super::person::LidKnowledge;
use super::reply::{Content, Reply};
use super::setup::{Addressing, Engine, InviteForm};
use super::world::World;
use crate::clock::Timestamp;

/// One line of a member list before it has a shape.
#[derive(Debug, Clone)]
struct Row {
    digits: String,
    lid: String,
    /// The row's own id is the hidden id.
    by_lid: bool,
    /// The row names the phone number beside a hidden id.
    shows_number: bool,
    rank: Rank,
    /// Set where the person was asked for and is not a member.
    refusal: Option<TurnedAway>,
}

impl Row {
    fn lid_id(&self) -> String {
        format!("{}@lid", self.lid)
    }

    fn number_id(&self) -> String {
        format!("{}@s.whatsapp.net", self.digits)
    }

    fn chat_id(&self) -> String {
        format!("{}@c.us", self.digits)
    }
}

fn row(world: &World, digits: &str, rank: Rank, refusal: Option<TurnedAway>) -> Row {
    let knowledge = world.person(digits).lid;
    Row {
        digits: digits.to_owned(),
        lid: world.known_lid(digits).unwrap_or_default().to_owned(),
        by_lid: world.addressing == Addressing::Lid || knowledge != LidKnowledge::KnownMapping,
        shows_number: knowledge == LidKnowledge::KnownMapping,
        rank,
        refusal,
    }
}

fn member_rows(world: &World, group: &Group, now: Timestamp) -> Vec<Row> {
    group.members(now).map(|presence| row(world, &presence.digits, presence.rank, None)).collect()
}

/// whatsmeow keeps people with an error in the list; they are no members.
fn gows_rows(world: &World, group: &Group, now: Timestamp) -> Vec<Row> {
    let mut rows = member_rows(world, group, now);
    rows.extend(
        group
            .turned_away
            .iter()
            .map(|(digits, turned_away)| row(world, digits, Rank::Member, Some(turned_away.clone()))),
    );
    rows
}

/// The answer to a creation.
pub(super) fn created(world: &World, group: &Group, results: &[PersonResult]) -> Value {
    match world.engine {
        Engine::Webjs => {
            let people: Map<String, Value> = results
                .iter()
                .map(|result| (result.asked.clone(), webjs_result("statusCode", result)))
                .collect();
            json!({"title": group.subject, "gid": webjs_id(&group.id), "participants": people})
        }
        Engine::Noweb => {
            // Baileys drops the per-person errors here, so everyone asked for looks like a member.
            let mut rows = vec![row(world, &group.creator, Rank::SuperAdmin, None)];
            rows.extend(
                results
                    .iter()
                    .filter(|result| !result.digits.is_empty())
                    .map(|result| row(world, &result.digits, Rank::Member, None)),
            );
            noweb_metadata(world, group, Some(&rows))
        }
        Engine::Gows => {
            let mut rows = vec![row(world, &group.creator, Rank::SuperAdmin, None)];
            rows.extend(results.iter().map(|result| result_row(world, result)));
            gows_group(world, group, Some(&rows))
        }
    }
}

/// One group, with or without its members.
pub(super) fn group(world: &World, group: &Group, with_members: bool, now: Timestamp) -> Value {
    match world.engine {
        Engine::Webjs => {
            let rows = member_rows(world, group, now);
            let mut metadata = json!({
                "id": webjs_id(&group.id),
                "creation": group.created_at.as_second(),
                "owner": person_id(world, &group.creator),
                "subject": group.subject,
                "desc": group.description,
                "announce": group.announce,
                "restrict": group.locked,
                "size": rows.len(),
            });
            if let (true, Some(fields)) = (with_members, metadata.as_object_mut()) {
                fields.insert("participants".to_owned(), rows.iter().map(webjs_row).collect());
            }
            json!({
                "id": webjs_id(&group.id),
                "name": group.subject,
                "isGroup": true,
                "isReadOnly": false,
                "unreadCount": 0,
                "timestamp": group.created_at.as_second(),
                "groupMetadata": metadata,
            })
        }
        Engine::Noweb => {
            let rows = member_rows(world, group, now);
            noweb_metadata(world, group, with_members.then_some(&rows))
        }
        Engine::Gows => {
            let rows = gows_rows(world, group, now);
            gows_group(world, group, with_members.then_some(&rows))
        }
    }
}

/// A list of groups: an array, or on NOWEB an object keyed by group id.
pub(super) fn groups(world: &World, list: &[&Group], with_members: bool, now: Timestamp) -> Value {
    let shapes = list.iter().map(|one| group(world, one, with_members, now));
    match world.engine {
        Engine::Noweb => {
            let map: Map<String, Value> = list.iter().map(|one| one.id.clone()).zip(shapes).collect();
            Value::Object(map)
        }
        Engine::Webjs | Engine::Gows => shapes.collect(),
    }
}

/// The members in the engine's own shape.
pub(super) fn participants(world: &World, group: &Group, now: Timestamp) -> Value {
    match world.engine {
        Engine::Webjs => member_rows(world, group, now).iter().map(webjs_row).collect(),
        Engine::Noweb => member_rows(world, group, now).iter().map(noweb_row).collect(),
        Engine::Gows => gows_rows(world, group, now).iter().map(gows_row).collect(),
    }
}

/// The members in the one shape of all engines.
pub(super) fn participants_v2(world: &World, group: &Group, now: Timestamp) -> Value {
    let rows = match world.engine {
        Engine::Webjs | Engine::Noweb => member_rows(world, group, now),
        Engine::Gows => gows_rows(world, group, now),
    };
    rows.iter()
        .map(|row| {
            let id = if row.by_lid { row.lid_id() } else { row.chat_id() };
            // WEBJS has no number for a row with a hidden id.
            let hides_number = row.by_lid && (world.engine == Engine::Webjs || !row.shows_number);
            let number = (!hides_number).then(|| row.chat_id());
            let role = match (&row.refusal, row.rank) {
                (Some(_), _) => "left",
                (None, Rank::Member) => "participant",
                (None, Rank::Admin) => "admin",
                (None, Rank::SuperAdmin) => "superadmin",
            };
            json!({"id": id, "pn": number, "role": role})
        })
        .collect()
}

/// The answer to adding people.
pub(super) fn added(world: &World, results: &[PersonResult]) -> Value {
    match world.engine {
        Engine::Webjs => {
            let people: Map<String, Value> =
                results.iter().map(|result| (result.asked.clone(), webjs_result("code", result))).collect();
            Value::Object(people)
        }
        Engine::Noweb | Engine::Gows => changed(world, results),
    }
}

/// The answer to removing, promoting and demoting people.
pub(super) fn changed(world: &World, results: &[PersonResult]) -> Value {
    match world.engine {
        Engine::Webjs => json!({"status": 200}),
        Engine::Noweb => results.iter().map(|result| noweb_result(world, result)).collect(),
        Engine::Gows => results.iter().map(|result| gows_row(&result_row(world, result))).collect(),
    }
}

/// An invite code in the form of the engine, or in the form that the setup asks for.
pub(super) fn invite_code(world: &World, code: &str) -> Reply {
    let form = match (world.invite_form, world.engine) {
        (InviteForm::Engine, Engine::Gows) => InviteForm::Url,
        (InviteForm::Engine, Engine::Webjs | Engine::Noweb) => InviteForm::Bare,
        (form, _) => form,
    };
    match form {
        InviteForm::Engine | InviteForm::Bare => Reply::text(code),
        InviteForm::Url => Reply::text(format!("{LINK_START}{code}")),
        InviteForm::Quoted => Reply::new(200, Content::Json(Value::from(code))),
        InviteForm::Object => Reply::json(json!({"code": code})),
    }
}

/// The answer of a setter that worked.
pub(super) fn setter_done(engine: Engine) -> Reply {
    match engine {
        Engine::Webjs => Reply::text("true"),
        Engine::Noweb | Engine::Gows => Reply::empty(),
    }
}

fn result_row(world: &World, result: &PersonResult) -> Row {
    let refusal =
        (result.code != 200).then(|| TurnedAway { result_code: result.code, invite: result.invite.clone() });
    row(world, &result.digits, Rank::Member, refusal)
}

fn webjs_id(id: &str) -> Value {
    let (user, server) = id.split_once('@').unwrap_or((id, ""));
    json!({"server": server, "user": user, "_serialized": id})
}

/// A person's id as the engine's group rows write it.
fn person_id(world: &World, digits: &str) -> Value {
    let row = row(world, digits, Rank::Member, None);
    webjs_id(&if row.by_lid { row.lid_id() } else { row.chat_id() })
}

fn webjs_row(row: &Row) -> Value {
    json!({
        "id": webjs_id(&if row.by_lid { row.lid_id() } else { row.chat_id() }),
        "isAdmin": row.rank > Rank::Member,
        "isSuperAdmin": row.rank == Rank::SuperAdmin,
    })
}

fn webjs_result(code_field: &str, result: &PersonResult) -> Value {
    let message = match result.code {
        200 => "The participant was added successfully",
        403 => "The participant can be added by sending private invitation only",
        404 => "The phone number is not registered on WhatsApp",
        408 => "You cannot add this participant because they recently left the group",
        409 => "The participant is already a group member",
        417 => "The participant can't be added to the community. You can invite them privately",
        419 => "The participant can't be added because the group is full",
        _ => "An unknown error occupied while adding the participant",
    };
    let mut fields = Map::new();
    fields.insert(code_field.to_owned(), json!(result.code));
    fields.insert("message".to_owned(), json!(message));
    if code_field == "statusCode" {
        fields.insert("isGroupCreator".to_owned(), json!(false));
    }
    fields.insert("isInviteV4Sent".to_owned(), json!(result.invite_sent));
    Value::Object(fields)
}

fn noweb_metadata(world: &World, group: &Group, rows: Option<&Vec<Row>>) -> Value {
    let owner = row(world, &group.creator, Rank::SuperAdmin, None);
    let mut fields = json!({
        "id": group.id,
        "addressingMode": addressing(world),
        "subject": group.subject,
        "creation": group.created_at.as_second(),
        "owner": if owner.by_lid { owner.lid_id() } else { owner.number_id() },
        "ownerPn": owner.number_id(),
        "restrict": group.locked,
        "announce": group.announce,
        "isCommunity": false,
        "isCommunityAnnounce": false,
        "joinApprovalMode": false,
        "memberAddMode": false,
    });
    if let Some(fields) = fields.as_object_mut() {
        if !group.description.is_empty() {
            fields.insert("desc".to_owned(), json!(group.description));
        }
        if let Some(rows) = rows {
            fields.insert("size".to_owned(), json!(rows.len()));
            fields.insert("participants".to_owned(), rows.iter().map(noweb_row).collect());
        }
    }
    fields
}

fn noweb_row(row: &Row) -> Value {
    let admin = match row.rank {
        Rank::Member => Value::Null,
        Rank::Admin => json!("admin"),
        Rank::SuperAdmin => json!("superadmin"),
    };
    if !row.by_lid {
        return json!({"id": row.number_id(), "lid": row.lid_id(), "admin": admin});
    }
    if row.shows_number {
        json!({"id": row.lid_id(), "phoneNumber": row.number_id(), "admin": admin})
    } else {
        json!({"id": row.lid_id(), "admin": admin})
    }
}

fn noweb_result(world: &World, result: &PersonResult) -> Value {
    let row = result_row(world, result);
    let id = if row.by_lid { row.lid_id() } else { row.number_id() };
    let mut attrs = json!({"jid": id});
    if let (true, Some(attrs)) = (result.code != 200, attrs.as_object_mut()) {
        attrs.insert("error".to_owned(), json!(result.code.to_string()));
    }
    let children: Vec<Value> = result
        .invite
        .iter()
        .map(|invite| {
            let expiration = invite.expires_at.as_second().to_string();
            json!({"tag": "add_request", "attrs": {"code": invite.code, "expiration": expiration}})
        })
        .collect();
    json!({
        "status": result.code.to_string(),
        "jid": id,
        "content": {"tag": "participant", "attrs": attrs, "content": children},
    })
}

fn gows_group(world: &World, group: &Group, rows: Option<&Vec<Row>>) -> Value {
    let owner = row(world, &group.creator, Rank::SuperAdmin, None);
    let participants = rows.map(|rows| rows.iter().map(gows_row).collect::<Value>());
    json!({
        "JID": group.id,
        "OwnerJID": if owner.by_lid { owner.lid_id() } else { owner.number_id() },
        "OwnerPN": owner.number_id(),
        "Name": group.subject,
        "NameSetAt": group.created_at.to_string(),
        "Topic": group.description,
        "TopicID": "",
        "TopicSetAt": "0001-01-01T00:00:00Z",
        "IsLocked": group.locked,
        "IsAnnounce": group.announce,
        "IsEphemeral": false,
        "AddressingMode": addressing(world),
        "GroupCreated": group.created_at.to_string(),
        "ParticipantCount": rows.map_or(0, Vec::len),
        "MemberAddMode": "all_member_add",
        "Participants": participants,
    })
}

fn gows_row(row: &Row) -> Value {
    let number = if row.shows_number { row.number_id() } else { String::new() };
    let error = row.refusal.as_ref().map_or(0, |refusal| refusal.result_code);
    let invite = row.refusal.as_ref().and_then(|refusal| refusal.invite.as_ref());
    let request =
        invite.map(|invite| json!({"Code": invite.code, "Expiration": invite.expires_at.to_string()}));
    json!({
        "JID": if row.by_lid { row.lid_id() } else { row.number_id() },
        "PhoneNumber": number,
        "LID": row.lid_id(),
        "IsAdmin": row.rank > Rank::Member,
        "IsSuperAdmin": row.rank == Rank::SuperAdmin,
        "DisplayName": "",
        "Error": error,
        "AddRequest": request,
    })
}

fn addressing(world: &World) -> &'static str {
    match world.addressing {
        Addressing::Lid => "lid",
        Addressing::Phone => "pn",
    }
}
