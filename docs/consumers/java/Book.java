//DEPS org.apache.kafka:kafka-clients:4.1.0
//DEPS com.fasterxml.jackson.core:jackson-databind:2.19.0
//DEPS org.slf4j:slf4j-nop:1.7.36

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Follow a market: print its trades, and after each change of its book the book's checksum.
 *
 * <pre>KAFKA=localhost:9092 jbang Book.java BTCUSDT</pre>
 *
 * or with the three jars above on the class path of {@code java Book.java}. VENUE names the
 * installation ({@code velocity}). With KAFKA_USER and KAFKA_PASSWORD it logs in by SCRAM-SHA-512,
 * over TLS where KAFKA_CA names the file of the broker's authority.
 */
public class Book {
    private static final Duration POLL = Duration.ofMillis(500);
    private static final long FIND_LIMIT_NS = 30_000_000_000L;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The last event that is in the book; -1 while there is no book. */
    private long seq = -1;

    private final TreeMap<Long, Long> bids = new TreeMap<>(Collections.reverseOrder());
    private final TreeMap<Long, Long> asks = new TreeMap<>();

    public static void main(String[] arguments) throws Exception {
        String market = arguments[0];
        int partition = partitionOf(market);
        Book book = new Book();
        long lastTrade = 0;
        try (var records = consumer()) {
            var places = List.of(
                    new TopicPartition(topic("trades"), partition),
                    new TopicPartition(topic("depth"), partition));
            records.assign(places);
            records.seekToBeginning(places);
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : records.poll(POLL)) {
                    JsonNode event = JSON.readTree(record.value());
                    long eventSeq = event.get("seq").asLong();
                    if (!event.get("market").asText().equals(market)) {
                        continue; // it shares the partition
                    }
                    if (record.topic().equals(topic("depth"))) {
                        if (book.take(event)) {
                            System.out.println("book " + market + " " + book.seq + " " + book.checksum());
                        }
                    } else if (eventSeq > lastTrade) { // else a duplicate
                        lastTrade = eventSeq;
                        System.out.println("trade " + market + " " + event.get("trade_id").asLong()
                                + " " + event.get("price").asText()
                                + " " + event.get("quantity").asText());
                    }
                }
            }
        }
    }

    /** Whether the record changed the book: see "How to rebuild a book" in docs/topics.md. */
    boolean take(JsonNode depth) {
        long next = depth.get("seq").asLong();
        if (depth.get("kind").asText().equals("snapshot")) {
            if (next < seq) {
                return false;
            }
            bids.clear();
            asks.clear();
        } else if (seq < 0 || next <= seq) {
            return false;
        } else if (depth.get("first_seq").asLong() > seq + 1) {
            System.err.println("diffs are missing after " + seq + "; waiting for a snapshot");
            seq = -1;
            return false;
        }
        apply(bids, depth.get("bids"));
        apply(asks, depth.get("asks"));
        seq = next;
        return true;
    }

    /** Kraken's: asks from low to high, bids from high to low, ten of each. */
    long checksum() {
        StringBuilder text = new StringBuilder();
        for (var side : List.of(asks, bids)) {
            side.entrySet().stream().limit(10)
                    .forEach(level -> text.append(level.getKey()).append(level.getValue()));
        }
        CRC32 crc = new CRC32();
        crc.update(text.toString().getBytes(StandardCharsets.US_ASCII));
        return crc.getValue();
    }

    private static void apply(TreeMap<Long, Long> side, JsonNode levels) {
        for (JsonNode level : levels) {
            long price = units(level.get(0).asText());
            long quantity = units(level.get(1).asText());
            if (quantity == 0) {
                side.remove(price);
            } else {
                side.put(price, quantity);
            }
        }
    }

    /** An amount as a whole number: all have eight decimals. */
    private static long units(String amount) {
        return Long.parseLong(amount.replace(".", ""));
    }

    private static String topic(String name) {
        return System.getenv().getOrDefault("VENUE", "velocity") + "." + name + ".v1";
    }

    /** Where the market is in the other topics: `markets` says. */
    private static int partitionOf(String market) throws Exception {
        try (var markets = consumer()) {
            var place = List.of(new TopicPartition(topic("markets"), 0));
            markets.assign(place);
            markets.seekToBeginning(place);
            long deadline = System.nanoTime() + FIND_LIMIT_NS;
            while (System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : markets.poll(POLL)) {
                    JsonNode configuration = JSON.readTree(record.value());
                    if (configuration.get("market").asText().equals(market)) {
                        return configuration.get("partition").asInt();
                    }
                }
            }
        }
        throw new IllegalStateException("no market " + market);
    }

    /** One without a group: it follows partitions of its own choice from their beginning. */
    private static KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, String> env = System.getenv();
        Properties options = new Properties();
        options.put("bootstrap.servers", env.getOrDefault("KAFKA", "localhost:9092"));
        options.put("auto.offset.reset", "earliest");
        options.put("enable.auto.commit", "false");
        if (env.containsKey("KAFKA_USER")) {
            options.put("security.protocol", env.containsKey("KAFKA_CA") ? "SASL_SSL" : "SASL_PLAINTEXT");
            options.put("sasl.mechanism", "SCRAM-SHA-512");
            options.put("sasl.jaas.config", String.format(
                    "org.apache.kafka.common.security.scram.ScramLoginModule required"
                            + " username=\"%s\" password=\"%s\";",
                    env.get("KAFKA_USER"), env.get("KAFKA_PASSWORD")));
            if (env.containsKey("KAFKA_CA")) {
                options.put("ssl.truststore.type", "PEM");
                options.put("ssl.truststore.location", env.get("KAFKA_CA"));
            }
        }
        return new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
