//! What installs the native server: the unit of systemd, the container, and what Cloudflare is told.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use aibaas_tests::{host::cloudflare, plain_client, tools};
use serde_json::{Value, json};

use crate::{
    doctor::{doctor, holds},
    native_program::run,
};

/// The worst exposure that the unit may have by the counting of systemd, in tenths: 0 is none, 100 is all.
const EXPOSURE: &str = "20";
const SECRET: &str = "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx";

/// The settings of the unit, by name, each with its values in order.
fn settings(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in unit.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')) {
        settings.entry(name).or_default().push(value);
    }
    settings
}

/// The program takes the arguments and knows the variables that the unit gives it, and reads secrets where systemd puts them.
pub fn the_unit_starts_the_program() {
    let unit = fs::read_to_string(tools::root().join("docs/deploy/aibaas.service")).expect("the unit");
    let settings = settings(&unit);
    let [start] = settings["ExecStart"][..] else { panic!("one command: {settings:?}") };
    let mut arguments = start.split(' ').skip(1).collect::<Vec<_>>();
    assert_eq!(arguments, ["serve"]);
    arguments.push("--help");
    let (output, said) = run(&arguments, &[]);
    assert!(output.status.success(), "{said}");

    let folder = tempfile::tempdir().expect("a folder");
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).expect("a folder");
    for credential in &settings["LoadCredential"] {
        let (name, source) = credential.split_once(':').expect("NAME:FILE");
        assert_eq!(source, format!("/etc/aibaas/{name}"));
        fs::write(credentials.join(name), format!("{SECRET}\n")).expect("written");
    }
    let here = credentials.display().to_string();
    let variables = settings["Environment"].iter().map(|variable| variable.split_once('=').expect("NAME=VALUE"));
    let variables = variables.map(|(name, value)| (name, value.replace("%d", &here)));
    let elsewhere = ["AIBAAS_LISTEN", "AIBAAS_DATA_DIR", "BACKUP_DIR"];
    let (moved, mut variables) = variables.partition::<Vec<_>, _>(|(name, _)| elsewhere.contains(name));
    assert_eq!(moved.len(), elsewhere.len(), "{moved:?}");
    assert!(variables.iter().any(|(name, _)| *name == "JWT_SECRET_FILE"), "{variables:?}");
    variables.extend([
        ("BASE_URL", "https://api.example.com".to_owned()),
        ("MAIL_FROM", "noreply@example.com".to_owned()),
        ("BACKUP_DIR", folder.path().join("backups").display().to_string()),
    ]);
    let variables = variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    let (code, findings) = doctor(&folder.path().join("data"), "127.0.0.1:0", &["--offline"], &variables);
    assert_eq!(code, Some(0), "{findings:#?}");
    holds(&findings, "configuration", "ok", "for production");
    let doubts = findings.iter().filter(|finding| finding.about == "configuration" && finding.status != "ok");
    assert_eq!(doubts.count(), 0, "{findings:#?}");
}

/// `systemd-analyze`, where it is, knows every setting of the unit and finds little that it exposes.
pub fn the_unit_is_hardened() -> Result<(), String> {
    let unit =
        fs::read_to_string(tools::root().join("docs/deploy/aibaas.service")).map_err(|error| error.to_string())?;
    for setting in ["NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=aibaas"] {
        assert!(unit.lines().any(|line| line == setting), "{setting}");
    }
    let version = Command::new("systemd-analyze").arg("--version").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let number = version.split_whitespace().nth(1).and_then(|number| number.parse::<u32>().ok());
    if number.is_none_or(|number| number < 250) {
        return Ok(());
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("aibaas.service");
    let program = tools::program("aibaas")?;
    // It looks whether there is such a program.
    let unit = unit.replace("/usr/local/bin/aibaas", &program.display().to_string());
    let analyze = |text: &str, arguments: &[&str]| {
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let output = Command::new("systemd-analyze").args(arguments).arg(&file).output();
        let output = output.map_err(|error| error.to_string())?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok::<_, String>((output.status.success(), said))
    };
    let misspelt = unit.replace("ProtectClock=", "ProtectClocks=");
    assert!(analyze(&misspelt, &["verify"])?.1.contains("ProtectClocks"), "it tells what it does not know");
    let (is_fine, said) = analyze(&unit, &["verify"])?;
    assert!(is_fine && !said.contains("aibaas.service"), "{said}");
    let threshold = format!("--threshold={EXPOSURE}");
    let (is_fine, said) = analyze(&unit, &["security", "--offline=true", "--no-pager", &threshold])?;
    assert!(is_fine, "{said}");
    Ok(())
}

/// The linter of `tests/deploy`: bases with a tag, a user that is not root, no secret, no shell, and what is copied exists.
fn lint(file: &str) -> Result<(bool, String), String> {
    tools::locked_npm_packages("tests/deploy")?;
    let mut lint = Command::new(tools::node()?);
    lint.arg("tests/deploy/lint.mjs").arg(file).arg(".").current_dir(tools::root());
    let output = lint.output().map_err(|error| error.to_string())?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}

/// The container's file is sound, as far as that can be told without an engine; and the linter would tell.
pub fn the_container_is_sound() -> Result<(), String> {
    let (is_sound, said) = lint("Dockerfile")?;
    assert!(is_sound, "{said}");
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("Dockerfile");
    for (line, problem) in [
        ("FROM debian", "neither a tag"),
        ("ENV JWT_SECRET=x", "JWT_SECRET is a secret"),
        ("ARG API_TOKEN", "API_TOKEN is a secret"),
        ("COPY nowhere /there", "there is no nowhere"),
        ("COPY --from=away /a /b", "no stage is called away"),
        ("RUN true", "no shell"),
        ("HEALTHCHECK CMD aibaas health", "needs a shell"),
        ("USER root", "the user is root"),
    ] {
        fs::write(&file, format!("FROM debian:12\n{line}\nENTRYPOINT [\"/a\"]\n"))
            .map_err(|error| error.to_string())?;
        let (is_sound, said) = lint(file.to_str().ok_or("UTF-8")?)?;
        assert!(!is_sound && said.contains(problem), "{line}: {said}");
    }

    // The build reads the manifests of the whole workspace.
    let read = |name: &str| fs::read_to_string(tools::root().join(name)).map_err(|error| error.to_string());
    let (ignored, manifest) = (read(".dockerignore")?, read("Cargo.toml")?);
    let kept = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect::<Vec<_>>();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).ok_or("no members")?;
    let members = members.split('"').skip(1).step_by(2).filter_map(|member| member.split('/').next());
    for needed in members.chain(["Cargo.toml", "Cargo.lock", "README.md", "docs", "migrations"]) {
        assert!(kept.contains(&needed), "{needed} is not among {kept:?}");
    }
    Ok(())
}

