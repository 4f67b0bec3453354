//! Serves one request of Git's smart HTTP protocol through `git http-backend`.
//!
//! The caller has decided beforehand, from [`address`], who may do this.

use super::cli::{Call, Git, GitError};
use super::import::path_is_safe;
use super::repository::{self, PUSHES, name_is_safe};
use crate::process::kill;
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Headers of the answer may not be longer than this many bytes.
const HEAD: usize = 16_384;

/// Largest file that is shown by itself, in bytes.
const FILE: usize = 5 << 20;

/// A stream of bytes from or to a client.
pub type Body = BoxStream<'static, std::io::Result<Bytes>>;

/// What a request is about; enough to decide whether it may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The team that owns the repository.
    pub team: String,
    /// Name of the repository without `.git`.
    pub name: String,
    /// Whether the request prepares or does a push.
    pub write: bool,
}

/// One request.
pub struct GitRequest {
    /// The folder of repositories.
    pub root: PathBuf,
    /// The method, such as `POST`.
    pub method: String,
    /// The path below `/git`, such as `/booking/quotes.git/info/refs`.
    pub path_info: String,
    /// The query without `?`.
    pub query: String,
    /// Header `Content-Type`.
    pub content_type: Option<String>,
    /// Header `Content-Encoding`; `gzip` is understood.
    pub content_encoding: Option<String>,
    /// Header `Content-Length`.
    pub content_length: Option<u64>,
    /// Header `Git-Protocol`.
    pub protocol: Option<String>,
    /// Who is signed in, for the notes about pushes.
    pub remote_user: Option<String>,
    /// The body.
    pub body: Body,
}

/// One answer.
pub struct GitResponse {
    /// The HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body. Dropping it ends the work for this request.
    pub body: Body,
}

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// There is no such address: answer 404.
    #[error("there is no such repository")]
    NotFound,
    /// Git did not answer as it should: answer 502.
    #[error("git did not answer: {0}")]
    Broken(String),
    /// Git cannot be used: answer 503.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Reads what a request is about; `None` for everything that Git's smart protocol does not ask.
pub fn address(method: &str, path_info: &str, query: &str) -> Option<Address> {
    let (team, rest) = path_info.strip_prefix('/').unwrap_or(path_info).split_once('/')?;
    let (repository, service) = rest.split_once('/')?;
    let name = repository.strip_suffix(".git")?;
    let write = match (method, service) {
        ("GET", "info/refs") => match query.split('&').find_map(|pair| pair.strip_prefix("service="))? {
            "git-upload-pack" => false,
            "git-receive-pack" => true,
            _ => return None,
        },
        ("POST", "git-upload-pack") => false,
        ("POST", "git-receive-pack") => true,
        _ => return None,
    };
    let safe = name_is_safe(team) && name_is_safe(name);
    safe.then(|| Address { team: team.to_owned(), name: name.to_owned(), write })
}

/// A file of a repository, as its page has it: `/team/name/blob/branch/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAddress {
    /// The team that owns the repository.
    pub team: String,
    /// Name of the repository without `.git`.
    pub name: String,
    /// The branch, a name without slashes.
    pub branch: String,
    /// The path of the file.
    pub path: String,
}

/// Reads the path of a file's address, below `/git`.
pub fn file_address(path_info: &str) -> Option<FileAddress> {
    let mut parts = path_info.strip_prefix('/')?.splitn(5, '/');
    let (team, name, blob, branch, path) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let safe = blob == "blob" && [team, name, branch].into_iter().all(name_is_safe) && path_is_safe(path);
    let text = str::to_owned;
    safe.then(|| FileAddress { team: text(team), name: text(name), branch: text(branch), path: text(path) })
}

