//! Text in lines of a width.

/// Text in lines of at most `width` characters, broken between words; a word that is longer than a line is broken.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && width > 0 {
        let fits = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
        // A blank right behind the line ends it, too.
        let behind =
            rest.get(fits..).and_then(|behind| behind.chars().next()).map_or(fits, |next| fits + next.len_utf8());
        let blank = rest.get(..behind).and_then(|line| line.rfind(' ')).filter(|_| fits < rest.len());
        let (line, after) = rest.split_at(blank.unwrap_or(fits));
        lines.push(line.trim_end().to_owned());
        rest = after.trim_start();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        let text = "its owner host-a has not renewed its ownership for 5 m";
        let table: [(&str, usize, &[&str]); 6] = [
            (text, 20, &["its owner host-a has", "not renewed its", "ownership for 5 m"]),
            (text, 19, &["its owner host-a", "has not renewed its", "ownership for 5 m"]),
            (text, 200, &[text]),
            ("ns/hub/grüße/checkpoint/0 is bad", 10, &["ns/hub/grü", "ße/checkpo", "int/0 is", "bad"]),
            ("", 10, &[]),
            (text, 0, &[]),
        ];
        for (text, width, lines) in table {
            assert_eq!(wrap(text, width), lines, "{text:?} in {width}");
        }
    }
}
