//! Calls about people: does a number have an account, contacts, and the tie of hidden ids to numbers.
//! Actors: the API face sends calls here.

use serde_json::{Value, json};

use super::chats::store;
use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::operation::Operation;
use crate::sandbox::person::Privacy;
use crate::sandbox::reply::{Refused, Reply};
use crate::sandbox::setup::Engine;
use crate::sandbox::world::World;

/// WAHA's page size for lids.
const LIDS_PAGE: usize = 100;

pub(super) fn answer(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    match call.operation {
        Operation::CheckExists => check(world, call, now),
        Operation::GetContact => {
            let id = call.required("contactId")?;
            let digits =
                world.digits_of(id).ok_or_else(|| Refused::NotFound("Contact not found".to_owned()))?;
            Ok(Reply::json(contact(world, &digits)))
        }
        Operation::ListContacts => {
            let everyone: Vec<&String> = world.people.keys().collect();
            let shapes: Vec<Value> =
                call.page(everyone, None).into_iter().map(|digits| contact(world, digits)).collect();
            Ok(Reply::json(Value::from(shapes)))
        }
        Operation::ListLids => {
            store(world)?;
            let shapes: Vec<Value> = call
                .page(world.resolvable_lids(), Some(LIDS_PAGE))
                .into_iter()
                .map(|(digits, lid)| pair(Some(&lid), Some(&digits)))
                .collect();
            Ok(Reply::json(Value::from(shapes)))
        }
        Operation::CountLids => {
            store(world)?;
            Ok(Reply::json(json!({"count": world.resolvable_lids().len()})))
        }
        Operation::LidOfNumber => {
            store(world)?;
            let digits = user_part(call, "digits").trim_start_matches('+');
            let lid = world.known_lid(digits).filter(|_| world.can_resolve(digits));
            Ok(Reply::json(pair(lid, Some(digits))))
        }
        Operation::NumberOfLid => {
            store(world)?;
            let lid = user_part(call, "lid");
            let digits = world.digits_of_lid(lid).filter(|digits| world.can_resolve(digits));
            Ok(Reply::json(pair(Some(lid), digits)))
        }
        _ => Err(Refused::NotImplemented),
    }
}

fn user_part<'c>(call: &'c Call, name: &str) -> &'c str {
    let value = call.params.get(name).map_or("", String::as_str);
    value.split('@').next().unwrap_or(value)
}

fn pair(lid: Option<&str>, digits: Option<&str>) -> Value {
    json!({
        "lid": lid.map(|lid| format!("{lid}@lid")),
        "pn": digits.map(|digits| format!("{digits}@c.us")),
    })
}

fn check(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let phone = call.required("phone")?;
    let digits = phone.strip_prefix('+').unwrap_or(phone).to_owned();
    let is_number = !digits.starts_with("00") && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(Refused::Invalid("phone must hold digits only".to_owned()));
    }
    let (pace, policy) = world.pace(&call.instance_id)?;
    pace.check(policy, now)?;
    let person = world.person(&digits);
    let answer = if person.privacy != Privacy::NotOnWhatsapp404 {
        let registered = person.registered_as.unwrap_or(digits);
        json!({"numberExists": true, "chatId": format!("{registered}@c.us")})
    } else if world.engine == Engine::Webjs {
        json!({"numberExists": false, "chatId": null})
    } else {
        json!({"numberExists": false})
    };
    Ok(Reply::json(answer))
}

fn contact(world: &World, digits: &str) -> Value {
    let name = world.name_of(digits);
    json!({
        "id": format!("{digits}@c.us"),
        "number": digits,
        "name": name,
        "pushname": name,
        "shortName": name.split(' ').next(),
        "isMe": world.is_bot(digits),
        "isGroup": false,
        "isWAContact": world.person(digits).effective_privacy() != Privacy::NotOnWhatsapp404,
        "isMyContact": world.people.contains_key(digits),
        "isBlocked": false,
        "isBusiness": false,
    })
}
