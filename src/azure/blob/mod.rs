//! Blob storage containers.

mod shared_key;

use std::sync::Arc;

use azure_core::http::{ClientOptions, RetryOptions, Url};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};

use self::shared_key::SharedKeyPolicy;
use super::address::{BlobAddress, BlobCredential};
use super::error::{AzureError, Service, cause};
use crate::typed::without_userinfo;

/// A client for a container. Nothing is sent yet; the client may be used on any runtime.
///
/// # Errors
/// [`AzureError::Address`] if the endpoint is no URL, the key no base64, or a token is to go over plain `http`.
pub fn container(address: &BlobAddress) -> Result<BlobContainerClient, AzureError> {
    let unusable = |reason: String| AzureError::Address {
        service: Service::Blob,
        address: without_userinfo(address.endpoint.split('?').next().unwrap_or_default()),
        reason,
    };
    let endpoint = address.endpoint.trim_end_matches('/');
    let mut url = Url::parse(&format!("{endpoint}/{}", address.container)).map_err(|error| unusable(cause(error)))?;
    // The SDK's own retries are off: every caller here asks again by itself, and tells the person at the screen.
    let mut client_options = ClientOptions { retry: RetryOptions::none(), ..ClientOptions::default() };
    let mut token = None;
    match &address.credential {
        BlobCredential::Anonymous => {}
        BlobCredential::Signature(query) => url.set_query(Some(query.reveal().trim_start_matches('?'))),
        BlobCredential::Token(credential) => token = Some(Arc::clone(credential)),
        BlobCredential::SharedKey { account, key } => {
            let policy = SharedKeyPolicy::new(account, key).map_err(unusable)?;
            client_options.per_try_policies.push(Arc::new(policy));
        }
    }
    let options = BlobContainerClientOptions { client_options, ..BlobContainerClientOptions::default() };
    BlobContainerClient::new(url, token, Some(options)).map_err(|error| unusable(cause(error)))
}

/// Where a container is, for messages.
pub fn place(address: &BlobAddress) -> String {
    let endpoint = address.endpoint.split('?').next().unwrap_or_default().trim_end_matches('/');
    without_userinfo(&format!("{endpoint}/{}", address.container))
}
