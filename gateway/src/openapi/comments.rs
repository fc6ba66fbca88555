//! The comments of the .proto files, by the path of what they stand at.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, MessageDescriptor,
    MethodDescriptor, ServiceDescriptor,
};

/// Comments by file and path.
#[derive(Debug, Default)]
pub struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    /// Reads every comment of a pool.
    pub fn of(pool: &DescriptorPool) -> Self {
        let mut comments = HashMap::new();
        for file in pool.files() {
            let locations = file
                .file_descriptor_proto()
                .source_code_info
                .iter()
                .flat_map(|info| &info.location);
            for location in locations {
                if let Some(text) = &location.leading_comments {
                    comments.insert((file.name().to_owned(), location.path.clone()), tidy(text));
                }
            }
        }
        Self(comments)
    }

    fn get(&self, file: &str, path: &[i32]) -> String {
        self.0
            .get(&(file.to_owned(), path.to_vec()))
            .cloned()
            .unwrap_or_default()
    }

    /// A service's comment.
    pub fn of_service(&self, service: &ServiceDescriptor) -> String {
        self.get(service.parent_file().name(), service.path())
    }

    /// A method's comment.
    pub fn of_method(&self, method: &MethodDescriptor) -> String {
        self.get(method.parent_service().parent_file().name(), method.path())
    }

    /// A message's comment.
    pub fn of_message(&self, message: &MessageDescriptor) -> String {
        self.get(message.parent_file().name(), message.path())
    }

    /// A field's comment.
    pub fn of_field(&self, field: &FieldDescriptor) -> String {
        self.get(field.parent_message().parent_file().name(), field.path())
    }

    /// An enum's comment.
    pub fn of_enum(&self, descriptor: &EnumDescriptor) -> String {
        self.get(descriptor.parent_file().name(), descriptor.path())
    }

    /// An enum value's comment.
    pub fn of_value(&self, value: &EnumValueDescriptor) -> String {
        self.get(value.parent_enum().parent_file().name(), value.path())
    }
}

/// Takes the blank after `//` off each line and joins the lines of a paragraph.
fn tidy(text: &str) -> String {
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            paragraphs.push(String::new());
        } else if let Some(last) = paragraphs.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// The first sentence of a comment.
pub fn first_sentence(text: &str) -> &str {
    let ends = [". ", ".\n", "。"]
        .iter()
        .filter_map(|end| text.find(end).map(|at| at + end.trim_end().len()));
    let end = ends.min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end_matches('.')
}
