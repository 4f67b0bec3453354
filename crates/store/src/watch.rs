//! Notices of commits, as PostgreSQL sends them.

use crate::error::StoreError;
use sqlx::postgres::{PgListener, PgPool};

/// The channel of PostgreSQL on which commits are announced.
pub(crate) const CHANNEL: &str = "loggia";

/// Announces commits. Only an accelerator: notices may be lost or come twice, so the tail is polled as well.
pub struct Watch {
    listener: Option<PgListener>,
}

impl Watch {
    /// SQLite has one writing process, which knows about its own commits.
    pub(crate) fn silent() -> Watch {
        Watch { listener: None }
    }

    pub(crate) async fn listen(pool: &PgPool) -> Result<Watch, StoreError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Watch { listener: Some(listener) })
    }

    /// Waits until something was committed, and tells the position of its newest event; on SQLite it waits for ever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while the database is away; calling again connects again.
    pub async fn changed(&mut self) -> Result<i64, StoreError> {
        match &mut self.listener {
            // A position that cannot be read is one that is not known yet.
            Some(listener) => Ok(listener.recv().await?.payload().parse().unwrap_or(i64::MAX)),
            None => std::future::pending().await,
        }
    }
}
