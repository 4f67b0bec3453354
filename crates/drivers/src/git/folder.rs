//! Makes a folder a Git repository.

use super::cli::{Call, Git, GitError};
use super::import::Signature;
use std::path::Path;

/// Makes a folder with files a Git repository whose first commit has them all.
///
/// # Errors
/// When git is not installed, or refuses.
pub async fn make_repository(folder: &Path, author: &Signature, message: &str) -> Result<(), GitError> {
    let git = Git::find()?;
    git.text(Call::new(folder, ["init", "--quiet"])).await?;
    // What a file named .gitignore leaves out for people is part of the example all the same.
    git.text(Call::new(folder, ["add", "--all", "--force"])).await?;
    let commit = Call::new(folder, ["commit", "--quiet", "--no-verify", "--message", message]);
    let commit = commit.setting("user.name", &author.name).setting("user.email", &author.email);
    git.text(commit).await.map(drop)
}

/// Has a repository with a checked-out branch take commits that are sent to that branch, and bring its files up to date
/// with them. What is no repository stays as it is.
///
/// # Errors
/// When git is not installed, or refuses.
pub async fn take_commits(folder: &Path) -> Result<(), GitError> {
    if !folder.join(".git").exists() {
        return Ok(());
    }
    let args = ["config", "--local", "receive.denyCurrentBranch", "updateInstead"];
    Git::find()?.text(Call::new(folder, args)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_commit_has_all_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one.yaml"), "one").unwrap();
        std::fs::write(folder.path().join(".gitignore"), "one.yaml").unwrap();
        let author = Signature { name: "Ines".into(), email: "ines@example.org".into() };
        make_repository(folder.path(), &author, "First").await.unwrap();
        let git = Git::find().unwrap();
        let files = git.text(Call::new(folder.path(), ["ls-tree", "--name-only", "main"])).await.unwrap();
        assert_eq!(files, ".gitignore\none.yaml");
        let said = git.text(Call::new(folder.path(), ["log", "--format=%an <%ae> %s"])).await.unwrap();
        assert_eq!(said, "Ines <ines@example.org> First");
    }
}
