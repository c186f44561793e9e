//! The schema of `roster.yaml`.

use serde_json::{Value, json};

use super::shape::{
    self, Key, def, document, duration, key, language, list, map, map_with, matching, named, number,
    one_or_more, some, such_as, text, truth, usual, web_address, with, words,
};
use super::warroom::template_key;
use crate::config::rooms::TEMPLATES;
use crate::roster::USUAL_SIZE;

pub(super) fn schema() -> Value {
    let root = map_with(
        &["people", "fallback"],
        [
            key(
                "people",
                "Who there is. The key is how the rest of this file names a person.",
                with(named(person()), "minProperties", 1),
            ),
            key("rotations", "Who is on duty when.", named(rotation())),
            key("teams", "People and rotations under one name: `team:NAME`.", named(team())),
            key(
                "clients",
                "Whose incidents these are, by the label `client`; their people are added to those of the route.",
                named(client()),
            ),
            key(
                "labels",
                "Values that you know labels to have; matchers that match none of them are reported.",
                such_as(
                    with(
                        named(one_or_more(such_as(text(), "production"))),
                        "propertyNames",
                        json!({ "not": { "enum": ["severity", "source", "title"] } }),
                    ),
                    json!({ "environment": ["production", "staging"] }),
                ),
            ),
            key(
                "routes",
                "Which incidents concern whom. The first route whose matchers all hold is taken.",
                list(route()),
            ),
            key("fallback", "Taken when no route matches, so that nobody is never the answer.", fallback()),
        ],
    );
    let defs = [
        shape::duration_def(),
        shape::matchers_def(),
        shape::phone_def(),
        key(
            "invitee",
            "A person's key, `rotation:NAME` for whoever is on duty, or `team:NAME`.",
            such_as(text(), "mei"),
        ),
        key("messages", "Wording by template.", map(TEMPLATES.map(template_key))),
        key("invite", "Role: who. The commander leads.", by_role()),
        key(
            "zone",
            "A time zone by its IANA name.",
            such_as(words("^\\s*[A-Za-z][A-Za-z0-9_+/-]*\\s*$"), "Europe/Berlin"),
        ),
        key(
            "moment",
            "A moment by the wall clock: `2026-01-05 09:00`.",
            such_as(
                words("^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?\\s*$"),
                "2026-01-05 09:00",
            ),
        ),
    ];
    let says = "Who there is, who is on duty when, and who is called for which incident.";
    document("roster", "roster.yaml", says, root, defs)
}

fn by_role() -> Value {
    let role = json!({ "pattern": "^\\s*[^,\\s]([^,]{0,38}[^,\\s])?\\s*$" });
    let whom = with(named(some(def("invitee"))), "propertyNames", role);
    such_as(whom, json!({ "commander": ["mei"] }))
}

fn person() -> Value {
    let day = || matching("^\\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?\\s*$");
    let absence = map_with(
        &["from", "until"],
        [
            key("from", "The first day away, or a moment.", such_as(day(), "2026-08-03")),
            key(
                "until",
                "The last day away, or the moment of the return.",
                such_as(day(), "2026-08-14 12:00"),
            ),
        ],
    );
    let absence = such_as(absence, json!({ "from": "2026-08-03", "until": "2026-08-14" }));
    let role = such_as(matching("^\\s*[^,\\s]([^,]{0,38}[^,\\s])?\\s*$"), "commander");
    let person = map_with(
        &["name"],
        [
            key("name", "What the others read in the room.", such_as(text(), "Amira Haddad")),
            key("phone", "With + and country code, in quotes.", such_as(def("phone"), "+15550100101")),
            key(
                "jid",
                "The chat id instead of the number.",
                such_as(
                    words("^\\s*[0-9]{5,20}([:.][^@]*)?@(c\\.us|s\\.whatsapp\\.net|lid)\\s*$"),
                    "15550100101@c.us",
                ),
            ),
            key(
                "email",
                "Whom a monitoring tool has assigned is called too, if the address stands here.",
                such_as(words("^\\s*[^@\\s]+@[^@\\s]*\\.[^@\\s]*\\s*$"), "amira@acme.example"),
            ),
            key("timezone", "Where this person lives.", def("zone")),
            key(
                "opted_in",
                "Whether this person has written to the bridge's number before.",
                usual(truth(), false),
            ),
            key("language", "The tag of the language in which this person is written to alone.", language()),
            key("absences", "When this person is away, by their own clock.", list(absence)),
            key(
                "stand_in",
                "Who is called instead while this person is away, or asked when they do not come.",
                such_as(text(), "mei"),
            ),
            key("roles", "The roles that this person may have; any, if this is left out.", one_or_more(role)),
        ],
    );
    let either = json!([{ "required": ["phone"] }, { "required": ["jid"] }]);
    let examples = vec![
        json!({ "name": "Amira Haddad", "phone": "+15550100101" }),
        json!({ "name": "Amira Haddad", "jid": "15550100101@c.us" }),
    ];
    with(with(person, "oneOf", either), "examples", examples)
}

