//! What `roster.yaml` may say about teams, clients, and the roles of people.

use warroom::cli::who;
use warroom::config::Colours;

use super::{Files, GOOD_CONFIG, question, roster_says, set, shipped};

/// A sound roster whose parts the tests replace.
const SOUND: &str = r#"
people:
  ada: { name: Ada, phone: "+15550100101", opted_in: true, roles: [ commander, specialist ] }
  ben: { name: Ben, phone: "+15550100102", opted_in: true, roles: [ specialist ] }
  gil: { name: Gil, phone: "+15550100103", opted_in: true }
rotations:
  platform: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ ada, gil ] }
teams:
  payments: { name: Payments, people: [ ada, ben, rotation:platform ] }
clients:
  acme: { name: Acme GmbH, also: [ "ACME-Prod" ], invite: { client: [ gil ] }, runbook: "https://runbooks.example/acme" }
routes:
  - { name: all, match: 'x = y', clients: false, invite: { commander: [ ada ], specialist: [ team:payments ] }, quorum: { roles: [ specialist ], otherwise: [ team:payments ] } }
fallback:
  invite: { commander: [ team:payments ] }
"#;

#[track_caller]
fn says(from: &str, to: &str, parts: &[&str]) {
    assert!(SOUND.contains(from), "{from}");
    let found = roster_says(&SOUND.replacen(from, to, 1));
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for part in parts {
        assert!(found.iter().any(|f| f.contains(part)), "{part}: {found:#?}");
    }
}

#[test]
fn a_sound_roster_has_no_findings_and_its_parts_are_counted() {
    assert_eq!(roster_says(SOUND), Vec::<String>::new());
    let (code, said) = Files::new(GOOD_CONFIG, SOUND).check();
    assert_eq!(code, 0);
    assert!(said.contains("1 team, 1 client"), "{said}");
}

#[test]
fn who_shows_the_client_and_the_path_through_team_and_rotation() {
    let files = Files::new(GOOD_CONFIG, SOUND);
    let ask = |json: bool| {
        let question = question(&[("client", "acme-prod")], json);
        let mut out = Vec::new();
        assert_eq!(who::run(&files.config(), &set, &question, Colours::No, &mut out).unwrap(), 0);
        String::from_utf8(out).unwrap()
    };
    insta::assert_snapshot!(ask(false));
    let answer: serde_json::Value = serde_json::from_str(&ask(true)).unwrap();
    assert_eq!(answer["client"], "Acme GmbH");
    assert_eq!(answer["people"][0]["why"], "team payments, named in the fallback");
}

#[test]
fn teams() {
    let team = "{ name: Payments, people: [ ada, ben, rotation:platform ] }";
    says(
        "[ team:payments ] }\n",
        "[ team:paymens ] }\n",
        &["names the team `paymens`, which does not exist (did you mean `team:payments`?)"],
    );
    says(
        "[ team:payments ] }\n",
        "[ team:x-ray ] }\n",
        &["names the team `x-ray`, which does not exist (add it under `teams`)"],
    );
    says("[ team:payments ] }\n", "[ payments ] }\n", &["write `team:payments` for the team"]);
    says(team, "{ people: [ ada, adda ] }", &["did you mean `ada`?"]);
    says(team, "{ people: [ ada, team:payments ] }", &["`teams.payments.people[1]` is a team within a team"]);
    says(team, "{ people: [] }", &["`teams.payments.people` names nobody"]);
    says(team, "{ name: X }", &["`teams.payments` needs `people`"]);
    says(team, "{ people: [ ada, ben ], colour: red }", &["unknown key `colour`"]);
    says(
        team,
        &format!("{team}\n  idle: {{ people: [ ada ] }}"),
        &["warning: `teams.idle` is a team that nobody calls"],
    );
}

#[test]
fn roles() {
    let ben = "roles: [ specialist ] }\n  gil";
    says(ben, "roles: [] }\n  gil", &["`people.ben.roles` holds no role (leave it out"]);
    says(ben, "roles: [ \"a, b\" ] }\n  gil", &["a role is a short text without commas"]);
    says(
        ben,
        "roles: [ specalist ] }\n  gil",
        &["names the role `specalist`, which nobody is called in (did you mean `specialist`?)"],
    );
    // Only for what a monitoring tool assigns.
    says(ben, "roles: [ specialist, database ] }\n  gil", &[]);
    says(
        "commander: [ ada ]",
        "commander: [ ada, ben ]",
        &[
            "warning: `routes[0].invite.commander[1]` calls people as `commander` whose `roles` do not hold it: ben",
        ],
    );
    // Through a rotation, too, and for a client.
    says("people: [ ada, gil ]", "people: [ ben, gil ]", &[]);
    says(
        "client: [ gil ]",
        "client: [ gil, rotation:platform ]",
        &["calls people as `client` whose `roles` do not hold it: ada"],
    );
}

