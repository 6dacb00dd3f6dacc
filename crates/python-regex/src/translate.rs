//! Translates regular expressions from Python's syntax to that of `fancy-regex`.
//!
//! Both share most of it; what is here are escapes (octal ones above all), classes, `$`, `{`, groups and
//! references to them, and what only one of the two has. Anything Python does not know is an error, never
//! something else.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A pattern in the syntax of the engine.
pub struct Translated {
    /// The pattern.
    pub pattern: String,
    /// How many groups can be referred to; the engine must find as many.
    pub groups: usize,
}

/// Translates a pattern; the error says what is wrong with it.
pub fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translation = Translation {
        left: pattern.chars().peekable(),
        done: String::with_capacity(2 * pattern.len()),
        is_multi_line: has_multi_line_flag(pattern),
        is_verbose: false,
        groups: Groups::default(),
    };
    translation.run()?;
    Ok(Translated {
        pattern: translation.done,
        groups: translation.groups.is_closed.len(),
    })
}

struct Translation<'a> {
    left: Peekable<Chars<'a>>,
    done: String,
    /// `$` matches before every newline, in both syntaxes.
    is_multi_line: bool,
    /// White space and comments count for nothing here.
    is_verbose: bool,
    groups: Groups,
}

/// The groups of what has been read.
///
/// All references to them are checked here: the engine takes some that Python refuses, and fails on a
/// condition whose group does not exist only when it runs.
#[derive(Default)]
struct Groups {
    /// Of those with a number, which begins at 1.
    is_closed: Vec<bool>,
    names: HashMap<String, usize>,
    /// Those that are not closed, of every kind, the outermost first.
    open: Vec<OpenGroup>,
    /// Within a look-behind, how many had a number when the outermost one began.
    before_look_behind: Option<usize>,
    /// The highest number in a condition, which may come before its group.
    condition_max: usize,
}

/// A parenthesis that is not closed.
#[derive(Default)]
struct OpenGroup {
    /// The number by which it is referred to.
    number: Option<usize>,
    /// It is a look-behind, and in no other one.
    begins_look_behind: bool,
    /// For a condition, whether its second branch has begun.
    has_else: Option<bool>,
    /// Whether white space counted for nothing around it.
    was_verbose: bool,
}

