//! Whether a program answers.

use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether it answers on its port: at a path with a status below 400, or, without a path, at all.
pub(super) async fn answers(port: u16, path: &str) -> bool {
    matches!(timeout(PATIENCE, ask(port, path)).await, Ok(Ok(true)))
}

async fn ask(port: u16, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    if path.is_empty() {
        return Ok(true);
    }
    let question = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    // `HTTP/1.1 200`
    let status = std::str::from_utf8(&head[9..]).ok().and_then(|text| text.parse::<u16>().ok());
    Ok(head.starts_with(b"HTTP/1.") && status.is_some_and(|status| (200..400).contains(&status)))
}

/// Waits until it answers; false when it does not in time, or `ended` says that it never will.
pub(super) async fn becomes_well(port: u16, path: &str, patience: Duration, ended: impl Fn() -> bool) -> bool {
    let limit = Instant::now() + patience;
    loop {
        // Asked in this order, so that one that answers and is gone is not well.
        let answered = answers(port, path).await;
        if ended() {
            return false;
        }
        if answered {
            return true;
        }
        if Instant::now() > limit {
            return false;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
