//! The two ends' configuration: who one is, and who is believed.

use std::fmt;
use std::io;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};

use super::engine::Engine;
use super::files::{self, Material, Path, Paths};
use super::provider;
use super::stream::TlsStream;
use super::watch::Watch;
use crate::config::{LinksConfig, TlsConfig};
use crate::shutdown::Shutdown;

/// The end that is dialled. Clones share what it is made of; connections that stand keep what they began with.
#[derive(Clone)]
pub struct Acceptor(Arc<ArcSwap<ServerConfig>>);

/// The end that dials. Clones share what it is made of.
#[derive(Clone)]
pub struct Dialer {
    config: Arc<ArcSwap<ClientConfig>>,
    /// Whom it expects instead of the host that is dialled.
    name: Option<ServerName<'static>>,
}

/// Both ends of links between our own processes, each of which shows the other a certificate.
#[derive(Clone, Debug)]
pub struct Links {
    /// For those who dial us.
    pub acceptor: Acceptor,
    /// For those whom we dial.
    pub dialer: Dialer,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({:?})", self.name)
    }
}

impl Acceptor {
    /// For clients, who show no certificate; `None` if none is configured. The files are read now and again when they
    /// change. The error names the key.
    pub async fn for_clients(
        config: &TlsConfig,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Option<Self>> {
        if config.certificate.is_empty() {
            return Ok(None);
        }
        let acceptor = Self(Arc::new(ArcSwap::new(nobody()?)));
        let shared = acceptor.clone();
        let watch = Watch {
            name: "clients",
            paths: paths_for_clients(config),
            apply: move |material: &Material| {
                shared.0.store(for_clients(material)?);
                Ok(())
            },
        };
        watch.start(shutdown).await?;
        Ok(Some(acceptor))
    }

    /// Whether [`for_clients`](Self::for_clients) can use the files as they are now. The error names the key.
    pub async fn check(config: &TlsConfig) -> anyhow::Result<()> {
        if config.certificate.is_empty() {
            return Ok(());
        }
        let paths = paths_for_clients(config);
        for_clients(&paths.parse(&paths.read().await?)?).map(drop)
    }

    /// Takes a connection, whose handshake is still to come.
    pub fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        let engine = Engine::server(self.0.load_full())?;
        Ok(TlsStream::new(stream, engine, Vec::new()))
    }
}

impl Dialer {
    /// Believes whom these CAs (certificates in PEM) vouch for, and shows no certificate.
    pub fn trusting(ca: &[u8]) -> anyhow::Result<Self> {
        let config = builder()?.with_root_certificates(files::roots(ca)?);
        let mut config = config.with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(ArcSwap::from_pointee(config)),
            name: None,
        })
    }

    /// Begins a connection to `host`, a name or an address; the handshake is still to come.
    pub fn dial<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
    ) -> io::Result<TlsStream<S>> {
        let (engine, out) = self.engine(host)?;
        Ok(TlsStream::new(stream, engine, out))
    }

    /// The end of a connection to `host`, and what it has to send first; for who does the I/O himself.
    pub fn engine(&self, host: &str) -> io::Result<(Engine, Vec<u8>)> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => server_name(host).map_err(io::Error::other)?,
        };
        let mut out = Vec::new();
        let engine = Engine::client(self.config.load_full(), name, &mut out)?;
        Ok((engine, out))
    }
}

impl Links {
    /// Both ends as configured; `None` if they are not. The files are read now and again when they change. The error
    /// names the key.
    pub async fn new(config: &LinksConfig, shutdown: &Shutdown) -> anyhow::Result<Option<Self>> {
        if !config.is_on() {
            return Ok(None);
        }
        let name = expected_name(config)?;
        let nobody_is_trusted = builder()?.with_root_certificates(RootCertStore::empty());
        let links = Self {
            acceptor: Acceptor(Arc::new(ArcSwap::new(nobody()?))),
            dialer: Dialer {
                config: Arc::new(ArcSwap::from_pointee(
                    nobody_is_trusted.with_no_client_auth(),
                )),
                name,
            },
        };
        let shared = links.clone();
        let watch = Watch {
            name: "links",
            paths: paths_for_links(config),
            apply: move |material: &Material| {
                let (server, client) = for_links(material)?;
                shared.acceptor.0.store(server);
                shared.dialer.config.store(client);
                Ok(())
            },
        };
        watch.start(shutdown).await?;
        Ok(Some(links))
    }

