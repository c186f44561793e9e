//! Why somebody is told 1:1 and not only in the group.

use crate::clock::{SignedDuration, Timestamp, later};
use crate::room::{Phase, Room, Why};

/// The reason, without its full stop and without the link that may follow.
pub(super) fn because(why: &Why, room: &Room, now: Timestamp) -> String {
    match why {
        Why::GivenUp { reason } => reason.clone(),
        Why::Delayed { until } => {
            let begin = "WhatsApp lets a number make only a few groups an hour, and they are used up";
            if *until > later(now, SignedDuration::from_hours(24)) {
                return format!("{begin}; yours is not made within a day");
            }
            let today = until.strftime("%F").to_string() == now.strftime("%F").to_string();
            let at = until.strftime(if today { "%H:%M UTC" } else { "%F %H:%M UTC" });
            format!("{begin}; yours is made at about {at}")
        }
        Why::Late { link } => match (&room.phase, link) {
            (Phase::Live { .. }, Some(_)) => {
                "the group is there, but nobody can tell whether you are in it".to_owned()
            }
            (Phase::Live { .. }, None) if room.is_briefed() => {
                "the group is there, but nobody can tell whether you \
                are in it, and its link could not be had. Ask somebody in it to add you"
                    .to_owned()
            }
            _ => state(room),
        },
        Why::Unlinked => {
            "the group is there, but you could not be added, and the invite link could not be had. Ask \
            somebody in it to add you"
                .to_owned()
        }
        Why::Muted => "the number that writes there does not work".to_owned(),
        Why::ToldWith { other } => format!("it waits for a group, like {other}"),
    }
}

/// What keeps people from being told in the group.
pub(super) fn state(room: &Room) -> String {
    let last = |key: &str| room.tasks.trouble(key).map(|t| format!(": {}", t.last)).unwrap_or_default();
    match room.phase {
        Phase::Live { .. } if room.is_briefed() => {
            "the group is there, but nobody can tell who is in it".to_owned()
        }
        Phase::Live { .. } => {
            format!("the group is there, but nothing could be said in it so far{}", last("say welcome"))
        }
        Phase::Unsure { .. } => "nobody can tell yet whether the group was made; it is looked for".to_owned(),
        _ => format!("the group could not be made so far{}; it is still tried", last("create")),
    }
}
