//! Repositories and folders as sources.

use crate::git::git;
use loggia_app::source::{Delivery, Proposed, Reader, Standing};
use loggia_drivers::git::Signature;
use loggia_drivers::git::source::{Change, Edit, EditError, EntryKind, Source, SourceError, SourceOptions};
use loggia_drivers::reader::SourceReader;
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

fn open(location: &Path, cache: &Path) -> Source {
    let location = location.to_string_lossy().into_owned();
    Source::open(SourceOptions { location, cache: cache.to_owned(), branch: None, credentials: None }).unwrap()
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "-A"]);
    git(folder, &["-c", "user.name=Amara", "-c", "user.email=a@example.com", "commit", "-q", "-m", message]);
}

fn repository(folder: &Path) {
    std::fs::create_dir_all(folder.join("docs")).unwrap();
    git(folder, &["init", "-q", "-b", "main"]);
    git(folder, &["config", "receive.denyCurrentBranch", "updateInstead"]);
    std::fs::write(folder.join("a.yaml"), "kind: A\n").unwrap();
    std::fs::write(folder.join("docs/ü b.md"), "# B\nline\nline\nline\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    commit(folder, "first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_is_read_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (work, cache) = (folder.path().join("checkout"), folder.path().join("cache"));
    repository(&work);
    let source = open(&work, &cache);
    assert!(!source.is_folder());
    let first = source.fetch().await.unwrap();
    let tree = source.tree(&first).await.unwrap();
    let paths: Vec<_> = tree.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    let wanted = [("a.yaml", EntryKind::File), ("docs/ü b.md", EntryKind::File), ("link", EntryKind::Link)];
    assert_eq!(paths, wanted);
    let contents = source.read(&tree).await.unwrap();
    assert_eq!(contents[0].as_deref(), Some(b"kind: A\n".as_slice()));
    assert_eq!(contents[2], None, "a link was followed");
    std::fs::rename(work.join("docs/ü b.md"), work.join("docs/c.md")).unwrap();
    std::fs::write(work.join("a.yaml"), "kind: AA\n").unwrap();
    std::fs::write(work.join("new.yaml"), "kind: N\n").unwrap();
    std::fs::remove_file(work.join("link")).unwrap();
    commit(&work, "second");
    let second = source.fetch().await.unwrap();
    let changes = source.changed_paths(&first, &second).await.unwrap();
    let renamed = Change::Renamed { from: "docs/ü b.md".to_owned(), to: "docs/c.md".to_owned() };
    let (modified, added, removed) = ("a.yaml".to_owned(), "new.yaml".to_owned(), "link".to_owned());
    let wanted = [Change::Modified(modified), renamed, Change::Removed(removed), Change::Added(added)];
    assert_eq!(changes, wanted);
    assert_eq!(source.file_at(&second, "docs/c.md").await.unwrap(), b"# B\nline\nline\nline\n");
    for path in ["../checkout/a.yaml", "/etc/passwd", "nothing", ".git/config"] {
        assert!(matches!(source.file_at(&second, path).await, Err(SourceError::NotFound(_))), "{path}");
    }
}

#[tokio::test]
async fn each_file_is_told_with_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (work, cache) = (folder.path().join("checkout"), folder.path().join("cache"));
    repository(&work);
    let source = open(&work, &cache);
    let first = source.fetch().await.unwrap();
    let told = |written: &loggia_app::source::Written, file: &str| {
        written.files.get(file).map(|commit| (commit.author.clone(), commit.mail.clone(), commit.subject.clone()))
    };
    let commit_of = |subject: &str| Some(("Amara".to_owned(), "a@example.com".to_owned(), subject.to_owned()));
    let all = source.written(None, &first).await;
    assert_eq!(told(&all, "docs/ü b.md"), commit_of("first"));
    std::fs::write(work.join("a.yaml"), "kind: AA\n").unwrap();
    commit(&work, "second");
    std::fs::remove_file(work.join("docs/ü b.md")).unwrap();
    commit(&work, "third");
    let last = source.fetch().await.unwrap();
    let since = source.written(Some(&first), &last).await;
    assert_eq!(told(&since, "a.yaml"), commit_of("second"));
    assert_eq!(told(&since, "docs/ü b.md"), commit_of("third"), "what took it away");
    assert_eq!(since.newest.unwrap().id, last);
    // A state that the repository does not have any more.
    let gone = source.written(Some(&"0".repeat(40)), &last).await;
    assert_eq!(told(&gone, "a.yaml"), commit_of("second"));
}

