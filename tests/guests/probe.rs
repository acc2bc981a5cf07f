// SPDX-License-Identifier: Apache-2.0
//! What a program finds around it, and ways to end. Built for wasm32-wasip2 it is a component.
use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("exit") => std::process::exit(words.next().unwrap().parse().unwrap()),
        Some("panic") => panic!("oh no"),
        Some("sleep") => std::thread::sleep(Duration::from_secs(3600)),
        Some("spin") => loop {
            std::hint::black_box(1);
        },
        Some("eat") => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 1 << 20]);
            }
        }
        Some("copy") => {
            std::io::copy(&mut std::io::stdin(), &mut std::io::stdout()).unwrap();
        }
        _ => look_around(),
    }
}

fn look_around() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    println!("stdin: {text}");
    println!("args: {:?}", std::env::args().collect::<Vec<_>>());
    println!("env: {:?}", std::env::vars().find(|(name, _)| name == "GREETING"));
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(20));
    println!("slept: {}", began.elapsed() >= Duration::from_millis(20));
    println!("now: {}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs());
    println!("map: {}", HashMap::from([(1, 2), (3, 4)]).len());
    println!("file: {:?}", std::fs::read("/etc/passwd").unwrap_err().kind());
    println!("tcp: {:?}", std::net::TcpStream::connect("127.0.0.1:1").unwrap_err().kind());
    println!("udp: {:?}", std::net::UdpSocket::bind("127.0.0.1:0").unwrap_err().kind());
    eprintln!("and this to stderr");
}
