//! What a room's decisions are made with besides its own record.

use std::collections::BTreeMap;

use super::Room;
use super::numbers::Numbers;
use super::policy::Policy;
use super::wish::Wish;
use crate::clock::Timestamp;
use crate::consent::Stances;
use crate::gateway::Notice;
use crate::incident::{Incident, IncidentId, News};
use crate::jid::GroupId;
use crate::number::Health;

use serde::{Deserialize, Serialize};

/// What is wanted of a room right now, read afresh before each task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The incident as it is now.
    pub incident: Incident,
    /// News not said yet, oldest first.
    pub news: Vec<NewsItem>,
    /// What an operator asked for.
    pub wish: Option<Wish>,
    /// What the gateway told and the room has not heard yet, oldest first.
    pub notices: Vec<NoticeItem>,
    /// The room it is a guest of; while it has no group, one that it could be a guest of.
    pub host: Option<Host>,
    /// Incidents that are guests in its room.
    pub guests: Vec<IncidentId>,
    /// Groups beside the room that are not closed.
    pub duplicates: Vec<OpenDuplicate>,
    /// Who of its people wants to be called.
    pub stances: Stances,
    /// What is known of our linked numbers, by their names in the config.
    pub numbers: BTreeMap<String, Health>,
    /// How often that has changed.
    pub numbers_changes: i64,
}

/// A piece of news with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsItem {
    /// Counts from 1 in each incident.
    pub seq: i64,
    /// When we heard it.
    pub at: Timestamp,
    /// What.
    pub news: News,
}

/// Policy, numbers and limits.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The operator's decisions.
    pub policy: &'a Policy,
    /// All of our numbers as they are now.
    pub numbers: &'a Numbers,
    /// Nobody is written to 1:1 before this moment, because no number may do it: other work goes on.
    pub no_private_before: Option<Timestamp>,
    /// When this process began to work.
    pub began_at: Timestamp,
}

/// All that a plan is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) room: &'a Room,
    pub(super) inputs: &'a Inputs,
    pub(super) context: Context<'a>,
    pub(super) now: Timestamp,
}

/// A notice with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeItem {
    /// Counts up over all rooms.
    pub seq: i64,
    /// When it reached us.
    pub at: Timestamp,
    /// The linked number that was told.
    pub instance: String,
    /// What.
    pub notice: Notice,
}

/// The room that an incident is a guest of, or could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its incident.
    pub incident: IncidentId,
    /// Its group, once that is there and its people were told what for.
    pub group: Option<GroupId>,
    /// The linked number that looks after the group.
    pub instance: String,
    /// The people (keys in the roster) who were asked into it.
    pub people: Vec<String>,
}

/// A group beside the room that is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDuplicate {
    /// The group.
    pub group: GroupId,
    /// The linked number that is in it; the room's own, if that is not known.
    pub instance: Option<String>,
    /// When we learned of it.
    pub found_at: Timestamp,
    /// Whether an operator wants it closed.
    pub closing: bool,
}
