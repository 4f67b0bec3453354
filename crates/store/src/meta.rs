//! Single values about the whole store, such as the fingerprint of the key for secrets.

use crate::error::StoreError;
use crate::sql::{Conn, sql};
use crate::store::{reads, writes};

async fn meta(conn: &mut Conn<'_>, key: &str) -> Result<Option<String>, StoreError> {
    Ok(conn.first(sql("select value from meta where key = $1").bind(key)).await?.map(|(value,)| value))
}

async fn put_meta(conn: &mut Conn<'_>, key: &str, value: &str) -> Result<(), StoreError> {
    let statement = sql("insert into meta (key, value) values ($1, $2)
         on conflict (key) do update set value = excluded.value");
    conn.run(statement.bind(key).bind(value)).await.map(drop)
}

async fn put_meta_if_absent(conn: &mut Conn<'_>, key: &str, value: &str) -> Result<String, StoreError> {
    let statement = sql("insert into meta (key, value) values ($1, $2) on conflict (key) do nothing");
    conn.run(statement.bind(key).bind(value)).await?;
    Ok(meta(conn, key).await?.unwrap_or_else(|| value.to_owned()))
}

reads! {
    /// The value of a key.
    fn meta(key: &str) -> Option<String>;
}

writes! {
    /// Sets the value of a key.
    fn put_meta(key: &str, value: &str) -> ();
    /// Sets the value of a key that has none; the answer is the value that holds now.
    fn put_meta_if_absent(key: &str, value: &str) -> String;
}