/// What a backslash begins.
enum Escape {
    /// A character by name or number.
    Character(char),
    /// A class such as `\d`, by its letter.
    Class(char),
    /// A place such as `\b`, by its letter; not in classes.
    Place(char),
    /// What a group matched; not in classes.
    Group(usize),
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(character) = self.left.next() {
            match character {
                '\\' => match self.escape(false)? {
                    Escape::Character(character) => self.literal(character),
                    Escape::Class(letter) => self.done.push_str(class_outside(letter)),
                    Escape::Place('Z') => self.done.push_str(r"\z"),
                    Escape::Place(letter) => self.done.extend(['\\', letter]),
                    Escape::Group(number) => self.reference(number)?,
                },
                '[' => self.class()?,
                '(' => self.group()?,
                ')' => self.close()?,
                '|' => self.branch()?,
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if self.is_verbose => {
                    self.done.push(' ');
                }
                '#' if self.is_verbose => {
                    self.left.by_ref().find(|character| *character == '\n');
                    self.done.push(' ');
                }
                '{' => self.brace(),
                '}' | ']' => self.done.extend(['\\', character]),
                '$' if !self.is_multi_line => self.done.push_str(r"(?=\n?\z)"),
                _ => self.done.push(character),
            }
        }
        self.groups.check_conditions()
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.done.write_fmt(arguments);
    }

    fn literal(&mut self, character: char) {
        self.format(format_args!(r"\x{{{:x}}}", u32::from(character)));
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, is_in_class: bool) -> Result<Escape, String> {
        let Some(letter) = self.left.next() else {
            return Err("it ends with a backslash".to_owned());
        };
        let character = match letter {
            'a' => '\x07',
            'b' if is_in_class => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            '0'..='7' if is_in_class || letter == '0' => self.octal(letter, 3)?,
            '1'..='9' if !is_in_class => return self.octal_or_group(letter),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escape::Class(letter)),
            'A' | 'Z' | 'b' | 'B' if !is_in_class => return Ok(Escape::Place(letter)),
            _ if letter.is_ascii_alphanumeric() => return Err(format!(r"bad escape \{letter}")),
            _ => letter,
        };
        Ok(Escape::Character(character))
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<char, String> {
        let mut value = 0;
        for _ in 0..digits {
            let digit = self
                .left
                .next_if(char::is_ascii_hexdigit)
                .and_then(|digit| digit.to_digit(16));
            value = value * 16
                + digit
                    .ok_or_else(|| format!("a hexadecimal escape has less than {digits} digits"))?;
        }
        char::from_u32(value).ok_or_else(|| format!("{value:x} is no character"))
    }

    /// Reads an octal number of up to `digits` digits, the first of which has been read.
    fn octal(&mut self, first: char, digits: usize) -> Result<char, String> {
        let mut value = first.to_digit(8).unwrap_or_default();
        for _ in 1..digits {
            let Some(digit) = self.left.next_if(|next| next.is_digit(8)) else {
                break;
            };
            value = value * 8 + digit.to_digit(8).unwrap_or_default();
        }
        let byte =
            u8::try_from(value).map_err(|_| format!("octal escape {value:o} is above 377"))?;
        Ok(char::from(byte))
    }

    /// Three octal digits are a character, one or two decimal ones a group.
    fn octal_or_group(&mut self, first: char) -> Result<Escape, String> {
        let mut ahead = self.left.clone();
        let is_octal = |digit: Option<char>| digit.is_some_and(|digit| digit.is_digit(8));
        if first.is_digit(8) && is_octal(ahead.next()) && is_octal(ahead.next()) {
            return Ok(Escape::Character(self.octal(first, 3)?));
        }
        let mut number = first.to_digit(10).unwrap_or_default();
        if let Some(digit) = self.left.next_if(char::is_ascii_digit) {
            number = number * 10 + digit.to_digit(10).unwrap_or_default();
        }
        Ok(Escape::Group(number as usize))
    }

    /// Translates a class, whose bracket has been read.
    fn class(&mut self) -> Result<(), String> {
        const OPEN: &str = "a class is not closed by ]";
        self.done.push('[');
        if self.left.next_if_eq(&'^').is_some() {
            self.done.push('^');
        }
        let mut is_first = true;
        loop {
            let item = match self.left.next().ok_or(OPEN)? {
                ']' if !is_first => break,
                '\\' => self.escape(true)?,
                character => Escape::Character(character),
            };
            is_first = false;
            let mut ahead = self.left.clone();
            let is_range =
                ahead.next() == Some('-') && ahead.next().is_some_and(|after| after != ']');
            match item {
                Escape::Character(first) if is_range => {
                    self.left.next();
                    let last = match self.left.next().ok_or(OPEN)? {
                        '\\' => self.escape(true)?,
                        character => Escape::Character(character),
                    };
                    let Escape::Character(last) = last else {
                        return Err("a range in a class ends with a class".to_owned());
                    };
                    if last < first {
                        return Err(format!("bad character range {first:?}-{last:?}"));
                    }
                    self.literal(first);
                    self.done.push('-');
                    self.literal(last);
                }
                _ if is_range => return Err("a range in a class begins with a class".to_owned()),
                Escape::Character(character) => self.literal(character),
                Escape::Class(letter) => self.done.push_str(class_inside(letter)),
                Escape::Place(_) | Escape::Group(_) => {
                    return Err("bad escape in a class".to_owned());
                }
            }
        }
        self.done.push(']');
        Ok(())
    }

    /// Translates the beginning of a group, whose parenthesis has been read.
    fn group(&mut self) -> Result<(), String> {
        if self.left.peek() == Some(&'*') {
            return Err("nothing to repeat after (".to_owned());
        }
        let mut group = OpenGroup {
            was_verbose: self.is_verbose,
            ..OpenGroup::default()
        };
        if self.left.next_if_eq(&'?').is_none() {
            self.done.push('(');
            group.number = Some(self.groups.number());
            self.groups.open.push(group);
            return Ok(());
        }
        let kind = self.left.next().ok_or("it ends with (?")?;
        match kind {
            ':' | '=' | '!' | '>' => self.done.extend(['(', '?', kind]),
            '<' => match self.left.next_if(|next| matches!(next, '=' | '!')) {
                Some(direction) => {
                    self.done.extend(['(', '?', '<', direction]);
                    group.begins_look_behind = self.groups.begin_look_behind();
                }
                None => {
                    return Err("unknown extension (?<; groups are named by (?P<name>…)".to_owned());
                }
            },
            '#' => {
                if !self.left.any(|character| character == ')') {
                    return Err("a comment is not closed by )".to_owned());
                }
                return Ok(());
            }
            'P' => match self.left.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    self.done.push('(');
                    group.number = Some(self.groups.named(name)?);
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let number = self.groups.find(&name)?;
                    return self.reference(number);
                }
                _ => {
                    return Err(
                        "unknown extension (?P; known are (?P<name>…) and (?P=name)".to_owned()
                    );
                }
            },
            '(' => {
                let name = self.until(')')?;
                let number = self.groups.condition(&name)?;
                self.format(format_args!("(?({number})"));
                group.has_else = Some(false);
            }
            ')' => return Err("nothing follows (?".to_owned()),
            _ => {
                if !self.flags(kind)? {
                    return Ok(());
                }
            }
        }
        self.groups.open.push(group);
        Ok(())
    }

    /// Translates the end of a group.
    fn close(&mut self) -> Result<(), String> {
        let group = self.groups.close().ok_or("a ) closes nothing")?;
        self.is_verbose = group.was_verbose;
        self.done.push_str(match group.has_else {
            // With nothing in either branch, the engine would take the condition for what has to match.
            Some(false) => "|(?=))",
            Some(true) => "(?=))",
            None => ")",
        });
        Ok(())
    }

    /// Translates the beginning of another branch.
    fn branch(&mut self) -> Result<(), String> {
        if let Some(OpenGroup {
            has_else: Some(has_else),
            ..
        }) = self.groups.open.last_mut()
        {
            if *has_else {
                return Err("a condition has more than two branches".to_owned());
            }
            *has_else = true;
        }
        self.done.push('|');
        Ok(())
    }

    /// Translates a reference to what a group has matched.
    fn reference(&mut self, number: usize) -> Result<(), String> {
        self.groups.check_reference(number)?;
        // In parentheses, lest a digit that follows be taken for a part of it.
        self.format(format_args!(r"(?:\{number})"));
        Ok(())
    }

    /// Reads a name and the character that ends it.
    fn until(&mut self, end: char) -> Result<String, String> {
        let mut name = String::new();
        loop {
            match self.left.next() {
                Some(character) if character == end => return Ok(name),
                Some(character) if character.is_alphanumeric() || character == '_' => {
                    name.push(character);
                }
                _ => {
                    return Err(format!(
                        "a group's name {name:?} is not followed by {end:?}"
                    ));
                }
            }
        }
    }

    /// Translates flags and whatever ends them; gives whether that has opened a group.
    fn flags(&mut self, first: char) -> Result<bool, String> {
        let from = self.done.len();
        self.done.push_str("(?");
        let mut flag = first;
        let mut is_set = true;
        loop {
            match flag {
                'i' | 'm' | 's' => self.done.push(flag),
                'x' => {
                    self.done.push(flag);
                    self.is_verbose = is_set;
                }
                '-' => {
                    self.done.push(flag);
                    is_set = false;
                }
                // Unicode is what both do without it.
                'u' => {}
                ':' | ')' => {
                    self.done.push(flag);
                    break;
                }
                _ => return Err(format!("flag {flag:?} is not one of i, m, s, u, x")),
            }
            flag = self.left.next().ok_or("flags are not closed by )")?;
        }
        // `(?u)` has become `(?)`.
        if self.done.ends_with("(?)") {
            self.done.truncate(from);
        }
        Ok(flag == ':')
    }

    /// A brace repeats if numbers follow, else it is a character.
    fn brace(&mut self) {
        let mut ahead = self.left.clone();
        let mut inside = String::new();
        let is_repeat = loop {
            match ahead.next() {
                Some('}') => break !inside.is_empty(),
                Some(',') if inside.contains(',') => break false,
                Some(character) if character == ',' || character.is_ascii_digit() => {
                    inside.push(character);
                }
                _ => break false,
            }
        };
        if !is_repeat {
            self.done.push_str(r"\{");
            return;
        }
        self.left = ahead;
        let zero = if inside.starts_with(',') { "0" } else { "" };
        self.format(format_args!("{{{zero}{inside}}}"));
    }
}

