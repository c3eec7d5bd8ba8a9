use serde_json::Value;

use crate::value::{members, text};

/// A call of the API.
pub struct Operation<'a> {
    /// HTTP method in lower case, as in the document.
    pub method: &'a str,
    /// Path, with its parameters in braces.
    pub path: &'a str,
    /// The operation's object in the document.
    pub value: &'a Value,
    /// Name of the page that describes the call.
    pub resource: &'static str,
}

/// The caller that a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Anybody, without credentials.
    Anybody,
    /// A person with an access token.
    Person,
    /// A program with a key of this scope.
    Key(&'a str),
    /// Anybody; with a key of this scope, the use is counted.
    OptionalKey(&'a str),
    /// The holder of a refresh token, in the body or in the cookie.
    RefreshToken,
    /// The holder of the deployment's secret.
    Operator,
}

impl<'a> Operation<'a> {
    /// Returns the `operationId`, which is the call's anchor too.
    pub fn id(&self) -> &'a str {
        text(self.value, "operationId")
    }

    /// Returns the address at which the call is described.
    pub fn href(&self) -> String {
        format!("/docs/api/{}#{}", self.resource, self.id())
    }

    /// Returns the call's first tag, or an empty text.
    pub fn tag(&self) -> &'a str {
        self.value.pointer("/tags/0").and_then(Value::as_str).unwrap_or_default()
    }

    /// Checks whether the call only answers with HTML pages for people.
    pub fn is_page(&self) -> bool {
        let media = members(self.value, "responses").filter(|(status, _)| status.starts_with('2'));
        let mut media = media.flat_map(|(_, answer)| members(answer, "content")).map(|(media, _)| media).peekable();
        media.peek().is_some() && media.all(|media| media == "text/html")
    }

    /// Returns which callers the call is for, as its `security` says.
    pub fn caller(&self) -> Caller<'a> {
        let schemes = self.value.get("security").and_then(Value::as_array).into_iter().flatten();
        let mut is_open = false;
        let mut caller = Caller::Anybody;
        for scheme in schemes.filter_map(Value::as_object) {
            let Some((name, scopes)) = scheme.iter().next() else {
                is_open = true;
                continue;
            };
            caller = match (name.as_str(), caller) {
                ("accessToken", Caller::Anybody) => Caller::Person,
                ("apiKeyHeader", Caller::Anybody) => {
                    Caller::Key(scopes.get(0).and_then(Value::as_str).unwrap_or_default())
                }
                ("refreshCookie", _) => Caller::RefreshToken,
                ("tickSecret", _) => Caller::Operator,
                (_, caller) => caller,
            };
        }
        match caller {
            Caller::Key(scope) if is_open => Caller::OptionalKey(scope),
            caller => caller,
        }
    }
}
