//! Path templates of `google.api.http`: `/v1/files/{id}/content`, `/v1/{name=schools/*/staff/**}:disable`.

use thiserror::Error;

use super::path::{decode, encode};

/// A parsed path template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The segments in order, those inside variables included.
    pub segments: Vec<Segment>,
    /// The custom verb after the colon.
    pub verb: Option<String>,
    /// The variables in the order of the path.
    pub variables: Vec<Variable>,
}

/// One segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This text, decoded.
    Literal(String),
    /// Exactly one segment.
    Single,
    /// The rest of the path, possibly nothing.
    Rest,
}

/// A field that takes its value from the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Field names from the request down.
    pub field: Vec<String>,
    /// First segment.
    pub start: usize,
    /// Number of segments in the template.
    pub length: usize,
    /// True when it may take several segments, so that an encoded slash stays encoded.
    pub multiple: bool,
}

/// Why a template is refused at start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TemplateError {
    /// It does not begin with a slash.
    #[error("a path template begins with a slash")]
    NoSlash,
    /// A brace is open or closed where it may not.
    #[error("braces do not match, or variables are nested")]
    Braces,
    /// A segment is empty.
    #[error("a segment is empty")]
    EmptySegment,
    /// `**` is not the last segment.
    #[error("`**` is only allowed as the last segment")]
    RestNotLast,
    /// The name of a field or verb is not an identifier.
    #[error("`{0}` is not a field path or verb")]
    Name(String),
    /// A field is bound twice.
    #[error("field `{0}` is bound twice")]
    Twice(String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When the text is not a template of `google.api.http`.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let rest = text.strip_prefix('/').ok_or(TemplateError::NoSlash)?;
        let (path, verb) = split_verb(rest)?;
        let mut template = Self {
            segments: Vec::new(),
            verb,
            variables: Vec::new(),
        };
        for part in split_outside_braces(path)? {
            template.add(part)?;
        }
        let last = template.segments.len().saturating_sub(1);
        let misplaced = |(index, segment): (usize, &Segment)| *segment == Segment::Rest && index != last;
        if template.segments.iter().enumerate().any(misplaced) {
            return Err(TemplateError::RestNotLast);
        }
        Ok(template)
    }

    fn add(&mut self, part: &str) -> Result<(), TemplateError> {
        let Some(inside) = part.strip_prefix('{') else {
            self.segments.push(segment(part)?);
            return Ok(());
        };
        let inside = inside.strip_suffix('}').ok_or(TemplateError::Braces)?;
        if inside.contains(['{', '}']) {
            return Err(TemplateError::Braces);
        }
        let (name, pattern) = inside.split_once('=').unwrap_or((inside, "*"));
        let field: Vec<String> = name.split('.').map(str::to_owned).collect();
        if !field.iter().all(|name| is_identifier(name)) {
            return Err(TemplateError::Name(name.to_owned()));
        }
        if self.variables.iter().any(|variable| variable.field == field) {
            return Err(TemplateError::Twice(name.to_owned()));
        }
        let start = self.segments.len();
        for piece in pattern.split('/') {
            self.segments.push(segment(piece)?);
        }
        let length = self.segments.len() - start;
        self.variables.push(Variable {
            field,
            start,
            length,
            multiple: pattern != "*",
        });
        Ok(())
    }

    /// Takes the variables' values out of the raw segments of a path that matched.
    ///
    /// # Errors
    /// The field path of a value that is not UTF-8 after decoding.
    pub fn captures(&self, raw: &[&str]) -> Result<Vec<String>, String> {
        self.variables
            .iter()
            .map(|variable| self.capture(variable, raw))
            .collect()
    }

    fn capture(&self, variable: &Variable, raw: &[&str]) -> Result<String, String> {
        let rest = self
            .segments
            .iter()
            .skip(variable.start)
            .take(variable.length)
            .any(|s| *s == Segment::Rest);
        let count = if rest { usize::MAX } else { variable.length };
        let mut value = String::new();
        for (index, segment) in raw.iter().skip(variable.start).take(count).enumerate() {
            if index > 0 {
                value.push('/');
            }
            let text = decode(segment, variable.multiple).ok_or_else(|| variable.field.join("."))?;
            value.push_str(&text);
        }
        Ok(value)
    }

    /// Builds the path that has these values; the other way round than matching.
    pub fn build(&self, values: &[String]) -> String {
        let mut segments: Vec<String> = self
            .segments
            .iter()
            .map(|segment| {
                if let Segment::Literal(text) = segment {
                    encode(text, false)
                } else {
                    String::new()
                }
            })
            .collect();
        for (variable, value) in self.variables.iter().zip(values).rev() {
            let encoded = encode(value, variable.multiple);
            segments.splice(variable.start..variable.start + variable.length, [encoded]);
        }
        let verb = self
            .verb
            .as_ref()
            .map(|verb| format!(":{verb}"))
            .unwrap_or_default();
        format!("/{}{verb}", segments.join("/"))
    }
}

