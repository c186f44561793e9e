//! The chat provider and the numbers that are linked to it.

use std::time::Duration;

use secrecy::SecretString;

use crate::clock::SignedDuration;
use crate::config::budget::{BUDGET, budget};
use crate::config::events::{EVENTS, events};
use crate::config::fallback_webhook::{FALLBACK_WEBHOOK, FallbackWebhookSettings, fallback_webhook};
use crate::config::item::{Item, Section};
use crate::config::keys::{Form, STRING, Text, keys};
use crate::config::quantity::show;
use crate::config::source_text::Cover;
use crate::config::values::{NAME, PHONE, is_name, number, seconds};
use crate::config::words::shortened;
use crate::jid::Jid;
use crate::pacing::Budget;
use crate::signature::Verifier;

/// How the chat provider is reached.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Where the credentials go in a request to Wawp.
    pub credentials: CredentialPlace,
    /// Path of Wawp's call that makes a group.
    pub create_path: String,
    /// The longest a call may take.
    pub call_timeout: Duration,
    /// Between two existence checks of a number: what the provider asks for. It has no key.
    pub check_gap: Duration,
    /// How long "no such group" is not yet believed.
    pub settle: SignedDuration,
    /// How long a worker may hold a room.
    pub lease: SignedDuration,
    /// How long a number may fail to work before its rooms go on without it.
    pub failover_after: SignedDuration,
    /// Who is told when no number works.
    pub fallback_webhook: Option<FallbackWebhookSettings>,
    /// The linked numbers; at least one.
    pub instances: Vec<Instance>,
}

impl GatewaySettings {
    /// The phone numbers of our instances, as far as the config says them.
    #[must_use]
    pub fn phones(&self) -> Vec<Jid> {
        self.instances.iter().filter_map(|instance| instance.phone.clone()).collect()
    }
}

/// A chat provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayKind {
    /// Wawp v2, which is hosted.
    Wawp,
    /// WAHA, which anybody can run.
    Waha,
}

impl GatewayKind {
    const ALL: [Self; 2] = [Self::Wawp, Self::Waha];

    /// Its word in the config.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wawp => "wawp",
            Self::Waha => "waha",
        }
    }

    /// Where its API is usually found.
    const fn usual_address(self) -> &'static str {
        match self {
            Self::Wawp => "https://api.wawp.net",
            Self::Waha => "http://localhost:3000",
        }
    }
}

/// Where credentials go in a request. Wawp's documentation shows all of these; its own tools use `Mixed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In the query of a GET or DELETE, in the body of a POST or PUT, and the token in a header always.
    Mixed,
    /// In the query of every request.
    Query,
    /// In the body, or in the query where there is no body.
    Body,
    /// The token in a header only.
    Header,
}

/// One linked number.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Our name for it.
    pub name: String,
    /// Its provider.
    pub kind: GatewayKind,
    /// Address of its provider's API, without a slash at the end.
    pub base_url: String,
    /// The provider's id for it: an instance of Wawp, a session of WAHA.
    pub id: String,
    /// What lets us use it: Wawp's token, WAHA's key.
    pub access_token: SecretString,
    /// How often we may.
    pub budget: Budget,
    /// What the provider's own events about it must prove, all of it; none are taken if this is empty.
    pub events: Vec<Verifier>,
    /// Its own phone number, if the config says it.
    pub phone: Option<Jid>,
}

/// Wawp asks for at most one existence check per second and number.
const CHECK_GAP: Duration = Duration::from_secs(1);
/// How late a new group may show up in the list of groups.
const LIST_LAG: SignedDuration = seconds(10);

