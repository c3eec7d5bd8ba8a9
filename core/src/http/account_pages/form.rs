//! Forms: what was sent, what was wrong with it, and how it is shown again. Typed values stay, except passwords.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{frame, page_error::PageError, visit::LoggedIn};
use crate::http::{
    problem::{
        ApiError, Code, INCORRECT_CODE, INCORRECT_PASSWORD, INVALID_MFA_CODE, Problem, REAUTHENTICATION_REQUIRED,
    },
    problem_page::sentence,
    request::{UPLOAD_LIMIT, parse_object},
};

pub use super::sent_form::Form;

/// Parses the body of an API call that was made from a form's fields.
///
/// # Errors
/// `validation_failed`, as for the API call's own body.
pub fn body<T: DeserializeOwned>(members: &Value) -> Result<T, ApiError> {
    parse_object(members.to_string().as_bytes())
}

/// Serializes what the API would answer with.
///
/// # Errors
/// Never in practice.
pub fn to_json(answer: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|error| ApiError::internal(error.to_string()))
}

/// Parses the body of an answer that the API gave, perhaps a replayed one.
///
/// # Errors
/// Never in practice.
pub async fn json_body(answer: Response) -> Result<Value, ApiError> {
    let bytes = axum::body::to_bytes(answer.into_body(), UPLOAD_LIMIT).await;
    let bytes = bytes.map_err(|error| ApiError::internal(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::internal(error.to_string()))
}

/// What was wrong with a form: the answer's status and headers, and messages about the whole and about fields.
pub struct Mistakes {
    status: StatusCode,
    headers: HeaderMap,
    general: Vec<String>,
    fields: Vec<(String, String)>,
}

impl Mistakes {
    /// Returns no mistakes, with the status 200.
    pub fn none() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), general: Vec::new(), fields: Vec::new() }
    }

    /// Sorts an error of the API's to the form's fields. `password` names the field that a wrong password belongs to.
    ///
    /// # Errors
    /// The error itself, where no form can mend it.
    pub fn of(error: PageError, password: &str) -> Result<Self, PageError> {
        let problem = match error {
            PageError::Api(ApiError::Problem(problem)) => *problem,
            error => return Err(error),
        };
        let status = StatusCode::from_u16(problem.code().status()).unwrap_or(StatusCode::BAD_REQUEST);
        let mut mistakes = Self { status, headers: problem.headers().clone(), ..Self::none() };
        let told = in_words(&problem);
        match field_of(problem.code(), password) {
            Some(field) => mistakes.fields.push((field.to_owned(), told)),
            None if problem.errors().is_empty() => mistakes.general.push(told),
            None => {}
        }
        for error in problem.errors() {
            let name = error.pointer.split('/').nth(1).unwrap_or_default();
            match name {
                "" => mistakes.general.push(sentence(&error.detail)),
                name => mistakes.fields.push((name.to_owned(), sentence(&error.detail))),
            }
        }
        Ok(mistakes)
    }

    /// Answers with the page of the form, under the mistakes' status; the title begins with "Error" if there are any.
    pub fn page(&self, title: &str, logged_in: Option<(&LoggedIn, &str)>, content: &Markup) -> Response {
        self.shown(frame::form_page(self.status, title, logged_in, self.are_any(), content))
    }

    /// Gives a page the status and headers of the mistakes.
    pub fn shown(&self, mut page: Response) -> Response {
        *page.status_mut() = self.status;
        page.headers_mut().extend(self.headers.clone());
        page
    }

    /// Checks whether anything was wrong.
    pub fn are_any(&self) -> bool {
        !self.general.is_empty() || !self.fields.is_empty()
    }

    /// Renders the summary above the form: it has the focus, and links to each field.
    pub fn summary(&self) -> Markup {
        html! {
            @if self.are_any() {
                div class="mistakes" id="mistakes" role="alert" tabindex="-1" autofocus {
                    @for told in &self.general { p { (told) } }
                    @if !self.fields.is_empty() {
                        ul { @for (name, told) in &self.fields { li { a href={ "#" (name) } { (labelled(name, told)) } } } }
                    }
                }
            }
        }
    }

    /// Checks whether something is wrong with this field.
    fn is_at(&self, name: &str) -> bool {
        self.at(name).next().is_some()
    }

    /// Returns `aria-invalid` and the id of the describing element for a field with a mistake; nothing for others.
    pub fn marks(&self, name: &str) -> (Option<&'static str>, Option<String>) {
        if self.is_at(name) { (Some("true"), Some(format!("{name}-error"))) } else { (None, None) }
    }

    /// Renders what is wrong with this field, to stand beside it.
    pub fn error_of(&self, name: &str) -> Markup {
        html! {
            @if self.is_at(name) {
                div class="mistake" id={ (name) "-error" } { @for told in self.at(name) { p { (told) } } }
            }
        }
    }

    fn at<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, told)| told.as_str())
    }
}

