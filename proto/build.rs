//! Compiles `im/*.proto` without protoc: protox parses them, prost-build writes the Rust types.

use std::path::Path;

use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type};

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

    prost_build::Config::new()
        .bytes(["."])
        .include_file("im.rs")
        .compile_fds(enums_as_numbers(descriptors))
        .expect("prost-build writes the types");
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
