// Follow a market: print its trades, and after each change of its book the book's checksum.
//
//	KAFKA=localhost:9092 go run . BTCUSDT
//
// VENUE names the installation (velocity). With KAFKA_USER and KAFKA_PASSWORD it logs in by
// SCRAM-SHA-512, over TLS where KAFKA_CA names the file of the broker's authority.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

const findLimit = 30 * time.Second

type trade struct {
	Market   string `json:"market"`
	Seq      int64  `json:"seq"`
	ID       int64  `json:"trade_id"`
	Price    string `json:"price"`
	Quantity string `json:"quantity"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: book MARKET")
	}
	if err := follow(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func follow(ctx context.Context, market string) error {
	partition, err := partitionOf(ctx, market)
	if err != nil {
		return err
	}
	client, err := consumer(place("trades", partition), place("depth", partition))
	if err != nil {
		return err
	}
	defer client.Close()
	book, lastTrade := newBook(), int64(0)
	for {
		records, err := poll(ctx, client)
		if err != nil {
			return err
		}
		for _, record := range records {
			if record.Topic == topic("depth") {
				var change depth
				if err := json.Unmarshal(record.Value, &change); err != nil {
					return err
				}
				taken := false
				if change.Market == market { // else it shares the partition
					if taken, err = book.take(change); err != nil {
						return err
					}
				}
				if taken {
					fmt.Println("book", market, book.seq, book.checksum())
				}
				continue
			}
			var happened trade
			if err := json.Unmarshal(record.Value, &happened); err != nil {
				return err
			}
			if happened.Market == market && happened.Seq > lastTrade { // else a duplicate
				lastTrade = happened.Seq
				fmt.Println("trade", market, happened.ID, happened.Price, happened.Quantity)
			}
		}
	}
}

// partitionOf says where the market is in the other topics, as `markets` does.
func partitionOf(ctx context.Context, market string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, findLimit)
	defer cancel()
	client, err := consumer(place("markets", 0))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	for {
		records, err := poll(ctx, client)
		if err != nil {
			return 0, fmt.Errorf("looking for %s: %w", market, err)
		}
		for _, record := range records {
			var configuration struct {
				Market    string `json:"market"`
				Partition int32  `json:"partition"`
			}
			if err := json.Unmarshal(record.Value, &configuration); err != nil {
				return 0, err
			}
			if configuration.Market == market {
				return configuration.Partition, nil
			}
		}
	}
}

type partitions map[string]map[int32]kgo.Offset

func place(name string, partition int32) partitions {
	return partitions{topic(name): {partition: kgo.NewOffset().AtStart()}}
}

func topic(name string) string {
	return env("VENUE", "velocity") + "." + name + ".v1"
}

// consumer follows partitions of our choice from their beginning, without a group.
func consumer(places ...partitions) (*kgo.Client, error) {
	all := partitions{}
	for _, each := range places {
		for name, offsets := range each {
			all[name] = offsets
		}
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(env("KAFKA", "localhost:9092"), ",")...),
		kgo.ConsumePartitions(all),
	}
	if user := os.Getenv("KAFKA_USER"); user != "" {
		login := scram.Auth{User: user, Pass: os.Getenv("KAFKA_PASSWORD")}
		options = append(options, kgo.SASL(login.AsSha512Mechanism()))
	}
	if file := os.Getenv("KAFKA_CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		authorities := x509.NewCertPool()
		if !authorities.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("no certificate in %s", file)
		}
		options = append(options, kgo.DialTLSConfig(&tls.Config{RootCAs: authorities}))
	}
	return kgo.NewClient(options...)
}

func poll(ctx context.Context, client *kgo.Client) ([]*kgo.Record, error) {
	fetched := client.PollFetches(ctx)
	for _, failed := range fetched.Errors() {
		return nil, failed.Err
	}
	return fetched.Records(), nil
}

func env(name, otherwise string) string {
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return otherwise
}
