//! Calls about the instance itself: its state, its account, its limits, where its events go.
//! Actors: the API face sends calls here; these work whatever the state is.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::sandbox::BANNED;
use crate::sandbox::call::Call;
use crate::sandbox::operation::Operation;
use crate::sandbox::reply::{Refused, Reply};
use crate::sandbox::setup::Api;
use crate::sandbox::world::{Account, World};

const SCAN: &str = "SCAN_QR_CODE";
const SLUGS: [&str; 2] = ["strict", "standard_policy"];

pub(super) fn answer(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let instance = call.instance_id.as_str();
    match call.operation {
        Operation::SessionInfo => info(world, call),
        Operation::SessionMe => Ok(Reply::json(me(world, instance)?)),
        Operation::StartSession | Operation::RestartSession => {
            // Only a human with the phone gets past the QR code, and nobody past a ban.
            let status = &world.account(instance)?.status;
            if status != SCAN && status != BANNED {
                world.set_session(instance, "WORKING", now);
            }
            info(world, call)
        }
        Operation::StopSession => {
            if world.account(instance)?.status != BANNED {
                world.set_session(instance, "STOPPED", now);
            }
            info(world, call)
        }
        Operation::LogoutSession => {
            if world.account(instance)?.status != BANNED {
                world.set_session(instance, SCAN, now);
            }
            info(world, call)
        }
        Operation::GetRateLimit => Ok(Reply::json(limits(world, world.account(instance)?))),
        Operation::SetRateLimit => {
            let slug = call.required("policy_slug")?.to_owned();
            if !SLUGS.contains(&slug.as_str()) {
                return Err(Refused::Invalid("policy_slug is unknown".to_owned()));
            }
            world.account_mut(instance)?.policy_slug = slug;
            Ok(Reply::json(limits(world, world.account(instance)?)))
        }
        Operation::GetWebhooks => Ok(Reply::json(hooks(world.account(instance)?))),
        Operation::SetWebhooks => {
            let Some(webhooks @ Value::Array(_)) = call.body.get("webhooks") else {
                return Err(Refused::Missing("webhooks"));
            };
            world.account_mut(instance)?.webhooks = webhooks.clone();
            Ok(Reply::json(hooks(world.account(instance)?)))
        }
        _ => Err(Refused::NotImplemented),
    }
}

fn info(world: &mut World, call: &Call) -> Result<Reply, Refused> {
    let instance = call.instance_id.as_str();
    let me = me(world, instance)?;
    let engine = world.engine.official_name();
    let account = world.account(instance)?;
    if call.api() == Api::Waha {
        return Ok(Reply::json(json!({
            "name": instance,
            "status": account.shown_status(),
            "config": {"webhooks": account.webhooks},
            "me": me,
            "engine": {"engine": engine},
        })));
    }
    let mut body = json!({
        "name": format!("session-{}", instance.to_lowercase()),
        "instance_id": instance,
        "server_name": "sandbox-1",
        "status": account.shown_status(),
        "config": {"webhooks": account.webhooks},
        "me": me,
        "engine": {"engine": engine},
    });
    if let (SCAN, Some(fields)) = (account.status.as_str(), body.as_object_mut()) {
        fields.insert("qr".to_owned(), json!("c2NhbiBtZQ=="));
    }
    Ok(Reply::json(body))
}

/// The linked account; null while no phone is linked, and of a banned number.
fn me(world: &mut World, instance: &str) -> Result<Value, Refused> {
    let account = world.account(instance)?;
    if account.status == SCAN || account.status == BANNED {
        return Ok(Value::Null);
    }
    let digits = account.number.digits.clone();
    let name = account.number.name.clone();
    let lid = world.lid(&digits);
    let mut me = json!({"id": format!("{digits}@c.us"), "pushName": name});
    if let (false, Some(fields)) = (world.quirks.disowns, me.as_object_mut()) {
        fields.insert("lid".to_owned(), json!(format!("{lid}@lid")));
    }
    Ok(me)
}

fn limits(world: &World, account: &Account) -> Value {
    let policies: Vec<Value> = SLUGS
        .iter()
        .map(|slug| {
            json!({
                "slug": slug,
                "available": true,
                "active": *slug == account.policy_slug,
                "limits": {
                    "send_message_per_minute": world.policy.sends_per_minute.unwrap_or(20),
                    "send_message_daily_cap": 1000,
                    "account_protection_seconds": 0,
                    "concurrent_limit": 1,
                    "group_req_per_minute": 10,
                    "group_daily_cap": world.policy.creations_per_hour.map_or(100, |most| most * 24),
                    "check_req_per_minute": 60,
                    "check_daily_cap": 1000,
                },
            })
        })
        .collect();
    json!({"policies": policies, "free_policies": SLUGS, "has_active_plan": true})
}

fn hooks(account: &Account) -> Value {
    json!({"webhooks": account.webhooks, "systemConfig": {"url": "https://inbox.wawp.example/hook"}})
}