    /// Whether [`new`](Self::new) can use the files as they are now. The error names the key.
    pub async fn check(config: &LinksConfig) -> anyhow::Result<()> {
        if !config.is_on() {
            return Ok(());
        }
        expected_name(config)?;
        let paths = paths_for_links(config);
        for_links(&paths.parse(&paths.read().await?)?).map(drop)
    }
}

fn paths_for_clients(config: &TlsConfig) -> Paths {
    Paths {
        certificate: path("tls.certificate", &config.certificate),
        key: path("tls.key", &config.key),
        ca: None,
        crl: None,
    }
}

fn paths_for_links(config: &LinksConfig) -> Paths {
    Paths {
        certificate: path("links.certificate", &config.certificate),
        key: path("links.key", &config.key),
        ca: Some(path("links.ca", &config.ca)),
        crl: Some(path("links.crl", &config.crl)).filter(|_| !config.crl.is_empty()),
    }
}

/// Whom links expect instead of the host that is dialled.
fn expected_name(config: &LinksConfig) -> anyhow::Result<Option<ServerName<'static>>> {
    match config.name.as_str() {
        "" => Ok(None),
        name => Ok(Some(server_name(name).context("links.name")?)),
    }
}

fn path(name: &'static str, path: &str) -> Path {
    Path {
        name,
        path: path.into(),
    }
}

fn server_name(host: &str) -> anyhow::Result<ServerName<'static>> {
    let host = host.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned());
    name.with_context(|| format!("{host:?} is no name that a certificate can have"))
}

fn builder() -> anyhow::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let builder = ClientConfig::builder_with_provider(provider());
    Ok(builder.with_protocol_versions(&[&TLS13])?)
}

fn server_builder() -> anyhow::Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>> {
    let builder = ServerConfig::builder_with_provider(provider());
    Ok(builder.with_protocol_versions(&[&TLS13])?)
}

/// Without session tickets, and without a certificate: what an acceptor is made with and never used as.
fn nobody() -> anyhow::Result<Arc<ServerConfig>> {
    let resolver = rustls::server::ResolvesServerCertUsingSni::new();
    let builder = server_builder()?.with_no_client_auth();
    Ok(Arc::new(builder.with_cert_resolver(Arc::new(resolver))))
}

fn for_clients(material: &Material) -> anyhow::Result<Arc<ServerConfig>> {
    let builder = server_builder()?.with_no_client_auth();
    let config = builder.with_single_cert(material.chain.clone(), material.key.clone_key());
    Ok(without_tickets(config.context(
        "tls.certificate and tls.key do not go together",
    )?))
}

fn for_links(material: &Material) -> anyhow::Result<(Arc<ServerConfig>, Arc<ClientConfig>)> {
    let together = "links.certificate and links.key do not go together";
    let (provider, roots) = (provider(), material.roots.clone());
    // Of those between a certificate and the CA no list is wanted: most CAs have but the one.
    let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
        .with_crls(material.revoked.iter().cloned())
        .only_check_end_entity_revocation()
        .build()
        .context("links.ca or links.crl")?;
    let servers = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .with_crls(material.revoked.iter().cloned())
        .only_check_end_entity_revocation()
        .build()
        .context("links.ca or links.crl")?;
    let server = server_builder()?
        .with_client_cert_verifier(clients)
        .with_single_cert(material.chain.clone(), material.key.clone_key())
        .context(together)?;
    let mut client = builder()?
        .with_webpki_verifier(servers)
        .with_client_auth_cert(material.chain.clone(), material.key.clone_key())
        .context(together)?;
    client.resumption = Resumption::disabled();
    Ok((without_tickets(server), Arc::new(client)))
}

fn without_tickets(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}
