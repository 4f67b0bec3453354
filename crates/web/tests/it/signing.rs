//! Signing in and out with a password, the demo, figures, and headers.

use crate::world::{Said, World, on_both};
use axum::http::{Request, StatusCode, header};
use serde_json::json;

async fn form(world: &World, path: &str, body: &str) -> Said {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    world.send("nobody", request.header("sec-fetch-site", "same-origin"), body.to_owned()).await
}

fn session(said: &Said) -> String {
    let text = said.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax") && !text.contains("Secure"), "{text}");
    text.split(';').next().unwrap().to_owned()
}

async fn me(world: &World, cookie: &str) -> Said {
    world.send("nobody", Request::get("/api/v1/me").header(header::COOKIE, cookie), "").await
}

#[tokio::test]
async fn a_password_begins_a_session_that_signing_out_ends() {
    on_both("signing", async |world| {
        let password = json!({"password": "correct horse battery"});
        let set = world.json("admin", "PUT", "/api/v1/logins/amara", &password).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text);
        let page = world.get("nobody", "/login?back=/get").await;
        assert!(page.text.contains("name=\"password\"") && page.text.contains("value=\"/get\""), "{}", page.text);
        let said = form(&world, "/login", "name=amara&password=correct+horse+battery&back=//evil.example").await;
        assert_eq!((said.status, said.headers[header::LOCATION].as_bytes()), (StatusCode::SEE_OTHER, &b"/"[..]));
        let cookie = session(&said);
        assert_eq!(me(&world, &cookie).await.json()["principal"], "user:default/amara");
        let sessions = world.send("nobody", Request::get("/api/v1/sessions").header(header::COOKIE, &cookie), "").await;
        assert_eq!(sessions.json()["items"][0]["this"], true);

        let foreign = Request::post("/logout").header(header::COOKIE, &cookie).header("sec-fetch-site", "cross-site");
        assert_eq!(world.send("nobody", foreign, "").await.status, StatusCode::FORBIDDEN);
        assert_eq!(me(&world, &cookie).await.status, StatusCode::OK);
        let own = Request::post("/logout").header(header::COOKIE, &cookie).header("sec-fetch-site", "same-origin");
        assert_eq!(world.send("nobody", own, "").await.status, StatusCode::SEE_OTHER);
        assert_eq!(me(&world, &cookie).await.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

/// The form on the page of sessions: the old password counts, the other sessions end, and this one goes on.
#[tokio::test]
async fn people_change_their_password_themselves() {
    on_both("own_password", async |world| {
        let first = json!({"password": "correct horse battery"});
        world.json("admin", "PUT", "/api/v1/logins/amara", &first).await;
        let sign_in = async |password: &str| form(&world, "/login", &format!("name=amara&password={password}")).await;
        let (other, own) =
            (session(&sign_in("correct+horse+battery").await), session(&sign_in("correct+horse+battery").await));
        let send = async |body: &str| {
            let request =
                Request::post("/me/password").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = request.header(header::COOKIE, &own).header("sec-fetch-site", "same-origin");
            world.send("nobody", request, body.to_owned()).await
        };
        for (body, said) in [
            (
                "old=wrong+horse+battery&password=another+horse+here&again=another+horse+here",
                "This is not your old password",
            ),
            ("password=another+horse+here&again=another+horse+here", "Your old password is missing"),
            ("old=correct+horse+battery&password=another+horse+here&again=another+horse", "It is not the same"),
            ("old=correct+horse+battery&password=short&again=short", "The password is too short"),
        ] {
            let answer = send(body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
            assert!(answer.text.contains(said) && !answer.text.contains("horse"), "{said}: {}", answer.text);
        }
        assert_eq!(me(&world, &other).await.status, StatusCode::OK);
        let done = send("old=correct+horse+battery&password=another+horse+here&again=another+horse+here").await;
        assert_eq!(
            (done.status, done.headers[header::LOCATION].as_bytes()),
            (StatusCode::SEE_OTHER, &b"/me?done=password"[..])
        );
        assert_eq!(me(&world, &own).await.status, StatusCode::OK);
        assert_eq!(me(&world, &other).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in("correct+horse+battery").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in("another+horse+here").await.status, StatusCode::SEE_OTHER);
    })
    .await;
}

/// A page without a text and without the id of its request.
fn without(said: &Said, text: &str) -> String {
    let id = said.headers["x-request-id"].to_str().unwrap();
    said.text.replace(text, "").replace(id, "")
}

#[tokio::test]
async fn wrong_passwords_say_nothing_and_have_to_wait() {
    on_both("wrong_passwords", async |world| {
        let unknown = form(&world, "/login", "name=nobody-here&password=x").await;
        assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
        for _ in 0..5 {
            let said = form(&world, "/login", "name=amara&password=x").await;
            assert_eq!(said.status, StatusCode::UNAUTHORIZED);
            assert_eq!(without(&said, "value=\"amara\""), without(&unknown, "value=\"nobody-here\""));
        }
        let said = form(&world, "/login", "name=amara&password=x").await;
        assert_eq!(said.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(said.headers.contains_key(header::RETRY_AFTER));
        let request = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let said = world.send("nobody", request.header("sec-fetch-site", "cross-site"), "name=bob&password=x").await;
        assert_eq!(said.status, StatusCode::FORBIDDEN);
    })
    .await;
}

#[tokio::test]
async fn the_demo_lends_other_eyes_and_no_other_server_does() {
    on_both("demo", async |world| {
        let said = form(&world, "/demo/person", "person=bob&back=/team").await;
        assert_eq!((said.status, said.headers[header::LOCATION].as_bytes()), (StatusCode::SEE_OTHER, &b"/team"[..]));
        assert_eq!(me(&world, &session(&said)).await.json()["user"], "user:default/bob");
        assert_eq!(form(&world, "/demo/person", "person=group:default/gate").await.status, StatusCode::NOT_FOUND);
        assert_eq!(form(&world, "/demo/person", "person=nobody-here").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn figures_are_for_operators_and_answers_keep_browsers_strict() {
    on_both("figures", async |world| {
        world.get("member", "/api/v1/components/default/orders").await;
        for (who, status) in
            [("nobody", 401), ("member", 403), ("product", 200), ("admin", 200), ("service", 200), ("reporter", 403)]
        {
            assert_eq!(world.get(who, "/metrics").await.status.as_u16(), status, "{who}");
        }
        let text = world.get("admin", "/metrics").await.text;
        let counted =
            "loggia_http_requests_total{route=\"/api/v1/{plural}/{namespace}/{name}\",method=\"GET\",status=\"200\"} 1";
        for part in [
            counted,
            "loggia_records ",
            "loggia_position ",
            "loggia_work_open 0",
            "loggia_http_request_seconds_bucket",
            "loggia_sources{state=\"failing\"} 0",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
        assert_eq!(world.get("nobody", "/healthz").await.text, "ok");
        assert_eq!(world.get("nobody", "/readyz").await.status, StatusCode::OK);
        for path in ["/login", "/api/v1/me", "/healthz"] {
            let headers = world.get("nobody", path).await.headers;
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn another_password_needs_the_old_one_and_guessing_has_to_wait() {
    on_both("passwords", async |world| {
        let put = async |body: serde_json::Value| world.json("member", "PUT", "/api/v1/logins/amara", &body).await;
        let said = put(json!({"password": "correct horse battery"})).await;
        assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text);
        let said = put(json!({"password": "another horse battery"})).await;
        assert_eq!((said.status, said.json()["problems"][0]["path"].as_str()), (StatusCode::BAD_REQUEST, Some("old")));
        let said = put(json!({"password": "another horse battery", "old": "correct horse battery"})).await;
        assert_eq!(said.status, StatusCode::NO_CONTENT, "{}", said.text);
        for _ in 0..4 {
            let said = put(json!({"password": "third horse battery", "old": "guess"})).await;
            assert_eq!(said.status, StatusCode::BAD_REQUEST, "{}", said.text);
        }
        let said = put(json!({"password": "third horse battery", "old": "another horse battery"})).await;
        assert_eq!(said.status, StatusCode::TOO_MANY_REQUESTS, "{}", said.text);
    })
    .await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_only_who_guesses_has_to_wait() {
    on_both("proxy", async |world| {
        let trusting = world.with(|state| state.behind(vec!["0.0.0.0".parse().unwrap()]));
        let tries = async |world: &World, from: &str| {
            let request = Request::post("/login").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let request = request.header("sec-fetch-site", "same-origin").header("x-forwarded-for", from);
            world.send("nobody", request, "name=amara&password=x").await.status
        };
        for _ in 0..5 {
            assert_eq!(tries(&trusting, "203.0.113.1").await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(tries(&trusting, "203.0.113.1").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(tries(&trusting, "203.0.113.2").await, StatusCode::UNAUTHORIZED);
        let doubting = trusting.with(|state| state.behind(Vec::new()));
        for _ in 0..5 {
            assert_eq!(tries(&doubting, "203.0.113.3").await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(tries(&doubting, "203.0.113.4").await, StatusCode::TOO_MANY_REQUESTS);
    })
    .await;
}
