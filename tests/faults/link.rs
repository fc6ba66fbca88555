//! A TCP proxy that can be slow, cut, or take connections and never answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything goes through.
    Open,
    /// Each piece comes later.
    Slow(Duration),
    /// Connections are taken and stand, and nothing goes through.
    HalfOpen,
    /// Connections end.
    Cut,
}

/// A proxy in front of one server, whose port may change.
pub(crate) struct Link {
    port: u16,
    target: Arc<AtomicU16>,
    mode: watch::Sender<Mode>,
}

impl Link {
    pub(crate) async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let target = Arc::new(AtomicU16::new(0));
        let (mode, watched) = watch::channel(Mode::Open);
        let behind = target.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, behind.clone(), watched.clone()));
            }
        });
        Ok(Self { port, target, mode })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn carry(client: TcpStream, target: Arc<AtomicU16>, mut mode: watch::Receiver<Mode>) {
    if mode.wait_for(|mode| *mode != Mode::HalfOpen).await.is_err() || *mode.borrow() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target.load(Ordering::SeqCst))).await else {
        return;
    };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, mode.clone()) => {}
        () = pump(from_server, to_client, mode.clone()) => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer).await {
        let piece = buffer.get(..length).unwrap_or_default();
        let now = mode
            .wait_for(|mode| *mode != Mode::HalfOpen)
            .await
            .map(|mode| *mode);
        if let Ok(Mode::Slow(pause)) = now {
            tokio::time::sleep(pause).await;
        }
        if piece.is_empty() || to.write_all(piece).await.is_err() {
            return;
        }
    }
}
