//! What clients, msg_servers and operators see of a login_server.

#[cfg(test)]
mod directory;
#[cfg(test)]
mod http;
#[cfg(test)]
mod process;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tcp;
