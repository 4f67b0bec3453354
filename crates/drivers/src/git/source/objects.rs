//! Reads trees, files and differences from the bare copy.

use super::{Change, Entry, EntryKind, LARGEST, SourceError};
use crate::git::cli::{Call, Git};
use std::path::Path;

/// Asked for at once; keeps the memory of one answer small.
const BATCH: u64 = 64 << 20;

pub(super) fn commit_is_safe(commit: &str) -> Result<(), SourceError> {
    let plain = (7..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { Ok(()) } else { Err(SourceError::NotFound(format!("\"{commit}\" is not a commit"))) }
}

pub(super) async fn tree(git: &Git, cache: &Path, commit: &str) -> Result<Vec<Entry>, SourceError> {
    commit_is_safe(commit)?;
    let bytes = git.bytes(Call::new(cache, ["ls-tree", "-r", "-z", "-l", "--full-tree", commit])).await?;
    Ok(String::from_utf8_lossy(&bytes).split('\0').filter_map(entry).collect())
}

/// Reads `mode SP type SP id SP* size TAB path`.
fn entry(line: &str) -> Option<Entry> {
    let (facts, path) = line.split_once('\t')?;
    let mut facts = facts.split_ascii_whitespace();
    let (mode, _, blob, size) = (facts.next()?, facts.next()?, facts.next()?, facts.next()?);
    let kind = match mode {
        "120000" => EntryKind::Link,
        "160000" => EntryKind::Submodule,
        "100755" => EntryKind::Program,
        _ => EntryKind::File,
    };
    Some(Entry { path: path.to_owned(), kind, size: size.parse().unwrap_or_default(), blob: blob.to_owned() })
}

pub(super) async fn read(git: &Git, cache: &Path, entries: &[Entry]) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
    let mut contents = Vec::with_capacity(entries.len());
    let mut rest = entries;
    while !rest.is_empty() {
        let (mut size, mut count) = (0, 0);
        while count < rest.len() && (count == 0 || size + rest[count].size <= BATCH) {
            size += if readable(&rest[count]) { rest[count].size } else { 0 };
            count += 1;
        }
        let (now, later) = rest.split_at(count);
        contents.extend(batch(git, cache, now).await?);
        rest = later;
    }
    Ok(contents)
}

fn readable(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File | EntryKind::Program) && entry.size <= LARGEST
}

async fn batch(git: &Git, cache: &Path, entries: &[Entry]) -> Result<Vec<Option<Vec<u8>>>, SourceError> {
    let wanted = entries.iter().filter(|entry| readable(entry));
    let input: String = wanted.map(|entry| format!("{}\n", entry.blob)).collect();
    let bytes = git.bytes(Call::new(cache, ["cat-file", "--batch", "--buffer"]).stdin(input.into_bytes())).await?;
    let mut answers = Answers(&bytes);
    entries
        .iter()
        .map(|entry| match readable(entry) {
            true => {
                answers.next().map(Some).ok_or_else(|| SourceError::NotFound(format!("{} cannot be read", entry.path)))
            }
            false => Ok(None),
        })
        .collect()
}

/// Reads `id SP type SP size LF content LF`, one after another.
struct Answers<'a>(&'a [u8]);

impl Answers<'_> {
    fn next(&mut self) -> Option<Vec<u8>> {
        let end = self.0.iter().position(|&byte| byte == b'\n')?;
        let head = std::str::from_utf8(&self.0[..end]).ok()?;
        let size: usize = head.rsplit(' ').next()?.parse().ok()?;
        let content = self.0.get(end + 1..end + 1 + size)?.to_vec();
        self.0 = self.0.get(end + size + 2..)?;
        Some(content)
    }
}

pub(super) async fn file(git: &Git, cache: &Path, commit: &str, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
    commit_is_safe(commit)?;
    let args = ["--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", commit, "--", path];
    let bytes = git.bytes(Call::new(cache, args)).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some(entry) = text.split('\0').find_map(entry).filter(|entry| entry.path == path) else { return Ok(None) };
    Ok(batch(git, cache, &[entry]).await?.into_iter().next().flatten())
}

pub(super) async fn changes(git: &Git, cache: &Path, from: &str, to: &str) -> Result<Vec<Change>, SourceError> {
    commit_is_safe(from)?;
    commit_is_safe(to)?;
    let args = ["diff-tree", "-r", "-z", "--name-status", "--find-renames=50%", "--no-ext-diff", from, to];
    let bytes = git.bytes(Call::new(cache, args)).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (mut parts, mut changes) = (text.split('\0'), Vec::new());
    while let (Some(status), Some(path)) = (parts.next().filter(|part| !part.is_empty()), parts.next()) {
        let path = path.to_owned();
        changes.push(match status.as_bytes().first() {
            Some(b'A') => Change::Added(path),
            Some(b'D') => Change::Removed(path),
            Some(b'R') => Change::Renamed { from: path, to: parts.next().unwrap_or_default().to_owned() },
            _ => Change::Modified(path),
        });
    }
    Ok(changes)
}
