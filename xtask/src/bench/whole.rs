//! Times of whole ways: the demo, a catalog as source, a cold build.

use super::serving::total;
use super::{LIMIT, NO_SHARED, Setting, copy_text, seconds};
use crate::process;
use crate::report::{Outcome, Report};
use crate::server::{Plan, Server};
use anyhow::{Result, bail};
use std::path::Path;
use std::time::{Duration, Instant};

pub fn demo(setting: &Setting, report: &mut Report) {
    report.check("demo, start to ready", "2 s", "–", || {
        let mut server = Plan::new(&setting.binary, "demo")?.start(&setting.data("demo"))?;
        Ok(seconds(server.wait_ready(LIMIT)?, 2.0))
    });
}

/// A second server that pulls the catalog of a first.
pub fn source(setting: &Setting, report: &mut Report) {
    let mut both = None;
    report.check("pull of 10,000 from a Backstage-shaped server", "5 s", "–", || {
        let Some(generated) = setting.entities(10_000)? else { return Ok(Outcome::Skipped(NO_SHARED.into())) };
        let folder = setting.scratch.join("source-entities");
        copy_folder(&generated, &folder)?;
        let plan = Plan::new(&setting.binary, "serve")?.repository(&folder);
        let origin = plan.ready(&setting.data("origin"), LIMIT)?;
        let catalog = format!("{}/api/catalog", origin.base());
        let puller = Plan::new(&setting.binary, "serve")?
            .option("--catalog", catalog)
            .environment("LOGGIA_CATALOG_TOKEN", plan.token());
        let mut puller = puller.start(&setting.data("puller"))?;
        let time = puller.wait(LIMIT, |connection| Ok(total(connection)? >= 10_000))?;
        both = Some((origin, puller, folder));
        Ok(seconds(time, 5.0))
    });
    let Some((mut origin, mut puller, folder)) = both else { return };
    report.check("one change at the source to visible", "2 s", "–", || {
        Ok(seconds(one_change(&mut origin, &mut puller, &folder)?, 2.0))
    });
}

/// From the moment that the source shows a new entity to the moment that the second server does.
fn one_change(origin: &mut Server, puller: &mut Server, folder: &Path) -> Result<Duration> {
    const ADDED: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: added-later\n\
                         spec:\n  type: service\n  lifecycle: production\n  owner: team-00000\n";
    const NAME: &str = "/api/catalog/entities/by-name/component/default/added-later";
    copy_text(ADDED, &folder.join("added.yaml"))?;
    let (mut here, mut there) = (origin.connect()?, puller.connect()?);
    let limit = Instant::now() + LIMIT;
    let mut shown = None;
    while Instant::now() < limit {
        if shown.is_none() && here.get(NAME)?.status == 200 {
            shown = Some(Instant::now());
        }
        if let Some(shown) = shown
            && there.get(NAME)?.status == 200
        {
            return Ok(shown.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("{} after {} s", if shown.is_some() { "not pulled" } else { "the source did not show it" }, LIMIT.as_secs())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// A release build from nothing, on two cores, into a folder of its own.
pub fn build(setting: &Setting, report: &mut Report) {
    report.check("cold release build, two cores", "10 min", "npm install 3 min 10 s, 844 packages", || {
        let started = Instant::now();
        let mut cargo = process::cargo();
        cargo.args(["build", "--release", "--package", "loggia", "--jobs", "2", "--target-dir"]);
        if !process::status(cargo.arg(setting.scratch.join("cold")))? {
            bail!("the build failed");
        }
        Ok(seconds(started.elapsed(), 600.0))
    });
}