fn split_verb(path: &str) -> Result<(&str, Option<String>), TemplateError> {
    let after_braces = path.rfind('}').map_or(0, |at| at + 1);
    let tail = path.get(after_braces..).unwrap_or_default();
    let Some(colon) = tail.rfind(':') else {
        return Ok((path, None));
    };
    let (path, verb) = path.split_at(after_braces + colon);
    let verb = verb.trim_start_matches(':');
    if !is_identifier(verb) {
        return Err(TemplateError::Name(verb.to_owned()));
    }
    Ok((path, Some(verb.to_owned())))
}

fn split_outside_braces(path: &str) -> Result<Vec<&str>, TemplateError> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0_usize, 0_usize);
    for (at, character) in path.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1).ok_or(TemplateError::Braces)?,
            '/' if depth == 0 => {
                parts.extend(path.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(TemplateError::Braces);
    }
    parts.extend(path.get(start..));
    Ok(parts)
}

fn segment(text: &str) -> Result<Segment, TemplateError> {
    match text {
        "" => Err(TemplateError::EmptySegment),
        "*" => Ok(Segment::Single),
        "**" => Ok(Segment::Rest),
        _ if text.contains(['{', '}', '=', '*']) => Err(TemplateError::Braces),
        _ => Ok(Segment::Literal(
            decode(text, false).unwrap_or_else(|| text.to_owned()),
        )),
    }
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_with_verb_and_nested_field_parses() {
        let template = Template::parse("/v1/{file.name=schools/*/files/**}:seal").unwrap();
        assert_eq!(template.verb.as_deref(), Some("seal"));
        assert_eq!(template.segments.len(), 5);
        let variable = &template.variables[0];
        assert_eq!((variable.start, variable.length, variable.multiple), (1, 4, true));
        assert_eq!(variable.field, ["file", "name"]);
    }

    #[test]
    fn malformed_templates_are_refused() {
        for (text, error) in [
            ("v1/x", TemplateError::NoSlash),
            ("/v1//x", TemplateError::EmptySegment),
            ("/v1/{id", TemplateError::Braces),
            ("/v1/{a=x/{b}}", TemplateError::Braces),
            ("/v1/**/x", TemplateError::RestNotLast),
            ("/v1/{a}/{a}", TemplateError::Twice("a".into())),
            ("/v1/{a.}", TemplateError::Name("a.".into())),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_encoded_slash_stays_encoded_only_in_a_long_value() {
        let one = Template::parse("/v1/{id}").unwrap();
        assert_eq!(one.captures(&["v1", "a%2Fb"]).unwrap(), ["a/b"]);
        let many = Template::parse("/v1/{name=**}").unwrap();
        assert_eq!(
            many.captures(&["v1", "a%2fb", "%E5%90%AF"]).unwrap(),
            ["a%2fb/启"]
        );
        assert_eq!(many.captures(&["v1", "%FF"]), Err("name".to_owned()));
    }
}