/// The keys of a layer, which a rotation of one layer has itself.
fn turns() -> [Key; 4] {
    let hours = "^\\s*[A-Za-z][A-Za-z,-]*\\s+[0-9]{2}:[0-9]{2}\\s*-\\s*[0-9]{2}:[0-9]{2}\\s*$";
    [
        key("starts", "When the first person's first turn begins, by the rotation's clock.", def("moment")),
        key("shift", "How long a turn is; at least one hour.", such_as(duration(), "1 week")),
        key("people", "Who takes turns, in order.", one_or_more(such_as(text(), "mei"))),
        key(
            "only",
            "Parts of the week to which the turns are limited.",
            some(such_as(words(hours), "weekdays 09:00-18:00")),
        ),
    ]
}

fn rotation() -> Value {
    let takeover = map_with(
        &["from", "until", "person"],
        [
            key("from", "The first moment.", such_as(def("moment"), "2026-12-24 09:00")),
            key(
                "until",
                "The moment at which the usual person is back.",
                such_as(def("moment"), "2026-12-27 09:00"),
            ),
            key("person", "Who takes the turn.", such_as(text(), "mei")),
        ],
    );
    let takeover = such_as(
        takeover,
        json!({ "from": "2026-12-24 09:00", "until": "2026-12-27 09:00", "person": "mei" }),
    );
    let layer = map_with(
        &["starts", "shift", "people"],
        [key("name", "What calendars call this layer.", such_as(text(), "days"))].into_iter().chain(turns()),
    );
    let turn = json!({ "starts": "2026-01-05 09:00", "shift": "1 week", "people": ["mei"] });
    let layer = such_as(layer, turn.clone());
    let rotation = map_with(
        &["timezone"],
        [
            key("timezone", "Turns change by this place's wall clock.", def("zone")),
            key(
                "layers",
                "Several layers, the first that has somebody counts.",
                with(list(layer), "minItems", 1),
            ),
            key(
                "overrides",
                "Turns that somebody else takes. If several cover a moment, the last one counts.",
                list(takeover),
            ),
            key("fallback", "Called when no turn has anybody.", such_as(text(), "mei")),
        ]
        .into_iter()
        .chain(turns()),
    );
    let either = json!([
        { "required": ["layers"], "not": { "anyOf": [
            { "required": ["starts"] }, { "required": ["shift"] }, { "required": ["people"] }, { "required": ["only"] },
        ] } },
        { "required": ["starts", "shift", "people"], "not": { "required": ["layers"] } },
    ]);
    let examples = vec![
        json!({ "timezone": "Europe/Berlin", "starts": "2026-01-05 09:00", "shift": "1 week", "people": ["mei"] }),
        json!({ "timezone": "Europe/Berlin", "layers": [turn] }),
    ];
    with(with(rotation, "anyOf", either), "examples", examples)
}

