//! Compiles `im/*.proto` without protoc: protox parses them, prost-build writes the Rust types.

use std::path::Path;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{FieldDescriptorProto, FileDescriptorSet};

fn main() {
    let mut files: Vec<String> = std::fs::read_dir("im")
        .expect("the im folder is part of the crate")
        .map(|entry| entry.expect("a readable im folder").file_name())
        .map(|name| name.to_str().expect("ASCII file names").to_owned())
        .collect();
    files.sort();
    println!("cargo::rerun-if-changed=im");

    let descriptors = match protox::compile(&files, ["im"]) {
        Ok(descriptors) => descriptors,
        Err(error) => panic!("the .proto files do not compile: {error:?}"),
    };

    // The tests compare what was compiled with the protocol's tables.
    let out_dir = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let encoded = prost::Message::encode_to_vec(&descriptors);
    std::fs::write(Path::new(&out_dir).join("descriptors.bin"), encoded)
        .expect("OUT_DIR is writable");
    std::fs::write(Path::new(&out_dir).join("schema.rs"), schema(&descriptors))
        .expect("OUT_DIR is writable");

    prost_build::Config::new()
        .bytes(["."])
        .include_file("im.rs")
        .compile_fds(enums_as_numbers(descriptors))
        .expect("prost-build writes the types");
}

/// The messages' fields as a constant expression, for whoever writes bodies without the generated types (`src/schema.rs`).
fn schema(descriptors: &FileDescriptorSet) -> String {
    let mut out = String::from("&[\n");
    for file in &descriptors.file {
        for message in &file.message_type {
            let name = format!("{}.{}", file.package(), message.name());
            out += &format!("Message {{ name: {name:?}, fields: &[\n");
            for field in &message.field {
                let (number, name) = (field.number(), field.name());
                let (label, kind) = (field.label(), kind(field, descriptors));
                out += &format!(
                    "    Field {{ number: {number}, name: {name:?}, label: Label::{label:?}, kind: {kind} }},\n"
                );
            }
            out += "] },\n";
        }
    }
    out + "]\n"
}

fn kind(field: &FieldDescriptorProto, descriptors: &FileDescriptorSet) -> String {
    let type_name = field.type_name().trim_start_matches('.');
    match field.r#type() {
        Type::Uint32 => "Kind::Uint32".into(),
        Type::Uint64 => "Kind::Uint64".into(),
        Type::Bool => "Kind::Bool".into(),
        Type::String => "Kind::Text".into(),
        Type::Bytes => "Kind::Bytes".into(),
        Type::Message => format!("Kind::Message({type_name:?})"),
        Type::Enum => {
            let values = descriptors.file.iter().find_map(|file| {
                let wanted = type_name.strip_prefix(file.package())?.strip_prefix('.')?;
                let found = file.enum_type.iter().find(|e| e.name() == wanted)?;
                Some(found.value.iter().map(|value| value.number()))
            });
            let values: Vec<i32> = values.expect("protox resolves names").collect();
            format!("Kind::Enum(&{values:?})")
        }
        other => panic!("{}: no field of this protocol is {other:?}", field.name()),
    }
}

/// Makes every enum field a plain int32 for the code generator: the same bytes on the wire, but a missing or unknown
/// value stays visible as 0 or as itself. prost's own enum accessors would turn both silently into the enum's first
/// name (an empty login request into a Windows client, say).
fn enums_as_numbers(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    for message in descriptors
        .file
        .iter_mut()
        .flat_map(|file| &mut file.message_type)
    {
        for field in &mut message.field {
            if field.r#type() == Type::Enum {
                field.set_type(Type::Int32);
                field.type_name = None;
                field.default_value = None;
                assert_ne!(
                    field.label(),
                    Label::Repeated,
                    "no list of enum values in this protocol"
                );
            }
        }
    }
    descriptors
}
