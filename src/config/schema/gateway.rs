//! The part of the schema about the chat provider and the linked numbers.

use serde_json::{Value, json};

use super::shape::{
    NAME, def, duration, elsewhere, key, list, map, map_with, matching, number, one_of, secret, secrets,
    such_as, usual, web_address, with, words,
};

const KIND: &str = "The chat provider: Wawp, which is hosted, or a WAHA of your own.";

fn base_url() -> Value {
    words("^\\s*[Hh][Tt][Tt][Pp][Ss]?://[^?\\s]+\\s*$")
}

pub(super) fn gateway() -> Value {
    map_with(
        &["instances"],
        [
            key("kind", KIND, usual(one_of(["wawp", "waha"]), "wawp")),
            key(
                "base_url",
                "Address of its API. Change it to point at `warroom sandbox`.",
                usual(base_url(), "https://api.wawp.net"),
            ),
            key(
                "credentials",
                "Where the credentials go in a request. Change it if every call is answered 401.",
                usual(one_of(["mixed", "query", "body", "header"]), "mixed"),
            ),
            key(
                "create_path",
                "Path of the call that makes a group. Some of Wawp's pages say /v2/groups/create.",
                usual(words("^\\s*/[A-Za-z0-9/_.-]*\\s*$"), "/v2/groups"),
            ),
            key(
                "call_timeout",
                "The longest a call may take before its outcome counts as unknown.",
                usual(duration(), "30s"),
            ),
            key(
                "settle",
                "How long \"no such group\" is not believed after an unknown outcome; at least call_timeout + 10s.",
                usual(duration(), "45s"),
            ),
            key(
                "lease",
                "How long a worker may hold a room; at least twice call_timeout.",
                usual(duration(), "2m"),
            ),
            key("messages_per_minute", "Pace of one number.", usual(number(1, 600), 30)),
            key(
                "one_to_one_gap",
                "Least time between two 1:1 messages of one number.",
                usual(duration(), "1s"),
            ),
            key(
                "failover_after",
                "How long a number may fail before its rooms go on through another one that is in them.",
                usual(duration(), "60s"),
            ),
            key(
                "fallback_webhook",
                "Who is told when no number has worked for that long. Nobody if absent.",
                fallback_webhook(),
            ),
            key(
                "instances",
                "The linked numbers. Each makes only a few groups an hour, so more numbers mean more rooms an hour.",
                with(list(instance()), "minItems", 1),
            ),
        ],
    )
}

fn fallback_webhook() -> Value {
    let example = json!({ "url": "https://pager.example/hooks/warroom", "secret": { "env": "WARROOM_FALLBACK_WEBHOOK_SECRET" } });
    such_as(
        map_with(
            &["url", "secret"],
            [
                key(
                    "url",
                    "Where to POST to; `{ env: NAME }` or `{ file: PATH }` if it holds a token.",
                    json!({ "anyOf": [
                        web_address("https://pager.example/hooks/warroom"),
                        elsewhere("WARROOM_FALLBACK_WEBHOOK_URL", "fallback-webhook.txt"),
                    ] }),
                ),
                key(
                    "secret",
                    "What it is signed with, after Standard Webhooks: `echo whsec_$(openssl rand -base64 32)`",
                    secret(),
                ),
            ],
        ),
        example,
    )
}

fn instance() -> Value {
    let example =
        json!({ "id": { "env": "WAWP_INSTANCE_ID" }, "access_token": { "env": "WAWP_ACCESS_TOKEN" } });
    such_as(
        map_with(
            &["id", "access_token"],
            [
                key("name", "What logs and metrics call this number.", such_as(matching(NAME), "main")),
                key("kind", KIND, such_as(one_of(["wawp", "waha"]), "waha")),
                key(
                    "base_url",
                    "Address of its API, if it is another one.",
                    such_as(base_url(), "http://localhost:3000"),
                ),
                key(
                    "id",
                    "The instance's id as Wawp's dashboard shows it, or the name of WAHA's session.",
                    secret(),
                ),
                key("access_token", "Wawp's token for this instance, or WAHA's API key.", secret()),
                key(
                    "phone",
                    "Its phone number. Asked from the provider if absent; with it the roster is checked against it too.",
                    such_as(def("phone"), "+15550100000"),
                ),
                key(
                    "rooms_per_hour",
                    "New groups in any hour, at most 10: beyond that numbers get blocked.",
                    usual(number(1, 60), 6),
                ),
                key(
                    "rooms_burst",
                    "How many of them may be made right after each other.",
                    usual(number(1, 60), 3),
                ),
                key(
                    "rooms_gap",
                    "How long it takes until the burst has grown by one again.",
                    usual(duration(), "1m"),
                ),
                key(
                    "rooms_reserved",
                    "How many of an hour's groups are kept back for routes with `important: true`.",
                    usual(number(0, 59), 1),
                ),
                key(
                    "ask_gap",
                    "How far apart this number asks people whether they may be called.",
                    usual(duration(), "2m"),
                ),
                key("events", "How Wawp proves what it tells by itself at /hooks/gateway/NAME.", events()),
            ],
        ),
        example,
    )
}

fn events() -> Value {
    let keys = [
        key("secret", "In the address that Wawp calls: /hooks/gateway/NAME?secret=…", secrets()),
        key("hmac", "The key of its signature in X-Webhook-Hmac.", secrets()),
        key("algorithm", "The algorithm of that signature.", usual(one_of(["sha512", "sha256"]), "sha512")),
    ];
    let either = json!([{ "required": ["secret"] }, { "required": ["hmac"] }]);
    let events = with(
        with(with(map(keys), "type", "object"), "anyOf", either),
        "dependentRequired",
        json!({ "algorithm": ["hmac"] }),
    );
    such_as(events, json!({ "hmac": { "env": "WAWP_EVENTS_SECRET" } }))
}
