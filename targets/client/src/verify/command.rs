//! The command `verify`, from its options to the line that says whether the board told the truth.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use aibaas_core::wire::LogHead;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    boards::{self, Boards},
    changes,
    data::{Log, Tables, Untrue},
    directory::{load, read_json},
    download::{download_board, download_log, download_tables},
    runs, seals, served, standing, tree,
};
use crate::{
    exported::{with_path, write},
    instance::Instance,
    output::{print_line, warn},
};

/// Pause before an instance that told an untruth is checked again.
const PAUSE: Duration = Duration::from_secs(5);

/// What is verified.
#[derive(Args, Debug)]
pub struct Options {
    /// Base URL of an instance, or a directory that `export --log` wrote.
    #[arg(value_name = "URL|DIRECTORY")]
    source: String,
    /// A head of the log that you keep: the log has to begin with what it commits to. It is written where all is true.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
}

/// Reason why the board is not confirmed.
enum Failure {
    Untrue(Untrue),
    /// The board could not be checked.
    Unknown(String),
}

impl From<Untrue> for Failure {
    fn from(untrue: Untrue) -> Self {
        Self::Untrue(untrue)
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Unknown(reason)
    }
}

/// Verifies a board. Returns 0 where it told the truth, 1 where it did not, 2 where it could not be checked.
pub async fn verify(options: Options) -> ExitCode {
    let progress = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        progress.set_style(style);
    }
    let outcome = run(&options, &|text| progress.set_message(text.to_owned())).await;
    progress.finish_and_clear();
    match outcome {
        Ok(summary) => {
            print_line(&format!("true: {summary}"));
            ExitCode::SUCCESS
        }
        Err(Failure::Untrue(Untrue(what))) => {
            print_line(&format!("UNTRUE: {what}"));
            ExitCode::from(1)
        }
        Err(Failure::Unknown(reason)) => {
            warn(&format!("aibaas-client: {reason}"));
            ExitCode::from(2)
        }
    }
}

async fn run(options: &Options, report: &dyn Fn(&str)) -> Result<String, Failure> {
    let kept = options.head.as_deref().map(read_kept).transpose()?.flatten();
    let is_url = options.source.starts_with("http://") || options.source.starts_with("https://");
    let (log, summary) = if is_url {
        let instance = Instance::new(&options.source)?;
        match of_instance(&instance, kept.as_ref(), report).await {
            // Moderation hides at once, and the log says so a moment later.
            Err(Failure::Untrue(_)) => {
                report("looking again");
                tokio::time::sleep(PAUSE).await;
                of_instance(&instance, kept.as_ref(), report).await?
            }
            looked => looked?,
        }
    } else {
        let (tables, log) = load(Path::new(&options.source))?;
        let summary = check(&tables, &log, kept.as_ref())?;
        (log, summary)
    };
    if let Some(path) = &options.head {
        keep(path, &log.head)?;
    }
    Ok(summary)
}

async fn of_instance(
    instance: &Instance,
    kept: Option<&LogHead>,
    report: &dyn Fn(&str),
) -> Result<(Log, String), Failure> {
    let tables = download_tables(instance, report).await?;
    let log = download_log(instance, tables.newest(), report).await?;
    let mut summary = check(&tables, &log, kept)?;
    let boards = Boards::of(&tables)?;
    let newest = served::newest(&tables);
    for (board, snapshot, seq) in &newest {
        let rows = download_board(instance, *board, snapshot, report).await?;
        served::check(&tables, &boards, *board, *seq, &rows)?;
    }
    summary.push_str(&format!("; the API shows the newest board of {} versions so", newest.len()));
    Ok((log, summary))
}

/// Checks everything that needs no instance, and returns a summary of it.
pub(super) fn check(tables: &Tables, log: &Log, kept: Option<&LogHead>) -> Result<String, Untrue> {
    let lines = tree::check(log, kept)?;
    changes::check(&lines, tables)?;
    let runs = runs::check(&lines, tables)?;
    let (sealed, opened) = seals::check(&lines, tables)?;
    let entries = Boards::of(tables)?;
    let boards = boards::check(&lines, tables, &entries)?;
    let stands = standing::check(tables, &entries)?;
    let mut summary = format!(
        "{} changes, {} published runs, {} boards and which runs stand follow from the data, under the head of {} that {} \
         signed",
        lines.len(),
        runs.runs,
        boards.boards,
        log.head.timestamp,
        log.head.key_id
    );
    let mut add = |count: usize, text: &str| {
        if count > 0 {
            summary.push_str(&format!("; {}", text.replace("{}", &count.to_string())));
        }
    };
    add(
        boards.partly,
        "of {} boards some entries are hidden: their digests cannot be computed, the order of the others follows",
    );
    add(boards.hidden, "{} changes name what is hidden, and cannot be looked at");
    add(runs.withheld, "{} runs came in with such changes: their results add up, their digests cannot be compared");
    add(stands.older, "after {} changes runs stand by the rule of before there were systems");
    add(runs.private, "what {} runs at private tasks add up to, only the server knows");
    if sealed > 0 {
        summary.push_str(&format!("; {opened} of {sealed} seals were opened"));
    }
    Ok(summary)
}

fn read_kept(path: &Path) -> Result<Option<LogHead>, String> {
    match path.try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => read_json(path).map(Some),
        Err(error) => Err(with_path(path, &error)),
    }
}

/// Writes the head to a file beside the final one, and renames it.
fn keep(path: &Path, head: &LogHead) -> Result<(), String> {
    let text = serde_json::to_string_pretty(head).map_err(|error| error.to_string())? + "\n";
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    write(Path::new(&unfinished), &text)?;
    std::fs::rename(&unfinished, path).map_err(|error| with_path(path, &error))
}