fn edit(path: &str, bytes: &str, seen: Option<&str>) -> Edit {
    let author = Signature { name: "Noor <x>".to_owned(), email: "noor@example.com".to_owned() };
    Edit {
        author,
        message: "Change the promise".to_owned(),
        path: path.to_owned(),
        bytes: Some(bytes.as_bytes().to_vec()),
        seen: seen.map(|text| text.as_bytes().to_vec()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_are_commits_of_their_authors() {
    let folder = tempfile::tempdir().unwrap();
    let (work, cache) = (folder.path().join("checkout"), folder.path().join("cache"));
    repository(&work);
    let source = open(&work, &cache);
    let commit = source.commit_edit(&edit("a.yaml", "kind: B\n", Some("kind: A\n")), true).await.unwrap();
    assert_eq!(git(&work, &["rev-parse", "HEAD"]), commit);
    assert_eq!(
        git(&work, &["log", "-1", "--format=%an|%ae|%cn|%s"]),
        "Noor  x|noor@example.com|Loggia|Change the promise"
    );
    let conflict = source.commit_edit(&edit("a.yaml", "kind: C\n", Some("kind: A\n")), true).await;
    assert_eq!(conflict, Err(EditError::Changed("a.yaml".to_owned())));
    source.commit_edit(&edit("new/b.yaml", "kind: N\n", None), true).await.unwrap();
    assert_eq!(git(&work, &["show", "HEAD:new/b.yaml"]), "kind: N");
    git(&work, &["config", "receive.denyCurrentBranch", "refuse"]);
    let refused = source.commit_edit(&edit("a.yaml", "kind: D\n", Some("kind: B\n")), true).await;
    assert!(matches!(refused, Err(EditError::PushRejected(_))), "{refused:?}");
    assert_eq!(refused.unwrap_err().to_string(), "the repository did not take the commit");
    git(&work, &["config", "receive.denyCurrentBranch", "updateInstead"]);
    std::fs::write(work.join("other.yaml"), "kind: O\n").unwrap();
    git(&work, &["add", "other.yaml"]);
    std::fs::write(work.join("new/b.yaml"), "kind: mine\n").unwrap();
    let commit = source.commit_edit(&edit("a.yaml", "kind: B2\n", Some("kind: B\n")), true).await.unwrap();
    assert_eq!(git(&work, &["rev-parse", "HEAD"]), commit, "other files may be changed");
    assert_eq!(std::fs::read_to_string(work.join("a.yaml")).unwrap(), "kind: B2\n");
    assert_eq!(std::fs::read_to_string(work.join("new/b.yaml")).unwrap(), "kind: mine\n");
    assert_eq!(git(&work, &["status", "--porcelain"]), " M new/b.yaml\nA  other.yaml");
    assert_eq!(git(&work, &["for-each-ref", "refs/loggia-edits"]), "");
    std::fs::write(work.join("a.yaml"), "kind: mine\n").unwrap();
    let unclean = source.commit_edit(&edit("a.yaml", "kind: D\n", Some("kind: B2\n")), true).await;
    assert_eq!(unclean, Err(EditError::Unclean("a.yaml".to_owned())));
    assert_eq!(git(&work, &["show", "HEAD:a.yaml"]), "kind: B2");
    assert_eq!(std::fs::read_to_string(work.join("a.yaml")).unwrap(), "kind: mine\n");
    let escape = source.commit_edit(&edit("../x", "", None), true).await;
    assert!(matches!(escape, Err(EditError::Path(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_be_refused_is_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let (work, bare) = (folder.path().join("checkout"), folder.path().join("bare.git"));
    repository(&work);
    let at = |path: &Path| path.to_string_lossy().into_owned();
    git(folder.path(), &["clone", "-q", "--bare", &at(&work), &at(&bare)]);
    let reader = SourceReader::new(folder.path().join("cache"), HashMap::new());
    assert_eq!(reader.delivery(&at(&work)).await, Delivery::Push);
    assert_eq!(reader.delivery(&at(&bare)).await, Delivery::Push);
    git(&work, &["config", "--unset", "receive.denyCurrentBranch"]);
    assert_eq!(reader.delivery(&at(&work)).await, Delivery::Patch);
    let named = reader.delivering(HashMap::from([(at(&bare), Delivery::Patch), (at(&work), Delivery::Request)]));
    assert_eq!(named.delivery(&at(&work)).await, Delivery::Request);
    let change = loggia_app::source::Edit {
        path: "a.yaml".to_owned(),
        bytes: b"kind: Z\n".to_vec(),
        author: ("Noor".to_owned(), "noor@example.com".to_owned()),
        message: "Change it".to_owned(),
        base: git(&bare, &["rev-parse", "main"]),
        about: "a".to_owned(),
    };
    assert!(named.commit(&at(&bare), &change).await.is_err(), "patches only");
    assert_eq!(git(&bare, &["rev-list", "--all", "--count"]), "1", "nothing was pushed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_becomes_a_patch_that_git_takes() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("checkout");
    repository(&work);
    let source = open(&work, &folder.path().join("cache"));
    let text = "kind: A\r\n# ü, and no end of line";
    let mut made = edit("a.yaml", text, Some("kind: A\n"));
    made.author.name = "Noor".to_owned();
    let patch = source.patch_of(&made).await.unwrap();
    assert_eq!(git(&work, &["rev-list", "--count", "HEAD"]), "1", "nothing was pushed");
    let (file, other) = (folder.path().join("a.patch"), folder.path().join("other"));
    std::fs::write(&file, patch).unwrap();
    git(folder.path(), &["clone", "-q", &work.to_string_lossy(), &other.to_string_lossy()]);
    git(&other, &["apply", "--check", &file.to_string_lossy()]);
    git(
        &other,
        &["-c", "user.name=Bo", "-c", "user.email=b@example.com", "am", "-q", "--keep-cr", &file.to_string_lossy()],
    );
    assert_eq!(std::fs::read(other.join("a.yaml")).unwrap(), text.as_bytes());
    assert_eq!(git(&other, &["log", "-1", "--format=%an <%ae> %s"]), "Noor <noor@example.com> Change the promise");
    let stale = source.patch_of(&edit("a.yaml", text, Some("kind: Z\n"))).await;
    assert!(matches!(stale, Err(EditError::Changed(_))), "{stale:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_may_wait_on_a_branch_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("checkout");
    repository(&work);
    let source = open(&work, &folder.path().join("cache"));
    let about = "offering-default-a.b_c";
    let mut waiting = Vec::new();
    for (number, text) in [(1, "kind: B\n"), (2, "kind: C\n"), (3, "kind: D\n")] {
        let proposed = source.propose_edit(&edit("a.yaml", text, Some("kind: A\n")), about).await.unwrap();
        assert_eq!(proposed.branch, format!("loggia/offering-default-a-b-c-{number}"));
        assert_eq!(git(&work, &["show", &format!("{}:a.yaml", proposed.branch)]), text.trim());
        assert_eq!(git(&work, &["rev-parse", &proposed.branch]), proposed.commit);
        assert!(proposed.link.is_empty(), "a folder has no page");
        waiting.push(Proposed { commit: proposed.commit, branch: proposed.branch });
    }
    assert_eq!(git(&work, &["show", "main:a.yaml"]), "kind: A");
    let all = waiting.as_slice();
    let stand = async || source.standing(all).await.unwrap();
    assert_eq!(stand().await, [Standing::Open; 3]);
    git(&work, &["merge", "-q", "--ff-only", &all[0].branch]);
    assert_eq!(stand().await, [Standing::Open; 3], "not read yet");
    source.fetch().await.unwrap();
    assert_eq!(stand().await, [Standing::Taken, Standing::Open, Standing::Open]);
    // Somebody goes on with it, and squashes all into one commit; the branch stays.
    let who = ["-c", "user.name=Bo", "-c", "user.email=b@example.com"];
    git(&work, &["checkout", "-q", &all[1].branch]);
    std::fs::write(work.join("more.yaml"), "kind: M\n").unwrap();
    git(&work, &["add", "."]);
    git(&work, &[&who[..], &["commit", "-q", "-m", "More"]].concat());
    git(&work, &["checkout", "-q", "main"]);
    std::fs::write(work.join("a.yaml"), "kind: C\n").unwrap();
    std::fs::write(work.join("more.yaml"), "kind: M\n").unwrap();
    git(&work, &["add", "."]);
    git(&work, &[&who[..], &["commit", "-q", "-m", "Squashed"]].concat());
    source.fetch().await.unwrap();
    assert_eq!(stand().await, [Standing::Taken, Standing::Taken, Standing::Open]);
    git(&work, &["branch", "-q", "-D", &all[2].branch]);
    // A name is not given again before it was seen what became of its branch.
    let next = source.propose_edit(&edit("a.yaml", "kind: Q\n", Some("kind: C\n")), about).await.unwrap();
    assert_eq!(next.branch, "loggia/offering-default-a-b-c-4");
    assert_eq!(stand().await[2], Standing::Closed);
}

#[tokio::test]
async fn a_plain_folder_is_walked_without_leaving_it() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    std::fs::create_dir_all(top.join("sub")).unwrap();
    std::fs::write(folder.path().join("secret"), "x").unwrap();
    std::fs::write(top.join("sub/a.yaml"), "a").unwrap();
    std::os::unix::fs::symlink("..", top.join("up")).unwrap();
    std::os::unix::fs::symlink("../secret", top.join("secret")).unwrap();
    let source = open(&top, &folder.path().join("cache"));
    assert!(source.is_folder());
    let state = source.fetch().await.unwrap();
    assert_eq!(state, source.fetch().await.unwrap());
    let tree = source.tree(&state).await.unwrap();
    let paths: Vec<_> = tree.iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    assert_eq!(paths, [("secret", EntryKind::Link), ("sub/a.yaml", EntryKind::File), ("up", EntryKind::Link)]);
    assert_eq!(source.read(&tree).await.unwrap(), [None, Some(b"a".to_vec()), None]);
    for path in ["secret", "up/secret", "up/top/sub/a.yaml/..", "../secret"] {
        assert!(source.file_at(&state, path).await.is_err(), "{path}");
    }
    std::fs::write(top.join("sub/b.yaml"), "b").unwrap();
    assert_ne!(state, source.fetch().await.unwrap());
}

#[tokio::test]
async fn locations_that_run_programs_are_refused() {
    for location in ["ext::sh -c id", "file:///etc", "-oProxyCommand=x", "fd::17", "", "/no/such/folder", "git://x/y"] {
        let (location, cache) = (location.to_owned(), "/nonexistent".into());
        let opened = Source::open(SourceOptions { location, cache, branch: None, credentials: None });
        assert!(matches!(opened, Err(SourceError::Location(_))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_files_are_read_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let work = folder.path().join("checkout");
    repository(&work);
    for number in 0..1000 {
        std::fs::write(work.join(format!("f{number}.yaml")), format!("kind: K{number}\n{}", "x: y\n".repeat(100)))
            .unwrap();
    }
    commit(&work, "many");
    let source = open(&work, &folder.path().join("cache"));
    let started = Instant::now();
    let state = source.fetch().await.unwrap();
    let fetched = started.elapsed();
    let tree = source.tree(&state).await.unwrap();
    let contents = source.read(&tree).await.unwrap();
    println!("1,000 files: fetched in {fetched:?}, read after {:?}", started.elapsed());
    assert_eq!(contents.iter().flatten().count(), 1002);
    assert!(started.elapsed().as_secs() < 5);
}
