//! A reader of HTML that is strict: everything that is opened is closed, attributes are quoted, nothing is left over.

/// A start tag.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// Elements that have no end tag.
const VOID: [&str; 1] = ["meta"];

/// Every element in the order of the file. Panics where the markup is not well-formed.
pub(super) fn check(html: &str) -> Vec<Element> {
    let mut rest = html
        .strip_prefix("<!DOCTYPE html>")
        .expect("a document type");
    let mut open: Vec<String> = Vec::new();
    let mut elements = Vec::new();
    while let Some((text, tag)) = rest.split_once('<') {
        // style sheets are no markup
        assert!(
            open.last().is_some_and(|name| name == "style") || !text.contains('>'),
            "{text:?}"
        );
        let (tag, after) = tag.split_once('>').expect("a tag's end");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop().as_deref(),
                Some(name),
                "closed in the wrong order"
            );
            continue;
        }
        let (tag, closed) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "<{tag}>"
        );
        if !closed && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
        elements.push(Element {
            name: name.to_owned(),
            attributes: read(attributes),
        });
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    elements
}

fn read(mut text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    while !text.trim().is_empty() {
        let (name, value) = text
            .trim_start()
            .split_once("=\"")
            .expect("a quoted attribute");
        let (value, after) = value.split_once('"').expect("an attribute's end");
        attributes.push((name.to_owned(), value.to_owned()));
        text = after;
    }
    attributes
}