/// The newest version of a file on a branch; `None` when there is no such repository, branch or file.
///
/// # Errors
/// When git cannot be used.
pub async fn file(root: &Path, address: &FileAddress) -> Result<Option<Vec<u8>>, GitError> {
    let folder = root.join(&address.team).join(format!("{}.git", address.name));
    if !folder.is_dir() {
        return Ok(None);
    }
    let object = format!("refs/heads/{}:{}", address.branch, address.path);
    match Git::find()?.bytes(Call::new(&folder, ["cat-file", "blob", &object]).limit(FILE)).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(GitError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Serves one request.
///
/// # Errors
/// When the address is none, the repository is not there, or git does not answer.
pub async fn serve(request: GitRequest) -> Result<GitResponse, BackendError> {
    let address = address(&request.method, &request.path_info, &request.query).ok_or(BackendError::NotFound)?;
    let folder = request.root.join(&address.team).join(format!("{}.git", address.name));
    if !folder.is_dir() {
        return Err(BackendError::NotFound);
    }
    let git = Git::find()?;
    let pushing = address.write && request.method == "POST";
    let before = if pushing { refs(&git, &folder).await? } else { String::new() };
    let user = request.remote_user.clone().unwrap_or_default();
    let mut child = start(&git, &address, &request).map_err(|error| GitError::Missing(error.to_string()))?;
    let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(BackendError::Broken("it has no pipes".to_owned()));
    };
    let group = Group(child.id());
    let feeding = tokio::spawn(feed(stdin, request.body));
    let head = read_head(&mut stdout).await?;
    let (status, headers) = parse_head(&head.lines)?;
    let push = pushing.then_some(Push { git, folder, before, user });
    let rest = Rest { first: Some(head.rest), stdout, child, group, feeding, push };
    Ok(GitResponse { status, headers, body: stream::unfold(rest, next).boxed() })
}

/// Kills the processes of a request when it is dropped, so that a client that goes away leaves nothing behind.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        kill(self.0.take());
    }
}

/// What is needed to note a push.
struct Push {
    git: Git,
    folder: PathBuf,
    before: String,
    user: String,
}

/// The rest of an answer while it is streamed.
struct Rest {
    first: Option<Bytes>,
    stdout: ChildStdout,
    child: Child,
    group: Group,
    feeding: tokio::task::JoinHandle<()>,
    push: Option<Push>,
}

async fn next(mut rest: Rest) -> Option<(std::io::Result<Bytes>, Rest)> {
    if let Some(first) = rest.first.take().filter(|bytes| !bytes.is_empty()) {
        return Some((Ok(first), rest));
    }
    let mut chunk = BytesMut::with_capacity(65_536);
    match rest.stdout.read_buf(&mut chunk).await {
        Ok(0) => {
            finish(rest).await;
            None
        }
        Ok(_) => Some((Ok(chunk.freeze()), rest)),
        Err(error) => Some((Err(error), rest)),
    }
}

async fn finish(mut rest: Rest) {
    rest.feeding.abort();
    // The status is in the answer already; only that the process is gone matters.
    rest.child.wait().await.ok();
    // Gone by itself: its number may belong to somebody else now.
    rest.group.0 = None;
    if let Some(push) = rest.push.take() {
        note(&push).await;
    }
}

async fn note(push: &Push) {
    let Ok(after) = refs(&push.git, &push.folder).await else { return };
    if after != push.before {
        let user: String = push.user.chars().filter(|c| !c.is_control()).collect();
        let line = format!("{} {user}\n", crate::now().0);
        // The push itself has succeeded; a count that cannot be written must not undo it.
        if let Err(error) = repository::append(&push.folder.join(PUSHES), line.as_bytes()) {
            tracing::warn!(%error, "a push could not be counted");
        }
    }
}

async fn refs(git: &Git, folder: &Path) -> Result<String, GitError> {
    git.text(Call::new(folder, ["for-each-ref", "--format=%(objectname) %(refname)"])).await
}

