//! Runs the examples of a page as a newcomer does: block after block, in one shell, in the project's directory, beside a
//! server over an empty data directory.
//!
//! Three things are not as they stand. The address of a server is replaced by the one that it got, since another may be
//! taken. `cargo run` runs what is built. And time stands still but for a second with each call of curl, so that no token
//! and no code grows old on a busy machine.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use aibaas_tests::{host::native::Server, tools};

use super::page::Page;

/// Tells the programs that stand in for others where the page's files are.
pub const FOLDER: &str = "PAGE_FOLDER";
/// A file of that folder: the URLs of the page's servers.
pub const SERVERS: &str = "servers";

/// What the project has and a fresh copy of it has not, or what must not be shared.
const LEFT_OUT: [&str; 6] = [".aibaas", ".git", ".spin", ".wrangler", "build", "target"];

/// Runs what is built in place of `cargo run [--quiet] [--bin PROGRAM] -- ARGUMENTS`.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = run ] || { echo "cargo: an example only runs the project's programs" >&2; exit 64; }
shift
program=aibaas
while [ $# -gt 0 ]; do
  case $1 in
    --quiet) shift ;;
    --bin) program=$2; shift 2 ;;
    --) shift; break ;;
    *) echo "cargo: $1 is not known here" >&2; exit 64 ;;
  esac
done
exec "$PAGE_FOLDER/programs/$program" "$@"
"#;

/// Lets a second pass on each server, calls curl, and notes the status of the answer.
const CURL: &str = r#"#!/bin/sh
for argument; do
  case $argument in
    -D | --dump-header) echo "curl: -D is taken; use -i or -I" >&2; exit 64 ;;
    http://* | https://*) url=$argument ;;
  esac
done
while read -r server; do
  CURL -sS -o /dev/null -H 'Content-Type: application/json' -d '{"advanceMs":1000}' "$server/dev/clock" </dev/null || exit
done <"$PAGE_FOLDER/servers"
heads=$(mktemp "$PAGE_FOLDER/heads.XXXXXX") || exit
CURL -D "$heads" "$@"
code=$?
status=$(awk '/^HTTP\// { status = $2 } END { print status }' "$heads")
echo "${status:-none} $url" >>"$PAGE_FOLDER/answers"
exit $code
"#;

/// A block that is to be run.
pub struct Example {
    place: String,
    line: usize,
    starts_server: bool,
    text: String,
}

/// Collects the examples of a page, after those that its paragraph `First:` names.
pub fn examples(pages: &[Page], page: &Page) -> Result<Vec<Example>, String> {
    let mut examples = Vec::new();
    for target in page.first() {
        let unknown = || format!("{}: First: {target} is no section of a page", page.path);
        let (path, anchor) = page.resolve(&target).ok_or_else(unknown)?;
        let other = pages.iter().find(|other| other.path == path).ok_or_else(unknown)?;
        let (first, last) = match anchor {
            Some(anchor) => other.section(&anchor).ok_or_else(unknown)?,
            None => (0, usize::MAX),
        };
        examples.extend(shell(other).filter(|example| (first..=last).contains(&example.line)));
    }
    examples.extend(shell(page));
    Ok(examples)
}

/// Whether the page has examples of its own.
pub fn has_examples(page: &Page) -> bool {
    shell(page).next().is_some()
}

fn shell(page: &Page) -> impl Iterator<Item = Example> + '_ {
    page.blocks().into_iter().filter_map(move |block| {
        let starts_server = match block.info.as_str() {
            "sh" => false,
            "sh server" => true,
            _ => return None,
        };
        Some(Example { place: page.path.clone(), line: block.line, starts_server, text: block.text })
    })
}

/// Runs them.
///
/// # Errors
/// What is missing on this machine; or page, line and output of the first block that ends with an error, or gets an answer
/// that is an error and is not named in a comment of the block.
pub fn run(examples: &[Example]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path().canonicalize().map_err(|error| error.to_string())?;
    let mut session = Session::start(&folder)?;
    examples.iter().enumerate().try_for_each(|(number, example)| {
        if example.starts_server { session.serve(example) } else { session.run(number, example) }
    })
}

