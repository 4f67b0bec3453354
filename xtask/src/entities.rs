//! Generated catalogs of any size, as a folder that serves as repository.

use crate::process;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Makes a folder with so many entities, 1,000 a file.
pub fn generate(shared: &Path, folder: &Path, count: usize) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let list = folder.join("catalog.yaml");
    let mut generator = Command::new("python3");
    generator.arg(shared.join("tools/gen_entities.py")).arg(count.to_string()).arg(&list).arg("1000");
    process::succeed(generator.env("PYTHONDONTWRITEBYTECODE", "1"))?;
    // The Location that names the parts would be one entity more; a repository finds them by itself.
    std::fs::remove_file(list)?;
    Ok(())
}
