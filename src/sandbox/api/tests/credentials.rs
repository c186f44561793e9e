//! Credentials in every place, and without them nothing.

use super::*;

fn raw(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn credentials_are_taken_from_every_place_and_the_place_is_recorded() {
    let bench = Bench::with_engine(Engine::Webjs);
    let (id, token) = (Setup::INSTANCE_ID, Setup::ACCESS_TOKEN);
    let bearer = format!("Bearer {token}");
    let body = format!(r#"{{"instance_id":"{id}","access_token":"{token}"}}"#);
    let requests = [
        raw("GET", &format!("/v2/groups?instance_id={id}&access_token={token}"), &[], ""),
        raw("POST", "/v2/session/info", &[("content-type", "application/json")], &body),
        raw("GET", &format!("/v2/groups?instance_id={id}"), &[("access-token", token)], ""),
        raw("GET", "/v2/groups", &[("authorization", &bearer), ("x-instance-id", id)], ""),
    ];
    for request in requests {
        assert_eq!(bench.send(request).await.unwrap().status, StatusCode::OK);
    }
    let places: Vec<CredentialPlace> =
        bench.sandbox.calls().iter().flat_map(|call| call.credentials.clone()).collect();
    assert_eq!(
        places,
        [CredentialPlace::Query, CredentialPlace::Body, CredentialPlace::Header, CredentialPlace::Bearer]
    );
}

#[tokio::test]
async fn credentials_that_are_missing_wrong_doubled_or_in_a_form_are_refused() {
    let bench = Bench::with_engine(Engine::Webjs);
    let (id, token) = (Setup::INSTANCE_ID, Setup::ACCESS_TOKEN);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let json_type = ("content-type", "application/json");
    let both = format!("instance_id={id}&access_token={token}");
    let in_body = format!(r#"{{"access_token":"{token}"}}"#);
    let cases = [
        (raw("POST", "/v2/session/info", &[form], &both), 401, "Missing access_token"),
        (
            raw("GET", &format!("/v2/groups?instance_id={id}&access_token=x"), &[], ""),
            401,
            "Invalid or Missing",
        ),
        (raw("POST", &format!("/v2/session/info?{both}"), &[json_type], &in_body), 400, "should not exist"),
        (
            raw("GET", &format!("/v2/groups?instance_id=NOBODY&access_token={token}"), &[], ""),
            404,
            "invalid_session",
        ),
        (raw("GET", &format!("/v2/groups?access_token={token}"), &[], ""), 400, "instance_id"),
        (raw("POST", "/v2/groups", &[json_type], "{"), 400, "EOF"),
    ];
    for (request, status, words) in cases {
        let answer = bench.send(request).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert!(answer.text.contains(words), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_token_opens_only_its_own_instances() {
    let bench = Bench::new(Setup {
        instances: vec![
            Number::new("INSTANCE000A", "15550100010", "token-a"),
            Number::new("INSTANCE000B", "15550100020", "token-b"),
        ],
        ..Setup::default()
    });
    let ask = |id: &str, token: &str| {
        raw("GET", &format!("/v2/session/me?instance_id={id}&access_token={token}"), &[], "")
    };
    let answer = bench.send(ask("INSTANCE000B", "token-b")).await.unwrap();
    assert_eq!(answer.json()["id"], "15550100020@c.us");
    assert_eq!(bench.send(ask("INSTANCE000B", "token-a")).await.unwrap().status, 404);
}