fn start(git: &Git, address: &Address, request: &GitRequest) -> std::io::Result<Child> {
    Command::new(git.program())
        .arg("http-backend")
        .env_clear()
        .envs(git.environment(&[], false))
        .envs(cgi(address, request))
        .current_dir(&request.root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn cgi(address: &Address, request: &GitRequest) -> Vec<(&'static str, OsString)> {
    let service = request.path_info.rsplit_once(".git/").map(|(_, service)| service).unwrap_or_default();
    let path = format!("/{}/{}.git/{service}", address.team, address.name);
    let mut env = vec![
        ("GIT_PROJECT_ROOT", request.root.clone().into_os_string()),
        ("GIT_HTTP_EXPORT_ALL", "1".into()),
        ("GIT_HTTP_MAX_REQUEST_BUFFER", "100M".into()),
        ("PATH_INFO", path.into()),
        ("QUERY_STRING", request.query.clone().into()),
        ("REQUEST_METHOD", request.method.clone().into()),
        ("REMOTE_ADDR", "loggia".into()),
        ("REMOTE_USER", request.remote_user.clone().unwrap_or_default().into()),
    ];
    let optional = [
        ("CONTENT_TYPE", request.content_type.clone()),
        ("HTTP_CONTENT_ENCODING", request.content_encoding.clone()),
        ("CONTENT_LENGTH", request.content_length.map(|length| length.to_string())),
        ("GIT_PROTOCOL", request.protocol.clone()),
    ];
    env.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
    env
}

async fn feed(mut stdin: ChildStdin, mut body: Body) {
    while let Some(Ok(bytes)) = body.next().await {
        // Git closes its input early when it refuses; its answer says why.
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

struct Head {
    lines: String,
    rest: Bytes,
}

async fn read_head(stdout: &mut ChildStdout) -> Result<Head, BackendError> {
    let mut bytes = BytesMut::with_capacity(HEAD);
    loop {
        if let Some((end, length)) = blank_line(&bytes) {
            let lines = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return Ok(Head { lines, rest: bytes.split_off(end + length).freeze() });
        }
        let read = stdout.read_buf(&mut bytes).await.map_err(|error| BackendError::Broken(error.to_string()))?;
        if read == 0 || bytes.len() > HEAD * 8 {
            return Err(BackendError::Broken("its answer has no header".to_owned()));
        }
    }
}

fn blank_line(bytes: &[u8]) -> Option<(usize, usize)> {
    let find = |end: &[u8]| bytes.windows(end.len()).position(|window| window == end).map(|at| (at, end.len()));
    find(b"\r\n\r\n").or_else(|| find(b"\n\n"))
}

fn parse_head(lines: &str) -> Result<(u16, Vec<(String, String)>), BackendError> {
    let (mut status, mut headers) = (200, Vec::new());
    for line in lines.lines() {
        let Some((name, value)) = line.split_once(':') else {
            return Err(BackendError::Broken(format!("its header has the line {line:?}")));
        };
        let value = value.trim();
        match name.eq_ignore_ascii_case("status") {
            true => status = value.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(502),
            false => headers.push((name.to_owned(), value.to_owned())),
        }
    }
    Ok((status, headers))
}

#[cfg(test)]
mod tests {
    use super::{Address, address};

    #[test]
    fn only_the_smart_protocol_has_addresses() {
        let address_of = |write| Some(Address { team: "booking".into(), name: "quotes".into(), write });
        assert_eq!(address("GET", "/booking/quotes.git/info/refs", "service=git-upload-pack"), address_of(false));
        assert_eq!(address("GET", "/booking/quotes.git/info/refs", "service=git-receive-pack"), address_of(true));
        assert_eq!(address("POST", "/booking/quotes.git/git-upload-pack", ""), address_of(false));
        assert_eq!(address("POST", "/booking/quotes.git/git-receive-pack", ""), address_of(true));
        for (method, path, query) in [
            ("GET", "/booking/quotes.git/info/refs", ""),
            ("GET", "/booking/quotes.git/info/refs", "service=git-daemon"),
            ("GET", "/booking/quotes.git/HEAD", ""),
            ("GET", "/booking/quotes.git/objects/info/packs", ""),
            ("GET", "/booking/quotes.git/git-upload-pack", ""),
            ("POST", "/../quotes.git/git-upload-pack", ""),
            ("POST", "/.trash/quotes.git/git-upload-pack", ""),
            ("POST", "/booking/../x.git/git-upload-pack", ""),
            ("POST", "/booking/a/b.git/git-upload-pack", ""),
            ("POST", "/booking/quotes/git-upload-pack", ""),
            ("POST", "/booking/%2e%2e.git/git-upload-pack", ""),
        ] {
            assert_eq!(address(method, path, query), None, "{method} {path} {query}");
        }
    }
}
