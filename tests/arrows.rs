//! Dependencies point one way: what each part of the workspace may name of the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates of single hosts, and of programs beside them.
const HOST_CRATES: [&str; 14] = [
    "aibaas",
    "aibaas_client",
    "clap",
    "hyper",
    "hyper_util",
    "js_sys",
    "reqwest",
    "rusqlite",
    "rustls",
    "spin_sdk",
    "tokio",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "worker",
];

/// Parts of the application, and all that each of them may name.
const LOWER_PARTS: [(&str, &[&str]); 8] = [
    ("domain", &["domain"]),
    ("ports", &["domain", "ports"]),
    ("memory", &["domain", "memory", "ports"]),
    ("wire", &["domain", "wire"]),
    ("store", &["domain", "ports", "store", "wire"]),
    ("mail", &["App", "app", "config", "domain", "mail", "ports", "store"]),
    ("webhooks", &["App", "app", "config", "domain", "mail", "ports", "store", "webhooks"]),
    ("operators", &["config", "domain", "operators", "ports", "store"]),
];

const HOSTS: [&str; 3] = ["cloudflare", "native", "spin"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the files of a crate, by their paths below its `src`: their code, without comments and unit tests.
fn sources(krate: &str) -> Vec<(PathBuf, String)> {
    let src = root().join(krate).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let for_tests = files.iter().flat_map(|(path, text)| test_modules(path, text)).collect::<Vec<_>>();
    files.retain(|(path, _)| !for_tests.iter().any(|module| path.with_extension("").starts_with(module)));
    files.iter().map(|(path, text)| (path.strip_prefix(&src).expect("below src").to_owned(), code(text))).collect()
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.clone(), read(&path)));
        }
    }
}

/// The paths, without their extension, of the modules that a file has for unit tests alone.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let module = path.with_extension("");
    let is_root = ["lib", "main", "mod"].iter().any(|name| module.ends_with(name));
    let folder = if is_root { module.parent().expect("a folder").to_owned() } else { module };
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|rest| {
        let line = rest.lines().next()?;
        line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')
    });
    declared.map(|name| folder.join(name)).collect()
}

fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The places of paths that begin so, each with what follows.
fn paths<'a>(code: &'a str, beginning: &str) -> Vec<&'a str> {
    let begins = |at: &usize| !code[..*at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before));
    code.match_indices(beginning).filter(|(at, _)| begins(at)).map(|(at, found)| &code[at + found.len()..]).collect()
}

/// The members of a group, without the brace that opens it.
fn members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 1, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && letter == ',') {
            members.push(&group[start..at]);
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    members
}

/// The paths that the text begins with: one, or those of a tree of groups in braces.
fn tree(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(tree).filter(|path| !path.is_empty()).collect();
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return vec![Vec::new()];
    }
    let below = rest.strip_prefix("::").map_or_else(|| vec![Vec::new()], tree);
    below.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect()
}

/// The first names of what follows `crate::`: one, or those of a group in braces.
fn first_names(rest: &str) -> Vec<String> {
    tree(rest).into_iter().filter_map(|path| path.into_iter().next()).collect()
}

