//! The contract of the suite: what is generated from the `.proto` files below `proto/qihang`, and nothing else.
//!
//! Every call carries its HTTP route, who may call it, the limits of every field and its documentation; services, the
//! gateway and the web client are built from the same descriptors.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The encoded `FileDescriptorSet` of every file, with imports and comments.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The descriptors, parsed once a process, custom options included.
///
/// # Panics
/// Never for a build that passed its tests: the bytes are made by the build script.
#[expect(
    clippy::expect_used,
    reason = "the bytes are made by this crate's build script"
)]
pub static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("descriptors made by the build script"));

macro_rules! packages {
    ($($(#[$doc:meta])* $module:ident => $package:literal;)*) => {
        $(
            $(#[$doc])*
            pub mod $module {
                /// Version 1.

                pub mod v1 {
                    tonic::include_proto!($package);
                }
            }
        )*
    };
}

packages! {
    /// Options on methods.
    options => "qihang.options.v1";
    /// Messages that several services share.
    common => "qihang.common.v1";
    /// People, schools, employers.
    identity => "qihang.identity.v1";
    /// Signing.
    contracts => "qihang.contracts.v1";
    /// Files and PDFs.
    documents => "qihang.documents.v1";
    /// What every service answers about itself.
    operations => "qihang.operations.v1";
    /// What every service holds about a person.
    subject => "qihang.subject.v1";
    /// Announcements.
    push => "qihang.push.v1";
    /// What goes over the broker.
    messages => "qihang.messages.v1";
}