/// A shell, and the servers that run beside it.
struct Session {
    folder: PathBuf,
    project: PathBuf,
    curl: PathBuf,
    shell: Child,
    ended: BufReader<ChildStdout>,
    /// With the address that the pages name.
    servers: Vec<(String, Server)>,
}

impl Session {
    fn start(folder: &Path) -> Result<Self, String> {
        let curl = program("curl", "install curl (Debian: apt-get install curl)")?;
        let bash = program("bash", "install bash (Debian: apt-get install bash)")?;
        let io = |error: std::io::Error| error.to_string();

        let project = folder.join("project");
        fs::create_dir(&project).map_err(io)?;
        for entry in fs::read_dir(tools::root()).map_err(io)? {
            let entry = entry.map_err(io)?;
            if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                symlink(entry.path(), project.join(entry.file_name())).map_err(io)?;
            }
        }
        fs::create_dir(folder.join("programs")).map_err(io)?;
        for (name, program) in programs()? {
            symlink(program, folder.join("programs").join(name)).map_err(io)?;
        }

        let stand_ins = folder.join("bin");
        fs::create_dir(&stand_ins).map_err(io)?;
        for (name, text) in [("cargo", CARGO.to_owned()), ("curl", CURL.replace("CURL", &curl.to_string_lossy()))] {
            let script = stand_ins.join(name);
            fs::write(&script, text).map_err(io)?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(io)?;
        }
        symlink(std::env::current_exe().map_err(io)?, stand_ins.join("oathtool")).map_err(io)?;
        fs::write(folder.join(SERVERS), "").map_err(io)?;

        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(stand_ins).chain(std::env::split_paths(&path));
        let mut shell = Command::new(bash);
        shell.env_clear().env("PATH", std::env::join_paths(path).map_err(|error| error.to_string())?);
        shell.env("HOME", folder).env(FOLDER, folder).current_dir(&project);
        let mut shell = shell
            .args(["--norc", "-eu", "-o", "pipefail"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let ended = BufReader::new(shell.stdout.take().expect("piped"));
        writeln!(shell.stdin.as_mut().expect("piped"), "trap 'echo $LINENO >\"${FOLDER}/failed\"' ERR").map_err(io)?;
        Ok(Self { folder: folder.to_owned(), project, curl, shell, ended, servers: Vec::new() })
    }

    /// Starts the server of a block, `[NAME=value …] cargo run` or `aibaas serve`, with `--listen` and `--data-dir`.
    fn serve(&mut self, example: &Example) -> Result<(), String> {
        let place = format!("{}:{}", example.place, example.line);
        let form =
            || format!("{place}: a server is [NAME=value …] cargo run, or aibaas serve [--listen …] [--data-dir …]");
        let mut words = example.text.split_whitespace().peekable();
        let mut variables = vec![("DEV_CLOCK", "on".to_owned())];
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((name, value.to_owned()));
            words.next();
        }
        let command = [words.next().ok_or_else(form)?, words.next().ok_or_else(form)?];
        let (mut address, mut data) = ("127.0.0.1:8787", ".aibaas");
        match (command, words.collect::<Vec<_>>().as_slice()) {
            (["cargo", "run"], []) => {}
            (["aibaas", "serve"], options) => {
                for option in options.chunks(2) {
                    match *option {
                        ["--listen", value] => address = value,
                        ["--data-dir", value] => data = value,
                        _ => return Err(form()),
                    }
                }
            }
            _ => return Err(form()),
        }
        let server = Server::start_on("127.0.0.1:0", &self.project.join(data), &variables);
        let server = server.map_err(|error| format!("{place}: {error}"))?;
        let stopped = r#"{"stopped":true}"#;
        let clock = format!("{}/dev/clock", server.url);
        let mut stop = Command::new(&self.curl);
        stop.args(["-sS", "-f", "-H", "Content-Type: application/json", "-d", stopped, &clock]);
        tools::run(&mut stop, "")?;
        self.servers.push((address.to_owned(), server));
        let urls = self.servers.iter().map(|(_, server)| format!("{}\n", server.url)).collect::<String>();
        fs::write(self.folder.join(SERVERS), urls).map_err(|error| error.to_string())
    }

