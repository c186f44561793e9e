//! The part of the schema about the monitoring tools and how each proves itself.

use serde_json::{Value, json};

use super::shape::{
    Key, def, duration, key, list, map, map_with, matching, named, one_of, one_or_more, secrets, severity,
    some, such_as, text, truth, usual, with, words,
};
use crate::source::SourceKind;

/// What a source looks like. What only some kinds have is known from the code.
pub(super) fn source() -> Value {
    let kinds = |wanted: &dyn Fn(SourceKind) -> bool| {
        SourceKind::ALL.into_iter().filter(|kind| wanted(*kind)).map(SourceKind::as_str).collect::<Vec<_>>()
    };
    let verify = json!({ "bearer": { "env": "WEBHOOK_TOKEN" } });
    let map = map_with(
        &["kind", "verify"],
        [
            key(
                "kind",
                "Which monitoring tool it is; `warroom sources` lists them.",
                one_of(SourceKind::ALL.map(SourceKind::as_str)),
            ),
            key("verify", "How the caller proves itself.", def("verifier")),
            key("severity", "How its severities are read.", severity_rules()),
            key(
                "incident_per",
                "One incident per group of alerts as the tool groups them, or per single alert.",
                usual(one_of(["group", "alert"]), "group"),
            ),
            key("fields", "Where to look in a body; for `kind: generic` and `kind: cloudevents`.", fields()),
            key(
                "group_by",
                "Only for `kind: prometheus`: alerts that are equal in these labels share an incident.",
                some(such_as(text(), "alertname")),
            ),
            key("open_tests", "Whether the tool's test button opens a real room.", usual(truth(), false)),
        ],
    );
    let is = |kinds: Vec<&str>| json!({ "properties": { "kind": { "enum": kinds } }, "required": ["kind"] });
    let bare = json!({ "properties": { "verify": { "properties": { "hmac": { "type": "object", "required": ["secrets"] } } } } });
    let rules = json!([
        { "if": is(kinds(&|kind| !kind.reads_fields())), "then": { "not": { "required": ["fields"] } } },
        { "if": is(kinds(&|kind| kind != SourceKind::Prometheus)), "then": { "not": { "required": ["group_by"] } } },
        { "if": is(kinds(&|kind| kind.default_hmac(Vec::new()).is_none())), "then": bare },
    ]);
    let examples =
        ["generic", "prometheus", "pagerduty"].map(|kind| json!({ "kind": kind, "verify": verify.clone() }));
    with(with(map, "allOf", rules), "examples", examples.to_vec())
}

fn severity_rules() -> Value {
    let rule = map_with(
        &["match", "is"],
        [
            key(
                "match",
                "What must hold of the alert's labels, `severity`, `title` and `source`.",
                def("matchers"),
            ),
            key("is", "The severity that it then is.", severity()),
        ],
    );
    let rule = such_as(rule, json!({ "match": ["severity = page"], "is": "sev1" }));
    map([
        key("rules", "Your own rules come first, the first that holds decides.", list(rule)),
        key("unmapped", "What an alert is that says nothing of its severity.", usual(severity(), "sev3")),
    ])
}

fn path(such: &str) -> Value {
    such_as(text(), such)
}

fn fields() -> Value {
    let said = || some(such_as(text(), "down"));
    let state = map_with(
        &["path"],
        [
            key("path", "Where the state is.", path("status")),
            key("firing", "The words that mean that it fires.", said()),
            key("acknowledged", "The words that mean that somebody has taken it.", said()),
            key("resolved", "The words that mean that it is over.", said()),
            key("otherwise", "What any other word means.", one_of(["firing", "acknowledged", "resolved"])),
        ],
    );
    let state = such_as(state, json!({ "path": "status", "firing": ["down"], "resolved": ["up"] }));
    let fields = map_with(
        &["key", "state"],
        [
            key("each", "Where the list of alerts is, if there are several in a body.", path("alerts")),
            key("key", "Where the id is that stays the same from firing to resolved.", path("check.id")),
            key(
                "condition",
                "Where it says which condition it is, if one id has several.",
                path("check.condition"),
            ),
            key("state", "Where it says whether it fires.", state),
            key("severity", "Where it says how bad it is.", path("check.severity")),
            key("title", "Where it says what is broken.", path("check.title")),
            key("description", "Where it says more.", path("check.description")),
            key("url", "Where the link to the tool is.", path("/check/url")),
            key("started_at", "Where it says since when.", path("check.since")),
            key(
                "labels",
                "Labels for matchers, each with the place of its value.",
                named(path("check.tags.client")),
            ),
            key("test", "Where it says that this is only a test.", path("test")),
        ],
    );
    such_as(fields, json!({ "key": "check.id", "state": { "path": "status", "firing": ["down"] } }))
}

