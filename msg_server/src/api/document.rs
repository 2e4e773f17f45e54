//! The API's own description, made from the code.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::Response;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::answer::response;
use super::group;

/// Every request and answer.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ferrotalk",
        description = "What a back office may ask of msg_server. The key is taken from the header Authorization or \
                       X-Api-Key, or from the field app_key of the body.",
    ),
    paths(group::create, group::change_members),
    tags((name = "groups", description = "Groups, made and changed by the system")),
    security(("bearer" = []), ("key" = []), ()),
    modifiers(&Keys),
)]
struct Described;

/// The ways to show the key in a header. The third, in the body, is none that OpenAPI has a word for.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let key = ApiKey::Header(ApiKeyValue::new("X-Api-Key"));
        components.add_security_scheme("key", SecurityScheme::ApiKey(key));
    }
}

/// OpenAPI 3.1, for everybody.
pub(super) async fn show() -> Response {
    static JSON: LazyLock<String> = LazyLock::new(|| {
        let document = Described::openapi();
        document
            .to_pretty_json()
            .expect("made of texts and numbers")
    });
    response(StatusCode::OK, JSON.clone())
}