/// Labels of fields, beside them and in the summary of mistakes.
const LABELS: [(&str, &str); 21] = [
    ("email", "E-mail address"),
    ("fullName", "Name"),
    ("password", "Password"),
    ("currentPassword", "Present password"),
    ("newPassword", "New password"),
    ("newEmail", "New address"),
    ("code", "Code"),
    ("name", "Name"),
    ("description", "Description"),
    ("scopes", "What it may do"),
    ("rateLimit", "Limit"),
    ("rateLimitWindowSeconds", "Window of the limit"),
    ("allowedIps", "Addresses"),
    ("expiresInDays", "Expires"),
    ("environment", "Environment"),
    ("overlapSeconds", "The old key works on for"),
    ("reason", "Reason"),
    ("benchmark", "Benchmark"),
    ("role", "Role"),
    ("url", "Address"),
    ("events", "Events"),
];

/// Returns the label of a field; empty where no form has it.
pub fn label_of(field: &str) -> &'static str {
    LABELS.iter().find(|(name, _)| *name == field).map_or("", |(_, label)| *label)
}

fn labelled(field: &str, told: &str) -> String {
    let label = label_of(field);
    if label.is_empty() { told.to_owned() } else { format!("{label}: {told}") }
}

fn in_words(problem: &Problem) -> String {
    format!("{} {}", sentence(problem.code().title()), sentence(problem.detail()))
}

fn field_of(code: Code, password: &str) -> Option<&str> {
    match code {
        INCORRECT_PASSWORD | REAUTHENTICATION_REQUIRED => Some(password),
        INCORRECT_CODE | INVALID_MFA_CODE => Some("code"),
        _ => None,
    }
}

/// Field of a form with its label.
pub struct Field<'a> {
    pub name: &'a str,
    /// Label in place of the field's usual one.
    pub label: Option<&'a str>,
    pub kind: &'a str,
    pub autocomplete: &'a str,
    pub hint: &'a str,
    pub optional: bool,
    /// Id of the list of values that are offered.
    pub list: Option<&'a str>,
}

impl<'a> Field<'a> {
    /// Creates an ordinary field, which must be filled in.
    pub const fn new(name: &'a str, kind: &'a str, autocomplete: &'a str) -> Self {
        Self { name, label: None, kind, autocomplete, hint: "", optional: false, list: None }
    }

    /// Creates the field of a password.
    pub const fn password(name: &'a str, autocomplete: &'a str) -> Self {
        Self::new(name, "password", autocomplete)
    }

    /// Creates the field of a second-factor code.
    pub const fn code() -> Self {
        Self::new("code", "text", "one-time-code")
    }

    /// Replaces the field's usual label.
    pub const fn labelled(self, label: &'a str) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Adds a hint beneath the label.
    pub const fn hint(self, hint: &'a str) -> Self {
        Self { hint, ..self }
    }

    /// Lets the field be left empty.
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Offers the values of the list with this id.
    pub const fn offers(self, list: &'a str) -> Self {
        Self { list: Some(list), ..self }
    }

    /// Renders the field, with what was typed and what was wrong.
    pub fn shown(&self, form: &Form, mistakes: &Mistakes) -> Markup {
        let (hint_id, error_id) = (format!("{}-hint", self.name), format!("{}-error", self.name));
        let is_wrong = mistakes.is_at(self.name);
        let described = [(!self.hint.is_empty()).then_some(hint_id.as_str()), is_wrong.then_some(error_id.as_str())];
        let described = described.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let value = Some(form.get(self.name))
            .filter(|value| self.kind != "password" && self.name != "code" && !value.is_empty());
        html! {
            div class="field" {
                label for=(self.name) { (self.label.unwrap_or_else(|| label_of(self.name))) @if self.optional { span class="none" { " (optional)" } } }
                @if !self.hint.is_empty() { small id=(hint_id) { (self.hint) } }
                (mistakes.error_of(self.name))
                @if self.kind == "textarea" {
                    textarea id=(self.name) name=(self.name) rows="3" aria-describedby=[described_by(&described)]
                        aria-invalid=[is_wrong.then_some("true")] { (value.unwrap_or_default()) }
                } @else {
                    input id=(self.name) name=(self.name) type=(self.kind) value=[value] required[!self.optional] list=[self.list]
                        autocomplete=(self.autocomplete) aria-describedby=[described_by(&described)]
                        autocapitalize=[(self.kind != "text").then_some("none")]
                        aria-invalid=[is_wrong.then_some("true")];
                }
            }
        }
    }
}

fn described_by(ids: &str) -> Option<&str> {
    Some(ids).filter(|ids| !ids.is_empty())
}
