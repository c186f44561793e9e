//! The schema that editors get, held against the reader that decides: neither may know a key that the other does
//! not, and the schema refuses nothing that the reader takes.
//!
//! [`places`] walks a schema and says of every map, key and value in it how a whole document is made that holds
//! it there, so that a key that is added to the schema is tested without further words here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};
use warroom::cli::schema::{self, File};
use warroom::config::schema::Document;
use warroom::config::{self, Findings, Loaded, Strictness, templates};

use super::Files;
use places::{Place, places};

mod places;
mod snippets;

/// A whole config that needs nothing but itself.
fn base_config() -> Value {
    json!({
        "server": { "listen": "127.0.0.1:8080" },
        "gateway": { "instances": [{ "id": "instance-1", "access_token": "token-of-instance-one" }] },
        "sources": { "prometheus": { "kind": "alertmanager", "verify": { "bearer": "bearer-token-0123456789" } } },
    })
}

/// A whole roster with those whom the schema's examples name.
fn base_roster() -> Value {
    json!({
        "people": {
            "mei": { "name": "Mei Tanaka", "phone": "+15550100103", "opted_in": true },
            "jonas": { "name": "Jonas Weber", "phone": "+15550100104", "opted_in": true },
        },
        "fallback": { "invite": { "commander": "mei" } },
    })
}

fn base(document: Document) -> Value {
    match document {
        Document::Config => base_config(),
        Document::Roster => base_roster(),
    }
}

fn validator(document: Document) -> Validator {
    jsonschema::draft202012::new(&document.schema()).unwrap()
}

/// Files of which `document` is one and the other is a good one. JSON is YAML too.
fn files(document: Document, text: &str) -> Files {
    let (config, roster) = match document {
        Document::Config => (text.to_owned(), base_roster().to_string()),
        Document::Roster => (base_config().to_string(), text.to_owned()),
    };
    let files = Files::new(&config, &roster);
    files.write("secret.txt", SECRET);
    files.write("fallback-webhook.txt", ADDRESS);
    files.write("store.txt", STORE);
    for name in templates() {
        let text = match name {
            // Nobody but an invited person is given a link, and an invitation without one is refused.
            "invite" => "{{ token }} {{ link }}",
            // Whoever is asked must read how to refuse.
            "opt_in_request" | "stop_taken" | "start_taken" | "stop_question" => "STOP or START",
            _ => "{{ token }} {{ title }}",
        };
        files.write(&format!("{name}.txt"), text);
    }
    files.write("sns.pem", include_str!("../sns/leaf.pem"));
    files
}

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ADDRESS: &str = "https://pager.example/hooks/warroom";
const STORE: &str = "postgres://warroom@db.example/warroom";

/// Every variable is set.
fn variable(name: &str) -> String {
    let value = match name {
        "WARROOM_STORE" => STORE,
        name if name.ends_with("_URL") => ADDRESS,
        _ => SECRET,
    };
    value.to_owned()
}

/// What the reader makes of the document, or its errors.
fn read(document: Document, text: &str) -> Result<Loaded, Findings> {
    config::load(
        &files(document, text).config(),
        &|name| Some(variable(name)),
        Strictness::Serve,
        super::now(),
    )
}

/// All that was understood, without the folder, which differs from run to run.
fn understood(document: Document, whole: &Value) -> Result<String, Findings> {
    let loaded = read(document, &whole.to_string())?;
    let folder = loaded.config_path.parent().unwrap_or(&loaded.config_path).display().to_string();
    Ok(format!("{:?} {:?}", loaded.config, loaded.roster).replace(&folder, ""))
}

/// Every place of the document's schema that `wanted` picks.
fn each(document: Document) -> impl Iterator<Item = Place> {
    let schema = document.schema();
    let found = places(&schema, &base(document));
    assert!(found.len() > 40, "the walk finds the keys: {}", found.len());
    found.into_iter()
}

