use crate::support::{at, commit, on_both, record, removal, uid};
use loggia_store::{Answer, Batch, Credential, Login, LoginState, Session, Store, StoreError, Tie, Token, TokenKind};
use serde_json::json;

pub fn token(number: u64, kind: TokenKind) -> Token {
    Token {
        id: uid(number),
        hash: format!("hash {number}"),
        uid: (kind == TokenKind::Personal).then(|| uid(70)),
        principal: "user:default/amara".to_owned(),
        name: "laptop".to_owned(),
        scopes: vec!["read".to_owned(), "order".to_owned()],
        kind,
        team: (kind == TokenKind::Service).then(|| uid(71)),
        created_at: at(1),
        expires_at: Some(at(100)),
        last_used_at: None,
        revoked_at: None,
    }
}

pub fn session(hash: &str, second: i64) -> Session {
    Session {
        hash: hash.to_owned(),
        uid: uid(70),
        created_at: at(1),
        expires_at: at(second),
        last_used_at: at(1),
        user_agent: "Firefox".to_owned(),
        claims: json!({"groups": ["booking"]}),
    }
}

pub fn login(person: u64) -> Login {
    Login { uid: uid(person), password_hash: "$argon2id$…".to_owned(), changed_at: at(1) }
}

pub fn tie(subject: &str, person: u64) -> Tie {
    Tie { issuer: "https://id.example".to_owned(), subject: subject.to_owned(), uid: uid(person), since: at(1) }
}

/// Writes credentials in a transaction of their own.
pub async fn keep(store: &Store, credentials: Vec<Credential>) -> Result<(), StoreError> {
    let (mut tx, _) = store.begin(0).await?;
    tx.write(&Batch { credentials, ..Batch::default() }).await?;
    tx.commit().await
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
        keep(store, vec![Credential::Login(login(70)), Credential::Login(login(71))]).await.unwrap();
        let changed = Login { password_hash: "other".to_owned(), changed_at: at(2), ..login(70) };
        keep(store, vec![Credential::Login(changed.clone())]).await.unwrap();
        assert_eq!(store.login(uid(70)).await.unwrap(), Some(changed));
        assert_eq!(store.login(uid(71)).await.unwrap(), Some(login(71)));
        assert_eq!(store.login(uid(72)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn ties_are_of_one_to_one() {
    on_both("ties", async |db| {
        let store = &db.store;
        keep(store, vec![Credential::Tie(tie("a", 70)), Credential::Tie(tie("b", 71))]).await.unwrap();
        assert_eq!(store.tie("https://id.example", "a").await.unwrap(), Some(tie("a", 70)));
        assert_eq!(store.tie_of("https://id.example", uid(71)).await.unwrap(), Some(tie("b", 71)));
        keep(store, vec![Credential::Tie(tie("a", 71))]).await.unwrap();
        assert_eq!(store.tie_of("https://id.example", uid(70)).await.unwrap(), None);
        assert_eq!(store.tie("https://id.example", "b").await.unwrap(), None);
        assert_eq!(store.tie("https://other.example", "a").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn who_is_no_more_has_nothing_to_prove_themselves_with() {
    on_both("people_gone", async |db| {
        let store = &db.store;
        let amara = record(70, "user:default/amara", 1, 1);
        let put = amara.clone();
        commit(store, 1, move |_, batch| batch.puts.push(put)).await.unwrap();
        let own = vec![
            Credential::Login(login(70)),
            Credential::Tie(tie("a", 70)),
            Credential::Session(session("a", 10)),
            Credential::Token(token(1, TokenKind::Personal)),
            Credential::Token(token(2, TokenKind::Service)),
        ];
        keep(store, own).await.unwrap();
        commit(store, 2, |position, batch| batch.removals.push(removal(&amara, position, 2))).await.unwrap();
        assert_eq!(store.login(uid(70)).await.unwrap(), None);
        assert_eq!(store.tie_of("https://id.example", uid(70)).await.unwrap(), None);
        assert_eq!(store.session("a").await.unwrap(), None);
        assert!(store.token("hash 1").await.unwrap().unwrap().revoked_at.is_some());
        assert_eq!(store.token("hash 2").await.unwrap().unwrap().revoked_at, None);
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
        for (hash, second) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
            keep(store, vec![Credential::Session(session(hash, second))]).await.unwrap();
        }
        assert_eq!(keep(store, vec![Credential::Session(session("a", 1))]).await, Err(StoreError::Conflict));
        store
            .touch_sessions(&[("b".to_owned(), at(7)), ("c".to_owned(), at(0)), ("z".to_owned(), at(9))])
            .await
            .unwrap();
        let mut used = session("b", 20);
        used.last_used_at = at(7);
        assert_eq!(store.session("b").await.unwrap(), Some(used.clone()));
        let all = store.sessions_of(uid(70)).await.unwrap();
        assert_eq!(all, [used, session("a", 10), session("c", 30), session("d", 40)]);
        let (mut tx, _) = store.begin(0).await.unwrap();
        tx.write(&Batch { expired_by: Some(at(10)), ..Batch::default() }).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.session("a").await.unwrap(), None);
        keep(store, vec![Credential::SessionEnd("b".to_owned()), Credential::SessionEnd("z".to_owned())])
            .await
            .unwrap();
        keep(store, vec![Credential::SessionsEnd(uid(70), "d".to_owned())]).await.unwrap();
        assert_eq!(store.sessions_of(uid(70)).await.unwrap(), [session("d", 40)]);
    })
    .await;
}

#[tokio::test]
async fn tokens() {
    on_both("tokens", async |db| {
        let store = &db.store;
        let (mine, service) = (token(1, TokenKind::Personal), token(2, TokenKind::Service));
        keep(store, vec![Credential::Token(mine.clone()), Credential::Token(service.clone())]).await.unwrap();
        let twin = Token { id: uid(3), ..mine.clone() };
        assert_eq!(keep(store, vec![Credential::Token(twin)]).await, Err(StoreError::Conflict));
        assert_eq!(store.token("hash 1").await.unwrap(), Some(mine.clone()));
        assert_eq!(store.token_by_id(uid(2)).await.unwrap(), Some(service.clone()));
        assert_eq!(store.tokens_of(uid(70)).await.unwrap(), std::slice::from_ref(&mine));
        assert_eq!(store.tokens(TokenKind::Service).await.unwrap(), [service]);
        store.touch_tokens(&[(uid(1), at(9)), (uid(1), at(8))]).await.unwrap();
        let revoked = vec![Credential::Revocation(uid(1), at(10)), Credential::Revocation(uid(1), at(11))];
        keep(store, revoked).await.unwrap();
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
