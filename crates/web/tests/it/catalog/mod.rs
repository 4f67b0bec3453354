//! The Backstage catalog API.

mod entities;
mod http;
mod info;
mod places;
mod world;
