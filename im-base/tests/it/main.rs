//! What the crate promises to those above it, seen through its public surface.

#[cfg(test)]
mod app;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod dispatch;
#[cfg(test)]
mod http;
#[cfg(test)]
mod link;
#[cfg(test)]
mod listener;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod ws;
