//! Calls about groups as a whole: make, list, read, leave, settings, invite codes.
//! Actors: the API face sends calls here; `membership` holds the rules, `engine` the shapes.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::engine;
use crate::sandbox::group::Group;
use crate::sandbox::link::{JoinRefused, code_of};
use crate::sandbox::operation::Operation;
use crate::sandbox::reply::{Refused, Reply};
use crate::sandbox::settings::Switch;
use crate::sandbox::setup::Engine;
use crate::sandbox::world::World;

pub(super) fn answer(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let instance = call.instance_id.as_str();
    let id = call.group_id();
    match call.operation {
        Operation::CreateGroup => create(world, call, now),
        Operation::ListGroups => list(world, call, now),
        Operation::CountGroups => {
            let bot = world.bot(instance)?;
            Ok(Reply::json(json!({"count": world.listed_groups(&bot, now).len()})))
        }
        Operation::RefreshGroups => {
            world.refreshed_at = now;
            Ok(Reply::json(json!({"success": true})))
        }
        Operation::JoinInfo => {
            let code = call.required("code")?;
            let group = linked_group(world, code, now)?;
            Ok(Reply::json(engine::group(world, group, false, now)))
        }
        Operation::JoinGroup => join(world, call, now),
        Operation::GetGroup => {
            let bot = world.bot(instance)?;
            let elsewhere = world.elsewhere(&bot);
            let group = match elsewhere.iter().find(|group| group.id == id) {
                Some(group) => group,
                None => world.joined_group(&bot, id, now)?,
            };
            Ok(Reply::json(engine::group(world, group, true, now)))
        }
        Operation::DeleteGroup => match world.engine {
            Engine::Webjs => {
                world.delete_group(instance, id, now)?;
                Ok(Reply::text("true"))
            }
            Engine::Noweb | Engine::Gows => Err(Refused::NotImplemented),
        },
        Operation::LeaveGroup => {
            let bot = world.bot(instance)?;
            world.joined_group(&bot, id, now)?;
            world.leave(&bot, id, now);
            Ok(Reply::empty())
        }
        Operation::SetSubject => {
            let subject = text_field(call, "subject")?;
            world.set_subject(instance, id, subject, now)?;
            Ok(engine::setter_done(world.engine))
        }
        Operation::SetDescription => {
            let description = text_field(call, "description")?;
            world.set_description(instance, id, description, now)?;
            Ok(engine::setter_done(world.engine))
        }
        Operation::GetPicture => {
            let bot = world.bot(instance)?;
            world.joined_group(&bot, id, now)?;
            Ok(Reply::json(json!({"url": null})))
        }
        Operation::GetMessagesAdminOnly => switch_state(world, call, Switch::MessagesAdminOnly, now),
        Operation::GetInfoAdminOnly => switch_state(world, call, Switch::InfoAdminOnly, now),
        Operation::SetMessagesAdminOnly => set_switch(world, call, Switch::MessagesAdminOnly, now),
        Operation::SetInfoAdminOnly => set_switch(world, call, Switch::InfoAdminOnly, now),
        Operation::GetInviteCode => {
            let code = world.invite_code(instance, id, now)?;
            Ok(engine::invite_code(world, &code))
        }
        Operation::RevokeInviteCode => {
            let code = world.revoke_code(instance, id, now)?;
            Ok(engine::invite_code(world, &code))
        }
        _ => Err(Refused::NotImplemented),
    }
}

fn create(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let name = text_field(call, "name")?;
    if name.is_empty() {
        return Err(Refused::Invalid("name should not be empty".to_owned()));
    }
    let asked = call.participants()?;
    let (id, results) = world.create_group(&call.instance_id, name, &asked, now)?;
    let group = world.group(&id).ok_or_else(|| Refused::upstream(500))?;
    Ok(Reply::json(engine::created(world, group, &results)))
}

fn list(world: &World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let bot = world.bot(&call.instance_id)?;
    let elsewhere = world.elsewhere(&bot);
    let mut groups = world.listed_groups(&bot, now);
    groups.extend(&elsewhere);
    match call.field("sortBy") {
        Some("id") => groups.sort_by(|one, other| one.id.cmp(&other.id)),
        Some("subject") => groups.sort_by(|one, other| one.subject.cmp(&other.subject)),
        _ => {}
    }
    if call.field("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("desc")) {
        groups.reverse();
    }
    let with_members = call.field("exclude") != Some("participants");
    let page = call.page(groups, None);
    Ok(Reply::json(engine::groups(world, &page, with_members, now)))
}

fn linked_group<'w>(world: &'w World, link: &str, now: Timestamp) -> Result<&'w Group, Refused> {
    let code = code_of(link);
    let is_well_formed = code.len() == 22 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_well_formed {
        return Err(Refused::upstream(406));
    }
    world.group_of_link(None, code, now).map_err(join_refused)
}

fn join(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let code = call.required("code")?.to_owned();
    linked_group(world, &code, now)?;
    let bot = world.bot(&call.instance_id)?;
    let id = world.join_by_link(&bot, &code, now).map_err(join_refused)?;
    Ok(Reply::json(json!({"id": id})))
}

fn join_refused(refused: JoinRefused) -> Refused {
    Refused::upstream(refused.code())
}

fn switch_state(world: &World, call: &Call, switch: Switch, now: Timestamp) -> Result<Reply, Refused> {
    let bot = world.bot(&call.instance_id)?;
    let group = world.joined_group(&bot, call.group_id(), now)?;
    let is_on = match switch {
        Switch::MessagesAdminOnly => group.announce,
        Switch::InfoAdminOnly => group.locked,
    };
    Ok(Reply::json(json!({"adminsOnly": is_on})))
}

fn set_switch(world: &mut World, call: &Call, switch: Switch, now: Timestamp) -> Result<Reply, Refused> {
    // WAHA's default is true, so a body that lost the field locks the group.
    let is_on = match call.body.get("adminsOnly") {
        None => true,
        Some(Value::Bool(is_on)) => *is_on,
        Some(_) => return Err(Refused::Invalid("adminsOnly must be a boolean value".to_owned())),
    };
    world.set_switch(&call.instance_id, call.group_id(), switch, is_on, now)?;
    Ok(engine::setter_done(world.engine))
}

fn text_field<'c>(call: &'c Call, name: &str) -> Result<&'c str, Refused> {
    call.body
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Refused::Invalid(format!("{name} must be a string")))
}