/// The module of a file, as a path below its crate.
fn module_of(file: &Path) -> Vec<String> {
    let mut module = file.with_extension("");
    if ["lib", "main", "mod"].iter().any(|root| module.ends_with(root)) {
        module.pop();
    }
    module.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

/// The paths below its crate that a file names.
fn all_named(file: &Path, code: &str) -> Vec<Vec<String>> {
    let module = module_of(file);
    let mut named = paths(code, "crate::").into_iter().flat_map(tree).collect::<Vec<_>>();
    for path in paths(code, "super::").into_iter().flat_map(tree) {
        let up = 1 + path.iter().take_while(|name| *name == "super").count();
        let base = module.len().saturating_sub(up);
        named.push([&module[..base], &path[up - 1..]].concat());
    }
    named
}

/// The modules beside each other of which each names the next one, directly or by what lies below, so that the last
/// names the first again: every pair of such a circle, with the files.
fn circles(files: &[(PathBuf, String)]) -> Vec<String> {
    let modules = files.iter().map(|(file, _)| module_of(file)).collect::<BTreeSet<_>>();
    let mut arrows = BTreeMap::<(Vec<String>, Vec<String>), String>::new();
    for (file, code) in files {
        let from = module_of(file);
        for mut to in all_named(file, code) {
            while !to.is_empty() && !modules.contains(&to) {
                to.pop();
            }
            let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
            if common < from.len().min(to.len()) {
                let beside = (from[..=common].to_vec(), to[..=common].to_vec());
                arrows.entry(beside).or_insert_with(|| format!("{} names {}", file.display(), to.join("::")));
            }
        }
    }
    // What leads nowhere, or comes from nowhere, is in no circle.
    loop {
        let begun = arrows.keys().map(|(from, _)| from.clone()).collect::<BTreeSet<_>>();
        let ended = arrows.keys().map(|(_, to)| to.clone()).collect::<BTreeSet<_>>();
        let before = arrows.len();
        arrows.retain(|(from, to), _| ended.contains(from) && begun.contains(to));
        if arrows.len() == before {
            return arrows.into_values().collect();
        }
    }
}

/// What a file names at the top of its crate, by `crate::` or by as many `super::` as lead there.
fn named(file: &Path, code: &str) -> BTreeSet<String> {
    let mut module = file.with_extension("");
    if module.ends_with("mod") {
        module.pop();
    }
    let depth = module.components().count();
    let mut named = paths(code, "crate::").into_iter().flat_map(first_names).collect::<BTreeSet<_>>();
    for mut rest in paths(code, "super::") {
        let mut up = 1;
        while let Some(further) = rest.strip_prefix("super::") {
            (up, rest) = (up + 1, further);
        }
        if up >= depth {
            named.extend(first_names(rest));
        }
    }
    named
}

/// The names of the crates that a manifest depends on, as code writes them.
fn dependencies(manifest: &Path) -> BTreeSet<String> {
    let text = read(manifest);
    let sections =
        text.split("\n[").filter(|section| section.lines().next().is_some_and(|head| head.ends_with("dependencies]")));
    let lines =
        sections.flat_map(|section| section.lines().skip(1)).filter(|line| line.starts_with(char::is_alphanumeric));
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().replace('-', "_");
    lines.map(name).collect()
}

#[test]
fn the_application_names_no_host() {
    let files = sources("core");
    assert!(files.len() > 100, "{}", files.len());
    for (file, code) in files {
        for host in HOST_CRATES {
            assert!(paths(&code, &format!("{host}::")).is_empty(), "{} names {host}", file.display());
        }
    }
    let dependencies = dependencies(&root().join("core/Cargo.toml"));
    assert!(dependencies.contains("axum"), "{dependencies:?}");
    assert!(HOST_CRATES.iter().all(|host| !dependencies.contains(*host)), "{dependencies:?}");
}

#[test]
fn lower_parts_of_the_application_name_no_higher_ones() {
    for (part, allowed) in LOWER_PARTS {
        let files = sources("core").into_iter().filter(|(file, _)| file.starts_with(part)).collect::<Vec<_>>();
        assert!(files.len() > 2, "{part}: {}", files.len());
        for (file, code) in files {
            let named = named(&file, &code);
            assert!(named.iter().all(|name| allowed.contains(&name.as_str())), "{} names {named:?}", file.display());
        }
    }
}

#[test]
fn no_two_modules_name_each_other() {
    for krate in ["core", "core/docsite", "targets", "targets/client"] {
        let files = sources(krate);
        assert!(files.len() > 5, "{krate}: {}", files.len());
        assert_eq!(circles(&files), Vec::<String>::new(), "{krate}");
    }
}

#[test]
fn the_shared_state_names_neither_routes_nor_schedule() {
    let allowed = ["config", "domain", "memory", "ports"];
    let files = sources("core").into_iter().filter(|(file, _)| file == Path::new("app.rs")).collect::<Vec<_>>();
    let [(file, code)] = files.as_slice() else { panic!("{} files", files.len()) };
    let named = named(file, code);
    assert!(named.iter().all(|name| allowed.contains(&name.as_str())), "{named:?}");
}

#[test]
fn commands_of_operators_leave_the_store_to_the_application() {
    let of_operators = ["admin", "import/users", "keys", "operator"].map(|command| Path::new("native").join(command));
    let is_one = |file: &Path| of_operators.iter().any(|command| file.with_extension("").starts_with(command));
    let files = sources("targets").into_iter().filter(|(file, _)| is_one(file)).collect::<Vec<_>>();
    assert!(files.len() > 5, "{}", files.len());
    for (file, code) in files {
        let named = paths(&code, "aibaas_core::").into_iter().flat_map(first_names).collect::<Vec<_>>();
        assert!(!named.contains(&"store".to_owned()), "{} names {named:?}", file.display());
    }
}

#[test]
fn client_and_server_share_only_bodies_and_rules() {
    let of = |manifest: &str| dependencies(&root().join(manifest));
    let client = of("targets/client/Cargo.toml");
    let ours = client.iter().filter(|name| name.starts_with("aibaas")).collect::<Vec<_>>();
    assert!(client.contains("reqwest") && ours == ["aibaas_core"], "{client:?}");
    for server in ["core/Cargo.toml", "targets/Cargo.toml"] {
        assert!(!of(server).contains("aibaas_client"), "{server}");
    }
    for (file, code) in sources("targets/client") {
        assert!(paths(&code, "aibaas::").is_empty(), "{}", file.display());
        let named = paths(&code, "aibaas_core::").into_iter().flat_map(first_names).collect::<Vec<_>>();
        let allowed = ["domain", "wire"];
        assert!(named.iter().all(|name| allowed.contains(&name.as_str())), "{} names {named:?}", file.display());
    }
}

#[test]
fn hosts_do_not_name_each_other() {
    let shared = sources("targets").into_iter().filter(|(file, _)| HOSTS.iter().all(|host| !file.starts_with(host)));
    for (file, code) in shared.filter(|(file, _)| file != Path::new("main.rs")) {
        let named = named(&file, &code);
        assert!(HOSTS.iter().all(|host| !named.contains(*host)), "{} names {named:?}", file.display());
    }
    for host in HOSTS {
        let files = sources("targets").into_iter().filter(|(file, _)| file.starts_with(host)).collect::<Vec<_>>();
        assert!(files.len() > 5, "{host}: {}", files.len());
        for (file, code) in files {
            let named = named(&file, &code);
            let others = named.iter().filter(|name| *name != host && HOSTS.contains(&name.as_str()));
            assert_eq!(others.count(), 0, "{} names {named:?}", file.display());
        }
    }
}

#[test]
fn a_forbidden_arrow_would_be_found() {
    let names = |file: &str, text: &str| named(Path::new(file), &code(text)).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("domain/a.rs", "use crate::http::Problem;"), "http");
    assert_eq!(names("domain/a.rs", "use crate::{\n    domain::{b, store::c},\n    App,\n};"), "App domain");
    assert_eq!(names("domain/a.rs", "super::super::mail::send(super::b)"), "mail");
    assert_eq!(names("domain/mod.rs", "super::{mail, http::{a, b}}"), "http mail");
    assert_eq!(names("domain/a/b.rs", "super::super::c(http::Method::GET)"), "");
    assert_eq!(names("domain/a.rs", "// crate::http\n#[cfg(test)]\nmod tests {\n    use crate::store;\n}"), "");
    assert_eq!(
        paths("tokio::spawn(); a::tokio::b; my_tokio::c; [tokio::d]", "tokio::"),
        ["spawn(); a::tokio::b; my_tokio::c; [tokio::d]", "d]"]
    );
    let tests =
        test_modules(Path::new("ports/mod.rs"), "mod a;\n#[cfg(test)]\npub mod fixtures;\n#[cfg(test)]\nmod tests {}");
    assert_eq!(tests, [Path::new("ports/fixtures")]);
}

