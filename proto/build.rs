//! Compiles every .proto below `qihang/` without a protoc binary and keeps the descriptors, comments included.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect(Path::new("qihang"), &mut files)?;
    files.sort();
    // tonic-prost-build emits no rerun-if-changed of its own.
    println!("cargo:rerun-if-changed=qihang");
    println!("cargo:rerun-if-changed=third_party");

    let mut compiler = protox::Compiler::new([".", "third_party"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    // prost-types cannot hold custom options, so the reflection copy keeps the compiler's own bytes.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let ours = prost_types::FileDescriptorSet::decode(compiler.encode_file_descriptor_set().as_slice())?;
    tonic_prost_build::configure()
        .build_server(true)
        .build_client(true)
        .emit_rerun_if_changed(false)
        .bytes(".qihang.common.v1.HttpBody.data")
        .compile_well_known_types(false)
        .compile_fds(ours)?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
