-- Purchases in ClickHouse: Debezium's changes are read from Kafka, and the newest state of each line is kept.
-- Every statement may run again. One statement ends at each semicolon.

CREATE TABLE IF NOT EXISTS purchases (
    id             UInt64,
    user_id        UInt64,
    item_id        UInt64,
    campaign_id    Nullable(String),
    quantity       UInt32,
    purchase_price Decimal(12, 2),
    status         LowCardinality(String),
    created_at     DateTime64(6, 'UTC'),
    lsn            UInt64
) ENGINE = ReplacingMergeTree(lsn) ORDER BY id;

CREATE TABLE IF NOT EXISTS purchases_changes (change String)
ENGINE = Kafka SETTINGS
    kafka_broker_list = '{brokers}',
    kafka_topic_list = '{topic}',
    kafka_group_name = 'clickhouse-purchases',
    kafka_format = 'JSONAsString';

CREATE MATERIALIZED VIEW IF NOT EXISTS purchases_reader TO purchases AS
SELECT
    JSONExtractUInt(change, 'after', 'id') AS id,
    JSONExtractUInt(change, 'after', 'user_id') AS user_id,
    JSONExtractUInt(change, 'after', 'item_id') AS item_id,
    JSONExtract(change, 'after', 'campaign_id', 'Nullable(String)') AS campaign_id,
    toUInt32(JSONExtractUInt(change, 'after', 'quantity')) AS quantity,
    toDecimal64OrZero(JSONExtractString(change, 'after', 'purchase_price'), 2) AS purchase_price,
    JSONExtractString(change, 'after', 'status') AS status,
    parseDateTime64BestEffortOrZero(JSONExtractString(change, 'after', 'created_at'), 6, 'UTC') AS created_at,
    JSONExtractUInt(change, 'source', 'lsn') AS lsn
FROM purchases_changes
WHERE JSONHas(change, 'after', 'id');
