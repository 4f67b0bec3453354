//! Commands that texts name, wherever they stand: each must be one, with options that it takes.

use crate::command::Cli;
use clap::CommandFactory;
use std::path::Path;

/// Every text of the program and of its documentation.
fn texts(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match path.is_dir() {
            true => texts(&path, out),
            false if ["rs", "html", "md"].contains(&ending) => {
                out.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a text")));
            }
            false => {}
        }
    }
}

/// What ends a command in a text.
fn ends(letter: char) -> bool {
    "\"`;,)<>|…\\&".contains(letter)
}

/// What is wrong with the command that begins a text; none when it is one, or only the start of one.
fn wrong(text: &str) -> Option<String> {
    let mut command = Cli::command();
    command.build();
    let mut here = &command;
    let end = text.find(ends).unwrap_or(text.len());
    for (at, word) in text[..end].split(' ').enumerate() {
        let last = word.ends_with(['.', ':', '?']);
        let word = word.trim_end_matches(['.', ':', '?', '\'']);
        if let Some(below) = here.find_subcommand(word) {
            here = below;
        } else if at == 0 {
            let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            return (plain && !word.starts_with('-')).then(|| format!("there is no command {word:?}"));
        } else if let Some(option) = word.strip_prefix("--").map(|option| option.split('=').next().unwrap_or(option)) {
            let known = |arg: &clap::Arg| {
                arg.get_long() == Some(option) || arg.get_visible_aliases().is_some_and(|all| all.contains(&option))
            };
            if !option.is_empty() && !here.get_arguments().any(known) {
                return Some(format!("{} takes no --{option}", here.get_name()));
            }
        }
        if last {
            return None;
        }
    }
    None
}

#[test]
fn commands_in_texts_are_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for folder in ["model", "graph", "store", "app", "drivers", "web", "loggia"] {
        texts(&root.join("crates").join(folder).join("src"), &mut all);
    }
    texts(&root.join("crates/web/templates"), &mut all);
    texts(&root.join("docs"), &mut all);
    let (mut seen, mut found) = (0, Vec::new());
    for (file, text) in &all {
        for (at, line) in text.lines().enumerate() {
            for (before, _) in line.match_indices("loggia ") {
                // Bytes are for no reader.
                let bytes = line[..before].ends_with("b\"");
                let starts =
                    line[..before].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"-_./".contains(c));
                if starts && !bytes {
                    seen += 1;
                    found.extend(wrong(&line[before + 7..]).map(|why| format!("{file}:{}: {why}: {line}", at + 1)));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
