//! Blobs: bytes under their SHA-256.

use crate::error::StoreError;
use crate::sql::{Cells, Conn, FromRow, sql};
use crate::store::{reads, writes};
use loggia_model::canonical::hex;
use sha2::{Digest, Sha256};

/// Bytes with their media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The media type with which they were put first, such as `image/svg+xml`.
    pub media: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl FromRow for Blob {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, StoreError> {
        Ok(Blob { media: cells.take()?, bytes: cells.take()? })
    }
}

async fn put_blob(conn: &mut Conn<'_>, media: &str, bytes: &[u8]) -> Result<String, StoreError> {
    let hash = hex(&Sha256::digest(bytes));
    let statement = sql("insert into blobs (hash, media, bytes) values ($1, $2, $3) on conflict (hash) do nothing");
    conn.run(statement.bind(&hash).bind(media).bind(bytes)).await?;
    Ok(hash)
}

async fn blob(conn: &mut Conn<'_>, hash: &str) -> Result<Option<Blob>, StoreError> {
    conn.first(sql("select media, bytes from blobs where hash = $1").bind(hash)).await
}

async fn delete_blob(conn: &mut Conn<'_>, hash: &str) -> Result<bool, StoreError> {
    Ok(conn.run(sql("delete from blobs where hash = $1").bind(hash)).await? > 0)
}

reads! {
    /// The bytes with this SHA-256, in hexadecimal.
    fn blob(hash: &str) -> Option<Blob>;
}

writes! {
    /// Keeps bytes; the answer is their SHA-256 in hexadecimal. Bytes that are kept already are left alone.
    fn put_blob(media: &str, bytes: &[u8]) -> String;
    /// Forgets bytes; tells whether there were any.
    fn delete_blob(hash: &str) -> bool;
}