    /// Runs a block in the shell.
    fn run(&mut self, number: usize, example: &Example) -> Result<(), String> {
        let io = |error: std::io::Error| error.to_string();
        let mut text = example.text.clone();
        for (address, server) in &self.servers {
            let listening = server.url.trim_start_matches("http://");
            text = text.replace(address, listening).replace(&address.replace("127.0.0.1", "localhost"), listening);
        }
        let (script, output) = (self.folder.join(format!("{number}.sh")), self.folder.join(format!("{number}.out")));
        let (answers, failed) = (self.folder.join("answers"), self.folder.join("failed"));
        fs::write(&script, text).map_err(io)?;
        fs::write(&answers, "").map_err(io)?;
        let command = format!(". '{}' </dev/null >'{}' 2>&1; echo\n", script.display(), output.display());
        let told = self.shell.stdin.as_mut().expect("piped").write_all(command.as_bytes());
        let mut line = String::new();
        let is_done = told.is_ok() && self.ended.read_line(&mut line).map_err(io)? > 0;

        let said = String::from_utf8_lossy(&fs::read(&output).unwrap_or_default()).into_owned();
        if !is_done {
            let within = fs::read_to_string(failed).ok().and_then(|line| line.trim().parse::<usize>().ok());
            let line = example.line + within.map_or(0, |line| line - 1);
            return Err(format!("{}:{line}: the block ends with an error:\n{said}", example.place));
        }
        let answers = fs::read_to_string(answers).map_err(io)?;
        example.judge(&answers).map_err(|problem| format!("{}:{}: {problem}:\n{said}", example.place, example.line))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        _ = self.shell.kill();
        _ = self.shell.wait();
    }
}

impl Example {
    /// Compares the answers that curl got, `STATUS URL` a line, with those that comments of the block name.
    fn judge(&self, answers: &str) -> Result<(), String> {
        let comments = self.text.lines().filter_map(|line| match line.strip_prefix('#') {
            Some(comment) => Some(comment),
            None => line.split_once(" #").map(|(_, comment)| comment),
        });
        let words = comments.flat_map(|comment| comment.split(|letter: char| !letter.is_ascii_alphanumeric()));
        let named = words.filter(|word| word.len() == 3 && word.starts_with(['3', '4', '5']));
        let named = named.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit())).collect::<Vec<_>>();
        let status = |answer: &str| answer.split(' ').next().unwrap_or_default().to_owned();
        for answer in answers.lines() {
            let status = status(answer);
            if !status.starts_with(['2', '3']) && !named.contains(&status.as_str()) {
                return Err(format!("an answer is an error that no comment of the block names: {answer}"));
            }
        }
        match named.iter().find(|named| !answers.lines().any(|answer| status(answer) == **named)) {
            None => Ok(()),
            Some(missing) => Err(format!("a comment names the status {missing}, which no answer has")),
        }
    }
}

/// Builds the programs that examples run, once.
fn programs() -> Result<[(&'static str, PathBuf); 2], String> {
    static BUILT: OnceLock<Result<[(&str, PathBuf); 2], String>> = OnceLock::new();
    let build_all = || {
        let server = tools::program("aibaas")?;
        Ok([("aibaas", server), ("aibaas-client", tools::program("aibaas-client")?)])
    };
    BUILT.get_or_init(build_all).clone()
}

/// Finds a program on `PATH`.
pub fn program(name: &str, install: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("there is no {name} on PATH: {install}"))
}