keys! {
    /// The chat provider and the linked numbers.
    pub(super) GATEWAY = "gateway" {
        /// The chat provider: Wawp, which is hosted, or a WAHA of your own.
        kind: KIND, usual "wawp";
        /// Address of its API; usually https://api.wawp.net, and http://localhost:3000 for WAHA. Change it to point at
        /// `warroom sandbox`.
        base_url: BASE_URL, such_as "https://api.wawp.net";
        /// Where the credentials go in a request to Wawp. Change it if every call is answered 401.
        credentials: Form::Word(|| vec!["mixed", "query", "body", "header"]), usual "mixed";
        /// Path of Wawp's call that makes a group. Some of Wawp's pages say /v2/groups/create.
        create_path: CREATE_PATH, usual "/v2/groups";
        /// The longest a call may take before its outcome counts as unknown.
        call_timeout: Form::Duration("1s", "2m"), usual "30s";
        /// How long "no such group" is not believed after an unknown outcome; at least call_timeout + 10s.
        settle: Form::Duration("1s", "15m"), usual "45s";
        /// How long a worker may hold a room; at least twice call_timeout.
        lease: Form::Duration("1s", "15m"), usual "2m";
        /// Pace of one number.
        messages_per_minute: Form::Number(1, 600), usual "30";
        /// Least time between two 1:1 messages of one number.
        one_to_one_gap: Form::Duration("0s", "10m"), usual "1s";
        /// How long a number may fail before its rooms go on through another one that is in them.
        failover_after: Form::Duration("10s", "1h"), usual "60s";
        /// Who is told when no number has worked for that long. Nobody if absent.
        fallback_webhook: Form::Map(&FALLBACK_WEBHOOK);
        /// The linked numbers. Each makes only a few groups an hour, so more numbers mean more rooms an hour.
        instances: Form::List(&Form::Map(&INSTANCE), 1), needed;
    }
    /// One linked number.
    pub(super) INSTANCE = "instance" such_as [
        "{ id: { env: WAWP_INSTANCE_ID }, access_token: { env: WAWP_ACCESS_TOKEN } }"
    ] {
        /// What logs and metrics call this number.
        name: NAME, such_as "main";
        /// The provider of this number, if it is another one.
        kind: KIND, such_as "waha";
        /// Address of its API, if it is another one.
        base_url: BASE_URL, such_as "http://localhost:3000";
        /// The instance's id as Wawp's dashboard shows it, or the name of WAHA's session.
        id: Form::Secret, needed, such_as "{ env: WAWP_INSTANCE_ID }";
        /// Wawp's token for this instance, or WAHA's API key.
        access_token: Form::Secret, needed, such_as "{ env: WAWP_ACCESS_TOKEN }";
        /// Its phone number. Asked from the provider if absent; with it the roster is checked against it too.
        phone: PHONE, such_as "\"+15550100000\"";
        /// How Wawp proves what it tells by itself at /hooks/gateway/NAME.
        events: Form::Map(&EVENTS);
        ..BUDGET;
    }
}

const KIND: Form = Form::Word(|| GatewayKind::ALL.map(GatewayKind::as_str).to_vec());
const BASE_URL: Form = Form::Text(&Text {
    name: "base address",
    says: "A web address without a query.",
    pattern: "[Hh][Tt][Tt][Pp][Ss]?://[^?\\s]+",
    types: STRING,
    example: "https://api.wawp.net",
});
const CREATE_PATH: Form = Form::Text(&Text {
    name: "path of an address",
    says: "A path that begins with a slash.",
    pattern: "/[A-Za-z0-9/_.-]*",
    types: STRING,
    example: "/v2/groups",
});

pub(super) fn gateway(root: &Section<'_>) -> Option<GatewaySettings> {
    Some(root.need("gateway")?.section(&GATEWAY, read))
}

fn read(s: &Section<'_>) -> GatewaySettings {
    let places =
        [CredentialPlace::Mixed, CredentialPlace::Query, CredentialPlace::Body, CredentialPlace::Header];
    let kind = s.choice("kind", &GatewayKind::ALL).unwrap_or(GatewayKind::Wawp);
    let address = s.get("base_url").and_then(|i| base_url(&i, kind));
    let (call_timeout, settle, lease) = times(s);
    let shared = Budget {
        messages_per_minute: s.number("messages_per_minute"),
        one_to_one_gap: s.duration("one_to_one_gap"),
        ..Budget::default()
    };
    GatewaySettings {
        credentials: s.choice("credentials", &places).unwrap_or(CredentialPlace::Mixed),
        create_path: s
            .get("create_path")
            .and_then(|i| create_path(&i))
            .unwrap_or_else(|| s.usual("create_path").to_owned()),
        call_timeout: call_timeout.unsigned_abs(),
        check_gap: CHECK_GAP,
        settle,
        lease,
        failover_after: s.duration("failover_after"),
        fallback_webhook: fallback_webhook(s),
        instances: instances(s, shared, (kind, address.as_deref())),
    }
}

fn create_path(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    if !text.starts_with('/') || !text.chars().all(plain) {
        item.error_with("must be a path", "write `/v2/groups` or `/v2/groups/create`");
        return None;
    }
    Some(text.to_owned())
}

