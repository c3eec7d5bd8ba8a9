//! What installs the native server: the unit of systemd, the container, and what Cloudflare is told.

use std::{collections::BTreeMap, fs, process::Command};

use aibaas_tests::tools;

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
