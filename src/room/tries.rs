//! How often a step is tried, and which steps tell of the room's group.

use super::agenda::{Step, What};

/// Failures in a row after which a step is given up, or done without.
pub(super) fn patience(step: &Step) -> u32 {
    match step {
        // What people must hear is tried until it is refused; a look has its phase's deadline; standbys and
        // appeals count by themselves.
        Step::Say { .. } | Step::Create { .. } | Step::Look { .. } | Step::Standby(_) | Step::Appeal(_) => {
            u32::MAX
        }
        Step::LookForMessage { .. }
        | Step::CheckReachable { .. }
        | Step::CheckHistory { .. }
        | Step::ReadGroup { .. }
        | Step::AddMembers { .. } => 3,
        // Read again minutes later in any case.
        Step::ReadMembers { .. } => 5,
        Step::Describe { .. }
        | Step::LockSettings { .. }
        | Step::Promote { .. }
        | Step::Rename { .. }
        | Step::RenameOrphan { .. } => 8,
        Step::GetLink { .. }
        | Step::Sweep { .. }
        | Step::RevokeLink { .. }
        | Step::LockMessages { .. }
        | Step::Leave { .. }
        | Step::LeaveOrphan { .. } => 20,
    }
}

/// Whether a "gone" from this step means that the room's group is gone.
pub(super) fn touches_group(step: &Step) -> bool {
    match step {
        Step::Say { what, .. } => !what.is_private() && !matches!(what, What::Pointer { .. }),
        Step::Describe { .. }
        | Step::ReadMembers { .. }
        | Step::AddMembers { .. }
        | Step::GetLink { .. }
        | Step::LockSettings { .. }
        | Step::Promote { .. }
        | Step::RevokeLink { .. }
        | Step::LockMessages { .. }
        | Step::Rename { .. }
        | Step::Leave { .. } => true,
        // A chat without a message can be unknown where its group is well; the message sent next will tell.
        Step::LookForMessage { .. }
        | Step::Create { .. }
        | Step::Look { .. }
        | Step::Sweep { .. }
        | Step::ReadGroup { .. }
        | Step::CheckHistory { .. }
        | Step::CheckReachable { .. }
        | Step::RenameOrphan { .. }
        | Step::LeaveOrphan { .. }
        // What another number sees of the group says nothing about the room's own.
        | Step::Standby(_)
        | Step::Appeal(_) => false,
    }
}
