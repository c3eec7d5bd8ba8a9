//! Examples of requests, shown on the pages and run by a test.
//!
//! Values that differ from caller to caller come from the environment: the service's address, credentials and ids.

use serde_json::{Value, json};

use crate::{
    Error,
    call::{Caller, Operation},
    document::Document,
    value::{members, text},
};

/// Language of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The command line: a shell with curl.
    Curl,
    /// TypeScript, also valid as JavaScript.
    TypeScript,
    /// Python 3, with only its standard library.
    Python,
}

impl Language {
    /// Returns the language's name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::TypeScript => "TypeScript",
            Self::Python => "Python",
        }
    }

    /// Returns the language's name for syntax highlighting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Curl => "sh",
            Self::TypeScript => "ts",
            Self::Python => "python",
        }
    }
}

/// An example of a request in one language.
#[derive(Clone, Debug)]
pub struct Example {
    /// Id of the call.
    pub operation: String,
    /// Language of the text.
    pub language: Language,
    /// Whole program text.
    pub text: String,
    /// Names of the variables that the text takes from the environment.
    pub variables: Vec<String>,
}

/// Calls that no client of the API makes: GitHub and mail providers do, with signatures of their own, and browsers that
/// load pictures.
const WITHOUT: [&str; 5] = ["reportLeakedApiKeys", "receiveResendEvent", "receiveSendGridEvents", "favicon", "card"];

/// Optional parameters that an example shows, with their values.
const SHOWN: [(&str, &str); 2] = [("benchmark", "$BENCHMARK$"), ("index", "0")];

/// Members of bodies that differ from caller to caller, with the variable that stands for each. Names of variables
/// stand between dollars.
const VARIABLE_MEMBERS: [(&str, &str); 13] = [
    ("benchmark", "$BENCHMARK$"),
    ("code", "$CODE$"),
    ("currentPassword", "$PASSWORD$"),
    ("email", "$EMAIL$"),
    ("key", "$CUSTOMER_KEY$"),
    ("mfaToken", "$MFA_TOKEN$"),
    ("model", "$PROVIDER$/$MODEL$"),
    ("newEmail", "$NEW_EMAIL$"),
    ("newPassword", "$NEW_PASSWORD$"),
    ("password", "$PASSWORD$"),
    ("refreshToken", "$REFRESH_TOKEN$"),
    ("token", "$MAIL_TOKEN$"),
    ("version", "$VERSION$"),
];

/// Creates every example of a document.
///
/// # Errors
/// [`Error::Document`] where the document is not JSON.
pub fn examples(openapi: &str) -> Result<Vec<Example>, Error> {
    let value = serde_json::from_str::<Value>(openapi)?;
    let document = Document::new(&value);
    Ok(document.operations().iter().flat_map(|operation| of(&document, operation)).collect())
}

/// Creates the examples of a call; none where it shows a page to people, or no client makes it.
pub fn of(document: &Document<'_>, operation: &Operation<'_>) -> Vec<Example> {
    if operation.is_page() || WITHOUT.contains(&operation.id()) {
        return Vec::new();
    }
    let request = Request::of(document, operation);
    let example = |language| {
        let text = match language {
            Language::Curl => request.curl(),
            Language::TypeScript => request.typescript(),
            Language::Python => request.python(),
        };
        Example { operation: operation.id().to_owned(), language, text, variables: request.variables() }
    };
    [Language::Curl, Language::TypeScript, Language::Python].map(example).to_vec()
}

/// A piece of text: as it stands, or the value of a variable.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// Splits a text in which names of variables stand between dollars.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let pieces = text.split('$').enumerate();
    let pieces = pieces.map(|(n, part)| if n.is_multiple_of(2) { Piece::Text(part) } else { Piece::Variable(part) });
    pieces.filter(|piece| !matches!(piece, Piece::Text("")))
}

/// Replaces each variable in a text by what `place` returns for its name.
fn filled(text: &str, place: impl Fn(&str) -> String) -> String {
    let piece = |piece| match piece {
        Piece::Text(text) => text.to_owned(),
        Piece::Variable(name) => place(name),
    };
    pieces(text).map(piece).collect()
}

