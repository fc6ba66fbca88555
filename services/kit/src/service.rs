//! A service as a value, so that it can run alone, beside others in one process, or inside a test.

use std::sync::Arc;

use crate::{consume::Consumer, crypto::reseal::Sealed, history::Chains, subject::Subjects, tasks::Task};

/// What a service serves, what it consumes and what it does in the background.
pub struct Service {
    /// Name; also its schema, the first word of its messages' keys and its name as a peer.
    pub name: &'static str,
    /// gRPC handlers, bare: [`crate::server::stack`] puts the layers around them.
    pub routes: tonic::service::Routes,
    /// Consumers of messages.
    pub consumers: Vec<Arc<dyn Consumer>>,
    /// Hash chains that `audit verify` checks.
    pub chains: Vec<Arc<dyn Chains>>,
    /// What it holds about people, when it does.
    pub subjects: Option<Arc<dyn Subjects>>,
    /// What it seals, when it does.
    pub sealed: Option<Sealed>,
    /// Background work.
    pub tasks: Vec<Arc<dyn Task>>,
}
