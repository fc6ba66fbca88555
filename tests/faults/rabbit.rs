//! What is done to RabbitMQ by hand: messages put into a queue as nobody should, a queue deleted.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::{AMQPValue, FieldTable, LongString},
};
use sqlx::PgConnection;
use uuid::Uuid;

/// A connection of our own, past the links.
pub(crate) struct Hand {
    _connection: Connection,
    channel: Channel,
}

/// A message as the outbox has it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Message {
    pub(crate) key: String,
    pub(crate) aggregate: Uuid,
    pub(crate) payload: Vec<u8>,
}

impl Hand {
    pub(crate) async fn on(url: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            _connection: connection,
            channel,
        })
    }

    /// Deletes a queue with all that is in it; how much that was.
    pub(crate) async fn delete(&self, queue: &str) -> anyhow::Result<u32> {
        let options = QueueDeleteOptions::default();
        Ok(self.channel.queue_delete(queue.into(), options).await?)
    }

    /// Messages that wait in a queue.
    pub(crate) async fn waiting(&self, queue: &str) -> anyhow::Result<u32> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?;
        Ok(queue.message_count())
    }

    /// Puts a message into a queue under an id of its own, so that no inbox knows it.
    pub(crate) async fn put(&self, queue: &str, id: Uuid, message: &Message) -> anyhow::Result<()> {
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("cloudEvents:id", id.to_string()),
            ("cloudEvents:type", message.key.clone()),
            ("cloudEvents:time", "2026-11-27T00:00:00Z".to_owned()),
            ("aggregate", message.aggregate.to_string()),
        ] {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
        }
        let properties = BasicProperties::default().with_headers(headers);
        self.publish(queue, &message.payload, properties).await
    }

    /// Whether a message that no queue wants is confirmed in time.
    pub(crate) async fn is_heard(&self, patience: Duration) -> bool {
        let heard = self.publish("nobody", b"is anybody there?", BasicProperties::default());
        matches!(tokio::time::timeout(patience, heard).await, Ok(Ok(())))
    }

    /// Puts bytes into a queue that are no message of ours.
    pub(crate) async fn put_rubbish(&self, queue: &str) -> anyhow::Result<()> {
        self.publish(queue, b"rubbish", BasicProperties::default()).await
    }

    async fn publish(&self, queue: &str, payload: &[u8], properties: BasicProperties) -> anyhow::Result<()> {
        self.channel
            .basic_publish(
                "".into(),
                queue.into(),
                BasicPublishOptions::default(),
                payload,
                properties,
            )
            .await?
            .await?;
        Ok(())
    }
}

/// Messages of one kind of record that projections follow, newest first: the wrong way round.
pub(crate) async fn backwards(
    conn: &mut PgConnection,
    schema: &str,
    keys: &str,
) -> anyhow::Result<Vec<Message>> {
    let query = format!(
        "SELECT key, aggregate, payload FROM {schema}.outbox WHERE key LIKE $1 ORDER BY sequence DESC LIMIT 300"
    );
    let query = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(keys);
    Ok(query.fetch_all(conn).await?)
}