/// The request of an example.
struct Request {
    method: String,
    /// Path and query, after the service's address.
    target: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Option<Value>,
}

impl Request {
    fn of(document: &Document<'_>, operation: &Operation<'_>) -> Self {
        let mut target = "$API$".to_owned();
        let mut before = "";
        for segment in operation.path.split('/').skip(1) {
            target.push('/');
            let mut rest = segment;
            while let Some((text, end)) = rest.split_once('{') {
                let (name, end) = end.split_once('}').unwrap_or((end, ""));
                target.push_str(text);
                target.push_str(&path_value(document, operation, before, name));
                rest = end;
            }
            target.push_str(rest);
            before = segment;
        }
        let query = document.parameters(operation).filter(|parameter| text(parameter, "in") == "query");
        let query = query.filter_map(|parameter| {
            let name = text(parameter, "name");
            let shown = SHOWN.iter().find(|(shown, _)| *shown == name).map(|(_, value)| (*value).to_owned());
            let required = parameter.get("required") == Some(&Value::Bool(true));
            let value = shown.or_else(|| required.then(|| query_value(document, parameter, name)))?;
            Some(format!("{name}={value}"))
        });
        let query = query.collect::<Vec<_>>().join("&");
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        let mut headers = Vec::new();
        match operation.caller() {
            Caller::Person => headers.push(("Authorization", "Bearer $TOKEN$")),
            Caller::Key(_) => headers.push(("X-API-Key", "$KEY$")),
            Caller::Operator => headers.push(("Authorization", "Bearer $TICK_SECRET$")),
            Caller::Anybody | Caller::OptionalKey(_) | Caller::RefreshToken => {}
        }
        let body = operation.value.pointer("/requestBody/content/application~1json/example").map(variable_members);
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        Self { method: operation.method.to_uppercase(), target, headers, body }
    }

