//! Checks requests against the `buf.validate` rules of their fields, on the encoded bytes.
//!
//! The rules are read from the descriptors once and compiled; a check walks the tags and builds no message. What the rules
//! refuse is INVALID_ARGUMENT with one violation a field; what is no protobuf of the type, or no UTF-8, is MALFORMED_REQUEST.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::DescriptorPool;
use qihang_proto::POOL;

use crate::status::{Fault, Violation};

mod compile;
mod path;
mod rules;
mod walk;
mod wire;

use compile::Program;

/// Violations told at once; the rest comes when these are mended.
const MOST: usize = 50;

/// The rules of the suite's own messages.
static CHECKS: LazyLock<Checks> = LazyLock::new(|| Checks::compile(&POOL));

/// Compiled rules of every message of a pool.
#[derive(Debug)]
pub struct Checks {
    programs: Vec<Program>,
    by_name: HashMap<String, usize>,
    unsupported: Vec<String>,
}

/// Checks an encoded message of the suite, e.g. `qihang.identity.v1.FindStudentRequest`.
///
/// # Errors
/// INVALID_ARGUMENT, naming each field.
pub fn check(message: &str, bytes: &[u8]) -> Result<(), Fault> {
    CHECKS.check(message, bytes)
}

/// Reads the rules, so that the first request need not wait for it.
pub fn warm_up() {
    LazyLock::force(&CHECKS);
}

impl Checks {
    /// Compiles the rules of every message in a pool.
    #[must_use]
    pub fn compile(pool: &DescriptorPool) -> Self {
        compile::compile(pool)
    }

    /// Rules that are used somewhere but not known here; a test of the contract keeps this empty.
    #[must_use]
    pub fn unsupported(&self) -> &[String] {
        &self.unsupported
    }

    /// Checks an encoded message.
    ///
    /// # Errors
    /// INVALID_ARGUMENT, naming each field.
    pub fn check(&self, message: &str, bytes: &[u8]) -> Result<(), Fault> {
        let Some(&root) = self.by_name.get(message) else {
            return Ok(());
        };
        let mut walk = walk::Walk::new(&self.programs);
        match walk.message(root, bytes) {
            Ok(()) if walk.violations.is_empty() => Ok(()),
            Ok(()) | Err(walk::Stop::Full) => Err(refused(walk.violations)),
            Err(walk::Stop::Malformed) => Err(malformed(&walk.path())),
        }
    }
}

fn refused(violations: Vec<Violation>) -> Fault {
    let text = format!("提交的内容有 {} 处不符合要求，请按提示修改。", violations.len());
    let fault = Fault::new(tonic::Code::InvalidArgument, "VALIDATION_FAILED", text);
    violations.into_iter().fold(fault, |fault, one| {
        fault.and_field(&one.field, &one.reason, one.message)
    })
}

/// The bytes are not a message of the type.
pub(crate) fn malformed(field: &str) -> Fault {
    let fault = Fault::new(
        tonic::Code::InvalidArgument,
        "MALFORMED_REQUEST",
        "请求的格式不正确，无法读取。",
    );
    if field.is_empty() {
        fault
    } else {
        fault.and_field(field, "MALFORMED", "无法读取这一项。")
    }
}

#[cfg(test)]
mod tests;
