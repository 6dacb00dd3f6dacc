//! Python's `%` with names, as far as reasons of builds need it.

use buildbot_render::{Context, Evaluation, Format, RenderableKind, Value};

/// Fills names into a text.
///
/// # Errors
///
/// What Python would raise.
pub(crate) fn fill(format: &str, values: &[(&str, &str)]) -> Result<String, String> {
    // `WithProperties` has the same syntax, over properties.
    let mut context = Context::default();
    for (name, value) in values {
        context.properties.set(*name, *value, "", false);
    }
    let mut filled = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        let after = &after[1..];
        if let Some(after) = after.strip_prefix('%') {
            filled.push('%');
            rest = after;
            continue;
        }
        let end = end_of_conversion(after)
            .ok_or_else(|| format!("ValueError: incomplete format in {format:?}"))?;
        let (conversion, after) = after.split_at(end);
        let name = conversion
            .strip_prefix('(')
            .and_then(|name| name.split_once(')'))
            .map(|(name, _)| name)
            .ok_or_else(|| "TypeError: format requires a mapping".to_owned())?;
        if !values.iter().any(|(known, _)| *known == name) {
            return Err(format!("KeyError: '{name}'"));
        }
        let kind = RenderableKind::WithProperties(Format::new(
            format!("%{conversion}"),
            Vec::new(),
            Vec::new(),
        ));
        let value = Value::from(kind);
        let rendered = Evaluation::begin([&value], &context).finish().values.pop();
        match rendered {
            Some(Ok(Value::Text(text))) => filled.push_str(&text),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(_)) | None => return Err(format!("{format:?} cannot be filled in")),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Fills the one value of a text in: `%s`. `None` if it asks for none, or for more.
pub(crate) fn fill_one(format: &str, value: &str) -> Option<String> {
    let mut filled = String::with_capacity(format.len() + value.len());
    let mut is_filled = false;
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        match (letter, is_filled) {
            ('%', _) => match letters.next()? {
                '%' => filled.push('%'),
                's' if !is_filled => {
                    filled.push_str(value);
                    is_filled = true;
                }
                _ => return None,
            },
            (letter, _) => filled.push(letter),
        }
    }
    is_filled.then_some(filled)
}

/// Where a conversion ends that began with `%`: after its letter.
fn end_of_conversion(text: &str) -> Option<usize> {
    let name = if text.starts_with('(') {
        text.find(')')? + 1
    } else {
        0
    };
    let letter = text[name..].find(|letter: char| !"#0- +.123456789hlL*".contains(letter))?;
    let letter = name + letter;
    text[letter..]
        .chars()
        .next()
        .map(|last| letter + last.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn names_are_filled_in() {
        let values = [("owner", "me"), ("reason", "é 100%")];
        assert_eq!(
            fill("A %(owner)s: %(reason)s %%|%(owner)5s|", &values),
            Ok("A me: é 100% %|   me|".to_owned())
        );
        assert!(fill("%(x)s", &values).is_err());
        assert!(fill("%s", &values).is_err());
        assert!(fill("50%", &values).is_err());
    }
}
