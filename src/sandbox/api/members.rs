//! Calls about the members of one group.
//! Actors: the API face sends calls here; `membership` holds the rules, `engine` the shapes.

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::engine;
use crate::sandbox::group::Rank;
use crate::sandbox::operation::Operation;
use crate::sandbox::reply::{Refused, Reply};
use crate::sandbox::world::World;

pub(super) fn answer(world: &mut World, call: &Call, now: Timestamp) -> Result<Reply, Refused> {
    let instance = call.instance_id.as_str();
    let id = call.group_id();
    let results = match call.operation {
        Operation::ListParticipants => {
            let bot = world.bot(instance)?;
            let group = world.joined_group(&bot, id, now)?;
            return Ok(Reply::json(engine::participants(world, group, now)));
        }
        Operation::ListParticipantsV2 => {
            let bot = world.bot(instance)?;
            let group = world.joined_group(&bot, id, now)?;
            return Ok(Reply::json(engine::participants_v2(world, group, now)));
        }
        Operation::AddParticipants => {
            let results = world.add_people(instance, id, &call.participants()?, now)?;
            return Ok(Reply::json(engine::added(world, &results)));
        }
        Operation::RemoveParticipants => world.remove_people(instance, id, &call.participants()?, now)?,
        Operation::PromoteParticipants => {
            world.rank_people(instance, id, &call.participants()?, Rank::Admin, now)?
        }
        Operation::DemoteParticipants => {
            world.rank_people(instance, id, &call.participants()?, Rank::Member, now)?
        }
        _ => return Err(Refused::NotImplemented),
    };
    Ok(Reply::json(engine::changed(world, &results)))
}
