//! The compiled descriptors and the command rows equal the protocol's tables in `testdata/`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use proto::{CommandId, Role, commands};

/// Numbers from here on are Ferrotalk's own extensions, which the tables do not know.
const FIRST_EXTENSION: i32 = 100;

/// Commands from here on in each service are Ferrotalk's own, too.
const FIRST_EXTENSION_COMMAND: u16 = 0x80;

/// Commands that the original names but never sends.
const UNUSED_BY_THE_ORIGINAL: [CommandId; 1] = [CommandId(0x0212)];

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(&include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"))[..])
        .unwrap()
}

/// The files of the base protocol.
fn base_files() -> impl Iterator<Item = FileDescriptorProto> {
    descriptors()
        .file
        .into_iter()
        .filter(|file| !file.package().starts_with("IM.Ext."))
}

fn is_extension(id: CommandId) -> bool {
    id.0 & 0xff >= FIRST_EXTENSION_COMMAND
}

/// The rows of a table without its heading; quoted cells may contain commas.
fn rows(table: &str) -> Vec<Vec<String>> {
    table.lines().skip(1).map(cells).collect()
}

fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            _ => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Uint32 => "uint32".to_owned(),
        Type::Uint64 => "uint64".to_owned(),
        Type::String => "string".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        other => panic!("unexpected type {other:?}"),
    }
}

fn label_name(field: &FieldDescriptorProto) -> &'static str {
    match field.label() {
        Label::Required => "required",
        Label::Optional => "optional",
        Label::Repeated => "repeated",
    }
}

#[test]
fn fields_equal_the_table() {
    let wanted: BTreeSet<Vec<String>> = rows(include_str!("../testdata/fields.csv"))
        .into_iter()
        .collect();
    let mut found = BTreeSet::new();
    for file in base_files() {
        for message in &file.message_type {
            for field in message
                .field
                .iter()
                .filter(|field| field.number() < FIRST_EXTENSION)
            {
                found.insert(vec![
                    file.package().to_owned(),
                    message.name().to_owned(),
                    field.number().to_string(),
                    label_name(field).to_owned(),
                    type_name(field),
                    field.name().to_owned(),
                ]);
            }
        }
    }
    assert_eq!(found, wanted);
}

#[test]
fn extensions_are_optional_and_few() {
    for file in descriptors().file {
        for field in file.message_type.iter().flat_map(|message| &message.field) {
            if field.number() >= FIRST_EXTENSION {
                assert_ne!(field.label(), Label::Required, "{}", field.name());
            }
        }
    }
}

#[test]
fn messages_equal_the_table() {
    let wanted: BTreeMap<(String, String), usize> = rows(include_str!("../testdata/messages.csv"))
        .into_iter()
        .map(|row| ((row[0].clone(), row[1].clone()), row[2].parse().unwrap()))
        .collect();
    let mut found = BTreeMap::new();
    for file in base_files() {
        for message in &file.message_type {
            let fields = message
                .field
                .iter()
                .filter(|field| field.number() < FIRST_EXTENSION)
                .count();
            found.insert(
                (file.package().to_owned(), message.name().to_owned()),
                fields,
            );
        }
    }
    assert_eq!(found.len(), 112);
    assert_eq!(found, wanted);
}

#[test]
fn enums_equal_the_table() {
    let wanted: BTreeSet<Vec<String>> = rows(include_str!("../testdata/enums.csv"))
        .into_iter()
        .collect();
    let mut found = BTreeSet::new();
    for file in base_files() {
        for one in &file.enum_type {
            for value in &one.value {
                found.insert(vec![
                    file.package().to_owned(),
                    one.name().to_owned(),
                    value.name().to_owned(),
                    value.number().to_string(),
                ]);
            }
        }
    }
    assert_eq!(found, wanted);
}

#[test]
fn the_one_default_of_the_protocol_is_kept() {
    let defaults: Vec<(String, String)> = descriptors()
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .flat_map(|message| {
            message
                .field
                .iter()
                .map(|field| (message.name().to_owned(), field))
        })
        .filter_map(|(message, field)| field.default_value.clone().map(|value| (message, value)))
        .collect();
    assert_eq!(
        defaults,
        [("IMGroupCreateReq".to_owned(), "GROUP_TYPE_TMP".to_owned())]
    );
}

fn role(name: &str) -> Role {
    [
        Role::Client,
        Role::LoginServer,
        Role::MsgServer,
        Role::RouteServer,
        Role::DbProxy,
        Role::FileServer,
        Role::PushServer,
        Role::HttpMsgServer,
    ]
    .into_iter()
    .find(|role| role.name() == name)
    .unwrap_or_else(|| panic!("unknown role {name}"))
}

#[test]
fn rows_equal_the_table_of_commands() {
    let table = rows(include_str!("../testdata/commands.csv"));
    let mut wanted: BTreeSet<CommandId> = BTreeSet::new();
    for row in &table {
        let id = CommandId(u16::from_str_radix(row[2].trim_start_matches("0x"), 16).unwrap());
        wanted.insert(id);
        let command = commands::find(id).unwrap_or_else(|| panic!("no row for {id}"));
        assert_eq!(command.name, row[3]);
        assert_eq!(command.body, row[4]);
        assert_eq!(id.service_id().to_string(), row[0]);
        if let Some((from, to)) = row[5].split_once('→') {
            assert!(command.allows(role(from), role(to)), "{id} {}", row[5]);
        }
        // A message comes back from db_proxy as itself; towards the client the row's reply is the acknowledgement.
        if let Some(reply) = row[6]
            .split_whitespace()
            .next()
            .filter(|_| !(id.0 == 0x0301 && row[5].contains("db_proxy")))
        {
            assert_eq!(
                command.reply.map(|reply| reply.to_string()).as_deref(),
                Some(reply),
                "{id}"
            );
        }
    }
    let base = || commands::all().filter(|command| !is_extension(command.id));
    let found: BTreeSet<CommandId> = base().map(|command| command.id).collect();
    assert_eq!(found, wanted);

    let paths: usize = base()
        .filter(|command| !UNUSED_BY_THE_ORIGINAL.contains(&command.id))
        .map(|command| command.path.len())
        .sum();
    let rows_with_path = table.iter().filter(|row| row[5].contains('→')).count();
    let distinct: BTreeSet<(&String, &String)> = table
        .iter()
        .filter(|row| row[5].contains('→'))
        .map(|row| (&row[2], &row[5]))
        .collect();
    assert!(
        paths == distinct.len(),
        "{paths} hops in the rows, {} of {rows_with_path} in the table",
        distinct.len()
    );
}

#[test]
fn command_numbers_are_in_order_and_carry_their_service() {
    let ids: Vec<CommandId> = commands::all().map(|command| command.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert!(ids.iter().all(|id| (1..=7).contains(&id.service_id())));
}

/// Tools write bodies by the schema: it names every command's message, and every message inside of one.
#[test]
fn the_schema_has_every_message() {
    use proto::schema::{Kind, MESSAGES, message};

    for command in commands::all() {
        assert!(message(command.body).is_some(), "{}", command.body);
    }
    for field in MESSAGES.iter().flat_map(|message| message.fields) {
        match field.kind {
            Kind::Message(name) => assert!(message(name).is_some(), "{name}"),
            Kind::Enum(numbers) => assert!(!numbers.is_empty(), "{field:?}"),
            _ => {}
        }
    }
    let types: Vec<_> = descriptors()
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .map(|message| message.field.len())
        .collect();
    let fields: Vec<_> = MESSAGES
        .iter()
        .map(|message| message.fields.len())
        .collect();
    assert_eq!(fields, types);
}
