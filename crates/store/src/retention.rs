//! Taking away what is old: lines of runs, and readings whose days are rolled up.

use crate::error::StoreError;
use crate::sql::{Conn, sql};
use crate::store::writes;
use loggia_model::Micros;

async fn forget_run_logs(conn: &mut Conn<'_>, (from, until): (Micros, Micros), most: i64) -> Result<u64, StoreError> {
    let mut statement = sql("delete from operation_log where operation in (select id from operations where 1 = 1");
    statement.push_bind(" and ended_at >= ", from);
    statement.push_bind(" and ended_at < ", until);
    statement.push(" and exists (select 1 from operation_log where operation_log.operation = operations.id)");
    statement.push_bind(" order by ended_at limit ", most);
    statement.push(")");
    conn.run(statement).await
}

async fn forget_readings(conn: &mut Conn<'_>, until: Micros, most: i64) -> Result<u64, StoreError> {
    let mut statement = sql("delete from usage where (source, id) in (select source, id from usage where 1 = 1");
    statement.push_bind(" and time < ", until);
    statement.push_bind(" order by time limit ", most);
    statement.push(")");
    conn.run(statement).await
}

writes! {
    /// Forgets what operations wrote that ended between two times (the first included, the second not), of so many of
    /// them, the oldest first; the operations with their steps stay. Tells how many lines.
    fn forget_run_logs(ended: (Micros, Micros), most: i64) -> u64;
    /// Forgets readings from before a time, so many, the oldest first; the days that they were rolled up to stay. Tells
    /// how many.
    fn forget_readings(until: Micros, most: i64) -> u64;
}
