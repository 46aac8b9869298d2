//! Writing XML, so that any blob name and any metadata come back as they went in.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// XML under construction.
#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Self {
        Self(r#"<?xml version="1.0" encoding="utf-8"?>"#.to_owned())
    }

    /// Opens an element that [`Xml::close`] closes. Attribute values are escaped.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.escape(value);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// An element with text in it.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name, &[]);
        self.escape(text);
        self.close(name)
    }

    /// A name: one with a character that XML cannot hold at all is percent-encoded, and says so.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        if name.chars().all(is_allowed) {
            return self.text("Name", name);
        }
        let encoded = utf8_percent_encode(name, NON_ALPHANUMERIC).to_string();
        self.open("Name", &[("Encoded", "true")]);
        self.0.push_str(&encoded);
        self.close("Name")
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                // A reader turns bare line ends and tabs into other white space.
                '\r' | '\n' | '\t' => {
                    if write!(self.0, "&#{};", u32::from(character)).is_err() {
                        self.0.push(' ');
                    }
                }
                character if is_allowed(character) => self.0.push(character),
                _ => self.0.push('\u{FFFD}'),
            }
        }
    }
}

/// The characters of XML 1.0 (<https://www.w3.org/TR/xml/#charsets>).
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_special_is_escaped() {
        let mut xml = Xml::new();
        xml.open("A", &[("b", "\"<&>")]).text("C", "a<b>&\"'\r\n é").close("A");
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><A b=\"&quot;&lt;&amp;&gt;\">\
             <C>a&lt;b&gt;&amp;&quot;'&#13;&#10; é</C></A>"
        );
    }

    #[test]
    fn names_that_xml_cannot_hold_are_encoded() {
        let mut xml = Xml::new();
        xml.name("a/b").name("a\u{1}b");
        assert!(xml.finish().ends_with("<Name>a/b</Name><Name Encoded=\"true\">a%01b</Name>"));
    }
}