    /// Lists the names of the request's variables, each once.
    fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut note = |text: &str| {
            for piece in pieces(text) {
                if let Piece::Variable(name) = piece
                    && !names.iter().any(|known| known == name)
                {
                    names.push(name.to_owned());
                }
            }
        };
        note(&self.target);
        self.headers.iter().for_each(|(_, value)| note(value));
        if let Some(body) = &self.body {
            strings(body, &mut note);
        }
        names
    }

    fn curl(&self) -> String {
        let place = |name: &str| format!("${name}");
        let method = match (self.method.as_str(), &self.body) {
            ("GET", None) | ("POST", Some(_)) => String::new(),
            (method, _) => format!(" -X {method}"),
        };
        let mut text = format!("curl -sS --fail-with-body{method} \"{}\"", filled(&self.target, place));
        for (name, value) in &self.headers {
            text.push_str(&format!(" \\\n  -H \"{name}: {}\"", filled(value, place)));
        }
        let Some(body) = &self.body else { return text };
        // The shell substitutes variables within the JSON, but leaves all else as it is where the end marker is quoted.
        let json = pretty(body);
        if self.has_variables_in_body() {
            let escape = |text: &str| text.replace('\\', "\\\\").replace('`', "\\`");
            text.push_str(&format!(" \\\n  -d @- <<JSON\n{}\nJSON", filled(&escape(&json), place)));
        } else {
            text.push_str(&format!(" \\\n  -d @- <<'JSON'\n{json}\nJSON"));
        }
        text
    }

    fn has_variables_in_body(&self) -> bool {
        let mut found = false;
        if let Some(body) = &self.body {
            strings(body, &mut |text| found |= text.contains('$'));
        }
        found
    }

    fn typescript(&self) -> String {
        let place = |name: &str| format!("${{{name}}}");
        let string = |text: &str| {
            if text.contains('$') { format!("`{}`", filled(text, place)) } else { json!(text).to_string() }
        };
        let mut text = format!("const {{ {} }} = process.env;\n\n", self.variables().join(", "));
        let mut options = Vec::new();
        if self.method != "GET" {
            options.push(format!("method: \"{}\"", self.method));
        }
        if !self.headers.is_empty() {
            let name = |name: &str| if name.contains('-') { format!("\"{name}\"") } else { name.to_owned() };
            let headers = self.headers.iter().map(|(header, value)| format!("{}: {}", name(header), string(value)));
            options.push(format!("headers: {{ {} }}", headers.collect::<Vec<_>>().join(", ")));
        }
        if let Some(body) = &self.body {
            options.push(format!(
                "body: JSON.stringify({})",
                literal(body, 1, &|text| string(text), ["true", "false", "null"])
            ));
        }
        text.push_str(&format!("const response = await fetch({}", string(&self.target)));
        if options.is_empty() {
            text.push_str(");\n");
        } else {
            text.push_str(&format!(", {{\n  {},\n}});\n", options.join(",\n  ")));
        }
        text.push_str("if (!response.ok) throw new Error(await response.text());\nconsole.log(await response.text());");
        text
    }

    fn python(&self) -> String {
        let place = |name: &str| format!("{{env['{name}']}}");
        let string = |text: &str| {
            let mut all = pieces(text);
            match (all.next(), all.next()) {
                (Some(Piece::Variable(name)), None) => format!("env[\"{name}\"]"),
                _ if text.contains('$') => format!("f\"{}\"", filled(text, place)),
                _ => json!(text).to_string(),
            }
        };
        let mut arguments = vec![string(&self.target)];
        if self.method != "GET" {
            arguments.push(format!("method=\"{}\"", self.method));
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, value)| format!("\"{name}\": {}", string(value)));
            arguments.push(format!("headers={{{}}}", headers.collect::<Vec<_>>().join(", ")));
        }
        if let Some(body) = &self.body {
            let body = literal(body, 2, &|text| string(text), ["True", "False", "None"]);
            arguments.push(format!("data=json.dumps({body}).encode()"));
        }
        let import = if self.body.is_some() { "import json\n" } else { "" };
        format!(
            "{import}import urllib.request\nfrom os import environ as env\n\nrequest = urllib.request.Request(\n    {},\n)\nwith urllib.request.urlopen(request) as response:\n    print(response.read().decode())",
            arguments.join(",\n    "),
        )
    }
}

/// Returns what stands for a parameter of the path: a variable where it names something of the caller's, else the
/// parameter's example.
fn path_value(document: &Document<'_>, operation: &Operation<'_>, before: &str, name: &str) -> String {
    match (before, name) {
        ("benchmarks", "id") => "$BENCHMARK$".to_owned(),
        (_, "name") => "$MODEL$".to_owned(),
        (_, "deliveryId") => "$DELIVERY_ID$".to_owned(),
        (_, "id") => {
            let thing = before.strip_suffix('s').unwrap_or(before);
            format!("${}_ID$", thing.replace('-', "_").to_uppercase())
        }
        (_, "provider" | "version") => format!("${}$", name.to_uppercase()),
        _ => {
            let own = document.parameters(operation).find(|parameter| text(parameter, "name") == name);
            own.map_or_else(String::new, |parameter| query_value(document, parameter, name))
        }
    }
}

fn query_value(document: &Document<'_>, parameter: &Value, name: &str) -> String {
    let schema = document.resolve(parameter.get("schema").unwrap_or(&Value::Null));
    match name {
        "a" => "$PROVIDER$/$MODEL$".to_owned(),
        "b" => "$PROVIDER$/$OTHER_MODEL$".to_owned(),
        "through" => "$SEQ$".to_owned(),
        _ => {
            let first = schema.pointer("/enum/0");
            let value = parameter.get("example").or_else(|| schema.get("example")).or(first).unwrap_or(&Value::Null);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        }
    }
}

