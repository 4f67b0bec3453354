//! The state of Terraform and OpenTofu, in their HTTP protocol, step by step.

use crate::world::{Said, World, on_both};
use axum::http::{Method, Request, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use loggia_app::instance::driver::StateAccess;
use loggia_model::{Ref, Uid};
use serde_json::{Value, json};

const STATE: &str = r#"{"version":4,"serial":1,"resources":[{"secret":"very-secret"}]}"#;

struct Door<'a> {
    world: &'a World,
    access: StateAccess,
}

impl Door<'_> {
    async fn ask(&self, method: &str, query: &str, body: &str) -> Said {
        self.ask_with(self.access.password.reveal(), method, query, body).await
    }

    async fn ask_with(&self, password: &str, method: &str, query: &str, body: &str) -> Said {
        let path = &self.access.url[self.access.url.find("/api/").unwrap()..];
        let basic = format!("Basic {}", STANDARD.encode(format!("loggia:{password}")));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(format!("{path}{query}"));
        self.world.send("nobody", request.header(header::AUTHORIZATION, basic), body.to_owned()).await
    }

    async fn status(&self, method: &str, query: &str, body: &str) -> u16 {
        self.ask(method, query, body).await.status.as_u16()
    }
}

fn uid(world: &World, name: &str) -> Uid {
    world.state.app.graph().get(&Ref::new("instance", "booking", name)).unwrap().uid
}

fn lock(id: &str) -> String {
    json!({"ID": id, "Operation": "OperationTypeApply", "Who": "loggia"}).to_string()
}

#[tokio::test]
async fn the_protocol_is_kept() {
    on_both("state", async |world| {
        let access = world.state.app.state_access(uid(&world, "main.dev"));
        let door = Door { world: &world, access };
        assert_eq!(door.status("GET", "", "").await, 204, "no state yet");
        assert_eq!(door.status("LOCK", "", &lock("one")).await, 200);
        let held = door.ask("LOCK", "", &lock("two")).await;
        assert_eq!(
            (held.status.as_u16(), held.json()["ID"].as_str()),
            (423, Some("one")),
            "the lock tells whose it is"
        );
        assert_eq!(door.status("POST", "", STATE).await, 423, "not without the lock");
        assert_eq!(door.status("POST", "?ID=two", STATE).await, 423, "not with another one");
        assert_eq!(door.status("POST", "?ID=one", "no json").await, 400);
        assert_eq!(door.status("POST", "?ID=one", STATE).await, 200);
        assert_eq!(door.ask("GET", "", "").await.json(), serde_json::from_str::<Value>(STATE).unwrap());
        assert_eq!(door.status("UNLOCK", "", &lock("two")).await, 423);
        assert_eq!(door.status("UNLOCK", "", &lock("one")).await, 200);
        assert_eq!(door.status("UNLOCK", "", &lock("one")).await, 200, "twice is fine");
        assert_eq!(door.status("POST", "?ID=one", STATE).await, 423, "a lock that was taken away writes no more");
        assert_eq!(door.status("POST", "", STATE).await, 200, "without a lock nobody is asked for one");
        assert_eq!(door.status("LOCK", "", &lock("three")).await, 200);
        assert_eq!(door.status("DELETE", "", "").await, 423);
        assert_eq!(door.status("UNLOCK", "", "").await, 200, "by force");
        assert_eq!(door.status("DELETE", "", "").await, 200);
        assert_eq!(door.status("GET", "", "").await, 204);
        assert_eq!(door.status("PATCH", "", "").await, 405);
    })
    .await;
}

#[tokio::test]
async fn each_state_has_a_credential_of_its_own() {
    on_both("state_who", async |world| {
        let (app, methods) = (&world.state.app, ["GET", "POST", "DELETE", "LOCK", "UNLOCK", "PATCH"]);
        let (mine, other) = (app.state_access(uid(&world, "main.dev")), app.state_access(uid(&world, "ledger.dev")));
        let nothing = app.state_access(app.new_id());
        let door = Door { world: &world, access: mine.clone() };
        door.ask("POST", "", STATE).await;
        for method in methods {
            for wrong in [other.password.reveal(), "", "wrong", &world.tokens["admin"]] {
                let said = door.ask_with(wrong, method, "", STATE).await;
                assert_eq!(said.status.as_u16(), 401, "{method} {wrong}");
                assert!(!said.text.contains("very-secret"));
            }
            // Nobody learns which instances there are.
            let nowhere = Door { world: &world, access: nothing.clone() };
            assert_eq!(nowhere.status(method, "", STATE).await, 401, "{method}");
            // A token is no way in, whoever has it.
            let path = &mine.url[mine.url.find("/api/").unwrap()..];
            let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
            assert_eq!(world.send("admin", request, STATE).await.status.as_u16(), 401, "{method}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_that_lock_at_once_one_gets_it() {
    on_both("state_race", async |world| {
        let access = world.state.app.state_access(uid(&world, "main.dev"));
        let door = Door { world: &world, access };
        for _ in 0..5 {
            let ids: Vec<String> = (0..12).map(|id| lock(&id.to_string())).collect();
            let asked = ids.iter().map(|info| door.status("LOCK", "", info));
            let got = futures_util::future::join_all(asked).await;
            assert_eq!(got.iter().filter(|status| **status == 200).count(), 1, "{got:?}");
            assert_eq!(got.iter().filter(|status| **status == 423).count(), 11, "{got:?}");
            door.ask("UNLOCK", "", "").await;
        }
    })
    .await;
}
