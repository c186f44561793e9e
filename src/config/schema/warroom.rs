//! The schema of `warroom.yaml`; its gateway and sources have files of their own.

use serde_json::{Value, json};

use super::shape::{
    self, Key, document, duration, key, language, map, map_with, named, number, one_of, secret, severity,
    some, such_as, text, truth, usual, with, wording, words,
};
use super::{gateway, sources};
use crate::config::rooms::{LETTERS, TEMPLATES, USUAL_NAME};
use crate::message::Wording;

pub(super) fn schema() -> Value {
    let root = map_with(
        &["gateway", "sources"],
        [
            key("server", "Where webhooks arrive and operators look, and limits.", server()),
            key(
                "store",
                "Receipts, incidents and rooms: `sqlite:` and a path, relative to this file, or \
                 `postgres://user@host/database` for several replicas.",
                usual(
                    json!({ "anyOf": [
                        shape::elsewhere("WARROOM_STORE", "store.txt"),
                        words("^\\s*(sqlite:[^:]|postgres(ql)?://)"),
                    ] }),
                    "sqlite:warroom.db",
                ),
            ),
            key(
                "keep_bodies",
                "How long the bodies of webhooks are kept for a replay, from 1d to 3650d.",
                usual(duration(), "30d"),
            ),
            key(
                "roster",
                "Who there is and who is called for what: a file, or a folder of files; relative to this file.",
                usual(text(), "roster.yaml"),
            ),
            key(
                "operator",
                "Who speaks in every message: your company or team, as people know it.",
                such_as(text(), "Acme Operations"),
            ),
            key("gateway", "The chat provider and the linked numbers.", gateway::gateway()),
            key(
                "sources",
                "The monitoring tools. The key is the path they call: `prometheus` is reached at /hooks/prometheus.",
                with(
                    with(named(sources::source()), "minProperties", 1),
                    "propertyNames",
                    json!({ "pattern": "^[a-z0-9][a-z0-9-]{0,63}$", "not": { "const": "gateway" } }),
                ),
            ),
            key("rooms", "How rooms behave.", rooms()),
            key("messages", "Wording of your own. What is absent is built in.", messages()),
            key("log", "How the bridge logs.", log()),
        ],
    );
    let defs = [
        shape::duration_def(),
        shape::matchers_def(),
        shape::phone_def(),
        shape::secret_def(),
        shape::secrets_def(),
        shape::severity_def(),
    ];
    let says = "What the bridge listens on, whom it calls through which number, and who may open a room.";
    document("warroom", "warroom.yaml", says, root, defs.into_iter().chain(sources::defs()))
}

fn address() -> Value {
    words("^\\s*\\S+:[0-9]+\\s*$")
}

fn server() -> Value {
    let size = json!({
        "type": ["string", "integer"],
        "pattern": "^\\s*[0-9]+\\s*(B|KB|kB|KiB|MB|MiB)?\\s*$",
        "minimum": 256 << 10,
        "maximum": 64 << 20,
    });
    map([
        key("listen", "Monitoring tools and the gateway call here.", such_as(address(), "127.0.0.1:8080")),
        key(
            "admin",
            "Console, metrics and operators' actions. Anywhere but on loopback this needs `admin_token`.",
            usual(address(), "127.0.0.1:9090"),
        ),
        key(
            "admin_token",
            "What an operator must show to get in. Without it only this very machine is answered, and no proxy.",
            secret(),
        ),
        key(
            "trusted_proxies",
            "Proxies before the listeners, by address or network: they say in `forwarded_header` whom they speak for.",
            some(such_as(words("^\\s*[0-9a-fA-F:.]+(/[0-9]{1,3})?\\s*$"), "10.0.0.0/8")),
        ),
        key(
            "forwarded_header",
            "Where trusted proxies write the address of whoever called them, at the end.",
            usual(words("^\\s*[A-Za-z0-9-]+\\s*$"), "X-Forwarded-For"),
        ),
        key(
            "max_body",
            "Largest body of a webhook, from 256KiB to 64MiB; a sender that its head proves may send 16MiB at least.",
            usual(size, "1MiB"),
        ),
        key("header_timeout", "How long a request's head may take to arrive.", usual(duration(), "5s")),
        key(
            "body_timeout",
            "How long a request's body may take to arrive, and an answer may wait to be read.",
            usual(duration(), "10s"),
        ),
        key(
            "stop_grace",
            "How long running work may take to finish when told to stop.",
            usual(duration(), "30s"),
        ),
    ])
}

