//! Whether a program answers.

use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// So much of an answer is read, in bytes.
const ANSWER: u64 = 65_536;

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
    // The whole answer is read, as far as it goes: one that is cut off would be a fault in the lines of the program.
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    // `HTTP/1.1 200`
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    Ok(answer.starts_with(b"HTTP/1.") && status.is_some_and(|status| (200..400).contains(&status)))
}

/// Why a program is not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwell {
    /// It has ended.
    Ended,
    /// It did not answer in time.
    Silent,
}

/// Waits until it answers; `ended` says that it never will.
pub(super) async fn becomes_well(
    port: u16,
    path: &str,
    patience: Duration,
    ended: impl Fn() -> bool,
) -> Result<(), Unwell> {
    let limit = Instant::now() + patience;
    loop {
        // Asked in this order, so that one that answers and is gone is not well.
        let answered = answers(port, path).await;
        if ended() {
            return Err(Unwell::Ended);
        }
        if answered {
            return Ok(());
        }
        if Instant::now() > limit {
            return Err(Unwell::Silent);
        }
        sleep(Duration::from_millis(50)).await;
    }
}
