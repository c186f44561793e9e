//! Reads `warroom.yaml` as a whole.

use std::path::{Path, PathBuf};

use crate::alert::Severity;
use crate::config::Config;
use crate::config::gateway::{GATEWAY, gateway};
use crate::config::item::Section;
use crate::config::keys::{Form, SCALAR, TEXT, Text, keys};
use crate::config::messages::{MESSAGES, Translated, messages};
use crate::config::rooms::{ROOMS, rooms};
use crate::config::server::{self, LOG, SERVER, STORE};
use crate::config::sources::{SOURCES, sources};

keys! {
    /// What the bridge listens on, whom it calls through which number, and who may open a room.
    pub(super) CONFIG = "warroom.yaml" {
        /// Where webhooks arrive and operators look, and limits.
        server: Form::Map(&SERVER);
        /// Where receipts, incidents and rooms are kept.
        store: STORE, usual "sqlite:warroom.db";
        /// How long the bodies of webhooks are kept for a replay.
        keep_bodies: Form::Duration("1d", "3650d"), usual "30d";
        /// Who there is and who is called for what: a file, or a folder of files; relative to this file.
        roster: ROSTER_PATH, usual "roster.yaml";
        /// Who speaks in every message: your company or team, as people know it.
        operator: TEXT, such_as "Acme Operations";
        /// The chat provider and the linked numbers.
        gateway: Form::Map(&GATEWAY), needed,
            such_as "{ instances: [ { id: { env: WAWP_INSTANCE_ID }, access_token: { env: WAWP_ACCESS_TOKEN } } ] }";
        /// The monitoring tools. The key is the path they call: `prometheus` is reached at /hooks/prometheus.
        sources: Form::Named(&SOURCES), needed,
            such_as "{ prometheus: { kind: alertmanager, verify: { bearer: { env: ALERTMANAGER_TOKEN } } } }";
        /// How rooms behave.
        rooms: Form::Map(&ROOMS);
        /// Wording of your own. What is absent is built in.
        messages: Form::Map(&MESSAGES);
        /// How the bridge logs.
        log: Form::Map(&LOG);
    }
}

const ROSTER_PATH: Form = Form::Text(&Text {
    name: "file or folder",
    says: "A path, relative to the file in which it is written.",
    pattern: "[\\s\\S]*\\S[\\s\\S]*",
    types: SCALAR,
    example: "roster.yaml",
});

/// Where the roster is if the config cannot say it.
pub(super) fn usual_roster() -> &'static str {
    CONFIG.key("roster").and_then(|key| key.usual).unwrap_or_default()
}

/// What could be made of the config, whole only if there is no error among the findings.
pub(super) struct Read {
    pub(super) config: Option<Config>,
    pub(super) roster_path: PathBuf,
    pub(super) open_at: Severity,
    pub(super) translated: Translated,
}

pub(super) fn read(root: &Section<'_>, folder: &Path) -> Read {
    let server = server::server(root);
    let store = server::store(root, folder);
    let keep_bodies = root.duration("keep_bodies");
    let roster = root.text("roster").unwrap_or(usual_roster());
    let gateway = gateway(root);
    let sources = sources(root, server.listen);
    let operator = operator(root);
    let (rooms, room_name, language) = rooms(root, gateway.as_ref());
    let (messages, translated) = messages(root);
    let log = server::log(root);
    Read {
        roster_path: folder.join(roster),
        open_at: rooms.open_at,
        config: gateway.map(|gateway| Config {
            server,
            store,
            keep_bodies,
            operator,
            gateway,
            sources,
            rooms,
            room_name,
            language,
            messages,
            translations: translated.texts.clone(),
            log,
        }),
        translated,
    }
}

fn operator(root: &Section<'_>) -> Option<String> {
    let item = root.get("operator");
    if item.is_none() && root.is_sound() {
        root.context.warning(
            root.span.clone(),
            "`operator` is missing, so people do not read who writes to them",
            "your company or team, as people know it: `operator: \"Acme Operations\"`",
        );
    }
    item?.line().map(str::to_owned)
}
