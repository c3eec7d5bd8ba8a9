//! The part of `spin.toml` that grants the component variables, stores and outbound hosts.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    spin_manifest_version: u32,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    trigger: Trigger,
    component: BTreeMap<String, Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
struct Trigger {
    http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
struct HttpTrigger {
    route: String,
    component: String,
}

#[derive(Deserialize)]
struct Component {
    source: String,
    #[serde(default)]
    sqlite_databases: BTreeSet<String>,
    #[serde(default)]
    key_value_stores: BTreeSet<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    build: Option<Build>,
}

#[derive(Deserialize)]
struct Build {
    command: String,
}

/// The one component of a manifest, with its variables resolved.
#[derive(Debug)]
pub struct Manifest {
    /// Path of the compiled component.
    pub source: PathBuf,
    /// The command that compiles the component, run in [`Manifest::directory`].
    pub build_command: Option<String>,
    /// Folder of the manifest.
    pub directory: PathBuf,
    pub(crate) databases: BTreeSet<String>,
    pub(crate) stores: BTreeSet<String>,
    pub(crate) outbound: Vec<AllowedHost>,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest (version 2, one component behind the route `/...`); `overrides` replace the defaults of its
    /// `[variables]`, and are ignored where it declares no such variable.
    ///
    /// # Errors
    /// Fails when `spin up` would refuse the manifest, and when it needs what this host does not offer.
    pub fn load(path: &Path, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, directory, overrides).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str, directory: PathBuf, overrides: &BTreeMap<String, String>) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        ensure!(file.spin_manifest_version == 2, "spin_manifest_version must be 2");
        let [trigger] = file.trigger.http.as_slice() else { bail!("exactly one [[trigger.http]] is served") };
        ensure!(trigger.route == "/...", "only the route \"/...\" is served");
        let component =
            file.component.get(&trigger.component).with_context(|| format!("no [component.{}]", trigger.component))?;

        let mut application = BTreeMap::new();
        for (name, variable) in &file.variables {
            ensure!(is_name(name), "variable {name}: names are lower-case letters, digits and single underscores");
            ensure!(
                variable.required != variable.default.is_some(),
                "variable {name}: either required or with a default"
            );
            let value = overrides.get(name).or(variable.default.as_ref());
            application.insert(
                name.as_str(),
                value.with_context(|| format!("required variable {name} has no value"))?.as_str(),
            );
        }
        let resolve = |template: &String| resolve(template, &application);

        Ok(Self {
            source: directory.join(&component.source),
            build_command: component.build.as_ref().map(|build| build.command.clone()),
            directory,
            databases: component.sqlite_databases.clone(),
            stores: component.key_value_stores.clone(),
            outbound: component
                .allowed_outbound_hosts
                .iter()
                .map(|host| AllowedHost::parse(&resolve(host)?))
                .collect::<Result<_>>()?,
            variables: component
                .variables
                .iter()
                .map(|(name, value)| Ok((name.clone(), resolve(value)?)))
                .collect::<Result<_>>()?,
        })
    }

    pub(crate) fn allows(&self, uri: &http::Uri) -> bool {
        self.outbound.iter().any(|allowed| allowed.matches(uri))
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    name.split('_')
        .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
        && name.starts_with(|first: char| first.is_ascii_lowercase())
}

fn resolve(template: &str, variables: &BTreeMap<&str, &str>) -> Result<String> {
    let mut resolved = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").with_context(|| format!("unclosed {{{{ in {template:?}"))?;
        let value = variables.get(name.trim()).with_context(|| format!("{template:?} names an undeclared variable"))?;
        resolved.extend([before, value]);
        rest = after;
    }
    Ok(resolved + rest)
}

/// One entry of `allowed_outbound_hosts`.
#[derive(Debug)]
pub(crate) struct AllowedHost {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl AllowedHost {
    fn parse(text: &str) -> Result<Self> {
        let (scheme, authority) =
            text.split_once("://").with_context(|| format!("allowed_outbound_hosts: {text:?} has no scheme"))?;
        let authority = authority.trim_end_matches('/');
        ensure!(!authority.contains('/'), "allowed_outbound_hosts: {text:?} has a path");
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, "*")) => (host, None),
            Some((host, port)) => {
                (host, Some(port.parse().with_context(|| format!("allowed_outbound_hosts: port of {text:?}"))?))
            }
            None => (authority, default_port(scheme)),
        };
        Ok(Self { scheme: scheme.to_owned(), host: host.to_ascii_lowercase(), port })
    }

    fn matches(&self, uri: &http::Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
        let host = host.to_ascii_lowercase();
        let port = uri.port_u16().or(default_port(scheme));
        (self.scheme == "*" || self.scheme == scheme)
            && (self.host == "*"
                || self.host == host
                || self.host.strip_prefix('*').is_some_and(|suffix| suffix.starts_with('.') && host.ends_with(suffix)))
            && (self.port.is_none() || self.port == port)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "a"
        [variables]
        mail_host = { default = "api.example.com" }
        key = { required = true, secret = true }
        [[trigger.http]]
        route = "/..."
        component = "a"
        [component.a]
        source = "a.wasm"
        sqlite_databases = ["default"]
        allowed_outbound_hosts = ["https://{{ mail_host }}", "http://*.example.org:8080"]
        [component.a.variables]
        mail_key = "Bearer {{ key }}"
    "#;

    fn parse(overrides: &[(&str, &str)]) -> Result<Manifest> {
        Manifest::parse(
            TEXT,
            PathBuf::new(),
            &overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn resolves_variables() {
        assert_eq!(parse(&[("key", "k")]).unwrap().variables["mail_key"], "Bearer k");
        assert!(format!("{:#}", parse(&[]).unwrap_err()).contains("required variable key"));
        let undeclared = parse(&[("key", "k"), ("mail_key", "k"), ("kye", "k")]).unwrap();
        assert_eq!(undeclared.variables, [("mail_key".to_owned(), "Bearer k".to_owned())].into());
    }

    #[test]
    fn allows_only_the_named_hosts() {
        let manifest = parse(&[("key", "k")]).unwrap();
        for (uri, allowed) in [
            ("https://api.example.com/mail", true),
            ("https://API.example.com:443/", true),
            ("http://api.example.com/", false),
            ("https://api.example.com:8443/", false),
            ("https://evil.com/api.example.com", false),
            ("https://api.example.com.evil.com/", false),
            ("http://a.example.org:8080/", true),
            ("http://aexample.org:8080/", false),
            ("http://a.example.org/", false),
        ] {
            assert_eq!(manifest.allows(&uri.parse().unwrap()), allowed, "{uri}");
        }
    }
}