#[test]
fn a_circle_would_be_found() {
    let circles = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(file, code)| (PathBuf::from(file), (*code).to_owned())).collect::<Vec<_>>();
        circles(&files).join("; ")
    };
    assert_eq!(circles(&[("a.rs", "use crate::b::C;"), ("b.rs", "use crate::c;"), ("c.rs", "")]), "");
    assert_eq!(
        circles(&[("a.rs", "use crate::{b::C, d};"), ("b.rs", "fn b() -> super::a::A"), ("d.rs", "")]),
        "a.rs names b; b.rs names a"
    );
    let below = [("a/mod.rs", ""), ("a/b.rs", "use super::c::D;"), ("a/c.rs", "use super::super::e;"), ("e.rs", "")];
    assert_eq!(circles(&below), "");
    let further =
        [("a/mod.rs", ""), ("a/b.rs", "use crate::{f, e::{g, H}};"), ("e/g.rs", "crate::a::b::B"), ("e/mod.rs", "")];
    assert_eq!(circles(&further), "a/b.rs names e::g; e/g.rs names a::b");
    let of_three = [("a.rs", "super::b::B"), ("b.rs", "super::c::C"), ("c.rs", "super::a::A")];
    assert_eq!(circles(&of_three), "a.rs names b; b.rs names c; c.rs names a");
    let parent = [("a/mod.rs", "use self::b::B;"), ("a/b.rs", "use super::A;")];
    assert_eq!(circles(&parent), "", "a module and what lies below are one");
}
