//! A small platform with one offering for each driver.

use crate::support::{git, write};
use std::path::{Path, PathBuf};

const PEOPLE: &str = "
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: yard, title: Yard}
spec: {team: yard-team}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: yard-team}
spec: {type: team, children: [], profile: {email: yard@example.org}}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: red, title: Red}
spec: {type: team, children: [], profile: {email: red@example.org}}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: rosa}
spec: {memberOf: [red]}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: dev}
spec:
  product: yard
  type: development
  owner: yard-team
  backends:
    git: {driver: git}
    replay: {driver: replay}
    terraform: {driver: terraform}
    fleet: {driver: gitops, config: {repository: FLEET}}
    process: {driver: process, config: {ports: PORTS}}
    command: {driver: command, config: {program: bucket}}
";

/// A program that listens.
const LIVE: &str = "import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
";

/// An offering with its releases, all by one driver.
pub fn offering(name: &str, versions: &[&str], recipe: &str) -> String {
    let mut text = format!(
        "apiVersion: loggia.dev/v1\nkind: Offering\nmetadata: {{name: {name}, title: {name}}}\nspec:\n  product: yard\n  \
         owner: yard-team\n  category: data\n  promise: Ready in a minute.\n  for: Everybody.\n  \
         problem: Waiting.\n  versioning: semver\n  plans: [{{name: small}}]\n  match:\n    - {{offering: \"old-{name}\"}}\n"
    );
    for version in versions {
        text.push_str(&format!(
            "---\napiVersion: loggia.dev/v1\nkind: Release\nmetadata: {{name: {name}-{version}}}\nspec:\n  \
             offering: {name}\n  version: \"{version}\"\n  contract: {{inputs: {{type: object}}}}\n  recipe: {recipe}\n"
        ));
        if *version != versions[0] {
            text.push_str("  upgrade: {from: \">=1\", strategy: in-place}\n");
        }
    }
    text
}

/// A module that needs nothing from elsewhere.
const DISK: &str = "variable \"label\" { type = string }
resource \"terraform_data\" \"disk\" { input = var.label }
output \"place\" { value = \"disk of ${var.label}\" }
output \"key\" {
  value     = \"very-secret-${terraform_data.disk.id}\"
  sensitive = true
}
";

/// Writes the platform as a Git repository.
pub fn repository(folder: &Path) -> PathBuf {
    let root = folder.join("platform");
    // Ports of its own for each process of tests: several run on one machine.
    let first = 25_000 + std::process::id() % 200 * 100;
    write(
        &root,
        "people.yaml",
        &PEOPLE.replace("PORTS", &format!("{first}-{}", first + 99)).replace("FLEET", &fleet(folder)),
    );
    write(&root, "cache.yaml", &offering("cache", &["1.0.0", "2.0.0"], "{driver: replay}"));
    write(&root, "bucket.yaml", &offering("bucket", &["1.0.0"], "{driver: command, program: bucket}"));
    let live = "{driver: process, template: live, command: [python3, live.py], health: /}";
    write(&root, "live.yaml", &offering("live", &["1.0.0"], live));
    write(&root, "live/live.py", LIVE);
    write(&root, "flag.yaml", &offering("flag", &["1.0.0"], "{driver: gitops, template: flag, keeps_data: false}"));
    write(
        &root,
        "flag/flag.yaml",
        "of: {{ team }}/{{ name }}\n{% if inputs.note is defined %}note: {{ inputs.note }}\n{% endif %}",
    );
    let disk = "{driver: terraform, template: disk, variables: {label: \"{{ team }}-{{ name }}\"}, keeps_data: false}";
    write(&root, "disk.yaml", &offering("disk", &["1.0.0"], disk));
    write(&root, "disk/main.tf", DISK);
    write(&root, "path.yaml", &offering("path", &["1.0.0"], "{driver: git, template: template}"));
    write(&root, "template/README.md", "# {{ name }} of {{ team }}\n");
    git(&root, &["init", "-q"]);
    commit(&root, "First");
    root
}

/// The repository of an environment, with a first commit.
fn fleet(folder: &Path) -> String {
    let (work, bare) = (folder.join("fleet"), folder.join("fleet.git"));
    write(&work, "README.md", "The fleet\n");
    git(&work, &["init", "-q"]);
    commit(&work, "Begin");
    git(folder, &["clone", "-q", "--bare", "fleet", "fleet.git"]);
    bare.display().to_string()
}

/// Commits everything that changed.
pub fn commit(root: &Path, message: &str) {
    git(root, &["add", "-A"]);
    git(root, &["commit", "-qm", message]);
}

/// The folder of driver programs of the examples, copied, so that their state is the test's own.
pub fn drivers(folder: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/drivers/bucket");
    let to = folder.join("drivers");
    std::fs::create_dir_all(&to).unwrap();
    std::fs::copy(from, to.join("bucket")).unwrap();
    to
}
