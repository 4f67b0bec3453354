//! What a route is: one declaration from which routing, the OpenAPI document and the table of who may follow.

use super::call::Call;
use super::fault::Fault;
use super::parameter::Param;
use super::schema::Checker;
use axum::http::Method;
use axum::response::Response;
use futures_util::future::BoxFuture;
use loggia_app::access::policy::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::sync::OnceLock;

/// The outcome of a handler.
pub type Handled = Result<Response, Fault>;
/// What answers a route.
pub type Handler = fn(Call) -> BoxFuture<'static, Handled>;
/// Makes the schema of a body.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// How large a body may be when nothing else is said, in bytes.
const USUAL: usize = 1_000_000;

/// Who may use a route at all. What it is about is decided by the command or query behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, also without signing in.
    Public,
    /// Everybody who is signed in, with whatever token.
    SignedIn,
    /// Who is signed in, with a token that is good for this.
    May(Action),
}

/// One form in which a body may come or go.
pub struct Media {
    /// The media type.
    pub name: &'static str,
    /// Its schema.
    pub shape: Shape,
    /// Compiled when it is first needed.
    pub checker: OnceLock<Checker>,
}

/// One answer that a route gives.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it means.
    pub about: &'static str,
    /// The body, when there is one.
    pub body: Option<(&'static str, Shape)>,
}

/// One route.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for segments that vary and perhaps `:verb` at its end.
    pub path: &'static str,
    /// Its name in the document.
    pub id: &'static str,
    /// Who may use it.
    pub access: Access,
    /// One sentence.
    pub summary: &'static str,
    /// Parameters of query and header.
    pub params: Vec<Param>,
    /// Forms in which the body may come; none when there is no body.
    pub bodies: Vec<Media>,
    /// Whether the body may be left out.
    pub body_optional: bool,
    /// Answers, beside errors.
    pub answers: Vec<Answer>,
    /// Errors that this route gives beside those that all give.
    pub errors: Vec<u16>,
    /// Largest body, in bytes.
    pub limit: usize,
    /// Whether the answer holds a secret: such answers are never kept.
    pub secret: bool,
    /// Whether the answer is a stream that ends when it ends.
    pub stream: bool,
    /// The code.
    pub handler: Handler,
}

/// The schema of a type.
pub fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    /// A route with nothing but the necessary.
    pub fn new(method: Method, path: &'static str, id: &'static str, access: Access, handler: Handler) -> Route {
        Route {
            method,
            path,
            id,
            access,
            summary: "",
            params: Vec::new(),
            bodies: Vec::new(),
            body_optional: false,
            answers: Vec::new(),
            errors: Vec::new(),
            limit: USUAL,
            secret: false,
            stream: false,
            handler,
        }
    }

    /// Says what it does.
    pub fn does(mut self, summary: &'static str) -> Route {
        self.summary = summary;
        self
    }

    /// Takes parameters.
    pub fn takes(mut self, params: impl IntoIterator<Item = Param>) -> Route {
        self.params.extend(params);
        self
    }

    /// Takes a body of JSON.
    pub fn body<T: JsonSchema>(self) -> Route {
        self.body_as("application/json", shape::<T>)
    }

    /// Takes a body of a media type.
    pub fn body_as(mut self, name: &'static str, shape: Shape) -> Route {
        self.bodies.push(Media { name, shape, checker: OnceLock::new() });
        self
    }

    /// The body may be left out.
    pub fn optional_body(mut self) -> Route {
        self.body_optional = true;
        self
    }

    /// Takes bodies up to so many bytes.
    pub fn up_to(mut self, bytes: usize) -> Route {
        self.limit = bytes;
        self
    }

    /// Answers with JSON.
    pub fn gives<T: JsonSchema>(self, status: u16, about: &'static str) -> Route {
        self.gives_as(status, about, "application/json", shape::<T>)
    }

    /// Answers with a media type.
    pub fn gives_as(mut self, status: u16, about: &'static str, media: &'static str, shape: Shape) -> Route {
        self.answers.push(Answer { status, about, body: Some((media, shape)) });
        self
    }

    /// Answers without a body.
    pub fn gives_nothing(mut self, status: u16, about: &'static str) -> Route {
        self.answers.push(Answer { status, about, body: None });
        self
    }

    /// Gives these errors, beside those that all routes give.
    pub fn fails(mut self, statuses: impl IntoIterator<Item = u16>) -> Route {
        self.errors.extend(statuses);
        self
    }

    /// The answer holds a secret.
    pub fn secret(mut self) -> Route {
        self.secret = true;
        self
    }

    /// The answer is a stream.
    pub fn stream(mut self) -> Route {
        self.stream = true;
        self
    }

    /// The names of the segments that vary, in order.
    pub fn path_names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split(['/', ':']).filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The status of its answer when all goes well.
    pub fn usual_status(&self) -> u16 {
        self.answers.iter().map(|answer| answer.status).find(|status| (200..300).contains(status)).unwrap_or(200)
    }

    /// Whether it may be repeated under an `Idempotency-Key`.
    pub fn takes_key(&self) -> bool {
        self.method == Method::POST && !self.secret
    }
}
