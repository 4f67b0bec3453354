//! The demo's own PostgreSQL: started beside the server, so that nobody waits for it.

use anyhow::Result;
use loggia_app::App;
use loggia_app::access::secret_use::SecretUse;
use loggia_drivers::postgres::cluster::{self, Cluster};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Name of the secret by which the example's environments reach it.
const SECRET: &str = "demo-postgres";
/// Those environments.
const ENVIRONMENTS: [&str; 4] = ["dev", "test", "preview", "production"];

/// Starts PostgreSQL and tells the platform where it is; `started` is dropped where there is none. Without it the offering
/// says so before anybody orders.
pub async fn start(app: Arc<App>, data: PathBuf, started: oneshot::Sender<()>) -> Option<Cluster> {
    match try_start(&app, data).await {
        Ok(cluster) => {
            // Nobody waits any more when the demo ends meanwhile.
            let _ = started.send(());
            Some(cluster)
        }
        Err(error) => {
            tracing::warn!("no databases can be got in this demo: {error}");
            None
        }
    }
}

async fn try_start(app: &App, data: PathBuf) -> Result<Cluster> {
    let folder = cluster::folder(&data.join("postgres"));
    let cluster = Cluster::start(&folder).await.map_err(|failure| {
        let (message, mend) = (failure.message, failure.mend);
        anyhow::anyhow!("{message} {mend}")
    })?;
    // The secret is the whole address, so it is used with no other host.
    let allowed = SecretUse {
        environments: ENVIRONMENTS.map(str::to_owned).to_vec(),
        drivers: vec!["postgres".to_owned()],
        ..SecretUse::default()
    };
    app.set_platform_secret(&app.system("demo"), SECRET, Some(cluster.url().clone()), Some(allowed)).await?;
    tracing::info!("demo: PostgreSQL runs; databases can be got");
    Ok(cluster)
}
