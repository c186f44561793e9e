//! What the operator decides about rooms. Read by the room's logic, filled by the config.

use crate::alert::Severity;
use crate::clock::SignedDuration;
use crate::incident::Rules;

/// How rooms behave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the config")]
pub struct Policy {
    /// This severity and worse opens a room.
    pub open_at: Severity,
    /// Quiet time after the last resolve before the room is closed.
    pub close_after: SignedDuration,
    /// An incident of which nothing was heard for so long is marked, told once and offered for closing.
    pub stale_after: SignedDuration,
    /// Least time between two pieces of news in a room; what comes sooner is told together.
    pub update_interval: SignedDuration,
    /// How long after its end a group is left; never, if absent.
    pub leave_after: Option<SignedDuration>,
    /// Whether an incident whose group has to wait goes into an open room of its route.
    pub share_when_over_budget: bool,
    /// What to do with people who never talked with our number.
    pub not_opted_in: NotOptedIn,
    /// Whether somebody who wrote to our number lately counts as opted in.
    pub chat_history_counts: bool,
    /// Whether a person from the room is made admin, so that a banned number does not lose it.
    pub second_admin: bool,
    /// Whether another of our numbers is brought into each room, so that it can go on there.
    pub second_number: bool,
    /// How long a number may fail to work before its rooms go on without it.
    pub failover_after: SignedDuration,
    /// Whether a fallback webhook is called when no number can tell people.
    pub fallback_webhook: bool,
    /// Whether only admins may change the subject and the description.
    pub lock_settings: bool,
    /// How long "no such group" is not yet believed: at least the call time limit plus the list's lag.
    pub settle: SignedDuration,
    /// The longest a gateway call may take.
    pub call_timeout: SignedDuration,
    /// How long a worker may hold a room: at least twice the call time limit.
    pub lease: SignedDuration,
    /// How often a create is tried before a person must decide.
    pub create_attempts: u32,
    /// How long a room may stay in a phase that should pass by itself before a person must decide.
    pub phase_deadline: SignedDuration,
    /// When the members are read, counted from the moment the room is briefed.
    pub member_reads: Vec<SignedDuration>,
}

/// What happens to wanted people who never opted in to our number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NotOptedIn {
    /// Not added; one 1:1 message with the link.
    #[default]
    Invite,
    /// Added like everybody else.
    Add,
    /// Neither added nor written to.
    LeaveOut,
}

impl Policy {
    /// What of it is about incidents.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules { open_at: self.open_at, close_after: self.close_after, stale_after: self.stale_after }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            open_at: Severity::Sev1,
            close_after: SignedDuration::from_mins(30),
            stale_after: SignedDuration::from_hours(12),
            update_interval: SignedDuration::from_mins(5),
            leave_after: None,
            share_when_over_budget: true,
            not_opted_in: NotOptedIn::Invite,
            chat_history_counts: false,
            second_admin: true,
            second_number: true,
            failover_after: SignedDuration::from_secs(60),
            fallback_webhook: false,
            lock_settings: true,
            settle: SignedDuration::from_secs(45),
            call_timeout: SignedDuration::from_secs(30),
            lease: SignedDuration::from_secs(120),
            create_attempts: 3,
            phase_deadline: SignedDuration::from_mins(15),
            member_reads: vec![
                SignedDuration::from_secs(2),
                SignedDuration::from_secs(5),
                SignedDuration::from_secs(15),
            ],
        }
    }
}
