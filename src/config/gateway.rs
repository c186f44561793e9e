//! The chat provider and the numbers that are linked to it.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::clock::SignedDuration;
use crate::config::budget::budget;
use crate::config::events::events;
use crate::config::fallback_webhook::{FallbackWebhookSettings, fallback_webhook};
use crate::config::item::Item;
use crate::config::people::number;
use crate::config::quantity::show;
use crate::config::section::Section;
use crate::config::server::seconds;
use crate::config::source_text::Cover;
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
    const NAMED: [(&'static str, Self); 2] = [("wawp", Self::Wawp), ("waha", Self::Waha)];

    /// Where its API is usually found.
    fn usual_address(self) -> &'static str {
        match self {
            Self::Wawp => "https://api.wawp.net",
            Self::Waha => "http://localhost:3000",
        }
    }
}

impl fmt::Display for GatewayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wawp => "Wawp",
            Self::Waha => "WAHA",
        })
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

pub(super) fn gateway(root: &Section<'_>) -> Option<GatewaySettings> {
    let item = root.need("gateway", "say which chat provider and number to use: `kind`, `instances`")?;
    Some(item.section(read))
}

fn read(s: &Section<'_>) -> GatewaySettings {
    let kind = kind(s).unwrap_or(GatewayKind::Wawp);
    let address = s.get("base_url").and_then(|i| base_url(&i, kind));
    let credentials = s
        .get("credentials")
        .and_then(|i| {
            i.choice(&[
                ("mixed", CredentialPlace::Mixed),
                ("query", CredentialPlace::Query),
                ("body", CredentialPlace::Body),
                ("header", CredentialPlace::Header),
            ])
        })
        .unwrap_or(CredentialPlace::Mixed);
    let create_path = s
        .get("create_path")
        .and_then(|i| {
            let text = i.text()?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
            if !text.starts_with('/') || !text.chars().all(plain) {
                i.error_with("must be a path", "write `/v2/groups` or `/v2/groups/create`");
                return None;
            }
            Some(text.to_owned())
        })
        .unwrap_or_else(|| "/v2/groups".to_owned());
    let (call_timeout, settle, lease) = times(s);
    let usual = Budget::default();
    let shared = Budget {
        messages_per_minute: s.number("messages_per_minute", 1..=600, usual.messages_per_minute),
        one_to_one_gap: s.duration("one_to_one_gap", seconds(0)..=seconds(600), usual.one_to_one_gap),
        ..usual
    };
    GatewaySettings {
        credentials,
        create_path,
        call_timeout: call_timeout.unsigned_abs(),
        check_gap: CHECK_GAP,
        settle,
        lease,
        failover_after: s.duration("failover_after", seconds(10)..=seconds(3600), seconds(60)),
        fallback_webhook: fallback_webhook(s),
        instances: instances(s, shared, (kind, address.as_deref())),
    }
}

/// The three times and the rules between them. A rule is only broken by what is written, so the finding
/// points at whichever of the keys is there.
fn times(s: &Section<'_>) -> (SignedDuration, SignedDuration, SignedDuration) {
    let time = |key, to: i64, usual| {
        let item = s.get(key);
        let value = item.as_ref().and_then(|i| i.duration(seconds(1)..=seconds(to)));
        (item, value.unwrap_or(usual))
    };
    let (call_item, call) = time("call_timeout", 120, seconds(30));
    let (settle_item, settle) = time("settle", 900, seconds(45));
    let (lease_item, lease) = time("lease", 900, seconds(120));
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

fn kind(s: &Section<'_>) -> Option<GatewayKind> {
    s.get("kind")?.choice(&GatewayKind::NAMED)
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
    let Some(item) = s.need("instances", hint) else {
        return Vec::new();
    };
    let items = item.list(false);
    if items.is_empty() && matches!(item.node.value, super::yaml::Value::List(_)) {
        item.error_with("is empty: without a linked number no room can be made", hint);
    }
    let mut found: Vec<Instance> = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let Some((name_item, id_item, instance)) = item.section(|s| instance(s, n, shared, usual)) else {
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
    let kind = kind(s).unwrap_or(usual.0);
    let address = s.get("base_url").and_then(|i| base_url(&i, kind));
    let shared_address = usual.1.filter(|_| kind == usual.0);
    let base_url = address.as_deref().or(shared_address).unwrap_or(kind.usual_address()).to_owned();
    let name_item = s.get("name");
    let name = name_item.as_ref().and_then(|i| name(i));
    let id_item = s.need("id", "the instance's id as the provider shows it; the session's name for WAHA");
    let token = s.need("access_token", "the token that belongs to this instance; the API key for WAHA");
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

/// Names that appear in addresses and metric labels: small letters, digits and hyphens.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
