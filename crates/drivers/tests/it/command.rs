//! Driver programs that behave badly.

use crate::{Lines, object, request};
use loggia_app::instance::driver::{Driver, Failure, Request, Secret, Whose};
use loggia_drivers::command::{CommandDriver, CommandOptions};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn program(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn driver(folder: &Path) -> CommandDriver {
    CommandDriver::new(CommandOptions { programs: Some(folder.to_owned()), ..CommandOptions::default() })
}

fn asking(program: &str) -> Request {
    request("quotes", json!({ "driver": "command", "program": program, "timeout": 1 }))
}

async fn fails(text: &str, log: &Lines) -> Failure {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    program(&programs, "p", text);
    driver(&programs).observe(&asking("p"), log).await.unwrap_err()
}

#[tokio::test]
async fn bad_programs_are_clear_errors() {
    for (text, whose, retry, words) in [
        ("echo rubbish", Whose::Ours, false, "did not answer as agreed"),
        ("echo '{\"done\":true}'", Whose::Ours, false, "instead of `observation`"),
        ("echo why >&2; exit 3", Whose::Ours, false, "said last: why"),
        ("kill -9 $$", Whose::Backend, true, "signal 9"),
        ("sleep 30", Whose::Backend, true, "within 1 seconds"),
        ("while :; do :; done", Whose::Backend, true, "within 1 seconds"),
        ("exec >&-; sleep 30", Whose::Backend, true, "within 1 seconds"),
        ("head -c 2000000 /dev/zero", Whose::Ours, false, "more than"),
    ] {
        let started = Instant::now();
        let failure = fails(text, &Lines::default()).await;
        assert_eq!((failure.whose, failure.retry), (whose, retry), "{text}: {failure}");
        assert!(failure.message.contains(words), "{text}: {failure}");
        assert!(started.elapsed() < Duration::from_secs(10), "{text} took {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_group_of_processes_goes_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    program(&programs, "p", "(sleep 3; touch $LOGGIA_STATE/late) & sleep 30");
    driver(&programs).observe(&asking("p"), &Lines::default()).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!folder.path().join("driver-state/p/late").exists());
}

#[tokio::test]
async fn only_the_operators_programs_run() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    program(folder.path(), "outside", "echo '{\"done\":true}'");
    std::os::unix::fs::symlink(folder.path().join("outside"), programs.join("link")).unwrap();
    std::fs::write(programs.join("plain"), "#!/bin/sh\n").unwrap();
    std::fs::create_dir(programs.join("folder")).unwrap();
    for name in ["../outside", "/bin/true", "link", "plain", "folder", "missing", "", ".", "..", "a b"] {
        let failure = driver(&programs).destroy(&asking(name), &Lines::default()).await.unwrap_err();
        assert_eq!(failure.whose, Whose::Ours, "{name}: {failure}");
    }
    let none = CommandDriver::new(CommandOptions::default());
    assert!(none.probe(&Default::default()).await.unwrap_err().message.contains("no folder"));
}

#[tokio::test]
async fn secrets_come_by_pipe_and_stay_out_of_what_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    let text = "in=$(cat); echo \"$in\" >&2; env >&2; echo \"$*\" >&2; \
                case $in in *hunter22hunter*) found=true;; *) found=false;; esac; \
                echo \"{\\\"observation\\\":{\\\"presence\\\":\\\"present\\\",\\\"outputs\\\":{\\\"found\\\":$found,\\\"shown\\\":\\\"is hunter22hunter\\\",\
                \\\"new\\\":\\\"fresh-secret\\\"},\\\"secret_outputs\\\":{\\\"password\\\":\\\"fresh-secret\\\"}}}\"";
    program(&programs, "p", text);
    let mut request = asking("p");
    request.secret_inputs = vec![("token".to_owned(), Secret::new("hunter22hunter"))];
    let log = Lines::default();
    let seen = driver(&programs).apply(&request, &log).await.unwrap();
    assert_eq!(seen.outputs, object(json!({ "found": true, "shown": "is ***", "new": "***" })));
    assert_eq!(seen.secret_outputs, vec![("password".to_owned(), Secret::new("fresh-secret"))]);
    assert!(!log.text().contains("hunter22"), "{}", log.text());
    assert!(log.text().contains("apply key-quotes"), "{}", log.text());
    assert!(!log.text().contains("CARGO"), "the environment of the server shows");
}

#[tokio::test]
async fn walls_hold_where_there_are_some() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    std::fs::write(folder.path().join("private"), "x").unwrap();
    let private = folder.path().join("private");
    let text = format!(
        "if cat {} >&2; then echo READ >&2; fi; if touch $0.new; then echo WROTE >&2; fi; \
         if ls /proc/self/net/dev >/dev/null; then cat /proc/self/net/dev >&2; fi; echo '{{\"done\":true}}'",
        private.display()
    );
    program(&programs, "p", &text);
    let log = Lines::default();
    driver(&programs).destroy(&asking("p"), &log).await.unwrap();
    let lines = log.text();
    if lines.contains("runs without a sandbox") {
        println!("skipped: command::walls_hold_where_there_are_some: no bwrap");
        return;
    }
    assert!(!lines.contains("READ") && !lines.contains("WROTE"), "{lines}");
    assert!(!lines.contains("eth0"), "{lines}");
    let mut request = asking("p");
    request.recipe.insert("network".to_owned(), json!(true));
    let failure = driver(&programs).destroy(&request, &log).await.unwrap_err();
    assert!(failure.message.contains("network access"), "{failure}");
}

#[tokio::test]
async fn a_program_judges_a_thing_and_silence_is_no_judgement() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("drivers");
    std::fs::create_dir(&programs).unwrap();
    program(&programs, "well", "grep -q '\"name\":\"a\"' && test \"$1\" = check && echo It is well.");
    program(&programs, "ill", "echo It is ill.; exit 3");
    program(&programs, "mute", "exit 1");
    program(&programs, "killed", "kill -9 $$");
    let (driver, thing) = (driver(&programs), json!({"name": "a"}));
    let judged = async |name: &str| driver.judge(name, &thing).await;
    assert_eq!(judged("well").await.unwrap(), (true, "It is well.".to_owned()));
    assert_eq!(judged("ill").await.unwrap(), (false, "It is ill.".to_owned()));
    assert_eq!(judged("mute").await.unwrap(), (false, "mute ended with 1.".to_owned()));
    assert!(judged("killed").await.is_err() && judged("nowhere").await.is_err() && judged("../p").await.is_err());
}