fn rooms() -> Value {
    map([
        key("open_at", "This severity and worse opens a room.", usual(severity(), "sev1")),
        key(
            "name",
            "What a room is called. It begins with `INCIDENT-{{ id }}` and a blank.",
            usual(words("^\\s*INCIDENT-\\s*\\{\\{\\s*id\\s*\\}\\}( |\\s*$)"), USUAL_NAME),
        ),
        key(
            "language",
            "The language of rooms whose route has none, and of people without one: en (if absent), ar, de, es, fr, \
             hi, id, pt, or one that `messages.translations` has.",
            language(),
        ),
        key(
            "close_after",
            "Quiet time after the last resolve before a room is closed.",
            usual(duration(), "30m"),
        ),
        key(
            "stale_after",
            "An incident of which nothing was heard for so long is marked, told once and offered for closing.",
            usual(duration(), "12h"),
        ),
        key(
            "update_interval",
            "Least time between two messages about what changed.",
            usual(duration(), "5m"),
        ),
        key(
            "leave_after",
            "How long after its end our number leaves a group. Never if absent.",
            such_as(duration(), "30d"),
        ),
        key(
            "share_when_over_budget",
            "When the budget of groups is used up: let an incident into an open room of its route.",
            usual(truth(), true),
        ),
        key(
            "not_opted_in",
            "People who never wrote to our number: invite (one 1:1 message with the link), add or leave_out.",
            usual(one_of(["invite", "add", "leave_out"]), "invite"),
        ),
        key(
            "chat_history_counts",
            "Whether somebody who has written to our number within the last half year is added like people who \
             were opted_in.",
            usual(truth(), false),
        ),
        key(
            "second_admin",
            "Make one of the people an admin too, so that a blocked number does not lose the group.",
            usual(truth(), true),
        ),
        key(
            "second_number",
            "Bring a second linked number into each room as an admin, so that the room can go on there.",
            usual(truth(), true),
        ),
        key(
            "lock_settings",
            "Only admins may change the group's name and description.",
            usual(truth(), true),
        ),
        key(
            "create_attempts",
            "How often making the group is tried before a person must decide.",
            usual(number(1, 10), 3),
        ),
        key(
            "phase_deadline",
            "How long a room may stay in a passing phase before a person must decide.",
            usual(duration(), "15m"),
        ),
    ])
}

fn messages() -> Value {
    let translatable = Wording::translatable().map(|template| template_key(template.as_str()));
    let translations = with(
        named(map(translatable)),
        "propertyNames",
        json!({ "pattern": "^\\s*[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\\s*$" }),
    );
    let translations = key(
        "translations",
        "Texts of one language, by its tag (`de`, `pt-BR`).",
        such_as(translations, json!({ "de": { "invite": "{{ token }} {{ title }} {{ link }}" } })),
    );
    map(TEMPLATES.map(template_key).into_iter().chain(LETTERS.map(template_key)).chain([translations]))
}

/// The key of a template.
pub(super) fn template_key(name: &'static str) -> Key {
    let says = match name {
        "welcome" => "The first message of a room.",
        "guest" => "An incident in the room of another one.",
        "description" => "The group's description.",
        "presence" => "Who is here, once that is known.",
        "quorum" => {
            "Who must be there and is not, who stands in, and that everybody needed is there after all."
        }
        "update" => "What changed.",
        "resolved" => "Nothing fires any more.",
        "reopened" => "It fires again.",
        "invite" => "To one person: the link to the group.",
        "reminder" => "To one person who must be there.",
        "brief" => "To one person, while there is no group or nobody can be brought into it.",
        "quiet" => "To one person, whose room cannot be spoken in because its number does not work.",
        "last_words" => "Said when the room is closed.",
        "pointer" => "Into a second group, when it is closed.",
        "opt_in_request" => {
            "To one person, whether they may be called; it must tell them to answer STOP if not."
        }
        "stop_taken" => "To one person who said STOP; it must name START.",
        "start_taken" => "To one person who said START; it must name STOP.",
        "stop_question" => {
            "To one person who wrote a sentence that may be meant as a STOP; it must name STOP."
        }
        _ => "A text of the bridge.",
    };
    let such = match name {
        // The people asked by it need the link.
        "invite" => "{{ token }} {{ title }} {{ link }}",
        "opt_in_request" => "{{ person.name }}: answer STOP",
        "stop_taken" => "Taken. START undoes it.",
        "start_taken" => "Taken. STOP undoes it.",
        "stop_question" => "No more of these? Answer STOP.",
        _ => "{{ token }} {{ title }}",
    };
    key(name, says, wording(such, &format!("{name}.txt")))
}

fn log() -> Value {
    map([
        key("format", "text for people, json for a log collector.", usual(one_of(["text", "json"]), "text")),
        key(
            "level",
            "error, warn, info, debug or trace, or for parts: info,warroom::worker=debug",
            usual(text(), "info"),
        ),
    ])
}
