//! The service's calls. One file a proto service.

mod convert;
mod download;
mod file_service;
mod render_service;

use std::sync::Arc;

use qihang_proto::documents::v1::{
    file_service_server::FileServiceServer, render_service_server::RenderServiceServer,
};
use tonic::service::Routes;

use crate::App;

/// Largest message of the render service: a PDF of 10 MiB to be checked, and its frame.
const MAX_RENDER_MESSAGE: usize = 11 * 1024 * 1024;

/// Everything that is served.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    let files = FileServiceServer::new(file_service::FileRpc::new(Arc::clone(app)));
    let render = RenderServiceServer::new(render_service::RenderRpc::new(Arc::clone(app)))
        .max_decoding_message_size(MAX_RENDER_MESSAGE);
    Routes::new(files).add_service(render)
}
