//! The pages that people read: every example runs as it stands, every link leads somewhere, and short pages stay short.
//! The examples of `/docs/api` are among them.
//!
//! `cargo test --test docs` looks at all of them, `cargo test --test docs -- accounts` at those of one page.

#[cfg(unix)]
mod api;
mod checks;
mod page;
#[cfg(unix)]
mod runner;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use page::Page;

/// How many pages are looked at at once: most of an example is waiting for its server.
const AT_ONCE: usize = 6;

fn main() -> ExitCode {
    #[cfg(unix)]
    if std::env::args().next().is_some_and(|program| program.ends_with("oathtool")) {
        return stand_in::oathtool();
    }
    let mut trials = vec![
        check("every_link_leads_somewhere", checks::every_link_leads_somewhere),
        check("every_page_is_linked", checks::every_page_is_linked),
        check("every_file_that_is_named_exists", checks::every_file_that_is_named_exists),
        check("short_pages_stay_short", checks::short_pages_stay_short),
        check("every_block_says_what_it_is", checks::every_block_says_what_it_is),
        check("every_sample_has_the_newest_schema", checks::every_sample_has_the_newest_schema),
    ];
    #[cfg(unix)]
    trials.extend(examples::trials());
    #[cfg(unix)]
    trials.extend(api::trials());
    #[cfg(unix)]
    rustls::crypto::ring::default_provider().install_default().expect("the first one");
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let conclusion = libtest_mimic::run(&arguments, trials);
    aibaas_tests::host::stop_all(conclusion.has_failed());
    conclusion.exit_code()
}

fn check(name: &str, check: fn(&[Page]) -> Result<(), String>) -> Trial {
    Trial::test(format!("pages::{name}"), move || check(&Page::all()).map_err(Failed::from))
}

#[cfg(unix)]
mod examples {
    use libtest_mimic::{Failed, Trial};

    use super::{page::Page, runner};

    /// One trial for each page with examples, and those that hold the runner itself.
    pub fn trials() -> Vec<Trial> {
        let pages = Page::all();
        let with_examples = pages.iter().filter(|page| runner::has_examples(page));
        let mut trials = with_examples.map(|page| of_page(page.path.clone())).collect::<Vec<_>>();
        assert!(!trials.is_empty(), "some page has examples");
        trials.extend([
            Trial::test("runner::fails_with_the_line_of_an_error", || told(fails_with_the_line_of_an_error())),
            Trial::test("runner::fails_where_an_answer_is_an_error", || told(fails_where_an_answer_is_an_error())),
        ]);
        trials
    }

    fn told(result: Result<(), String>) -> Result<(), Failed> {
        result.map_err(Failed::from)
    }

    fn of_page(path: String) -> Trial {
        Trial::test(format!("examples::{path}"), move || {
            let pages = Page::all();
            let page = pages.iter().find(|page| page.path == path).expect("it is one of them");
            told(runner::examples(&pages, page).and_then(|examples| runner::run(&examples)))
        })
    }

    fn run(text: &str) -> Result<(), String> {
        runner::examples(&[], &Page::of("made-up.md", text)).and_then(|examples| runner::run(&examples))
    }

    fn fails_with_the_line_of_an_error() -> Result<(), String> {
        run("```sh\nOF=one\n```\n\n```sh\ntest $OF = one\ngreet() { echo $OF; }\n```\n```console\n$ false\n```\n")?;
        for (block, line) in [("true\nfalse\ntrue", 3), ("echo said\nfalse | true", 3), ("X=$(false)", 2)] {
            let error = run(&format!("```sh\n{block}\n```\n")).expect_err(block);
            assert!(error.starts_with(&format!("made-up.md:{line}: ")), "{block}: {error}");
        }
        let error = run("```sh\necho said $NOBODY_SET_THIS\n```\n").expect_err("it is not set");
        assert!(error.contains("NOBODY_SET_THIS"), "{error}");
        Ok(())
    }

    fn fails_where_an_answer_is_an_error() -> Result<(), String> {
        let served = |block: &str| run(&format!("```sh server\ncargo run\n```\n\n```sh\n{block}\n```\n"));
        served("curl -sS http://127.0.0.1:8787/health")?;
        served("curl -sS http://127.0.0.1:8787/nothing      # 404: there is no such path")?;
        let error = served("curl -sS http://127.0.0.1:8787/nothing").expect_err("it is an error");
        assert!(error.starts_with("made-up.md:6: ") && error.contains("404 http://"), "{error}");
        let error = served("curl -sS http://127.0.0.1:8787/health   # 404").expect_err("it is none");
        assert!(error.contains("which no answer has"), "{error}");
        Ok(())
    }
}

#[cfg(unix)]
mod stand_in {
    use std::{path::Path, process::ExitCode};

    use aibaas_tests::{Authenticator, Host, host::Kind};

    use super::runner::{FOLDER, SERVERS};

    const STEP_MS: u64 = 30_000;

    /// Shows the code of a second factor, as `oathtool --totp -b SECRET` does, at the time of the page's first server.
    pub fn oathtool() -> ExitCode {
        let arguments = std::env::args().skip(1).collect::<Vec<_>>();
        let [totp, base32, secret] = arguments.as_slice() else { return ExitCode::from(64) };
        if totp != "--totp" || base32 != "-b" {
            return ExitCode::from(64);
        }
        let folder = std::env::var_os(FOLDER).expect("the runner tells it");
        let servers = std::fs::read_to_string(Path::new(&folder).join(SERVERS)).expect("the runner writes it");
        rustls::crypto::ring::default_provider().install_default().expect("the first one");
        let url = servers.lines().next().expect("a server").to_owned();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let now_ms = runtime.block_on(async { Host::at(Kind::Native, url, None).now_ms().await });
        println!("{}", Authenticator::new(secret).code_at(now_ms / STEP_MS));
        ExitCode::SUCCESS
    }
}
