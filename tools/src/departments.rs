//! `ferrotalk department`: the organisation, on the store itself.

use clap::{Args, Subcommand};
use db_proxy::store::Department;

use crate::users::{StoreArgs, open};

/// Make and remove departments
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk department add Sales
  ferrotalk department add \"Sales north\" --parent Sales --priority 1
  ferrotalk department list --json | jq -r .name
  ferrotalk user set alice --department \"Sales north\"

The servers may run meanwhile; clients see a change when they ask for the departments.")]
pub struct DepartmentArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a department
    Add {
        /// Its name
        name: String,
        /// The department it belongs to, by number or name
        #[arg(long, value_name = "NAME_OR_ID")]
        parent: Option<String>,
        /// Where clients show it among its neighbours
        #[arg(long, value_name = "N", default_value_t = 0)]
        priority: u32,
    },
    /// List all departments
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Remove a department; its users stay
    Remove {
        /// Its number or name
        #[arg(value_name = "NAME_OR_ID")]
        wanted: String,
    },
}

/// Runs the command.
pub async fn run(args: DepartmentArgs) -> anyhow::Result<()> {
    match args.action {
        Action::Add {
            name,
            parent,
            priority,
        } => {
            let accounts = open(&args.store, true).await?;
            let id = accounts.add_department(&name, parent.as_deref(), priority);
            println!("{name} is department {}", id.await?);
        }
        Action::List { json } => {
            let departments = open(&args.store, false).await?.departments().await?;
            departments.iter().for_each(|found| print(found, json));
            if !json && departments.is_empty() {
                eprintln!("no departments yet; `ferrotalk department add NAME` makes one");
            }
        }
        Action::Remove { wanted } => {
            let accounts = open(&args.store, false).await?;
            let id = accounts.remove_department(&wanted).await?;
            println!("department {id} is removed");
        }
    }
    Ok(())
}

fn print(department: &Department, json: bool) {
    let (id, parent) = (department.id.0, department.parent.0);
    if json {
        let object = serde_json::json!({
            "id": id, "name": department.name, "parent": parent, "priority": department.priority,
        });
        println!("{object}");
    } else {
        let below = match parent {
            0 => String::new(),
            parent => format!("  below {parent}"),
        };
        println!("{id:>8}  {}{below}", department.name);
    }
}