#[track_caller]
fn nothing(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_schema_has_exactly_the_keys_that_the_reader_asks_for() {
    let mut wrong = Vec::new();
    for document in Document::ALL {
        for place in each(document) {
            let Some(keys) = &place.keys else { continue };
            for whole in place.holding_one_more_key("zzz") {
                let Err(findings) = read(document, &whole.to_string()) else {
                    panic!("an unknown key is taken: {whole}");
                };
                let finding = findings.iter().find(|f| f.message.starts_with("unknown key `zzz`"));
                let Some(hint) = finding.map(|f| f.hint.clone()) else {
                    wrong.push(format!("{}: the reader does not come here: {whole}", place.path));
                    continue;
                };
                // "expected `a`, `b` or `c`"
                let asked: BTreeSet<String> = hint.split('`').skip(1).step_by(2).map(str::to_owned).collect();
                if asked != *keys {
                    wrong.push(format!(
                        "{}: the reader asks for {asked:?}, the schema has {keys:?}",
                        place.path
                    ));
                }
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn every_value_that_the_schema_gives_is_taken_by_both() {
    let mut wrong = Vec::new();
    for document in Document::ALL {
        let validator = validator(document);
        for place in each(document) {
            // Days away need the person's time zone beside them, which the examples of a person do not have.
            if place.path.contains(".absences[0]") {
                continue;
            }
            // The example of any text at all: where it has to name somebody, the reader alone knows whom.
            for value in place.values.iter().filter(|value| **value != "x1") {
                // A value may need another one beside it: one of the examples around it has to have that.
                let mut refusal = None;
                let taken = place.holding(value).find(|whole| match read(document, &whole.to_string()) {
                    Ok(_) => true,
                    Err(findings) => {
                        refusal.get_or_insert(findings.to_string());
                        false
                    }
                });
                let Some(whole) = taken else {
                    wrong.push(format!("{}: {value}: {}", place.path, refusal.unwrap_or_default()));
                    continue;
                };
                if let Err(e) = validator.validate(&whole) {
                    wrong.push(format!("{}: {value}: the schema refuses it: {e}", place.path));
                }
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn a_default_means_what_its_absence_means() {
    let mut wrong = Vec::new();
    let mut defaults = 0;
    for document in Document::ALL {
        for place in each(document) {
            let Some(usual) = &place.usual else { continue };
            // What the rest of these files needs says where to listen.
            if place.path == "server.listen" {
                continue;
            }
            defaults += 1;
            let pairs = place.holding(usual).zip(place.without());
            let same =
                pairs.map(|(with, without)| (understood(document, &with), understood(document, &without)));
            let same: Vec<_> = same.filter(|(with, without)| with.is_ok() && without.is_ok()).collect();
            if same.is_empty() || same.iter().any(|(with, without)| with != without) {
                wrong.push(format!("{}: {usual} is not what counts if it is absent", place.path));
            }
        }
    }
    nothing(&wrong);
    assert!(defaults > 30, "{defaults}");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_by_both() {
    let mut wrong = Vec::new();
    for document in Document::ALL {
        let validator = validator(document);
        for place in each(document).filter(|place| place.is_key) {
            for value in [json!([[["x"]]]), json!({ "zzz": { "zzz": [["x"]] } })] {
                for whole in place.holding(&value).take(1) {
                    if validator.is_valid(&whole) {
                        wrong.push(format!("{}: the schema takes {value}", place.path));
                    }
                    if read(document, &whole.to_string()).is_ok() {
                        wrong.push(format!("{}: the reader takes {value}", place.path));
                    }
                }
            }
        }
    }
    nothing(&wrong);
}

#[test]
fn every_key_says_what_it_is_and_every_simple_one_has_a_value_to_try() {
    for document in Document::ALL {
        for place in each(document) {
            assert!(!place.is_key || place.says, "{} has no description", place.path);
            let is_simple = !place.leads_on && place.keys.is_none();
            let tried = !is_simple || !place.values.is_empty() || place.is_truth;
            assert!(tried, "{} has neither default nor example", place.path);
        }
    }
}

fn printed(file: File) -> String {
    let mut out = Vec::new();
    schema::run(file, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn shipped(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_schemas_beside_the_config_are_what_the_command_prints() {
    for (file, path) in
        [(File::Config, "config/schema/warroom.json"), (File::Roster, "config/schema/roster.json")]
    {
        assert!(shipped(path) == printed(file), "`warroom schema {file:?} > {path}` is due");
    }
}

#[test]
fn the_shipped_files_name_the_schema_that_takes_them() {
    for (document, path, schema) in [
        (Document::Config, "config/warroom.yaml", "schema/warroom.json"),
        (Document::Roster, "config/roster.yaml", "schema/roster.json"),
    ] {
        let text = shipped(path);
        assert_eq!(text.lines().next(), Some(format!("# yaml-language-server: $schema={schema}").as_str()));
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(schema).is_file());
        snippets::takes(document, &snippets::json_of(&text), path);
    }
}

#[test]
fn the_schemas_are_schemas() {
    for document in Document::ALL {
        assert!(jsonschema::draft202012::meta::is_valid(&document.schema()), "{document:?}");
    }
}