/// The three times and the rules between them. A rule is only broken by what is written, so the finding
/// points at whichever of the keys is there.
fn times(s: &Section<'_>) -> (SignedDuration, SignedDuration, SignedDuration) {
    let time = |key| (s.get(key), s.duration(key));
    let (call_item, call) = time("call_timeout");
    let (settle_item, settle) = time("settle");
    let (lease_item, lease) = time("lease");
    let least_settle = call + LIST_LAG;
    if settle < least_settle
        && let Some(at) = settle_item.as_ref().or(call_item.as_ref())
    {
        at.error_with(
            format!(
                "breaks a rule: `settle` ({}) must be at least `call_timeout` ({}) and 10s more",
                show(settle),
                show(call)
            ),
            format!(
                "write `settle: {}` or more; a group asked for may show up that late",
                show(least_settle)
            ),
        );
    }
    let least_lease = call + call;
    if lease < least_lease
        && let Some(at) = lease_item.as_ref().or(call_item.as_ref())
    {
        at.error_with(
            format!(
                "breaks a rule: `lease` ({}) must be at least twice `call_timeout` ({})",
                show(lease),
                show(call)
            ),
            format!("write `lease: {}` or more", show(least_lease)),
        );
    }
    (call, settle, lease)
}

fn base_url(item: &Item<'_>, kind: GatewayKind) -> Option<String> {
    let example = format!("write `{}`", kind.usual_address());
    let text = item.text()?.trim_end_matches('/');
    let address = text.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some());
    let scheme = address.as_ref().and_then(http::Uri::scheme_str);
    let Some((uri, scheme)) = address.as_ref().zip(scheme) else {
        item.error_with(format!("is not a web address: `{}`", shortened(text)), example);
        return None;
    };
    if !matches!(scheme, "http" | "https") || uri.query().is_some() {
        item.error_with("must be an http or https address without a query", example);
        return None;
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        item.cover(Cover::Secret);
        item.error_with("must not carry a user or a password", "credentials belong under `instances`");
        return None;
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let near = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if scheme == "http" && !near {
        item.warning("sends the access token in clear", "use https");
    }
    Some(text.to_owned())
}

fn instances(s: &Section<'_>, shared: Budget, usual: (GatewayKind, Option<&str>)) -> Vec<Instance> {
    let hint = "add a linked number: `- id: { env: WAWP_INSTANCE_ID }` and its `access_token`";
    let Some(item) = s.need("instances") else {
        return Vec::new();
    };
    let items = item.list(false);
    if items.is_empty() && matches!(item.node.value, super::yaml::Value::List(_)) {
        item.error_with("is empty: without a linked number no room can be made", hint);
    }
    let mut found: Vec<Instance> = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let Some((name_item, id_item, instance)) = item.section(&INSTANCE, |s| instance(s, n, shared, usual))
        else {
            continue;
        };
        if found.iter().any(|i| i.id == instance.id && i.base_url == instance.base_url) {
            id_item.error_with(
                "is the id of an earlier instance: its budget would be spent twice",
                "write the other number's id, or remove one of the two",
            );
        }
        if instance.phone.is_some() && found.iter().any(|i| i.phone == instance.phone) {
            id_item.error_with(
                "has the `phone` of an earlier instance: one number cannot be linked twice",
                "write the other number, or leave its `phone` out",
            );
        }
        if found.iter().any(|i| i.name == instance.name) {
            let at = name_item.unwrap_or(id_item);
            at.error_with(
                format!("`{}` is the name of an earlier instance", instance.name),
                "names tell numbers apart in logs",
            );
        }
        found.push(instance);
    }
    found
}

/// `usual` is the provider and the address of the whole section; an instance of another kind has its own address.
fn instance<'a>(
    s: &Section<'a>,
    n: usize,
    shared: Budget,
    usual: (GatewayKind, Option<&str>),
) -> Option<(Option<Item<'a>>, Item<'a>, Instance)> {
    let kind = s.choice("kind", &GatewayKind::ALL).unwrap_or(usual.0);
    let address = s.get("base_url").and_then(|i| base_url(&i, kind));
    let shared_address = usual.1.filter(|_| kind == usual.0);
    let base_url = address.as_deref().or(shared_address).unwrap_or(kind.usual_address()).to_owned();
    let name_item = s.get("name");
    let name = name_item.as_ref().and_then(|i| name(i));
    let id_item = s.need("id");
    let token = s.need("access_token");
    let budget = budget(s, shared);
    let events = s.get("events").map(|i| events(&i)).unwrap_or_default();
    let phone = s.get("phone").and_then(|i| own_phone(&i));
    let id = id_item.as_ref().and_then(Item::text_from_anywhere);
    let access_token = token.and_then(|i| i.secret());
    Some((
        name_item,
        id_item?,
        Instance {
            name: name.unwrap_or_else(|| format!("number-{}", n + 1)),
            kind,
            base_url,
            id: id?,
            access_token: access_token?,
            budget,
            events,
            phone,
        },
    ))
}

fn own_phone(item: &Item<'_>) -> Option<Jid> {
    item.cover(Cover::Number);
    number(item)
}

fn name(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    item.error_with(
        format!("is not a name: `{}`", shortened(text)),
        "small letters, digits and hyphens, such as `main`",
    );
    None
}
