//! How a sandbox is set up: which API is spoken, which engine answers, which numbers are linked, which ids people have.
//! Actors: whoever starts a sandbox (a test, the demo, the command line).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::quirks::Quirks;
use crate::clock::SignedDuration;

/// The library behind the API; it decides the shape of most answers and cannot be chosen by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// A driven browser (whatsapp-web.js).
    #[default]
    Webjs,
    /// Baileys.
    Noweb,
    /// whatsmeow.
    Gows,
}

impl Engine {
    /// All engines, for tests and for help texts.
    pub const ALL: [Self; 3] = [Self::Webjs, Self::Noweb, Self::Gows];

    /// The upper-case name that the API itself uses in `session/info` and in its 501 answers.
    #[must_use]
    pub const fn official_name(self) -> &'static str {
        match self {
            Self::Webjs => "WEBJS",
            Self::Noweb => "NOWEB",
            Self::Gows => "GOWS",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webjs => "webjs",
            Self::Noweb => "noweb",
            Self::Gows => "gows",
        })
    }
}

/// The text named no known engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no engine; known are webjs, noweb and gows")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.to_string() == text)
            .ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}

/// Which provider's API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// Wawp v2, below `/v2`.
    #[default]
    Wawp,
    /// WAHA, below `/api`.
    Waha,
}

impl Api {
    /// Both, for tests and for help texts.
    pub const ALL: [Self; 2] = [Self::Wawp, Self::Waha];

    /// What its routes begin with.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Wawp => "/v2/",
            Self::Waha => "/api/",
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wawp => "wawp",
            Self::Waha => "waha",
        })
    }
}

/// The text named no known API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no API; known are wawp and waha")]
pub struct UnknownApi(String);

impl FromStr for Api {
    type Err = UnknownApi;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|api| api.to_string() == text).ok_or_else(|| UnknownApi(text.to_owned()))
    }
}

/// One linked phone number, which Wawp calls an instance and WAHA a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Twelve letters and digits at Wawp; the session's name at WAHA.
    pub instance_id: String,
    /// The number itself, country code first, no plus.
    pub digits: String,
    /// Plain because it guards nothing real.
    pub access_token: String,
    /// The name that people see as the sender.
    pub name: String,
}

impl Number {
    /// A number with a usual sender's name.
    #[must_use]
    pub fn new(instance_id: &str, digits: &str, access_token: &str) -> Self {
        Self {
            instance_id: instance_id.to_owned(),
            digits: digits.to_owned(),
            access_token: access_token.to_owned(),
            name: "War Room".to_owned(),
        }
    }
}

/// Which id groups use for their members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// Hidden ids (`…@lid`), as new groups do.
    #[default]
    Lid,
    /// Phone numbers, as groups did before.
    Phone,
}

/// How an invite code is written into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InviteForm {
    /// The way of the engine: a bare code, or the whole address on GOWS.
    #[default]
    Engine,
    /// The bare code as text.
    Bare,
    /// `https://chat.whatsapp.com/<code>` as text.
    Url,
    /// A JSON string.
    Quoted,
    /// `{"code": …}`.
    Object,
}

/// Everything that is settled before the first call.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The API that is spoken.
    pub api: Api,
    /// The engine behind every instance.
    pub engine: Engine,
    /// The linked numbers; each starts in the state `WORKING`.
    pub instances: Vec<Number>,
    /// Limits that the API and WhatsApp enforce.
    pub policy: Policy,
    /// Which ids member lists use.
    pub addressing: Addressing,
    /// How invite codes come back.
    pub invite_form: InviteForm,
    /// How long a new group is absent from the lists (of groups and of chats).
    pub list_lag: SignedDuration,
    /// What is odd about the provider.
    pub quirks: Quirks,
    /// Without a store (a NOWEB setting) chats, messages and lids answer 400.
    pub chat_store: bool,
    /// How long a call waits for a session that is not working before it answers 422 (about 10 s in the
    /// real API). This is real waiting.
    pub session_wait: SignedDuration,
}

impl Setup {
    /// The usual setup with another engine.
    #[must_use]
    pub fn with_engine(engine: Engine) -> Self {
        Self { engine, ..Self::default() }
    }

    /// The instance id of the usual setup.
    pub const INSTANCE_ID: &'static str = "SANDBOX00001";
    /// The access token of the usual setup.
    pub const ACCESS_TOKEN: &'static str = "sandbox-access-token";
    /// The bot's number in the usual setup.
    pub const BOT_DIGITS: &'static str = "15550100000";
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            api: Api::default(),
            engine: Engine::default(),
            instances: vec![Number::new(Self::INSTANCE_ID, Self::BOT_DIGITS, Self::ACCESS_TOKEN)],
            policy: Policy::default(),
            addressing: Addressing::default(),
            invite_form: InviteForm::default(),
            list_lag: SignedDuration::ZERO,
            quirks: Quirks::default(),
            chat_store: true,
            session_wait: SignedDuration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_can_be_named_in_lower_case() {
        for engine in Engine::ALL {
            assert_eq!(engine.to_string().parse(), Ok(engine));
        }
        assert!("WEBJS ".parse::<Engine>().is_err());
    }
}