fn team() -> Value {
    let member = json!({ "type": ["string", "number", "boolean"], "pattern": "\\S", "not": { "pattern": "^\\s*team:" } });
    let team = map_with(
        &["people"],
        [
            key("name", "What people read; the key if absent.", such_as(text(), "Payments")),
            key("people", "Who is in it: people and `rotation:NAME`.", one_or_more(such_as(member, "mei"))),
        ],
    );
    such_as(team, json!({ "people": ["mei"] }))
}

fn client() -> Value {
    map([
        key("name", "What people read; the key if absent.", such_as(text(), "Globex Ltd")),
        key(
            "also",
            "Other values of the label `client` that mean this one.",
            some(such_as(text(), "Globex-Prod")),
        ),
        key("invite", "Role: who, in addition to the route's people.", def("invite")),
        key("runbook", "Counts where the route has none.", web_address("https://runbooks.example/globex")),
    ])
}

/// What routes and the fallback share.
fn called() -> Vec<Key> {
    vec![
        key(
            "invite",
            "Role: who. The commander leads. Somebody with two roles is called once.",
            def("invite"),
        ),
        key("runbook", "Put into the first message.", web_address("https://runbooks.example/acme")),
        key("quorum", "Who must be there, and what happens if they are not.", quorum()),
        key("deputies", "By role: who is asked first in place of whoever does not come.", deputies()),
        key("size", "The most people in one room, the commander first.", usual(number(2, 1023), USUAL_SIZE)),
        key(
            "important",
            "Whether its rooms may use the groups that each number keeps back, and are made before others that wait.",
            usual(truth(), false),
        ),
        key(
            "clients",
            "Whether the people of the client that the incident is about are added.",
            usual(truth(), true),
        ),
        key("dashboards", "Where to look, 8 at most.", dashboards()),
        key("call", "The web address of a call.", web_address("https://meet.example/acme")),
        key(
            "text",
            "What helps in the first minutes, 600 characters at most.",
            such_as(text(), "Ask for the change first."),
        ),
        key(
            "language",
            "The tag of the language that its rooms are written in; `rooms.language` of warroom.yaml, if absent.",
            language(),
        ),
        key("messages", "Wording of its own, before that of warroom.yaml.", def("messages")),
    ]
}

fn quorum() -> Value {
    let quorum = map_with(
        &["roles"],
        [
            key(
                "roles",
                "One person of each of these roles must be there.",
                one_or_more(such_as(text(), "commander")),
            ),
            key("within", "How long after the first message.", usual(duration(), "5m")),
            key("step", "How long each further step has.", usual(duration(), "2m")),
            key("otherwise", "Who is told at last.", some(def("invitee"))),
        ],
    );
    such_as(quorum, json!({ "roles": ["commander"] }))
}

fn deputies() -> Value {
    such_as(named(some(def("invitee"))), json!({ "commander": ["mei"] }))
}

fn dashboards() -> Value {
    let address = || web_address("https://grafana.example/d/acme");
    let titled = map_with(
        &["url"],
        [
            key(
                "title",
                "What people read, 60 characters at most.",
                such_as(matching("^\\s*\\S(.{0,58}\\S)?\\s*$"), "Checkout"),
            ),
            key("url", "Its web address.", address()),
        ],
    );
    let dashboard =
        json!({ "anyOf": [address(), such_as(titled, json!({ "url": "https://grafana.example/d/acme" }))] });
    json!({ "anyOf": [dashboard.clone(), with(list(dashboard), "maxItems", 8)] })
}

fn route() -> Value {
    let route = map_with(
        &["name", "invite"],
        [
            key("name", "What the room's history calls this route.", such_as(text(), "acme production")),
            key("match", "Which incidents it is for; all if absent.", def("matchers")),
            key(
                "continue",
                "Whether the next route that matches adds its people too.",
                usual(truth(), false),
            ),
        ]
        .into_iter()
        .chain(called()),
    );
    such_as(route, json!({ "name": "acme production", "invite": { "commander": ["mei"] } }))
}

fn fallback() -> Value {
    such_as(map_with(&["invite"], called()), json!({ "invite": { "commander": ["mei"] } }))
}