impl Groups {
    /// The number of a group that begins.
    fn number(&mut self) -> usize {
        self.is_closed.push(false);
        self.is_closed.len()
    }

    /// The same for a group with a name.
    fn named(&mut self, name: String) -> Result<usize, String> {
        if name.starts_with(char::is_numeric) || name.is_empty() {
            return Err(format!("{name:?} is not the name of a group"));
        }
        let number = self.number();
        match self.names.insert(name, number) {
            None => Ok(number),
            Some(first) => Err(format!("group {number} has the name of group {first}")),
        }
    }

    /// Gives whether the look-behind that begins is in no other one.
    fn begin_look_behind(&mut self) -> bool {
        let is_outermost = self.before_look_behind.is_none();
        self.before_look_behind.get_or_insert(self.is_closed.len());
        is_outermost
    }

    fn close(&mut self) -> Option<OpenGroup> {
        let group = self.open.pop()?;
        if let Some(number) = group.number {
            self.is_closed[number - 1] = true;
        }
        if group.begins_look_behind {
            self.before_look_behind = None;
        }
        Some(group)
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        let number = self.names.get(name);
        number
            .copied()
            .ok_or_else(|| format!("there is no group {name:?} before"))
    }

    /// The number of the group by whose name or number a condition asks for it.
    fn condition(&mut self, name: &str) -> Result<usize, String> {
        let number = if name.starts_with(|first: char| first.is_ascii_digit()) {
            let number = name.parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("{name} is not the number of a group"))?
        } else {
            self.find(name)?
        };
        self.check_look_behind(number)?;
        self.condition_max = self.condition_max.max(number);
        Ok(number)
    }

    fn check_conditions(&self) -> Result<(), String> {
        let number = self.condition_max;
        if number > self.is_closed.len() {
            return Err(format!(
                "a condition names group {number}, which is not there"
            ));
        }
        Ok(())
    }

    fn check_reference(&self, number: usize) -> Result<(), String> {
        if !self.has_ended(number) {
            return Err(format!("there is no group {number} that ends before"));
        }
        self.check_look_behind(number)
    }

    /// A look-behind refers to groups only that end before it.
    fn check_look_behind(&self, number: usize) -> Result<(), String> {
        match self.before_look_behind {
            Some(before) if number > before || !self.has_ended(number) => Err(format!(
                "a look-behind refers to group {number}, which does not end before"
            )),
            _ => Ok(()),
        }
    }

    fn has_ended(&self, number: usize) -> bool {
        let index = number.checked_sub(1);
        index.and_then(|index| self.is_closed.get(index)) == Some(&true)
    }
}

/// `\s` has four separators in Python that it has not elsewhere.
fn class_outside(letter: char) -> &'static str {
    match letter {
        's' => r"[\s\x1c-\x1f]",
        'S' => r"[^\s\x1c-\x1f]",
        _ => class_inside(letter),
    }
}

fn class_inside(letter: char) -> &'static str {
    match letter {
        'd' => r"\d",
        'D' => r"\D",
        's' => r"\s\x1c-\x1f",
        'S' => r"[^\s\x1c-\x1f]",
        'w' => r"\w",
        _ => r"\W",
    }
}

fn has_multi_line_flag(pattern: &str) -> bool {
    pattern.match_indices("(?").any(|(at, open)| {
        let flags = pattern[at + open.len()..]
            .chars()
            .take_while(|flag| "aiLmsux".contains(*flag));
        flags.into_iter().any(|flag| flag == 'm')
    })
}
