//! The API's description is held against the routes and against real answers.

use std::collections::BTreeSet;

use super::*;
use crate::console::{api, routes};
use crate::store::{Happening, ReceiptId};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn description() -> Value {
    serde_json::from_str(api::OPENAPI).unwrap()
}

fn fill(path: &str, receipt: &str) -> String {
    let path = path.replace("{id}", "1").replace("{action}", "cancel").replace("{name}", "console.css");
    path.replace("{receipt}", receipt)
}

/// The receipt of an incident's first hook.
async fn receipt_of(desk: &Desk, id: IncidentId) -> ReceiptId {
    let dossier = desk.store.dossier(id).await.unwrap().unwrap();
    let receipts = dossier.timeline.into_iter().filter_map(|entry| match entry.what {
        Happening::Hook { receipt, .. } => Some(receipt),
        _ => None,
    });
    receipts.into_iter().next().unwrap()
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let description = description();
    let described: BTreeSet<&str> =
        description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let routed: BTreeSet<&str> = routes().into_iter().map(|(path, _)| path).collect();
    assert_eq!(described, routed);
}

#[tokio::test]
async fn every_described_operation_answers_as_described_and_no_other_does() {
    let desk = Desk::with_token(Some(TOKEN));
    let id = desk.live("Checkout is down").await;
    let receipt = receipt_of(&desk, id).await;
    for (path, item) in description()["paths"].as_object().unwrap() {
        for method in METHODS {
            let request = Request::builder()
                .method(method.to_uppercase().as_str())
                .uri(fill(path, &receipt.to_string()));
            let request =
                request.header("host", "localhost").header("authorization", format!("Bearer {TOKEN}"));
            let request = request.body(Body::empty()).unwrap();
            let reply = desk.ask(request).await;
            match item.get(method) {
                None => assert_eq!(reply.status, 405, "{method} {path}"),
                Some(operation) => {
                    assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
                    let described = &operation["responses"][reply.status.as_str()];
                    assert!(described.is_object(), "{method} {path}: {} is not described", reply.status);
                    if let Some(content) = described["content"].as_object() {
                        let given = reply.headers["content-type"].to_str().unwrap();
                        let kind = given.split(';').next().unwrap();
                        assert!(content.contains_key(kind), "{method} {path}: {kind}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn answers_have_the_described_shape() {
    let desk = Desk::open();
    let ids = [
        desk.live("Checkout is down").await,
        desk.parked("Search is down").await,
        desk.doubled("Login is down").await,
    ];
    let description = description();
    let described = |path: &str, method: &str, status: &str, kind: &str| {
        description["paths"][path][method]["responses"][status]["content"][kind]["schema"].clone()
    };
    let list = described("/api/incidents", "get", "200", "application/json");
    fits(&description, &list, &desk.get("/api/incidents").await.json(), "list");
    let one = described("/api/incidents/{id}", "get", "200", "application/json");
    for id in ids {
        fits(&description, &one, &desk.get(&format!("/api/incidents/{id}")).await.json(), "one");
    }
    let act = "/api/rooms/{id}/{action}";
    let taken = described(act, "post", "202", "application/json");
    fits(&description, &taken, &desk.post(&format!("/api/rooms/{}/close", ids[0])).await.json(), "taken");
    let conflict = described(act, "post", "409", "application/problem+json");
    let refused = desk.post(&format!("/api/rooms/{}/resume", ids[0])).await;
    assert_eq!(refused.status, 409);
    fits(&description, &conflict, &refused.json(), "conflict");
    let replay = "/api/receipts/{receipt}/replay";
    let receipt = described(replay, "post", "200", "application/json");
    let path = format!("/api/receipts/{}/replay", receipt_of(&desk, ids[0]).await);
    fits(&description, &receipt, &desk.post(&path).await.json(), "receipt");
}

#[test]
#[should_panic(expected = "phone_number is not described")]
fn a_field_that_is_not_described_is_noticed() {
    let mut taken = serde_json::json!({ "incident": "INCIDENT-1", "action": "close", "message": "x" });
    taken["phone_number"] = "x".into();
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Taken" });
    fits(&description(), &schema, &taken, "taken");
}

/// Holds a value against the part of JSON Schema that the description uses.
fn fits(root: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return fits(root, target.unwrap_or_else(|| panic!("{reference} leads nowhere")), value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let null = choices.iter().any(|c| c["type"] == "null");
        assert!(null && choices.len() == 2, "{place}: only something or null is used");
        if !value.is_null() {
            fits(root, &choices[0], value, place);
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let named = &schema["type"];
    let fitting = named == kind || named.as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
    assert!(fitting, "{place}: {value} is no {named}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place}: {value} is not one of {words:?}");
    }
    if schema["format"] == "date-time"
        && let Some(text) = value.as_str()
    {
        assert!(text.ends_with('Z') && text.parse::<Timestamp>().is_ok(), "{place}: {text}");
    }
    for item in value.as_array().into_iter().flatten() {
        fits(root, &schema["items"], item, &format!("{place}[]"));
    }
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
    }
    for (name, field) in fields {
        let inside = format!("{place}.{name}");
        match (schema["properties"].get(name), &schema["additionalProperties"]) {
            (Some(schema), _) => fits(root, schema, field, &inside),
            (None, open @ Value::Object(_)) => fits(root, open, field, &inside),
            (None, _) => panic!("{place}: {name} is not described"),
        }
    }
}
