//! The driver itself.

use super::cli::{Call, Git};
use super::import::{NewFile, Signature};
use super::repository::{self, Mark, PUSHES, failed, unreachable};
use super::{change, clone_url, render, scaffolder};
use crate::gates::Gates;
use async_trait::async_trait;
use loggia_app::instance::change_request::Merges;
use loggia_app::instance::driver::{Backend, Driver, Failure, Observation, Plan, Presence, Request, RunLog};
use loggia_model::Micros;
use loggia_model::instance::{Condition, Verdict};
use loggia_model::usage::UsageReading;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Where repositories are made before they are moved into place.
const MAKING: &str = ".making";
/// Where destroyed repositories are kept.
const TRASH: &str = ".trash";
/// The newest pushes that one look reports. Those of earlier looks are reported again under the same id.
const PUSHES_REPORTED: usize = 200;

/// Makes, observes and takes away bare repositories below one folder.
pub struct GitDriver {
    root: PathBuf,
    pub(super) gates: Gates,
}

/// What a look at a repository found.
pub(super) enum Found {
    Nothing,
    Ours(Mark),
    Another,
}

impl GitDriver {
    /// A driver over the folder of repositories, which must be there.
    pub fn new(root: impl Into<PathBuf>) -> GitDriver {
        GitDriver { root: root.into(), gates: Gates::default() }
    }

