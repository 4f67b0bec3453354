//! Sealed secrets. The store never sees what is in them.

use crate::error::StoreError;
use crate::rows::Rows;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::Uid;
use std::collections::BTreeMap;

/// One sealed secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// Identity, by which others refer to it.
    pub id: Uid,
    /// The record that it belongs to.
    pub uid: Uid,
    /// Which secret of the record, such as `outputs.password`.
    pub field: String,
    /// Which key it was sealed with.
    pub key_id: String,
    /// The nonce.
    pub nonce: Vec<u8>,
    /// The sealed text.
    pub ciphertext: Vec<u8>,
}

impl FromRow for SecretRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(SecretRow {
            id: cells.take()?,
            uid: cells.take()?,
            field: cells.take()?,
            key_id: cells.take()?,
            nonce: cells.take()?,
            ciphertext: cells.take()?,
        })
    }
}

/// Writes secrets in place of older ones of the same record and field.
pub(crate) async fn upsert(conn: &mut Conn<'_>, secrets: &[SecretRow]) -> Result<(), StoreError> {
    let mut rows = Rows::new("secrets", &["id", "uid", "field", "key_id", "nonce", "ciphertext"]);
    let newest: BTreeMap<(Uid, &str), &SecretRow> = secrets.iter().map(|s| ((s.uid, s.field.as_str()), s)).collect();
    for ((uid, field), secret) in newest {
        rows.push([
            secret.id.into(),
            uid.into(),
            field.into(),
            secret.key_id.as_str().into(),
            secret.nonce.as_slice().into(),
            secret.ciphertext.as_slice().into(),
        ]);
    }
    let suffix = "on conflict (uid, field) do update set id = excluded.id, key_id = excluded.key_id,
        nonce = excluded.nonce, ciphertext = excluded.ciphertext";
    rows.write(conn, suffix).await.map(drop)
}

/// Forgets all secrets of these records.
pub(crate) async fn delete_all(conn: &mut Conn<'_>, uids: &[Uid]) -> Result<(), StoreError> {
    for some in uids.chunks(200) {
        let mut statement = sql("delete from secrets where uid in ");
        statement.push_list("", some.iter().copied());
        conn.run(statement).await?;
    }
    Ok(())
}

/// Forgets single secrets.
pub(crate) async fn delete_fields(conn: &mut Conn<'_>, gone: &[(Uid, String)]) -> Result<(), StoreError> {
    for (uid, field) in gone {
        delete_secret(conn, *uid, field).await?;
    }
    Ok(())
}

async fn secret(conn: &mut Conn<'_>, uid: Uid, field: &str) -> Result<Option<SecretRow>, StoreError> {
    let statement = sql("select id, uid, field, key_id, nonce, ciphertext from secrets where uid = $1 and field = $2");
    conn.first(statement.bind(uid).bind(field)).await
}

async fn secrets_of(conn: &mut Conn<'_>, uid: Uid) -> Result<Vec<SecretRow>, StoreError> {
    let statement = sql("select id, uid, field, key_id, nonce, ciphertext from secrets where uid = $1 order by field");
    conn.list(statement.bind(uid)).await
}

async fn put_secrets(conn: &mut Conn<'_>, secrets: &[SecretRow]) -> Result<(), StoreError> {
    upsert(conn, secrets).await
}

async fn put_secret_if_absent(conn: &mut Conn<'_>, secret: &SecretRow) -> Result<bool, StoreError> {
    let statement = sql("insert into secrets (id, uid, field, key_id, nonce, ciphertext)
         values ($1, $2, $3, $4, $5, $6) on conflict (uid, field) do nothing");
    let statement = statement.bind(secret.id).bind(secret.uid).bind(secret.field.as_str());
    let statement = statement.bind(secret.key_id.as_str()).bind(secret.nonce.as_slice());
    Ok(conn.run(statement.bind(secret.ciphertext.as_slice())).await? > 0)
}

async fn delete_secret_row(conn: &mut Conn<'_>, id: Uid) -> Result<bool, StoreError> {
    Ok(conn.run(sql("delete from secrets where id = $1").bind(id)).await? > 0)
}

async fn delete_secret(conn: &mut Conn<'_>, uid: Uid, field: &str) -> Result<bool, StoreError> {
    let statement = sql("delete from secrets where uid = $1 and field = $2").bind(uid).bind(field);
    Ok(conn.run(statement).await? > 0)
}

reads! {
    /// One secret of a record.
    fn secret(uid: Uid, field: &str) -> Option<SecretRow>;
    /// All secrets of a record, by field.
    fn secrets_of(uid: Uid) -> Vec<SecretRow>;
}

writes! {
    /// Keeps secrets in place of older ones of the same record and field.
    fn put_secrets(secrets: &[SecretRow]) -> ();
    /// Keeps a secret when the record has none of that field yet; tells whether it did.
    fn put_secret_if_absent(secret: &SecretRow) -> bool;
    /// Forgets the secret with this identity; tells whether it was still there.
    fn delete_secret_row(id: Uid) -> bool;
    /// Forgets one secret; tells whether there was one.
    fn delete_secret(uid: Uid, field: &str) -> bool;
}
