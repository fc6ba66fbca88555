//! ReferenceService.

use qihang_kit::codes;
use qihang_proto::identity::v1::{
    Dictionary, GetDictionaryRequest, ListDictionariesRequest, ListDictionariesResponse, dictionary,
    reference_service_server,
};
use tonic::{Request, Response, Status};

use crate::error::{Error, Missing};

/// Shows the code tables.
pub(crate) struct ReferenceService;

fn dictionary(table: &codes::Dictionary, entries: Vec<dictionary::Entry>) -> Dictionary {
    Dictionary {
        name: table.name.to_owned(),
        title: table.title.clone(),
        version: table.version.clone(),
        entries,
    }
}

fn entry(entry: &codes::Entry) -> dictionary::Entry {
    dictionary::Entry {
        code: entry.code.clone(),
        name: entry.name.clone(),
        parent: entry.parent.clone().unwrap_or_default(),
        attributes: entry.attributes.iter().cloned().collect(),
    }
}

#[tonic::async_trait]
impl reference_service_server::ReferenceService for ReferenceService {
    async fn list_dictionaries(
        &self,
        _: Request<ListDictionariesRequest>,
    ) -> Result<Response<ListDictionariesResponse>, Status> {
        let dictionaries = codes::dictionaries()
            .iter()
            .map(|table| dictionary(table, Vec::new()))
            .collect();
        Ok(Response::new(ListDictionariesResponse { dictionaries }))
    }

    async fn get_dictionary(
        &self,
        request: Request<GetDictionaryRequest>,
    ) -> Result<Response<Dictionary>, Status> {
        let request = request.get_ref();
        let table = codes::dictionary(&request.name).ok_or(Error::NotFound(Missing::Dictionary))?;
        let wanted = |entry: &&codes::Entry| {
            let parent = entry.parent.as_deref().unwrap_or_default();
            request.parent.as_ref().is_none_or(|wanted| wanted == parent)
        };
        Ok(Response::new(dictionary(
            table,
            table.entries.iter().filter(wanted).map(entry).collect(),
        )))
    }
}
