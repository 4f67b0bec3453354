//! Where things are in the workspace, and running other programs.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder that Cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// A fresh folder under the target folder for one run; removed by [`Scratch`] when dropped.
pub fn scratch(name: &str) -> Result<Scratch> {
    let path = target().join("xtask").join(format!("{name}-{}", std::process::id()));
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(Scratch(path))
}

/// A folder that is removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a folder that stays lies under the target folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The folder with recorded answers and public files, which is not part of the project.
pub fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("LOGGIA_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    dir.join("data").is_dir().then(|| dir.canonicalize().unwrap_or(dir))
}

/// Finds a program on the search path.
pub fn which(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// True when this process may do anything on the machine.
pub fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|text| {
            text.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1).map(|id| id == "0"))
        })
        .unwrap_or(false)
}

/// Cargo, without what the running `cargo run` added to the environment (it would make build scripts run again).
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text.starts_with("CARGO_BIN_") {
            command.env_remove(&name);
        }
    }
    command.current_dir(root());
    command
}

/// Runs a command with its output on the terminal; true when it succeeded.
pub fn status(command: &mut Command) -> Result<bool> {
    Ok(command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?.success())
}

/// Runs a command to its end and fails, with what it printed, when it failed.
pub fn succeed(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{program} failed: {}{}", text, String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// Runs a command to its end; what it printed and whether it succeeded.
pub fn output(command: &mut Command) -> Result<(String, bool)> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    let text = [output.stdout, output.stderr].concat();
    Ok((String::from_utf8_lossy(&text).into_owned(), output.status.success()))
}

/// Runs a command, hands on each line that it prints, and shows those for which the answer is true; true when the
/// command succeeded.
pub fn tee(command: &mut Command, mut on_line: impl FnMut(&str) -> bool) -> Result<bool> {
    let program = command.get_program().display().to_string();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {program}"))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            if on_line(String::from_utf8_lossy(&line).trim_end()) {
                std::io::stdout().write_all(&line)?;
            }
            line.clear();
        }
    }
    Ok(child.wait()?.success())
}

/// Text of the given length from the machine's randomness, in hexadecimal digits.
pub fn random_text(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A loopback port that is free now.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
