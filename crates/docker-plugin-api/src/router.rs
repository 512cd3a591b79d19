//! The methods of one or more drivers under their paths.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::{body::Body, http, response::Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{body::Body as HttpBody, service::Service};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;

use crate::{
    call::{Method, PLUGIN_CONTENT_TYPE, query, receive, refusal},
    error::{ErrorKind, PluginError},
    limits::Limits,
};

/// The methods of an interface.
pub(crate) type Table = Vec<Method>;

/// The interfaces a plugin can implement, as `Plugin.Activate` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Interface {
    NetworkDriver,
    IpamDriver,
}

/// What a plugin answers, ready to be [served](crate::serve()).
///
/// Made by [`network_router`](crate::network_router) and [`ipam_router`](crate::ipam_router) and
/// put together with [`merge`](Self::merge). `Plugin.Activate` is answered with the interfaces
/// that are in it.
///
/// Every answer is JSON, whatever the request was. Success is status 200 and an object; anything
/// else is `{"Err": message, "Error": message}` with the status of [`ErrorKind`].
#[derive(Clone)]
pub struct Router {
    interfaces: Vec<(Interface, Table)>,
    limits: Limits,
}

impl Router {
    pub(crate) fn of(interface: Interface, table: Table) -> Self {
        Self {
            interfaces: vec![(interface, table)],
            limits: Limits::default(),
        }
    }

    /// Adds what `other` implements. Where both implement the same interface, `other`'s is kept.
    /// The limits stay those of `self`.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.interfaces
            .retain(|(mine, _)| !other.interfaces.iter().any(|(theirs, _)| theirs == mine));
        self.interfaces.extend(other.interfaces);
        self.interfaces.sort_by_key(|&(interface, _)| interface);
        self
    }

    /// Replaces the bounds of time and size.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The bounds in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Answers one request inside this process, exactly as it would be answered on the socket.
    ///
    /// `method` is HTTP's, `path` the plugin method's (`/NetworkDriver.Join`). For tests of
    /// drivers and for callers with a transport of their own. A method or path that HTTP cannot
    /// express is answered like an unknown one. Needs a tokio runtime with time enabled.
    pub async fn call(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .body(Full::new(body.into()));
        let response = match request {
            Ok(request) => self.service().answer(request).await,
            Err(_) => refusal(path, &unknown_path(path)),
        };
        let status = response.status().as_u16();
        let body = match response.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        Answer { status, body }
    }

    pub(crate) fn service(&self) -> PluginService {
        let implements = Arc::new(Activation {
            implements: self
                .interfaces
                .iter()
                .map(|&(interface, _)| interface)
                .collect(),
        });
        let activate = query("/Plugin.Activate", &implements, Activation::clone);
        let methods = self
            .interfaces
            .iter()
            .flat_map(|(_, table)| table)
            .chain([&activate]);
        let routes = methods
            .fold(axum::Router::new(), |routes, method| {
                routes.route(method.path, method.route.clone())
            })
            .method_not_allowed_fallback(async |uri: http::Uri, method: http::Method| {
                let message = format!("{} must be called with POST, not {method}", uri.path());
                refusal(
                    uri.path(),
                    &PluginError::new(ErrorKind::MethodNotAllowed, message),
                )
            })
            .fallback(async |uri: http::Uri| refusal(uri.path(), &unknown_path(uri.path())))
            // The body has been received by then, within our own bound.
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self.limits);
        PluginService {
            routes: TowerToHyperService::new(routes),
            limits: self.limits,
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interfaces: Vec<_> = self
            .interfaces
            .iter()
            .map(|(interface, _)| interface)
            .collect();
        f.debug_struct("Router")
            .field("interfaces", &interfaces)
            .field("limits", &self.limits)
            .finish()
    }
}

/// What [`Router::call`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON object.
    pub body: Bytes,
}

impl Answer {
    /// The content type of every answer.
    pub const CONTENT_TYPE: &'static str = PLUGIN_CONTENT_TYPE;
}

/// A router made ready, with axum inside.
#[derive(Clone)]
pub(crate) struct PluginService {
    routes: TowerToHyperService<axum::Router>,
    limits: Limits,
}

impl PluginService {
    /// Receives the body first, for unknown paths too: a connection whose request was not read
    /// to its end cannot be used again.
    pub(crate) async fn answer<B>(&self, request: http::Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        match receive(body, &self.limits).await {
            Ok(body) => {
                let request = http::Request::from_parts(head, Body::from(body));
                let response: Result<Response, Infallible> = self.routes.call(request).await;
                response.unwrap_or_else(|never| match never {})
            }
            Err(error) => refusal(head.uri.path(), &error),
        }
    }
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Activation {
    implements: Vec<Interface>,
}

fn unknown_path(path: &str) -> PluginError {
    PluginError::not_found(format!(
        "this plugin has no method {:?}",
        crate::text::Excerpt(path)
    ))
}
