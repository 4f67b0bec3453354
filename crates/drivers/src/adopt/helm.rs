//! Releases of Helm, as it keeps them in a cluster: compressed, in a secret or a config map. Only names and versions are
//! taken out; the values with which a chart was filled in are not even read into memory as such.

use super::objects::{label, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use std::io::Read;

/// Largest release, unpacked.
const LARGEST: u64 = 64 << 20;

/// One revision of a release; the greater one is newer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release {
    pub(super) revision: u64,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) chart: String,
    pub(super) version: String,
    pub(super) app_version: String,
    pub(super) status: String,
}

#[derive(Deserialize)]
struct Kept {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    info: Info,
    chart: Chart,
}

#[derive(Default, Deserialize)]
struct Info {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Chart {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    app_version: String,
}

/// Whether an object holds a release.
pub(super) fn holds(object: &Value) -> bool {
    let secret = text(object, "/kind") == "Secret" && text(object, "/type") == "helm.sh/release.v1";
    let map = text(object, "/kind") == "ConfigMap" && label(object, "owner").eq_ignore_ascii_case("helm");
    secret || map
}

/// Reads a release.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read(object: &Value) -> Result<Release, String> {
    let data = text(object, "/data/release");
    if data.is_empty() {
        return Err("it has no data".to_owned());
    }
    let wrong = |error: base64::DecodeError| format!("it is not in base64: {error}");
    // A secret is in base64 once more than a config map.
    let mut bytes = data.as_bytes().to_vec();
    for _ in 0..2 {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            bytes = STANDARD.decode(bytes.trim_ascii()).map_err(wrong)?;
        }
    }
    let mut json = Vec::new();
    let unpacked = GzDecoder::new(bytes.as_slice()).take(LARGEST).read_to_end(&mut json);
    unpacked.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    let kept: Kept = serde_json::from_slice(&json).map_err(|error| format!("it is no release of Helm 3: {error}"))?;
    let namespace = text(object, "/metadata/namespace");
    Ok(Release {
        namespace: if kept.namespace.is_empty() { namespace.to_owned() } else { kept.namespace },
        name: kept.name,
        revision: kept.version,
        chart: kept.chart.metadata.name,
        version: kept.chart.metadata.version,
        app_version: kept.chart.metadata.app_version,
        status: kept.info.status,
    })
}

/// What runs of a release, and what was tried last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing<'a> {
    /// The revision that runs; none when nothing was ever brought up.
    pub(super) runs: Option<&'a Release>,
    /// The newest revision, whatever became of it.
    pub(super) newest: &'a Release,
}

/// Which of the revisions of a release runs: the newest one that was deployed, else the last one that was before another
/// was begun. A revision that failed or is pending changed nothing for certain. None when it was taken away.
pub(super) fn standing(revisions: &[Release]) -> Option<Standing<'_>> {
    let newest = revisions.iter().max().filter(|newest| newest.status != "uninstalled")?;
    let last = |known: &[&str]| revisions.iter().filter(|one| known.contains(&one.status.as_str())).max();
    // What is being taken away runs until it is gone.
    let runs = last(&["deployed", "uninstalling"]).or_else(|| last(&["superseded"]));
    Some(Standing { runs, newest })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every history of up to three revisions: what runs was deployed, and never what failed or is pending.
    #[test]
    fn what_failed_or_is_pending_does_not_run() {
        let all = [
            "deployed",
            "superseded",
            "failed",
            "pending-install",
            "pending-upgrade",
            "pending-rollback",
            "uninstalling",
            "uninstalled",
            "unknown",
            "",
        ];
        let release = |revision: u64, status: &str| Release { revision, status: status.into(), ..Release::default() };
        for first in all {
            for second in all {
                for third in all {
                    let revisions = [release(1, first), release(2, second), release(3, third)];
                    let Some(standing) = standing(&revisions) else {
                        assert_eq!(third, "uninstalled");
                        continue;
                    };
                    assert_eq!(standing.newest.revision, 3);
                    let of = |known: &[&str]| revisions.iter().rev().find(|one| known.contains(&one.status.as_str()));
                    let wanted = of(&["deployed", "uninstalling"]).or_else(|| of(&["superseded"]));
                    assert_eq!(standing.runs, wanted, "{first} {second} {third}");
                }
            }
        }
        assert_eq!(standing(&[]), None);
    }
}