    /// The folder of repositories.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) async fn look(&self, git: &Git, request: &Request) -> Result<(PathBuf, Found), Failure> {
        let path = repository::path(&self.root, request)?;
        let found = match repository::mark(git, &self.root, &path).await? {
            None => Found::Nothing,
            Some(mark) if mark.key == request.key => Found::Ours(mark),
            Some(_) => Found::Another,
        };
        Ok((path, found))
    }

    async fn make(&self, git: &Git, request: &Request, path: &Path, log: &dyn RunLog) -> Result<(), Failure> {
        let files = render(request, log).await?;
        log.line(&format!("first commit with {} files", files.len()));
        let making = self.root.join(MAKING);
        std::fs::create_dir_all(&making).map_err(|error| unreachable(&error))?;
        sweep(&making, &request.key);
        let prefix = format!("{}-", request.key);
        let temporary =
            tempfile::Builder::new().prefix(&prefix).tempdir_in(&making).map_err(|error| unreachable(&error))?;
        let mark = Mark { key: request.key.clone(), version: request.version.clone(), change: None };
        let made = repository::make(git, temporary.path(), &mark, &author(request), &files).await;
        made.map_err(|error| failed("make", &error))?;
        std::fs::create_dir_all(path.parent().unwrap_or(&self.root)).map_err(|error| unreachable(&error))?;
        // One rename: the repository is there whole, or not at all. It fails when somebody else was faster.
        let moved = std::fs::rename(temporary.path(), path);
        moved.map_err(|error| unreachable(&error))?;
        // The folder is not temporary any more.
        drop(temporary.keep());
        log.line("repository is in place");
        Ok(())
    }

    async fn seen(&self, git: &Git, request: &Request, path: &Path, mark: &Mark) -> Result<Observation, Failure> {
        let head = git.text(Call::new(path, ["symbolic-ref", "--short", "HEAD"])).await;
        let branch = head.map_err(|error| failed("read", &error))?;
        let commit = git.text(Call::new(path, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"])).await.ok();
        let mut outputs = Map::new();
        let page =
            format!("{}/instances/{}/{}.{}", request.public_url, request.namespace, request.name, request.environment);
        outputs.insert("clone_url".to_owned(), clone_url(request).into());
        outputs.insert("page".to_owned(), page.into());
        outputs.insert("default_branch".to_owned(), branch.clone().into());
        if commit.is_some() && has_catalog_info(git, path).await {
            outputs.insert("catalog_info_path".to_owned(), "catalog-info.yaml".into());
        }
        let (status, reason, message) = match commit {
            Some(commit) => {
                (Verdict::True, "Present", format!("Branch {branch} is at {}", &commit[..commit.len().min(12)]))
            }
            None => (Verdict::False, "NoCommit", format!("Branch {branch} has no commit")),
        };
        let ready = Condition { kind: "Ready".to_owned(), status, reason: reason.to_owned(), message };
        let (version, waits) = change::told(git, path, mark).await.map_err(|error| failed("read", &error))?;
        Ok(Observation {
            presence: Presence::Present,
            version,
            conditions: std::iter::once(ready).chain(waits).collect(),
            outputs,
            secret_outputs: Vec::new(),
            readings: pushes(request, path),
        })
    }

    async fn trash(&self, git: &Git, request: &Request, path: &Path, log: &dyn RunLog) -> Result<(), Failure> {
        let trash = self.root.join(TRASH);
        std::fs::create_dir_all(&trash).map_err(|error| unreachable(&error))?;
        let name = format!("{}-{}", request.key, crate::now().0);
        let refs = git.text(Call::new(path, ["for-each-ref", "--count=1"])).await;
        // Git makes no bundle of a repository without a commit, and nothing would be lost.
        if !refs.map_err(|error| failed("read", &error))?.is_empty() {
            let bundle = trash.join(format!("{name}.bundle"));
            let args = ["bundle", "create", "--quiet"].map(Into::into).into_iter();
            let call = Call::new(path, args.chain([bundle.into_os_string(), "--all".into()]));
            git.bytes(call).await.map_err(|error| failed("back up", &error))?;
            log.line("backup of all branches and tags is written");
        }
        std::fs::rename(path, trash.join(format!("{name}.git"))).map_err(|error| unreachable(&error))?;
        log.line("repository is taken away; the operator can bring it back from the trash");
        Ok(())
    }
}

async fn has_catalog_info(git: &Git, path: &Path) -> bool {
    git.bytes(Call::new(path, ["cat-file", "-e", "HEAD:catalog-info.yaml"])).await.is_ok()
}

/// Renders on a thread of its own: templates may take a while.
pub(super) async fn render(request: &Request, log: &dyn RunLog) -> Result<Vec<NewFile>, Failure> {
    let request = request.clone();
    let task = tokio::task::spawn_blocking(move || match request.recipe.get("scaffolder").and_then(Value::as_bool) {
        Some(true) => scaffolder::run(&request),
        _ => render::golden_path(&request).map(|files| (files, Vec::<String>::new())),
    });
    let (files, lines) =
        task.await.map_err(|error| render::wrong(format!("the template cannot be rendered: {error}")))??;
    lines.iter().for_each(|line| log.line(line));
    Ok(files)
}

pub(super) fn author(request: &Request) -> Signature {
    let name = request.requested_by.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("loggia");
    let host = url::Url::parse(&request.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Signature { name: name.to_owned(), email: format!("{name}@{}", host.as_deref().unwrap_or("localhost")) }
}

/// Removes what earlier calls for this key left half-made when they were cut off.
fn sweep(making: &Path, key: &str) {
    let prefix = format!("{key}-");
    for entry in std::fs::read_dir(making).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // What cannot be removed now is removed next time.
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// The newest pushes; each has an id of its own, so that looking twice counts it once.
fn pushes(request: &Request, path: &Path) -> Vec<UsageReading> {
    let text = std::fs::read_to_string(path.join(PUSHES)).unwrap_or_default();
    let lines: Vec<(usize, &str)> = text.lines().enumerate().collect();
    let newest = lines.iter().skip(lines.len().saturating_sub(PUSHES_REPORTED));
    newest.filter_map(|(number, line)| push(request, *number, line)).collect()
}

fn push(request: &Request, number: usize, line: &str) -> Option<UsageReading> {
    let (time, who) = line.split_once(' ')?;
    Some(UsageReading {
        source: "git".to_owned(),
        id: format!("{}/push/{number}", request.key),
        time: Micros(time.parse().ok()?),
        team: Some(request.team.clone()),
        principal: Some(who.to_owned()).filter(|who| !who.is_empty()),
        offering: request.offering.clone(),
        release: None,
        feature: None,
        instance: Some(request.instance.clone()),
        channel: "push".to_owned(),
        count: 1,
        outcome: "ok".to_owned(),
        mandated: false,
    })
}

pub(super) fn git() -> Result<Git, Failure> {
    Git::find().map_err(|error| failed("find", &error))
}

fn taken(request: &Request) -> Failure {
    Failure::yours(
        format!("team {} already has a repository named {}", request.team, request.name),
        "choose another name",
    )
}

#[async_trait]
impl Driver for GitDriver {
    fn name(&self) -> &str {
        "git"
    }

    fn plain_settings(&self) -> &[&'static str] {
        &["template", "raw", "scaffolder", "on_destroy"]
    }

    async fn probe(&self, _: &Backend) -> Result<(), Failure> {
        let git = git()?;
        std::fs::read_dir(&self.root).map_err(|error| unreachable(&error))?;
        git.text(Call::new(&self.root, ["version"])).await.map_err(|error| failed("run", &error)).map(drop)
    }

    async fn plan(&self, request: &Request, _: &dyn RunLog) -> Result<Plan, Failure> {
        let changes = match self.look(&git()?, request).await?.1 {
            Found::Nothing => vec![format!("make repository {}/{}", request.namespace, request.name)],
            Found::Another => return Err(taken(request)),
            Found::Ours(mark) if mark.version != request.version => {
                vec![format!("note version {} (files stay as they are)", request.version)]
            }
            Found::Ours(_) => Vec::new(),
        };
        Ok(Plan { changes })
    }

    async fn apply(&self, request: &Request, log: &dyn RunLog) -> Result<Observation, Failure> {
        let (git, _gate) = (git()?, self.gates.enter(&request.key).await);
        match self.look(&git, request).await? {
            (path, Found::Nothing) => self.make(&git, request, &path, log).await?,
            (_, Found::Another) => return Err(taken(request)),
            (path, Found::Ours(mark)) if mark.version != request.version => {
                let noted = repository::note_version(&git, &path, &request.version).await;
                noted.map_err(|error| failed("change", &error))?;
            }
            (_, Found::Ours(_)) => log.line("repository is already there"),
        }
        self.observe(request, log).await
    }

    async fn observe(&self, request: &Request, _: &dyn RunLog) -> Result<Observation, Failure> {
        let git = git()?;
        match self.look(&git, request).await? {
            (path, Found::Ours(mark)) => self.seen(&git, request, &path, &mark).await,
            // What is there under this name belongs to somebody else: ours is not there.
            (_, Found::Nothing | Found::Another) => Ok(Observation::absent()),
        }
    }

    fn merges(&self) -> Option<&dyn Merges> {
        Some(self)
    }

    async fn destroy(&self, request: &Request, log: &dyn RunLog) -> Result<(), Failure> {
        let (git, _gate) = (git()?, self.gates.enter(&request.key).await);
        let (path, Found::Ours(_)) = self.look(&git, request).await? else { return Ok(()) };
        match request.recipe.get("on_destroy").and_then(Value::as_str).unwrap_or("trash") {
            "delete" if request.confirmed => {
                // Moved first, so that a removal that is cut off does not leave half a repository in place.
                let making = self.root.join(MAKING);
                let aside = making.join(format!("{}-gone-{}", request.key, crate::now().0));
                std::fs::create_dir_all(&making).map_err(|error| unreachable(&error))?;
                std::fs::rename(&path, &aside).map_err(|error| unreachable(&error))?;
                std::fs::remove_dir_all(&aside).map_err(|error| unreachable(&error))
            }
            "trash" | "delete" => self.trash(&git, request, &path, log).await,
            other => Err(Failure::ours(
                format!("`on_destroy: {other}` of the recipe is not known"),
                "use trash or delete, and publish a new version",
            )),
        }
    }
}
