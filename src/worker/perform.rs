//! The call that a step stands for.

use crate::gateway::{Gateway, GatewayError, GroupSearch, InviteLink};
use crate::jid::{GroupId, Jid};
use crate::room::{Answer, Task};

/// Makes the call with its words, if it has any; `ours` are the ids of all our numbers, `member_of` the groups in
/// which this one is known to be.
pub(super) async fn perform(
    gateway: &dyn Gateway,
    (step, words): (&Task, Option<&str>),
    ours: &[Jid],
    member_of: Vec<GroupId>,
) -> Result<Answer, GatewayError> {
    let no_words = || GatewayError::NotSent { detail: "there are no words for it".to_owned() };
    let words = || words.ok_or_else(no_words);
    let done = |()| Answer::Done;
    match step {
        Task::Create { people } => gateway.create_group(words()?, people).await.map(Answer::Created),
        Task::Look { token, asked_at, thoroughly, .. } => {
            let (token, asked_at, thoroughly) = (token.clone(), *asked_at, *thoroughly);
            let search = GroupSearch { token, asked_at, member_of, thoroughly, all: false };
            gateway.find_groups(&search).await.map(Answer::Groups)
        }
        Task::Sweep { token, asked_at, .. } => {
            let (token, asked_at) = (token.clone(), *asked_at);
            let search = GroupSearch { token, asked_at, member_of, thoroughly: true, all: true };
            gateway.find_groups(&search).await.map(Answer::Groups)
        }
        Task::Say { chat, .. } => gateway.send_text(chat, words()?).await.map(Answer::Sent),
        Task::LookForMessage { chat, .. } => {
            gateway.recent_own_messages(chat, ours).await.map(Answer::Messages)
        }
        Task::Describe { group } => gateway.describe(group, words()?).await.map(done),
        Task::ReadMembers { group, wanted } => gateway.members(group, wanted).await.map(Answer::Members),
        Task::ReadGroup { group, .. } | Task::CheckNumber { group, .. } => {
            gateway.members(group, &[]).await.map(Answer::Members)
        }
        Task::AddMembers { group, people } => gateway.add_members(group, people).await.map(Answer::Added),
        Task::AddNumber { group, jid, .. } => {
            gateway.add_members(group, std::slice::from_ref(jid)).await.map(Answer::Added)
        }
        Task::CheckHistory { jid, since, .. } => gateway.has_written(jid, *since).await.map(Answer::Written),
        Task::GetLink { group } => gateway.invite_link(group).await.map(Answer::Link),
        Task::CheckReachable { jid, .. } => gateway.is_reachable(jid).await.map(Answer::Reachable),
        Task::LockSettings { group } => gateway.lock_settings(group).await.map(done),
        Task::Promote { group, jid, .. } | Task::PromoteNumber { group, jid, .. } => {
            gateway.promote(group, jid).await.map(done)
        }
        Task::RevokeLink { group } => gateway.revoke_link(group).await.map(done),
        Task::LockMessages { group } => gateway.lock_messages(group).await.map(done),
        Task::Rename { group } | Task::RenameDuplicate { group } => {
            gateway.rename(group, words()?).await.map(done)
        }
        Task::Leave { group } | Task::LeaveNumber { group, .. } | Task::LeaveDuplicate { group } => {
            gateway.leave(group).await.map(done)
        }
        Task::JoinNumber { group, link, .. } => join(gateway, group, link).await,
        Task::CallWebhook(_) => {
            Err(GatewayError::NotSent { detail: "the fallback webhook is no linked number".to_owned() })
        }
    }
}

async fn join(gateway: &dyn Gateway, group: &GroupId, link: &InviteLink) -> Result<Answer, GatewayError> {
    let joined = gateway.join(link).await?;
    if joined == *group {
        return Ok(Answer::Done);
    }
    let detail = format!("the link led into another group, {joined}");
    Err(GatewayError::Refused { reason: crate::gateway::Refusal::Invalid, detail })
}
