// SPDX-License-Identifier: Apache-2.0
//! Everything that Rust's library does with files, in /in (to be read) and /out (to be written).
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

fn names(path: &str) -> Vec<String> {
    let mut all: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mark = if entry.file_type().unwrap().is_dir() { "/" } else { "" };
            format!("{}{mark}", entry.file_name().into_string().unwrap())
        })
        .collect();
    all.sort();
    all
}

fn why<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

fn main() -> Result<()> {
    let data = fs::read("/in/data")?;
    println!("data: {} {}", data.len(), fs::metadata("/in/data")?.len());

    fs::create_dir_all("/out/a/b")?;
    fs::write("/out/a/b/one", &data)?;
    println!("same: {}", fs::read("/out/a/b/one")? == data);
    fs::copy("/out/a/b/one", "/out/a/two")?;
    println!("copy: {}", fs::metadata("/out/a/two")?.len());

    let mut log = OpenOptions::new().append(true).create(true).open("/out/log")?;
    for word in ["first ", "second ", "third"] {
        log.write_all(word.as_bytes())?;
    }
    log.sync_all()?;
    drop(log);
    OpenOptions::new().append(true).open("/out/log")?.write_all(b"!")?;
    println!("log: {}", fs::read_to_string("/out/log")?);

    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open("/out/both")?;
    file.write_all(b"0123456789")?;
    file.seek(SeekFrom::Start(3))?;
    file.write_all(b"abc")?;
    file.seek(SeekFrom::End(-4))?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    file.set_len(8)?;
    file.seek(SeekFrom::Start(0))?;
    let mut whole = String::new();
    file.read_to_string(&mut whole)?;
    println!("both: {rest} {whole}");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    file.set_modified(then)?;
    println!("time: {}", file.metadata()?.modified()? == then);
    drop(file);

    fs::rename("/out/both", "/out/a/moved")?;
    println!("list: {:?} {:?}", names("/out"), names("/out/a"));
    println!("hundred: {}", {
        fs::create_dir("/out/many")?;
        for i in 0..100 {
            File::create(format!("/out/many/{i}"))?;
        }
        names("/out/many").len()
    });

    println!("way: {:?}", why(fs::read("/out/way/secret")));
    println!("up: {:?}", why(fs::read("/out/../hidden/secret")));
    println!("link: {}", fs::read_link("/out/way")?.display());
    println!("etc: {:?}", why(fs::read("/etc/passwd")));
    println!("gone: {:?}", why(fs::read("/out/nothing")));
    println!("again: {:?}", why(fs::create_dir("/out/a")));
    println!("new: {:?}", why(OpenOptions::new().write(true).create_new(true).open("/out/log")));
    println!("full: {:?}", fs::remove_dir("/out/a").unwrap_err().raw_os_error());
    println!("file: {:?}", why(fs::read_dir("/out/log").map(|_| ())));
    println!("folder: {:?}", why(File::create("/out/a").map(|_| ())));
    println!("readonly: {:?}", why(fs::write("/in/data", "x")));
    println!("make: {:?}", why(fs::create_dir("/in/new")));
    println!("remove: {:?}", why(fs::remove_file("/in/data")));
    println!("hard: {:?}", why(fs::hard_link("/out/log", "/out/hard")));

    let held: Vec<File> = (0..).map_while(|i| File::open(format!("/out/many/{}", i % 100)).ok()).collect();
    println!("held: {}", held.len() > 20);
    drop(held);
    println!("after: {}", fs::read_to_string("/out/log")?.len());
    fs::remove_file("/out/a/moved")?;
    fs::remove_dir_all("/out/many")?;
    println!("left: {:?} {:?}", names("/out"), names("/out/a"));
    Ok(())
}
