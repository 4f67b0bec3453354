//! Every command that pages and docs show is one that this program takes.

#[cfg(test)]
mod tests {
    use crate::command::Cli;
    use crate::demo::{files, seed};
    use crate::serve::Server;
    use crate::settings::ServeArgs;
    use clap::Parser;
    use clap::error::ErrorKind;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};
    use std::path::{Path, PathBuf};

    /// Where a walk through the pages begins: a search is not linked from anywhere.
    const START: [&str; 3] = ["/", "/search?q=what+runs", "/instances/booking/orders.test/destroy"];

    /// Commands by where they stand first.
    type Found = BTreeMap<String, String>;

    /// The words of a line as a shell splits it, up to a comment, a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let (mut all, mut word, mut any, mut end) = (Vec::new(), String::new(), false, None);
        let mut before = ' ';
        for letter in line.chars() {
            match (end, letter) {
                (Some(close), _) if letter == close => {
                    end = None;
                    if close == ')' {
                        word.push(letter);
                    }
                }
                (Some(_), _) => word.push(letter),
                (None, '\'' | '"') => (end, any) = (Some(letter), true),
                (None, '(') if before == '$' => {
                    word.push(letter);
                    end = Some(')');
                }
                (None, '#' | '|' | '>' | ';' | '&') if word.is_empty() && !any => break,
                (None, ' ') => {
                    if any || !word.is_empty() {
                        all.push(std::mem::take(&mut word));
                    }
                    any = false;
                }
                (None, _) => word.push(letter),
            }
            before = letter;
        }
        if any || !word.is_empty() {
            all.push(word);
        }
        all
    }

    /// The arguments for this program in a line, when it runs it: by its name, or through cargo.
    fn arguments(line: &str) -> Option<Vec<String>> {
        let mut words = words(line);
        let assigned = words.iter().take_while(|word| word.split_once('=').is_some_and(|(name, _)| is_variable(name)));
        let mut words = words.split_off(assigned.count());
        if words.first().is_some_and(|word| word == "cargo") && words.get(1).is_some_and(|word| word == "run") {
            let own = words.iter().position(|word| word == "--")?;
            words.drain(..own);
        } else if !words.first().is_some_and(|word| word == "loggia" || word.ends_with("/loggia")) {
            return None;
        }
        words[0] = "loggia".to_owned();
        Some(words)
    }

    fn is_variable(name: &str) -> bool {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    }

    /// Why a command is not taken; asking for help or the version is fine.
    fn fault(line: &str) -> Option<String> {
        let error = Cli::try_parse_from(arguments(line)?).err().filter(clap::Error::use_stderr)?;
        Some(error.to_string().lines().next().unwrap_or_default().to_owned())
    }

    fn faults(found: &Found) -> Vec<String> {
        found.iter().filter_map(|(line, place)| Some(format!("{place}: {line}: {}", fault(line)?))).collect()
    }

    /// The commands of a text: in fences, in indented lines, and in code within a line where nothing is left open.
    fn of_markdown(text: &str, place: &str, found: &mut Found) {
        let joined = text.replace("\\\n", " ");
        let mut add = |line: &str| {
            if arguments(line).is_some() {
                found.entry(line.trim().to_owned()).or_insert_with(|| place.to_owned());
            }
        };
        let mut fenced = false;
        for line in joined.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if fenced || line.starts_with("    ") {
                add(line.trim().trim_start_matches("$ "));
            } else {
                let open = |code: &str| code.contains(['…', '[', '<']) || code.split(' ').any(is_placeholder);
                line.split('`').skip(1).step_by(2).filter(|code| !open(code) && !is_name(code)).for_each(&mut add);
            }
        }
    }

    /// A command that is only named: what it needs is said elsewhere.
    fn is_name(code: &str) -> bool {
        let parsed = arguments(code).map(Cli::try_parse_from).and_then(Result::err).map(|error| error.kind());
        let missing = [ErrorKind::MissingRequiredArgument, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
        parsed.is_some_and(|kind| missing.contains(&kind))
    }

    fn is_placeholder(word: &str) -> bool {
        word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || "|_/".contains(c))
    }

    fn texts(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                texts(&path, out);
            } else if path.extension().is_some_and(|end| end == "md") {
                out.push(path);
            }
        }
    }

    #[test]
    fn commands_of_the_docs_are_right() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut paths = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
        texts(&root.join("docs"), &mut paths);
        texts(&root.join("examples"), &mut paths);
        let mut found = Found::new();
        for path in paths {
            let place = path.strip_prefix(&root).unwrap().display().to_string();
            of_markdown(&std::fs::read_to_string(&path).unwrap(), &place, &mut found);
        }
        assert!(found.len() > 30, "{found:?}");
        assert_eq!(faults(&found), Vec::<String>::new());
    }

    /// What stands between two texts, each time.
    fn between<'a>(text: &'a str, front: &str, back: &str) -> Vec<&'a str> {
        text.split(front).skip(1).filter_map(|rest| rest.split(back).next()).collect()
    }

    fn plain(html: &str) -> String {
        let pairs = [("&#39;", "'"), ("&#x27;", "'"), ("&quot;", "\""), ("&#34;", "\""), ("&lt;", "<"), ("&#60;", "<")];
        let text = pairs.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to));
        text.replace("&gt;", ">").replace("&#62;", ">").replace("&#38;", "&").replace("&amp;", "&")
    }

    /// Walks through the pages as a person, at most so many of each kind of address.
    async fn walk(url: &str, person: &str, found: &mut Found) {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().tls_certs_only([]).redirect(none).build().unwrap();
        let become_person = client.post(format!("{url}/demo/person")).header("origin", url);
        let become_person = become_person.header("content-type", "application/x-www-form-urlencoded");
        let answer = become_person.body(format!("person={person}")).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let (mut queue, mut known) = (VecDeque::from(START.map(str::to_owned)), BTreeSet::new());
        let mut shapes: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(path) = queue.pop_front() {
            let answer = client.get(format!("{url}{path}")).header("cookie", &cookie).send().await.unwrap();
            let html =
                answer.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
            if !html {
                continue;
            }
            let text = answer.text().await.unwrap();
            for command in between(&text, "<code>", "</code>").into_iter().chain(between(&text, "data-copy=\"", "\"")) {
                let command = plain(command);
                if arguments(&command).is_some() {
                    found.entry(command).or_insert_with(|| path.clone());
                }
            }
            for link in between(&text, "href=\"", "\"") {
                let link = plain(link.split('#').next().unwrap_or_default());
                let shape: Vec<&str> = link.split(['?', '=']).next().unwrap_or_default().split('/').take(2).collect();
                let many = shapes.entry(format!("{}{}", shape.join("/"), link.contains('?'))).or_default();
                let page = link.starts_with('/') && !link.starts_with("//") && !link.starts_with("/api/");
                if page && *many < 12 && known.insert(link.clone()) {
                    *many += 1;
                    queue.push_back(link);
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn commands_of_the_pages_are_right() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let repository = files::repository(folder.path()).await.unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = ServeArgs {
            listen: Some(port),
            data: Some(folder.path().to_owned()),
            repository: vec![repository.display().to_string()],
            ..ServeArgs::default()
        };
        let server = Server::start(settings.resolve(), loggia_app::settings::Demo::Here).await.unwrap();
        let (app, store, mut ready) = (server.app.clone(), server.store.clone(), server.ready.clone());
        let running = tokio::spawn(server.run());
        ready.wait_for(|ready| *ready).await.unwrap();
        seed::run(&app, &store).await.unwrap();
        let mut found = Found::new();
        for person in ["amara", "tomasz", "ines", "sofia"] {
            walk(&format!("http://{port}"), person, &mut found).await;
        }
        running.abort();
        let verbs: BTreeSet<&str> = found.keys().filter_map(|line| line.split(' ').nth(1)).collect();
        for verb in ["delete", "describe", "get", "history", "new", "search", "who-runs"] {
            assert!(verbs.contains(verb), "no page shows {verb}: {found:?}");
        }
        assert_eq!(faults(&found), Vec::<String>::new());
    }
}
