//! The walls around a driver program: `bwrap`, where it is installed and works.

use crate::process;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::sync::OnceCell;

/// System folders that a program may read.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives"];
/// What a program with network access needs besides.
const NETWORK: [&str; 6] =
    ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/ca-certificates", "/etc/pki"];

/// What a program that goes on sees: `code` to read, `home` to write, and the network.
pub(crate) fn open_walls(code: &Path, home: &Path) -> Vec<OsString> {
    // Not tied to this process: what it holds goes on when the server ends, and is found again.
    let mut args: Vec<OsString> = ["--unshare-all", "--share-net", "--new-session"].map(OsString::from).to_vec();
    args.extend(system(true));
    bind(&mut args, "--ro-bind", code);
    bind(&mut args, "--bind", home);
    args.extend([OsString::from("--chdir"), code.into()]);
    args
}

/// The folders of one run.
pub(crate) struct Folders<'a> {
    pub programs: &'a Path,
    pub state: &'a Path,
    pub work: &'a Path,
}

/// Finds out once whether `bwrap` works here.
#[derive(Default)]
pub(crate) struct Sandbox(OnceCell<Option<PathBuf>>);

impl Sandbox {
    /// The program `bwrap`, when it is installed and allowed to build walls on this machine.
    pub(crate) async fn program(&self) -> Option<&Path> {
        self.0.get_or_init(works).await.as_deref()
    }
}

async fn works() -> Option<PathBuf> {
    let bwrap = process::find("bwrap")?;
    let mut args = vec![OsString::from("--unshare-all"), "--die-with-parent".into()];
    args.extend(system(false));
    args.push("/usr/bin/true".into());
    let mut command = tokio::process::Command::new(&bwrap);
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.kill_on_drop(true).status().await.ok()?;
    status.success().then_some(bwrap)
}

/// The arguments of `bwrap` before the program and its own arguments.
pub(crate) fn walls(folders: &Folders<'_>, network: bool) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["--unshare-all", "--die-with-parent", "--new-session"].map(OsString::from).to_vec();
    if network {
        args.push("--share-net".into());
    }
    args.extend(system(network));
    // These come last because they may lie below folders that were hidden before.
    bind(&mut args, "--ro-bind", folders.programs);
    bind(&mut args, "--bind", folders.state);
    bind(&mut args, "--bind", folders.work);
    args.extend([OsString::from("--chdir"), folders.work.into()]);
    args
}

fn system(network: bool) -> Vec<OsString> {
    let mut args = Vec::new();
    for folder in SYSTEM.iter().chain(NETWORK.iter().filter(|_| network)) {
        let path = Path::new(folder);
        match std::fs::read_link(path) {
            // On many systems /bin is a link to usr/bin; /etc/resolv.conf may point to where nothing is mounted.
            Ok(target) if !folder.starts_with("/etc") => {
                args.extend([OsString::from("--symlink"), target.into(), path.into()]);
            }
            _ => bind(&mut args, "--ro-bind-try", path),
        }
    }
    args.extend(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"].map(OsString::from));
    args
}

fn bind(args: &mut Vec<OsString>, how: &str, path: &Path) {
    args.extend([OsString::from(how), path.into(), path.into()]);
}
