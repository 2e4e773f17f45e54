//! Files that are looked at again: what is new in them takes effect without a restart.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::files::{Contents, Material, Paths};
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::{TLS_CERTIFICATE_EXPIRY, TLS_RELOADS};

/// How often the files are looked at. SIGHUP has them looked at at once.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is made of the files' contents, and replaced when they change.
pub(super) struct Watch<A> {
    /// What the certificate is for, in logs and metrics.
    pub(super) name: &'static str,
    pub(super) paths: Paths,
    /// Takes new contents into use; an error leaves everything as it is.
    pub(super) apply: A,
}

impl<A> Watch<A>
where
    A: Fn(&Material) -> anyhow::Result<()> + Send + Sync + 'static,
{
    /// Reads the files, which have to be good, and keeps looking at them until the stop stage.
    pub(super) async fn start(self, shutdown: &Shutdown) -> anyhow::Result<()> {
        let contents = self.paths.read().await?;
        let material = self.paths.parse(&contents)?;
        (self.apply)(&material)?;
        if material.is_expired() {
            let certificate = self.paths.certificate.path.display();
            warn!(%certificate, "certificate has expired, everybody who checks it will refuse");
        }
        self.show(&material);
        // A process that cannot listen for the signal still has the clock.
        let asked = signal(SignalKind::hangup()).ok();
        let stopping = shutdown.clone();
        shutdown.background().spawn("certificates", async move {
            tokio::select! {
                () = self.look(contents, asked) => {}
                () = stopping.stopping() => {}
            }
        });
        Ok(())
    }

    async fn look(&self, mut in_use: Contents, mut asked: Option<Signal>) {
        let mut every = interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refused = None;
        loop {
            tokio::select! {
                _ = every.tick() => {}
                Some(()) = async { asked.as_mut()?.recv().await } => {}
            }
            let seen = self.paths.read().await;
            if seen.as_ref().is_ok_and(|seen| *seen == in_use) {
                refused = None;
                continue;
            }
            match seen.and_then(|seen| self.replace(&seen).map(|()| seen)) {
                Ok(seen) => {
                    (in_use, refused) = (seen, None);
                    counter!(TLS_RELOADS, "use" => self.name, "outcome" => "loaded").increment(1);
                    info!(r#use = self.name, "new certificate in use");
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    // Said once, and again when it is another one.
                    if refused.as_ref() != Some(&error) {
                        counter!(TLS_RELOADS, "use" => self.name, "outcome" => "refused")
                            .increment(1);
                        warn!(
                            r#use = self.name,
                            error, "new certificate is no good, the old one stays"
                        );
                        refused = Some(error);
                    }
                }
            }
        }
    }

    fn replace(&self, seen: &Contents) -> anyhow::Result<()> {
        let material = self.paths.parse(seen)?;
        if material.is_expired() {
            let path = &self.paths.certificate.path;
            anyhow::bail!("{} = {path:?}: has expired", self.paths.certificate.name);
        }
        (self.apply)(&material)?;
        self.show(&material);
        Ok(())
    }

    fn show(&self, material: &Material) {
        gauge!(TLS_CERTIFICATE_EXPIRY, "use" => self.name).set(material.not_after as f64);
    }
}