/// Replaces members of the body that differ from caller to caller by variables.
fn variable_members(example: &Value) -> Value {
    let mut body = example.clone();
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if let Some((_, variable)) = VARIABLE_MEMBERS.iter().find(|(member, _)| *member == name.as_str())
            && value.is_string()
        {
            *value = json!(variable);
        }
    }
    for item in body.as_array_mut().into_iter().flatten() {
        if let Some(task) = item.get_mut("task") {
            *task = json!("$TASK$");
        }
    }
    body
}

fn strings(value: &Value, note: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => note(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, note)),
        Value::Object(members) => members.values().for_each(|member| strings(member, note)),
        _ => {}
    }
}

/// Writes JSON on one line where it is short, and otherwise a member per line.
fn pretty(value: &Value) -> String {
    let line = literal(value, 0, &|text| json!(text).to_string(), ["true", "false", "null"]);
    if line.contains('\n') { serde_json::to_string_pretty(value).unwrap_or(line) } else { line }
}

/// Writes JSON as a literal of a language. `text` quotes a string; `words` are the language's true, false and null.
fn literal(value: &Value, depth: usize, text: &dyn Fn(&str) -> String, words: [&str; 3]) -> String {
    let [yes, no, nothing] = words;
    let (open, close, parts) = match value {
        Value::Null => return nothing.to_owned(),
        Value::Bool(value) => return if *value { yes } else { no }.to_owned(),
        Value::Number(number) => return number.to_string(),
        Value::String(value) => return text(value),
        Value::Array(items) => {
            let items = items.iter().map(|item| literal(item, depth.saturating_add(1), text, words));
            ("[", "]", items.collect::<Vec<_>>())
        }
        Value::Object(_) => {
            let all = json!({ "all": value });
            let own = members(&all, "all").map(|(name, member)| {
                format!("{}: {}", json!(name), literal(member, depth.saturating_add(1), text, words))
            });
            ("{", "}", own.collect::<Vec<_>>())
        }
    };
    let line = parts.join(", ");
    // Python is written without spaces inside braces.
    let space = if open == "{" && !line.is_empty() && yes == "true" { " " } else { "" };
    if line.len() <= 70 && !line.contains('\n') {
        return format!("{open}{space}{line}{space}{close}");
    }
    let indent = "  ".repeat(depth);
    format!("{open}\n{}{indent}{close}", parts.iter().map(|part| format!("{indent}  {part},\n")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(language: Language) -> String {
        let document = json!({ "paths": { "/things/{id}": { "patch": {
            "operationId": "changeThing", "responses": {}, "security": [{ "accessToken": [] }],
            "parameters": [{ "name": "id", "in": "path" }, { "name": "of", "in": "query", "required": true, "example": "it" }],
            "requestBody": { "content": { "application/json": { "example": {
                "password": "secret", "said": "a `b` \\ \"c\"", "isNew": true, "until": null,
            } } } },
        } } } });
        let all = examples(&document.to_string()).unwrap();
        assert_eq!(all[0].variables, ["API", "THING_ID", "TOKEN", "PASSWORD"]);
        all.into_iter().find(|example| example.language == language).unwrap().text
    }

    #[test]
    fn a_shell_fills_in_variables_alone() {
        let expected = r#"curl -sS --fail-with-body -X PATCH "$API/things/$THING_ID?of=it" \
  -H "Authorization: Bearer $TOKEN" \
  -H "Content-Type: application/json" \
  -d @- <<JSON
{
  "password": "$PASSWORD",
  "said": "a \`b\` \\\\ \\"c\\"",
  "isNew": true,
  "until": null
}
JSON"#;
        assert_eq!(text(Language::Curl), expected);
    }

    #[test]
    fn literals_are_those_of_the_language() {
        let typescript = text(Language::TypeScript);
        assert!(typescript.contains("const { API, THING_ID, TOKEN, PASSWORD } = process.env;"), "{typescript}");
        assert!(typescript.contains(r#""password": `${PASSWORD}`"#), "{typescript}");
        let python = text(Language::Python);
        assert!(python.contains("f\"{env['API']}/things/{env['THING_ID']}?of=it\""), "{python}");
        assert!(python.contains(r#""isNew": True"#) && python.contains(r#""until": None"#), "{python}");
    }
}
