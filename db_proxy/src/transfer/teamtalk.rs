//! TeamTalk's own database as a source.
//!
//! [`people`] and [`talk`] are the rules: pure, without a database. [`survey`] finds out in a few queries what there is
//! and who talks to whom; `read` pages through users, groups and conversations and puts the rules to work.
//!
//! Held in memory are ids: of users and groups, and of relations with the number of their messages, some 40 bytes each.
//! Messages pass by.

pub mod clips;
pub mod people;
pub mod raw;
pub mod talk;

mod names;
mod relations;
mod schema;
mod survey;

mod pages;
mod read;
mod step;

mod messages;
mod sound;
mod window;

use std::sync::Arc;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, MySqlConnection};

use crate::store::{Cause, UnixMillis};
use clips::Clips;
use people::Known;
use schema::Schema;
use survey::Survey;

/// A TeamTalk database, as of the moment in which it was opened.
pub struct TeamTalk {
    connection: MySqlConnection,
    schema: Schema,
    survey: Survey,
    clips: Arc<dyn Clips>,
    at: read::At,
    choices: Choices,
    /// Whether sounds are fetched now.
    sounds: bool,
    /// Sounds that were missing before the first one that was there; `None`: one was.
    missed: Option<u32>,
}

/// What whoever imports says about the source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// Tables that messages of each kind are spread over; `None`: as many as TeamTalk makes.
    pub shards: Option<u16>,
    /// Further tables of messages are left.
    pub leave_tables: bool,
    /// Voice messages are carried with their duration alone.
    pub without_sounds: bool,
}

/// Why a TeamTalk database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TeamTalkError {
    #[error(
        "the source URL is not understood: write mysql://USER@HOST:PORT/DATABASE, for example mysql://root@127.0.0.1:3306/teamtalk"
    )]
    Url,
    #[error("cannot reach the source {host}: check address and port, and that MySQL listens there")]
    Unreachable {
        host: String,
        #[source]
        source: Cause,
    },
    #[error(
        "the source {host} refuses user {user:?}: give the password by FERROTALK_IMPORT_PASSWORD or --password-file, \
         and check that this user may read the database from here"
    )]
    Denied {
        host: String,
        user: String,
        #[source]
        source: Cause,
    },
    #[error("the source {host} has no database {database:?}: check the last part of the URL")]
    NoDatabase {
        host: String,
        database: String,
        #[source]
        source: Cause,
    },
    #[error(
        "{database:?} has no table {table}, and messages are in {shards} tables of each kind: grant SELECT on all of them, \
         restore the one that is missing, or give --shards N if TeamTalk was set up with another number"
    )]
    NoShard {
        database: String,
        table: String,
        shards: u16,
    },
    #[error(
        "{database:?} has tables of messages that would not be read: {tables}; give --shards N if TeamTalk was set up with \
         another number of them, or --leave-tables to go on without them"
    )]
    UnreadTables { database: String, tables: String },
    #[error(
        "the sounds of voice messages cannot be had: {why}; mend that and run the same command again, or give \
         --without-sounds to carry voice messages with their durations alone"
    )]
    Sounds { why: String },
    #[error("{database:?} is not a TeamTalk database: it has no table {table}")]
    NoTable { database: String, table: String },
    #[error(
        "{database:?} is not a TeamTalk database that is known here: its table {table} has no column {column}"
    )]
    NoColumn {
        database: String,
        table: String,
        column: String,
    },
    #[error("reading the source failed")]
    Query(#[source] Cause),
}

impl From<sqlx::Error> for TeamTalkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Query(Arc::new(error))
    }
}

impl TeamTalk {
    /// Connects, checks that it is a TeamTalk database, and looks around in it. A password that is given replaces the
    /// URL's. What is written to the database afterwards is not seen.
    pub async fn open(
        url: &str,
        password: Option<&str>,
        clips: Arc<dyn Clips>,
        now: UnixMillis,
        choices: Choices,
    ) -> Result<Self, TeamTalkError> {
        let mut options: MySqlConnectOptions = url
            .starts_with("mysql://")
            .then(|| url.parse().ok())
            .flatten()
            .ok_or(TeamTalkError::Url)?;
        if let Some(password) = password {
            options = options.password(password);
        }
        let database = options
            .get_database()
            .filter(|database| !database.is_empty())
            .ok_or(TeamTalkError::Url)?
            .to_owned();
        let options = options.disable_statement_logging();
        let mut connection = connect(&options, &database).await?;
        connection
            .execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            .await?;
        // all that is read is of one moment
        connection
            .execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            .await?;
        let schema = Schema::read(&mut connection, &database, choices).await?;
        let known = Known::at(now);
        let survey = Survey::make(&mut connection, &schema, known).await?;
        Ok(Self {
            connection,
            schema,
            survey,
            clips,
            at: read::At::default(),
            choices,
            sounds: true,
            missed: Some(0),
        })
    }
}

async fn connect(
    options: &MySqlConnectOptions,
    database: &str,
) -> Result<MySqlConnection, TeamTalkError> {
    let host = format!("{}:{}", options.get_host(), options.get_port());
    MySqlConnection::connect_with(options)
        .await
        .map_err(|error| {
            let number = error
                .as_database_error()
                .and_then(|error| error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>())
                .map(sqlx::mysql::MySqlDatabaseError::number);
            let source: Cause = Arc::new(error);
            match number {
                // ER_ACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, no password where one is needed, unknown plugin
                Some(1045 | 1044 | 1698 | 1251) => TeamTalkError::Denied {
                    host,
                    user: options.get_username().to_owned(),
                    source,
                },
                // ER_BAD_DB_ERROR
                Some(1049) => TeamTalkError::NoDatabase {
                    host,
                    database: database.to_owned(),
                    source,
                },
                _ => TeamTalkError::Unreachable { host, source },
            }
        })
}
