use crate::support::{at, on_both, uid};
use loggia_store::{Answer, Batch, Login, LoginState, Session, StoreError, Token, TokenKind};
use serde_json::json;

pub fn token(number: u64, kind: TokenKind) -> Token {
    Token {
        id: uid(number),
        hash: format!("hash {number}"),
        principal: "user:default/amara".to_owned(),
        name: "laptop".to_owned(),
        scopes: vec!["read".to_owned(), "order".to_owned()],
        kind,
        created_at: at(1),
        expires_at: Some(at(100)),
        last_used_at: None,
        revoked_at: None,
    }
}

pub fn session(hash: &str, second: i64) -> Session {
    Session {
        hash: hash.to_owned(),
        principal: "user:default/amara".to_owned(),
        created_at: at(1),
        expires_at: at(second),
        last_used_at: at(1),
        user_agent: "Firefox".to_owned(),
        claims: json!({"groups": ["booking"]}),
    }
}

pub fn login(name: &str) -> Login {
    Login {
        name: name.to_owned(),
        principal: "user:default/amara".to_owned(),
        password_hash: "$argon2id$…".to_owned(),
        changed_at: at(1),
    }
}

pub fn login_state(state: &str) -> LoginState {
    LoginState {
        state: state.to_owned(),
        nonce: "n".to_owned(),
        verifier: "v".to_owned(),
        return_to: "/get".to_owned(),
        expires_at: at(10),
    }
}

pub fn answer(key: &str, second: i64) -> Answer {
    Answer {
        principal: "user:default/amara".to_owned(),
        key: key.to_owned(),
        request_hash: "h".to_owned(),
        status: 202,
        body: r#"{"instance":"x"}"#.to_owned(),
        expires_at: at(second),
    }
}

#[tokio::test]
async fn logins() {
    on_both("logins", async |db| {
        let store = &db.store;
        store.add_login(&login("amara")).await.unwrap();
        assert_eq!(store.add_login(&login("amara")).await, Err(StoreError::Conflict));
        let changed = Login { password_hash: "other".to_owned(), changed_at: at(2), ..login("amara") };
        store.put_login(&changed).await.unwrap();
        store.put_login(&login("amara.s")).await.unwrap();
        assert_eq!(store.login("amara").await.unwrap(), Some(changed.clone()));
        assert_eq!(store.logins_of("user:default/amara").await.unwrap(), [changed, login("amara.s")]);
        assert_eq!(store.delete_login("amara").await, Ok(true));
        assert_eq!(store.delete_login("amara").await, Ok(false));
        assert_eq!(store.login("amara").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn logins_at_another_provider_are_taken_up_once() {
    on_both("login_states", async |db| {
        let store = &db.store;
        for state in ["a", "b", "c"] {
            store.put_login_state(&login_state(state)).await.unwrap();
        }
        assert_eq!(store.take_login_state("a", at(9)).await.unwrap(), Some(login_state("a")));
        assert_eq!(store.take_login_state("a", at(9)).await.unwrap(), None);
        assert_eq!(store.take_login_state("b", at(10)).await.unwrap(), None);
        assert_eq!(store.delete_expired_login_states(at(10)).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn sessions() {
    on_both("sessions", async |db| {
        let store = &db.store;
        for (hash, second) in [("a", 10), ("b", 20), ("c", 30)] {
            store.add_session(&session(hash, second)).await.unwrap();
        }
        assert_eq!(store.add_session(&session("a", 1)).await, Err(StoreError::Conflict));
        store
            .touch_sessions(&[("b".to_owned(), at(7)), ("c".to_owned(), at(0)), ("z".to_owned(), at(9))])
            .await
            .unwrap();
        let mut used = session("b", 20);
        used.last_used_at = at(7);
        assert_eq!(store.session("b").await.unwrap(), Some(used.clone()));
        let all = store.sessions_of("user:default/amara").await.unwrap();
        assert_eq!(all, [used, session("a", 10), session("c", 30)]);
        assert_eq!(store.delete_expired_sessions(at(10)).await, Ok(1));
        assert_eq!(store.delete_session("b").await, Ok(true));
        assert_eq!(store.delete_session("b").await, Ok(false));
        assert_eq!(store.delete_sessions_of("user:default/amara").await, Ok(1));
        assert_eq!(store.session("c").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn tokens() {
    on_both("tokens", async |db| {
        let store = &db.store;
        let (mine, service) = (token(1, TokenKind::Personal), token(2, TokenKind::Service));
        store.add_token(&mine).await.unwrap();
        store.add_token(&service).await.unwrap();
        let twin = Token { id: uid(3), ..mine.clone() };
        assert_eq!(store.add_token(&twin).await, Err(StoreError::Conflict));
        assert_eq!(store.token("hash 1").await.unwrap(), Some(mine.clone()));
        assert_eq!(store.token_by_id(uid(2)).await.unwrap(), Some(service.clone()));
        assert_eq!(store.tokens_of("user:default/amara").await.unwrap(), [mine.clone(), service.clone()]);
        assert_eq!(store.tokens(TokenKind::Service).await.unwrap(), [service]);
        store.touch_tokens(&[(uid(1), at(9)), (uid(1), at(8))]).await.unwrap();
        assert_eq!(store.revoke_token(uid(1), at(10)).await, Ok(true));
        assert_eq!(store.revoke_token(uid(1), at(11)).await, Ok(false));
        let expected = Token { last_used_at: Some(at(9)), revoked_at: Some(at(10)), ..mine };
        assert_eq!(store.token("hash 1").await.unwrap(), Some(expected));
    })
    .await;
}

#[tokio::test]
async fn answers_are_remembered_until_they_expire() {
    on_both("answers", async |db| {
        let store = &db.store;
        let (mut tx, _) = store.begin(0).await.unwrap();
        assert_eq!(tx.answer("user:default/amara", "k").await.unwrap(), None);
        tx.write(&Batch { answers: vec![answer("k", 10)], ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.answer("user:default/amara", "k").await.unwrap(), Some(answer("k", 10)));
        assert_eq!(store.answer("user:default/bo", "k").await.unwrap(), None);
        assert_eq!(store.put_answer(&answer("k", 99)).await, Err(StoreError::Conflict));
        store.put_answer(&answer("l", 20)).await.unwrap();
        assert_eq!(store.delete_expired_answers(at(10)).await, Ok(1));
        assert_eq!(store.answer("user:default/amara", "k").await.unwrap(), None);
    })
    .await;
}
