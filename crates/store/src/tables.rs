//! The tables, as far as copying needs to know them.

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Int,
    Text,
    Bytes,
}

/// A table and its columns; the first `key` ones identify a row.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: usize,
    pub(crate) columns: &'static [&'static str],
    pub(crate) cells: &'static [Cell],
}

/// Declares a table: the key before the semicolon, the other columns after it.
macro_rules! table {
    ($name:literal: $($key:ident $key_cell:ident),+; $($column:ident $cell:ident),*) => {
        Table {
            name: $name,
            key: [$(stringify!($key)),+].len(),
            columns: &[$(stringify!($key),)+ $(stringify!($column)),*],
            cells: &[$(Cell::$key_cell,)+ $(Cell::$cell),*],
        }
    };
}

/// All tables of Loggia.
pub(crate) const TABLES: &[Table] = &[
    table!("events": position Int; id Text, time Int, type Text, subject Text, subject_ref Text, principal Text,
        on_behalf_of Text, organisation Text, door Text, request_id Text, reason Text, cause Int, revision Int,
        data Text, digest Text, previous Text, hash Text),
    table!("heads": uid Text; ref Text, document Text, status Text, etag Text, origin Text, path Text, revision Int,
        position Int, created_at Int, updated_at Int),
    table!("revisions": uid Text, revision Int; position Int, time Int, ref Text, document Text, status Text,
        etag Text, origin Text, path Text, created_at Int),
    table!("aliases": ref Text; uid Text, position Int),
    table!("operations": id Text; instance Text, instance_ref Text, verb Text, driver Text, state Text, steps Text,
        attempt Int, requested_by Text, created_at Int, ended_at Int, message Text, mend Text,
        next_at Int, last_failure Text),
    table!("operation_log": operation Text, seq Int; time Int, text Text),
    table!("work": id Text; class Int, subject Text, key Text, not_before Int, lease_owner Text, lease_until Int,
        running Text, fence Int, attempt Int, payload Text, place Text),
    table!("due": key Text; time Int, kind Text, subject Text, payload Text),
    table!("blobs": hash Text; media Text, bytes Bytes),
    table!("secrets": id Text; uid Text, field Text, key_id Text, nonce Bytes, ciphertext Bytes),
    table!("meta": key Text; value Text),
    table!("logins": uid Text; password_hash Text, changed_at Int),
    table!("ties": issuer Text, subject Text; uid Text, since Int),
    table!("sessions": hash Text; uid Text, created_at Int, expires_at Int, last_used_at Int, user_agent Text,
        claims Text),
    table!("tokens": id Text; hash Text, uid Text, principal Text, name Text, scopes Text, kind Text, team Text,
        created_at Int, expires_at Int, last_used_at Int, revoked_at Int),
    table!("login_states": state Text; nonce Text, verifier Text, return_to Text, expires_at Int),
    table!("idempotency": principal Text, key Text; request_hash Text, status Int, body Text, expires_at Int),
    table!("usage": source Text, id Text; time Int, team Text, principal Text, offering Text, release Text,
        feature Text, instance Text, channel Text, count Int, outcome Text, mandated Int),
    table!("usage_daily": offering Text, day Int, team Text, principal Text, release Text, instance Text,
        channel Text, mandated Int; count Int, errors Int, first_time Int, last_time Int),
    table!("sightings": uid Text; first_seen Int, last_seen Int, source Text),
    table!("unmatched": key Text; attributes Text, why Text, first_seen Int, last_seen Int, count Int, dismissed Int),
    table!("items": record Text, about Text; time Int, data Text),
    table!("edits": id Text; source Text, record Text, commit_id Text, branch Text, link Text, why Text, author Text,
        etag Text, made_at Int, settled_at Int, outcome Text, reason Text),
    table!("sources": id Text; kind Text, location Text, last_commit Text, last_sync Int, last_ok Int, state Text),
];