#[test]
fn a_team_that_gives_nobody() {
    let invite = "specialist: [ team:payments ] }";
    // Once as an error, because somebody must be there in that role.
    let scribe = |quorum: &str| {
        SOUND
            .replace("people: [ ada, ben, rotation:platform ] }", "people: [ ada, ben ] }")
            .replace(invite, "specialist: [ ada ], scribe: [ team:payments ] }")
            .replace("roles: [ specialist ], otherwise", &format!("roles: [ {quorum} ], otherwise"))
    };
    let found = roster_says(&scribe("specialist"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("warning: `routes[0].invite.scribe[0]` calls nobody: no one in the team `payments` may be `scribe`"),
        "{found:#?}"
    );
    let found = roster_says(&scribe("scribe"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(": `routes[0].invite.scribe[0]` calls nobody"), "{found:#?}");
    assert!(!found[0].contains("warning") && found[0].contains("but the quorum needs one"), "{found:#?}");
}

#[test]
fn a_team_that_gives_nobody_at_times() {
    // Ben's weeks give no commander.
    let turns = SOUND
        .replace("people: [ ada, gil ]", "people: [ ada, ben ]")
        .replace("people: [ ada, ben, rotation:platform ] }", "people: [ ben, rotation:platform ] }");
    let found = roster_says(&turns);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("`fallback` names teams and rotations only that have nobody at times"),
        "{found:#?}"
    );
    let found = roster_says(
        &turns.replace("commander: [ team:payments ] }\n", "commander: [ team:payments, ada ] }\n"),
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("warning: `fallback.invite.commander[0]` calls nobody at times"), "{found:#?}");
}

#[test]
fn a_fallback_whose_only_team_may_not_lead_is_no_fallback() {
    let found = roster_says(&SOUND.replace("people: [ ada, ben, rotation:platform ] }", "people: [ ben ] }"));
    assert!(found.iter().any(|f| f.contains("somebody must always be called")), "{found:#?}");
}

#[test]
fn clients() {
    let also = "also: [ \"ACME-Prod\" ]";
    let globex = |text: &str| format!("  globex: {text}\nroutes:");
    says("routes:", &globex("{ invite: { client: [ gil ] } }"), &[]);
    says(
        "routes:",
        &globex("{ also: [ Acme ], invite: { client: [ gil ] } }"),
        &["`clients.globex.also[0]` means the client `acme` too"],
    );
    says(
        "routes:",
        &globex("{ also: [ acme-prod ], invite: { client: [ gil ] } }"),
        &["`clients.globex.also[0]` means the client `acme` too"],
    );
    says(
        "routes:",
        "  ACME: { invite: { client: [ gil ] } }\nroutes:",
        &["`acme` and `ACME` are the same client"],
    );
    // Also if the key stands below the other client's `also`.
    says("\"ACME-Prod\"", "globex", &[]);
    let below = SOUND
        .replace("\"ACME-Prod\"", "Globex")
        .replace("routes:", &globex("{ invite: { client: [ gil ] } }"));
    let found = roster_says(&below);
    assert!(
        found.len() == 1 && found[0].contains("`clients.acme.also[0]` means the client `globex` too"),
        "{found:#?}"
    );
    says(also, "also: [ ACME ]", &["warning: `clients.acme.also[0]` means this client anyway"]);
    says("runbook: \"https://runbooks.example/acme\"", "runbook: acme", &["is not a web address"]);
    says("client: [ gil ]", "client: [ gill ]", &["did you mean `gil`?"]);
    says("client: [ gil ]", "client: [ team:none ]", &["names the team `none`"]);
    says("routes:", &globex("{ name: Globex }"), &["warning: client `globex` adds nobody to a room"]);
    // Somebody who is only a client's contact is somebody.
    says("teams:", "teams:", &[]);
    let hal = SOUND
        .replace("rotations:", "  hal: { name: Hal, phone: \"+15550100104\" }\nrotations:")
        .replace("client: [ gil ]", "client: [ gil, hal ]");
    let found = roster_says(&hal);
    assert!(
        found.len() == 1
            && found[0]
                .contains("warning: client `acme` would call people who never wrote to our number: hal"),
        "{found:#?}"
    );
    // Not where no incident of theirs opens a room with them in it.
    let kept_out = SOUND.replace("fallback:\n", "fallback:\n  clients: false\n");
    let found = roster_says(&kept_out);
    assert!(
        found.len() == 1 && found[0].contains("client `acme` has people whom no route calls"),
        "{found:#?}"
    );
}

#[test]
fn the_people_of_the_largest_client_count_for_the_size_of_a_room() {
    // The fallback calls ada and somebody on duty; a client that it can be taken for adds to them.
    let sized = |size: usize, client: &str| {
        SOUND
            .replace("fallback:\n", &format!("fallback:\n  size: {size}\n"))
            .replace("client: [ gil ]", client)
    };
    assert_eq!(roster_says(&sized(3, "client: [ gil ]")), Vec::<String>::new());
    let found = roster_says(
        &sized(3, "client: [ gil, ben ]")
            .replace("roles: [ specialist ] }\n", "roles: [ specialist, client ] }\n"),
    );
    assert!(
        found.len() == 1
            && found[0].contains(
                "warning: `fallback` can call 4 people with those of client `acme`, but a room holds 3"
            ),
        "{found:#?}"
    );
    // Not for a client that the route is not for.
    let others = sized(3, "client: [ gil, ben ]")
        .replace("roles: [ specialist ] }\n", "roles: [ specialist, client ] }\n");
    let others = others.replace("fallback:\n  size: 3\n", "  - { name: other, size: 3, match: 'client = globex', invite: { commander: [ team:payments ] } }\nfallback:\n");
    assert_eq!(roster_says(&others), Vec::<String>::new());
}

#[test]
fn the_example_of_teams_and_clients_in_the_shipped_roster_works() {
    let shipped = std::fs::read_to_string(shipped().with_file_name("roster.yaml")).unwrap();
    let mut example = false;
    let lines = shipped.lines().map(|line| {
        example |= line == "# teams:" || line == "# clients:";
        example &= line.starts_with('#');
        if example { line.trim_start_matches("# ").to_owned() } else { line.to_owned() }
    });
    let with = lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("specialist: [ sam ]", "specialist: [ sam, team:payments ]");
    assert!(with.contains("\nteams:\n") && with.contains("\nclients:\n"), "{with}");
    assert_eq!(roster_says(&with), Vec::<String>::new());
}