/// The named forms of this part.
pub(super) fn defs() -> Vec<Key> {
    let header = || {
        let keys = [
            key("name", "The header that carries the secret.", such_as(header_name(), "X-Webhook-Token")),
            key("secret", "The secret.", secrets()),
        ];
        carried(keys, "X-Webhook-Token")
    };
    let parameter = |says: &str| {
        let keys = [key("name", says, such_as(text(), "token")), key("secret", "The secret.", secrets())];
        carried(keys, "token")
    };
    let basic = || {
        let keys = [
            key("user", "The user's name.", such_as(text(), "warroom")),
            key("password", "The user's password.", secrets()),
        ];
        such_as(
            map_with(&["user", "password"], keys),
            json!({ "user": "warroom", "password": { "env": "WEBHOOK_SECRET" } }),
        )
    };
    let query = || parameter("The query parameter that carries the secret.");
    let ways = [
        key("bearer", "Authorization: Bearer …", secrets()),
        key("basic", "A user's name and password.", basic()),
        key("header", "A secret in a header of its own.", header()),
        key("query", "A secret in the address, for tools that can do nothing else.", query()),
        key(
            "form_field",
            "A secret in a field of a form.",
            parameter("The form's field that carries the secret."),
        ),
        key("hmac", "A signature in the form usual for this kind, or in any other form.", hmac()),
        key("standard_webhooks", "Svix and others: `whsec_…`; a public key is `whpk_…`.", secrets()),
        key("sns", "Amazon's own signature.", sns(basic(), header(), query())),
    ];
    let verifier = json!({ "anyOf": [
        { "const": "insecure", "description": "Nothing is checked; only where `listen` is loopback." },
        with(with(with(map(ways), "type", "object"), "minProperties", 1), "maxProperties", 1),
    ] });
    vec![("verifier", verifier)]
}

fn header_name() -> Value {
    matching("^\\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\\s*$")
}

fn carried(keys: [Key; 2], name: &str) -> Value {
    such_as(
        map_with(&["name", "secret"], keys),
        json!({ "name": name, "secret": { "env": "WEBHOOK_SECRET" } }),
    )
}

fn hmac() -> Value {
    let any_text = || json!({ "type": ["string", "number", "boolean"] });
    let shared = || {
        [
            key("secrets", "The secrets, any of which is accepted.", secrets()),
            key("header", "The header that carries the signature.", such_as(header_name(), "X-Signature")),
            key("tolerance", "How old a signed request may be, at most 1h.", usual(duration(), "5m")),
        ]
    };
    let plain = [
        key("encoding", "How the signature is written.", one_of(["hex", "base64"])),
        key("prefix", "What stands before it.", such_as(any_text(), "sha256=")),
        key("timestamp_header", "The header that carries the time.", such_as(header_name(), "X-Time")),
        key("separator", "What stands between the time and the body.", usual(any_text(), ":")),
        key(
            "timestamp_before",
            "What the time stands before: the body, or the secret in the key.",
            usual(one_of(["body", "secret"]), "body"),
        ),
    ];
    let plain = map_with(&["secrets"], shared().into_iter().chain(plain));
    let plain = with(
        plain,
        "dependentRequired",
        json!({ "separator": ["timestamp_header"], "timestamp_before": ["timestamp_header"] }),
    );
    let items = [
        key("timestamp_item", "The item of the header that is the time.", such_as(any_text(), "t")),
        key("signature_item", "The item of the header that is the signature.", such_as(any_text(), "v1")),
        key("separator", "What stands between the time and the body.", such_as(any_text(), ".")),
    ];
    let items = map_with(&["secrets"], shared().into_iter().chain(items));
    let either = json!([{ "required": ["timestamp_item"] }, { "required": ["signature_item"] }]);
    let items = with(items, "anyOf", either);
    let secrets_of = || json!([{ "env": "WEBHOOK_SECRET" }]);
    json!({ "anyOf": [
        secrets(),
        such_as(plain, json!({ "secrets": secrets_of(), "header": "X-Signature", "timestamp_header": "X-Time" })),
        such_as(items, json!({ "secrets": secrets_of(), "header": "X-Signature", "timestamp_item": "t", "signature_item": "v1" })),
    ] })
}

fn sns(basic: Value, header: Value, query: Value) -> Value {
    let topic = such_as(words("^\\s*arn:"), "arn:aws:sns:eu-central-1:123456789012:sev1");
    let file = key("file", "The certificate's PEM file.", such_as(text(), "sns.pem"));
    let certificate = such_as(map_with(&["file"], [file]), json!({ "file": "sns.pem" }));
    let raw = map([
        key("basic", "A user's name and password, in the address.", basic),
        key("header", "A secret in a header of its own.", header),
        key("query", "A secret in the address.", query),
    ]);
    let raw = with(with(with(raw, "type", "object"), "minProperties", 1), "maxProperties", 1);
    let sns = map_with(
        &["topics"],
        [
            key("topics", "The topics that may report.", some(topic)),
            key("raw", "What raw deliveries must show, which nobody signs.", raw),
            key(
                "certificates",
                "Certificates that are believed instead of Amazon's.",
                one_or_more(certificate),
            ),
            key("tolerance", "How old a message may be, at most 24h.", usual(duration(), "65m")),
        ],
    );
    such_as(sns, json!({ "topics": ["arn:aws:sns:eu-central-1:123456789012:sev1"] }))
}
