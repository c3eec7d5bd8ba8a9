//! Markdown to HTML.

use maud::PreEscaped;
use pulldown_cmark::{
    BrokenLink, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html,
};

/// A heading, for the list of a page's sections.
pub struct Heading {
    /// Anchor that links to the heading.
    pub anchor: String,
    /// Text of the heading.
    pub title: String,
}

/// Renders the Markdown of a description.
pub fn prose(text: &str) -> PreEscaped<String> {
    // Descriptions from code refer to its types in brackets.
    let unresolved = |_: BrokenLink<'_>| Some((CowStr::from(""), CowStr::from("")));
    let parser = Parser::new_with_broken_link_callback(text, Options::empty(), Some(unresolved));
    let mut open = Vec::new();
    let events = parser.filter(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => {
            open.push(!dest_url.is_empty());
            !dest_url.is_empty()
        }
        Event::End(TagEnd::Link) => open.pop().unwrap_or(true),
        _ => true,
    });
    let mut html = String::new();
    push_html(&mut html, events);
    PreEscaped(html)
}

/// Renders a page of Markdown, and returns it with its headings, which get anchors as GitHub makes them. `link` returns
/// where a link leads on the site, or `None` where it leads nowhere there. The first heading of level 1 is left out.
pub fn page(text: &str, link: impl Fn(&str) -> Option<String>) -> (String, Vec<Heading>) {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES);
    let mut headings = Vec::<Heading>::new();
    let mut open = Vec::new();
    let mut events = Vec::new();
    let mut source = parser.peekable();
    while let Some(event) = source.next() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                let within =
                    std::iter::from_fn(|| source.next_if(|event| *event != Event::End(TagEnd::Heading(level))));
                let within = within.collect::<Vec<_>>();
                _ = source.next();
                if level == HeadingLevel::H1 {
                    continue;
                }
                let title = within.iter().filter_map(|event| match event {
                    Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                    _ => None,
                });
                let title = title.collect::<String>();
                let anchor = anchor(&title, &headings);
                events.push(Event::Html(format!("<{level} id=\"{anchor}\">").into()));
                events.extend(within);
                events.push(Event::Html(format!("</{level}>\n").into()));
                headings.push(Heading { anchor, title });
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let target = link(&dest_url);
                open.push(target.is_some());
                if let Some(target) = target {
                    events.push(Event::Start(Tag::Link { link_type, dest_url: target.into(), title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if open.pop().unwrap_or(true) {
                    events.push(event);
                }
            }
            // Code wider than the screen scrolls by itself, and the keyboard has to reach it.
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let language = info.split(' ').next().filter(|word| !word.is_empty()).unwrap_or("text");
                let start = format!("<pre class=\"wide\" tabindex=\"0\"><code class=\"language-{language}\">");
                events.push(Event::Html(start.into()));
            }
            Event::End(TagEnd::CodeBlock) => events.push(Event::Html("</code></pre>\n".into())),
            Event::Start(Tag::Table(_)) => {
                events.push(Event::Html("<div class=\"wide\" tabindex=\"0\">".into()));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html("</div>\n".into()));
            }
            event => events.push(event),
        }
    }
    let mut html = String::new();
    push_html(&mut html, events.into_iter());
    (html, headings)
}

fn anchor(title: &str, before: &[Heading]) -> String {
    let kept = title.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    let slug = kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect::<String>();
    match before.iter().filter(|heading| heading.title == title).count() {
        0 => slug,
        same => format!("{slug}-{same}"),
    }
}
