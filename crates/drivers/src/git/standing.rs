//! Where a change on a branch stands, seen from the branch that it is to be taken into.

use super::cli::{Git, GitError};
use super::three_way::{commit_of, is_within, merge, tree_of};
use loggia_app::source::Standing;
use std::path::Path;

/// Where a change stands that was made as `commit`, with the newest commit of its branch, none when that is gone. Taken in
/// is what is in `head`, whether as a merge, sent on straight, or squashed into one commit.
pub(super) async fn standing(
    git: &Git,
    path: &Path,
    commit: &str,
    newest: Option<String>,
    head: &str,
) -> Result<Standing, GitError> {
    let there = newest.is_some();
    let known = commit_of(git, path, commit).await.is_some();
    if known && is_within(git, path, commit, head).await? {
        return Ok(Standing::Taken);
    }
    let newest = newest.unwrap_or_else(|| commit.to_owned());
    let before =
        if known { commit_of(git, path, &format!("{commit}^")).await.unwrap_or_default() } else { String::new() };
    // A branch that somebody set back to where it came from says nothing; nor does what nobody has any more.
    let own = (known || there) && (before.is_empty() || !is_within(git, path, &newest, &before).await?);
    if own && is_within(git, path, &newest, head).await? {
        return Ok(Standing::Taken);
    }
    if own && merge(git, path, None, head, &newest).await?.tree == tree_of(git, path, head).await? {
        return Ok(Standing::Taken);
    }
    Ok(if there { Standing::Open } else { Standing::Closed })
}
