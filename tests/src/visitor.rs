//! A browser without scripts: it keeps cookies, follows redirects, and fills in the forms of pages.

use std::collections::BTreeMap;

use crate::{
    client::{Answer, Client},
    fixtures::{PASSWORD, User},
};

/// Name of the session cookie.
pub const SESSION: &str = "__Host-aibaas_session";

/// A person at a browser of their own.
#[derive(Clone)]
pub struct Visitor {
    api: Client,
    /// The cookies that the browser keeps, by name.
    pub cookies: BTreeMap<String, String>,
}

/// A page that was shown.
pub struct Page {
    /// Path of the page, after redirects.
    pub path: String,
    /// The answer that holds the page.
    pub answer: Answer,
}

/// A form of a page, as it would be sent.
#[derive(Clone, Debug)]
pub struct Form {
    action: String,
    /// The form's fields with their values, in order.
    pub fields: Vec<(String, String)>,
}

impl Visitor {
    /// Creates a browser with no cookies.
    pub fn new(api: &Client) -> Self {
        Self { api: api.anonymous(), cookies: BTreeMap::new() }
    }

    /// Creates a browser and logs this person in.
    pub async fn logged_in(user: &User) -> Self {
        let mut visitor = Self::new(&user.api);
        visitor.log_in(&user.email).await.titled(200, "Your account");
        visitor
    }

    /// Tries to log in through the form and returns the page, whatever it is.
    pub async fn log_in(&mut self, email: &str) -> Page {
        self.fill_in("/account/login", &[("email", email), ("password", PASSWORD)]).await
    }

    /// Opens the page at this path, fills in the form that it sends to itself, and sends it.
    pub async fn fill_in(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = self.open(path).await.form(path);
        let form = fields.iter().fold(form, |form, (name, value)| form.with(name, value));
        self.send(&form).await
    }

    /// Opens a page, and follows redirects.
    pub async fn open(&mut self, path: &str) -> Page {
        let answer = self.ask(self.api.get(path)).await;
        self.follow(path, answer).await
    }

    /// Sends a form with the headers of a browser, and follows redirects.
    pub async fn send(&mut self, form: &Form) -> Page {
        let origin = self.api.host().url().to_owned();
        self.send_from(form, &[("Origin", "null"), ("Sec-Fetch-Site", "same-origin"), ("Referer", &origin)]).await
    }

    /// Sends a form with these headers, and follows redirects.
    pub async fn send_from(&mut self, form: &Form, headers: &[(&str, &str)]) -> Page {
        let mut request = self.api.post(&form.action).body("application/x-www-form-urlencoded", form.encoded());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = self.ask(request).await;
        self.follow(&form.action, answer).await
    }

    async fn ask(&mut self, request: crate::Request) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", &cookies.join("; ")) };
        let answer = request.header("Accept", "text/html").await;
        for cookie in answer.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().expect("a cookie"));
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split("; ");
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a name and a value");
        let attributes = parts.collect::<Vec<_>>();
        // These are what the prefix `__Host-` promises, and what keeps the cookie from scripts and other sites.
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(attributes.contains(&attribute), "{attribute} in {name}");
        }
        assert!(name.starts_with("__Host-") && !attributes.iter().any(|name| name.starts_with("Domain")), "{name}");
        if attributes.contains(&"Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }

    async fn follow(&mut self, path: &str, mut answer: Answer) -> Page {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let Some(next) = answer.header("location").filter(|_| answer.status == 303) else { break };
            path = next.to_owned();
            assert!(path.starts_with('/') && !path.starts_with("//"), "it leads away: {path}");
            answer = self.ask(self.api.get(&path)).await;
        }
        let page = Page { path, answer };
        page.holds_everywhere();
        page
    }
}

impl Page {
    /// Returns the page's text, with its markup.
    pub fn text(&self) -> String {
        self.answer.text()
    }

