//! What became of edits that wait on branches of their own.

use super::Source;
use super::edit::{EditError, KEPT};
use crate::git::cli::Git;
use crate::git::standing::standing;
use crate::git::three_way::{commit_of, forget};
use loggia_app::source::{Proposed, Standing};
use std::collections::HashMap;

impl Source {
    /// Where edits on branches stand, in their order, seen from what was fetched last.
    ///
    /// # Errors
    /// When the repository cannot be reached.
    pub async fn standing(&self, edits: &[Proposed]) -> Result<Vec<Standing>, EditError> {
        let Some(git) = &self.git else { return Err(EditError::NotARepository) };
        let tips = self.tips(git, edits).await?;
        let folder = &self.options.cache;
        let mut found = Vec::with_capacity(edits.len());
        for edit in edits {
            let tip = tips.get(&edit.branch).cloned();
            if let Some(tip) = &tip
                && commit_of(git, folder, tip).await.is_none()
            {
                // Somebody else has committed to it.
                let wanted = format!("+refs/heads/{}:{KEPT}{}", edit.branch, edit.branch);
                let args = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options"];
                git.bytes(self.remote(args.into_iter().map(str::to_owned).chain([self.address(), wanted]))).await?;
            }
            let stands = standing(git, folder, &edit.commit, tip, "refs/loggia/head").await?;
            if stands != Standing::Open {
                forget(git, folder, &format!("{KEPT}{}", edit.branch)).await?;
            }
            found.push(stands);
        }
        Ok(found)
    }

    /// The newest commits of those branches that are there.
    async fn tips(&self, git: &Git, edits: &[Proposed]) -> Result<HashMap<String, String>, EditError> {
        let args = ["ls-remote", "--heads", "--end-of-options"].into_iter().map(str::to_owned);
        let names = edits.iter().map(|edit| format!("refs/heads/{}", edit.branch));
        let text = git.text(self.remote(args.chain([self.address()]).chain(names))).await?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let named = lines.filter_map(|(commit, name)| Some((name.strip_prefix("refs/heads/")?, commit)));
        Ok(named.map(|(name, commit)| (name.to_owned(), commit.to_owned())).collect())
    }
}