/// The container runs the program as it is: its command, its health check, and the variables that it sets.
pub fn the_container_starts_the_program() {
    let file = fs::read_to_string(tools::root().join("Dockerfile")).expect("the file");
    let list = |text: &str| serde_json::from_str::<Vec<String>>(text).expect("a list");
    let line = |begins: &str| file.lines().find_map(|line| line.strip_prefix(begins)).expect("an instruction");
    let check = list(line("HEALTHCHECK ").split_once("CMD ").expect("a command").1);
    assert_eq!(check.first(), list(line("ENTRYPOINT ")).first());
    for mut arguments in [list(line("CMD ")), check.into_iter().skip(1).collect()] {
        arguments.push("--help".to_owned());
        let (output, said) = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert!(output.status.success(), "{said}");
    }
    let of_image = file.rsplit_once("\nENV ").expect("variables").1;
    let variables = of_image.lines().map_while(|line| line.trim().trim_end_matches(" \\").split_once('='));
    let variables = variables.collect::<Vec<_>>();
    assert_eq!(variables.len(), 3, "{variables:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let (_, findings) = doctor(folder.path(), "127.0.0.1:0", &["--offline"], &variables);
    assert!(!format!("{findings:?}").contains("no variable of this release"), "{findings:#?}");
}

/// A Cloudflare account of the tests, which wrangler takes for its own.
struct Account {
    child: Child,
    url: String,
}

impl Account {
    fn open() -> Result<Self, String> {
        let mut command = Command::new(tools::node()?);
        command.arg("tests/deploy/account.mjs").current_dir(tools::root());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let output = child.stdout.take().ok_or("no output")?;
        let url = BufReader::new(output).lines().next().and_then(Result::ok).ok_or("no account was opened")?;
        Ok(Self { child, url })
    }

    /// Runs the script on a file; what it says.
    fn provision(&self, config: &Path, more: &[&str]) -> Result<String, String> {
        let mut script = Command::new(tools::node()?);
        script.arg("docs/deploy/cloudflare.mjs").arg("--config").arg(config).args(more).current_dir(tools::root());
        script.env("CLOUDFLARE_API_BASE_URL", &self.url).env("CLOUDFLARE_API_TOKEN", "of-nobody");
        script.env("CLOUDFLARE_ACCOUNT_ID", "00000000000000000000000000000001");
        tools::run(&mut script, "see docs/deploy-cloudflare.md")
    }

    /// How often it was asked to make something.
    async fn made(&self) -> usize {
        let asked = plain_client().get(format!("{}/asked", self.url)).send().await.expect("an answer");
        let asked = asked.json::<Vec<String>>().await.expect("a list");
        asked.iter().filter(|request| request.starts_with("POST ")).count()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The script makes what is missing in the account, once, and what it writes into `wrangler.toml` deploys.
pub async fn cloudflare_is_told_its_ids() -> Result<(), String> {
    let account = Account::open()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let config = folder.path().join("wrangler.toml");
    let given = fs::read_to_string(tools::root().join("wrangler.toml")).map_err(|error| error.to_string())?;
    // What it builds is built.
    let given = given.lines().filter(|line| !line.starts_with("command = ")).map(|line| format!("{line}\n"));
    let given = given.collect::<String>();
    fs::write(&config, &given).map_err(|error| error.to_string())?;
    let read = || fs::read_to_string(&config).expect("the file");

    let said = account.provision(&config, &["--dry-run", "--base-url", "https://api.example.org"])?;
    assert!(said.contains("the database aibaas would be made") && said.contains("api.example.org"), "{said}");
    assert_eq!((read(), account.made().await), (given.clone(), 0), "a dry run changes nothing");
    let options = [
        "--base-url",
        "https://api.example.org",
        "--app-url",
        "https://example.org/app",
        "--mail-from",
        "Example <noreply@example.org>",
    ];
    account.provision(&config, &options)?;
    let filled = read();
    let changed = filled.lines().zip(given.lines()).filter(|(after, before)| after != before).map(|(after, _)| after);
    let expected = [
        "BASE_URL = \"https://api.example.org\"",
        "APP_URL = \"https://example.org/app\"",
        "CORS_ORIGINS = \"https://example.org\"",
        "MAIL_FROM = \"Example <noreply@example.org>\"",
        "database_id = \"22222222-2222-4222-8222-222222222222\"",
        "id = \"fedcba9876543210fedcba9876543210\"",
    ];
    assert_eq!(changed.collect::<Vec<_>>(), expected);
    assert_eq!(filled.lines().count(), given.lines().count());
    let again = account.provision(&config, &[])?;
    assert!(again.contains("needs no change"), "{again}");
    assert_eq!((read(), account.made().await), (filled.clone(), 2));
    // Who has made a namespace of another name keeps it.
    fs::write(&config, filled.replace("fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef"))
        .map_err(|error| error.to_string())?;
    account.provision(&config, &[])?;
    assert!(read().contains("id = \"0123456789abcdef0123456789abcdef\""));
    // With a domain of its own, as the guide says.
    let with_domain = ["routes", "workers_dev", "preview_urls"].iter().fold(filled, |text, name| {
        assert!(text.contains(&format!("\n# {name} = ")), "{name}");
        text.replace(&format!("\n# {name} = "), &format!("\n{name} = "))
    });
    // And with the data set that it names.
    let data_set = ["[[analytics_engine_datasets]]", "binding = \"ANALYTICS\"", "dataset = \"aibaas\""];
    let with_domain = data_set.iter().fold(with_domain, |text, line| {
        assert!(text.contains(&format!("\n# {line}\n")), "{line}");
        text.replace(&format!("\n# {line}\n"), &format!("\n{line}\n"))
    });
    let (node, bundle) = cloudflare::built()?;
    let _reading = cloudflare::BUNDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let worker = format!("main = {:?}", bundle.join("worker.mjs"));
    fs::write(&config, with_domain.replace("main = \"build/worker.mjs\"", &worker))
        .map_err(|error| error.to_string())?;
    let mut wrangler = Command::new(node);
    wrangler.arg("tests/cloudflare/node_modules/wrangler/bin/wrangler.js").args(["deploy", "--dry-run", "--config"]);
    wrangler.arg(&config).args(["--outdir"]).arg(folder.path().join("out")).current_dir(tools::root());
    let said = tools::run(wrangler.envs(cloudflare::QUIET), "see docs/deploy-cloudflare.md")?;
    assert!(said.contains("fedcba9876543210fedcba9876543210") && said.contains("api.example.org"), "{said}");
    assert!(said.contains("env.ANALYTICS (aibaas)"), "{said}");
    assert!(!said.contains("Unexpected fields"), "{said}");
    Ok(())
}

/// What Cloudflare's deploy button reads names what there is: its secrets, bindings and variables, and the same wrangler.
pub fn the_deploy_button_knows_the_worker() {
    let read = |path: &str| fs::read_to_string(tools::root().join(path)).expect(path);
    let json = |path: &str| serde_json::from_str::<Value>(&read(path)).expect(path);
    let (button, worker) = (json("package.json"), read("wrangler.toml"));
    assert_eq!(
        button["devDependencies"],
        json!({ "wrangler": json("tests/cloudflare/package.json")["devDependencies"]["wrangler"] })
    );
    let secrets = read(".dev.vars.example");
    let secrets = secrets.lines().filter_map(|line| line.strip_suffix('=')).collect::<Vec<_>>();
    assert_eq!(secrets, ["JWT_SECRET", "RESEND_API_KEY"], "named, and without a value");
    let told = button["cloudflare"]["bindings"].as_object().expect("bindings");
    for name in told.keys() {
        let is_there = secrets.contains(&name.as_str())
            || worker.contains(&format!("\n{name} = \""))
            || worker.contains(&format!("\nbinding = \"{name}\""));
        assert!(is_there, "{name}");
    }
    assert!(secrets.iter().all(|secret| told.contains_key(*secret)), "{told:?}");
    assert_eq!(button["scripts"]["deploy"], "sh docs/deploy/button.sh");
    let script = read("docs/deploy/button.sh");
    let place = |command: &str| script.find(command).unwrap_or_else(|| panic!("{command}"));
    assert!(place("\nwrangler d1 migrations apply DB --remote") < place("\nwrangler deploy"), "the schema first");
    let mut parse = Command::new("sh");
    tools::run(parse.arg("-n").arg(tools::root().join("docs/deploy/button.sh")), "install sh").expect("a script");
}
