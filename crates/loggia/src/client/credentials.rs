//! Which server commands go to, and with which token: flags over environment over the file that `loggia login` writes.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a server on the own machine listens.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7400";

/// Known servers; kept in a file that only its owner may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    /// The server that commands go to when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Token by address of the server.
    pub tokens: BTreeMap<String, String>,
}

/// The file, below the configuration folder of the user.
///
/// # Errors
/// When neither XDG_CONFIG_HOME nor HOME is set.
pub fn file() -> Result<PathBuf> {
    let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = of("XDG_CONFIG_HOME").or_else(|| Some(of("HOME")?.join(".config")));
    let folder = folder.context("neither XDG_CONFIG_HOME nor HOME is set; give --url and --token instead")?;
    Ok(folder.join("loggia").join("credentials.toml"))
}

impl Credentials {
    /// What is known; nothing when there is no file yet.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load() -> Result<Credentials> {
        let path = file()?;
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} is not right; remove it", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Credentials::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Adds a server; the first one becomes the one that commands go to.
    pub fn add(&mut self, url: &str, token: &str) {
        self.tokens.insert(url.to_owned(), token.to_owned());
        self.current.get_or_insert_with(|| url.to_owned());
    }

    /// Writes the file, for its owner only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self) -> Result<()> {
        let path = file()?;
        self.save_to(&path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn save_to(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("no folder")?;
        std::fs::create_dir_all(folder)?;
        // A temporary file is readable by its owner only, and stays so when it gets its name.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(toml::to_string(self)?.as_bytes())?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn is_kept_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loggia/credentials.toml");
        let mut known = Credentials::default();
        known.add("http://one", "secret-1");
        known.add("http://two", "secret-2");
        known.save_to(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let read: Credentials = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(read.current.as_deref(), Some("http://one"));
        assert_eq!(read, known);
    }
}
