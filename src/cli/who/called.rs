//! The people of an answer: who would be called, and who is asked where one of them does not come.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::show_duration;
use crate::consent::Stances;
use crate::roster::{Language, Required, Stakeholder};

/// Who must be there, and who is asked instead of whoever is not.
#[derive(Serialize)]
pub(super) struct Needed<'a> {
    pub(super) within: String,
    pub(super) step: String,
    pub(super) roles: Vec<Chain<'a>>,
    pub(super) otherwise: Vec<Called<'a>>,
}

#[derive(Serialize)]
pub(super) struct Chain<'a> {
    pub(super) role: &'a str,
    pub(super) stand_ins: Vec<Called<'a>>,
}

/// One person, as the roster and their own answers have it.
#[derive(Serialize)]
pub(super) struct Called<'a> {
    pub(super) person: &'a str,
    pub(super) name: &'a str,
    pub(super) role: &'a str,
    number: String,
    /// By the roster, or because they have talked with the bridge's number.
    opted_in: bool,
    /// Since when they do not want to be called; nothing else counts then.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a Language>,
    pub(super) why: &'a str,
}

impl<'a> Called<'a> {
    pub(super) fn of(who: &'a Stakeholder, stances: &Stances) -> Self {
        Self {
            person: &who.person,
            name: &who.name,
            role: &who.role,
            number: who.jid.masked(),
            opted_in: who.opted_in || stances.acquainted.contains(&who.jid),
            stopped: stances.stopped.get(&who.jid).copied(),
            language: who.language.as_ref(),
            why: &who.why,
        }
    }

    /// Name, key, the last two digits, the language, and what else decides whether they come.
    pub(super) fn words(&self) -> String {
        let language = self.language.map_or_else(String::new, |language| format!(", {language}"));
        let standing = match self.stopped {
            Some(at) => format!(", said STOP on {}: is not called", at.strftime("%F")),
            None if self.opted_in => String::new(),
            None => ", never opted in".to_owned(),
        };
        format!("{} ({}, {}{language}{standing})", self.name, self.person, self.number)
    }
}

pub(super) fn needed<'a>(required: &'a Required, stances: &Stances) -> Needed<'a> {
    Needed {
        within: show_duration(required.within),
        step: show_duration(required.step),
        roles: required
            .roles
            .iter()
            .map(|needed| Chain {
                role: &needed.role,
                stand_ins: needed.stand_ins.iter().map(|s| Called::of(&s.who, stances)).collect(),
            })
            .collect(),
        otherwise: required.otherwise.iter().map(|who| Called::of(who, stances)).collect(),
    }
}
