//! `ferrotalk cert`: certificates for development and for links between one's own machines, from a CA of one's own.

mod issue;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use issue::NODE_NAME;
pub use issue::{Files, IssueError, Revoked, development};

/// Make certificates
#[derive(Args, Debug)]
pub struct CertArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Dev(DevArgs),
}

/// Make a CA of one's own, a certificate for clients and one for links between processes
#[derive(Args, Debug)]
#[command(after_help = "\
Makes what is missing in the folder and leaves the rest: ca.pem and ca.key; server.pem and server.key for [tls];
node.pem and node.key for [links]. The keys are readable for their owner alone. All are valid for 825 days.

Examples:
  ferrotalk cert dev                                  for this machine, in ./data/tls
  ferrotalk cert dev --dir certs --name im.example.org --name 10.0.0.5 --renew
  ferrotalk up --tls                                  makes and uses them by itself")]
struct DevArgs {
    /// Where they are kept
    #[arg(long, value_name = "DIR", default_value = "./data/tls")]
    dir: PathBuf,
    /// A further name or address of the machines that show them, besides localhost, 127.0.0.1 and ::1; may be repeated
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// Make both certificates anew, by the CA that is there
    #[arg(long)]
    renew: bool,
}

/// Runs the command.
pub fn run(args: CertArgs) -> anyhow::Result<ExitCode> {
    let What::Dev(args) = args.what;
    let files = Files::in_folder(&args.dir);
    let made = development(&files, &args.name, args.renew)?;
    for path in &made {
        println!("made {}", path.display());
    }
    if made.is_empty() {
        let with_names = match args.name.is_empty() {
            true => "",
            false => ", with the names that are given",
        };
        println!(
            "all is there in {} and stays as it is; --renew makes new ones{with_names}",
            args.dir.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}
