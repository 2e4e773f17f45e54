//! A bare relay of frames: what this machine can do at most.
//!
//! As many processes as an installation has, with the same frames on the same ways: a client's message goes from its
//! edge (where a msg_server would be) to the back (db_proxy) and returns with an id, is acknowledged, goes through the middle
//! (route_server) to the other edge and from there to the receiver. Nothing is stored, checked, remembered or logged; a
//! process looks at a frame's header and at who it is from and to, and copies it. One thread with one poll loop each,
//! everything that is ready in one write.
//!
//! What a server that stores its messages reaches of this rate is how much of the machine it leaves to its users.

mod frames;
mod hub;
mod process;

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::Context;

use process::Part;

/// Passes frames on without looking at them: the ceiling to compare a server with
///
/// Starts processes as an installation has them: edges, where clients log in with any name that ends in a number
/// (`demo17` is user 17), a middle and a back. A message takes the same way through them as through an installation;
/// nothing is stored.
#[derive(Debug, clap::Args)]
pub struct RelayArgs {
    /// Port of the first edge, the others behind it; 0 lets the system choose
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// Processes that clients connect to, as msg_servers would be
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    edges: u16,
    /// One process of a relay; the others start it
    #[arg(long, hide = true, value_enum)]
    part: Option<Part>,
    #[arg(long, hide = true)]
    back: Option<SocketAddr>,
    #[arg(long, hide = true)]
    middle: Option<SocketAddr>,
}

/// Runs the command, until a signal ends it or one of its processes has ended.
pub fn run(args: RelayArgs) -> anyhow::Result<ExitCode> {
    if let Some(part) = args.part {
        process::run(part, args.port, args.back, args.middle)?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = std::env::current_exe().context("finding this program")?;
    let mut relay = Relay::start(&program, args.port, args.edges)?;
    let edges: Vec<String> = relay.edges.iter().map(SocketAddr::to_string).collect();
    // Whoever does not want to know can close it.
    drop(writeln!(std::io::stdout(), "ready msg={}", edges.join(",")));
    relay.wait()?;
    Ok(ExitCode::FAILURE)
}

/// A relay that runs; it ends when this is dropped, or when this process ends.
#[derive(Debug)]
pub struct Relay {
    edges: Vec<SocketAddr>,
    processes: Vec<(String, Child)>,
}

impl Relay {
    /// Starts the processes with `program`, which is `pdu-fuzzer`: `edges` of them for clients, on `port` and those
    /// behind it, or on ports that the system chooses if it is 0; and two more.
    pub fn start(program: &Path, port: u16, edges: u16) -> anyhow::Result<Self> {
        let mut relay = Self {
            edges: Vec::new(),
            processes: Vec::new(),
        };
        let back = relay.add(program, "back", &["--part", "back"])?;
        let middle = relay.add(program, "middle", &["--part", "middle"])?;
        let (back, middle) = (back.to_string(), middle.to_string());
        for number in 0..edges {
            let port = match port {
                0 => 0,
                port => port
                    .checked_add(number)
                    .context("--port: too near to 65535")?,
            };
            let port = port.to_string();
            let args = [
                "--part", "edge", "--port", &port, "--back", &back, "--middle", &middle,
            ];
            let address = relay.add(program, &format!("edge {number}"), &args)?;
            relay.edges.push(address);
        }
        Ok(relay)
    }

    /// Where clients connect: one address for each edge.
    pub fn edges(&self) -> &[SocketAddr] {
        &self.edges
    }

    /// What the processes are called, and their numbers on this machine.
    pub fn processes(&self) -> Vec<(String, u32)> {
        let named = self.processes.iter();
        named
            .map(|(name, child)| (name.clone(), child.id()))
            .collect()
    }

    /// Starts one process and waits until it says where it listens.
    fn add(&mut self, program: &Path, name: &str, args: &[&str]) -> anyhow::Result<SocketAddr> {
        let mut child = Command::new(program)
            .arg("relay")
            .args(args)
            // it ends when this end of the pipe is closed, however we end
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let said = child.stdout.take().context("its output is piped")?;
        self.processes.push((name.to_owned(), child));
        let mut line = String::new();
        BufReader::new(said)
            .read_line(&mut line)
            .context("listening to a process of the relay")?;
        let port: u16 = line
            .trim()
            .strip_prefix("port ")
            .and_then(|port| port.parse().ok())
            .with_context(|| format!("the relay's {name} did not start; its words are above"))?;
        Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }

    /// Waits until a process ends by itself, which is a failure.
    fn wait(&mut self) -> anyhow::Result<()> {
        loop {
            for (name, child) in &mut self.processes {
                if let Some(status) = child.try_wait().context("looking at a process")? {
                    anyhow::bail!("the relay's {name} has ended: {status}");
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            // An error means that it has ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
