//! What somebody typed, made fit to stand in a sentence about it: a name and password before a host, and what follows a
//! `?`, are left out.

/// A text in quotes, as far as it may be repeated.
pub(crate) fn quoted(text: &str) -> String {
    // A password may hold anything: nobody can tell where it begins.
    if text.contains('@') {
        return "a text with an @ (not repeated: a password may be in it)".to_owned();
    }
    match text.find(['?', '#']) {
        Some(at) => format!("\"{}..\"", text[..=at].escape_debug()),
        None => format!("{text:?}"),
    }
}

/// A line in which no URL has a name and password: `amqps://name:password@host` becomes `amqps://..@host`.
pub(crate) fn without_userinfo(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(after.len());
        let (url, next) = after.split_at(end);
        // To the last one: a password that nobody encoded may hold some.
        match url.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str("..@");
                shown.push_str(host);
            }
            None => shown.push_str(url),
        }
        rest = next;
    }
    shown.push_str(rest);
    shown
}

/// Whether a URL on this line has a password before its host.
pub(crate) fn has_password(line: &str) -> bool {
    line.split("://").skip(1).any(|after| {
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\''));
        let authority = &after[..end.unwrap_or(after.len())];
        authority.rsplit_once('@').is_some_and(|(userinfo, _)| userinfo.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        assert_eq!(quoted("contoso"), "\"contoso\"");
        assert_eq!(quoted("https://a/?sig=hush"), "\"https://a/?..\"");
        assert!(!quoted("u:hush@host").contains("hush"));
        let table = [
            ("no route to host", "no route to host"),
            ("to amqps://u:hush@a:1/b failed", "to amqps://..@a:1/b failed"),
            ("\"https://u:hu@sh@a/\" and `http://b`", "\"https://..@a/\" and `http://b`"),
        ];
        for (line, shown) in table {
            assert_eq!(without_userinfo(line), shown);
        }
        assert!(has_password("endpoint = \"amqps://u:hush@a\""));
        for line in
            ["endpoint = \"amqps://u@a\"", "# https://a/b:c@d", "mail = \"a:b@c\"", "endpoint = \"https://a:1/\""]
        {
            assert!(!has_password(line), "{line}");
        }
    }
}