    /// Checks the page's status and heading, and returns the page.
    #[track_caller]
    pub fn titled(&self, status: u16, title: &str) -> &Self {
        assert_eq!(self.answer.status.as_u16(), status, "{}", self.answer);
        assert!(self.text().contains(&format!("<h1>{title}</h1>")), "{title}: {}", self.answer);
        self
    }

    /// Checks that the page contains a text.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.text().contains(text), "{text:?} is not in {}", self.text());
        self
    }

    /// Checks that the page does not contain a text.
    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.text().contains(text), "{text:?} is in {}", self.text());
        self
    }

    /// Returns the first form that is sent to this path.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        self.forms(action).into_iter().next().unwrap_or_else(|| panic!("no form to {action} in {}", self.answer))
    }

    /// Returns every form that is sent to this path by POST.
    pub fn forms(&self, action: &str) -> Vec<Form> {
        let text = self.text();
        let forms = text.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap_or_default());
        // A form that only asks for a page changes nothing, so it does not count.
        let posts = forms.filter(|form| form.split('>').next().is_some_and(|tag| tag.contains("method=\"post\"")));
        posts.map(Form::read).filter(|form| form.action == action).collect()
    }

    /// Returns the text of the first element that begins with this tag.
    #[track_caller]
    pub fn element(&self, tag: &str) -> String {
        let text = self.text();
        let (_, rest) = text.split_once(tag).unwrap_or_else(|| panic!("no {tag} in {text}"));
        unescaped(rest.split('<').next().unwrap_or_default())
    }

    #[track_caller]
    fn holds_everywhere(&self) {
        let answer = &self.answer;
        if ["/account", "/admin"].iter().any(|top| self.path.starts_with(top))
            && answer.media_type() == Some("text/html")
        {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer}");
            let policy = answer.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"), "{answer}");
            let text = self.text();
            assert!(!text.contains("<script") && !text.contains(" style=\""), "{text}");
            assert_eq!(text.matches("<h1").count(), 1, "{text}");
        }
    }
}

impl Form {
    fn read(text: &str) -> Self {
        let (tag, content) = text.split_once('>').expect("a tag");
        let mut fields = Vec::new();
        for rest in content.split('<').skip(1) {
            let (tag, text) = rest.split_once('>').unwrap_or((rest, ""));
            let Some(name) = attribute(tag, "name") else { continue };
            let is_box = matches!(attribute(tag, "type").as_deref(), Some("checkbox" | "radio"));
            if tag.starts_with("textarea") {
                fields.push((name, unescaped(text)));
            } else if tag.starts_with("input") && (!is_box || tag.contains(" checked")) {
                fields.push((name, attribute(tag, "value").unwrap_or_default()));
            } else if tag.starts_with("select") {
                let options = content.split(&format!("name=\"{name}\"")).nth(1).unwrap_or_default();
                let options = options.split("</select>").next().unwrap_or_default().split("<option").skip(1);
                let options = options.map(|option| option.split('>').next().unwrap_or_default()).collect::<Vec<_>>();
                let chosen = options.iter().find(|option| option.contains(" selected")).or(options.first());
                fields.push((name, chosen.and_then(|option| attribute(option, "value")).unwrap_or_default()));
            }
        }
        Self { action: attribute(tag, "action").expect("an action"), fields }
    }

    /// Returns the form, sent to another path.
    pub fn to(mut self, action: &str) -> Self {
        action.clone_into(&mut self.action);
        self
    }

    /// Returns the form with this field filled in.
    #[track_caller]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let field = self.fields.iter_mut().find(|(key, _)| key == name);
        field.unwrap_or_else(|| panic!("no field {name}")).1 = value.to_owned();
        self
    }

    /// Returns the form with this box ticked.
    pub fn ticked(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the value of a field.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(key, _)| key == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no field {name} in {self:?}"))
    }

    fn encoded(&self) -> String {
        let pairs = self.fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).or_else(|| tag.split_once(&format!("{name}=\"")))?;
    rest.split('"').next().map(unescaped)
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}
