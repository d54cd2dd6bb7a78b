package main

import (
	"fmt"
	"hash/crc32"
	"log"
	"slices"
	"strconv"
	"strings"
)

const noBook = -1

type depth struct {
	Market   string      `json:"market"`
	Kind     string      `json:"kind"`
	FirstSeq int64       `json:"first_seq"`
	Seq      int64       `json:"seq"`
	Bids     [][2]string `json:"bids"`
	Asks     [][2]string `json:"asks"`
}

// book is a market's: see "How to rebuild a book" in docs/topics.md.
type book struct {
	seq        int64 // the last event that is in it; noBook while there is none
	bids, asks map[int64]int64
}

func newBook() *book {
	return &book{noBook, map[int64]int64{}, map[int64]int64{}}
}

// take says whether the record changed the book.
func (b *book) take(d depth) (bool, error) {
	switch {
	case d.Kind == "snapshot":
		if d.Seq < b.seq {
			return false, nil
		}
		clear(b.bids)
		clear(b.asks)
	case b.seq == noBook || d.Seq <= b.seq:
		return false, nil
	case d.FirstSeq > b.seq+1:
		log.Printf("diffs are missing after %d; waiting for a snapshot", b.seq)
		b.seq = noBook
		return false, nil
	}
	if err := apply(b.bids, d.Bids); err != nil {
		return false, err
	}
	if err := apply(b.asks, d.Asks); err != nil {
		return false, err
	}
	b.seq = d.Seq
	return true, nil
}

// checksum is Kraken's: asks from low to high, bids from high to low, ten of each.
func (b *book) checksum() uint32 {
	var text strings.Builder
	for _, side := range []struct {
		levels map[int64]int64
		sign   int
	}{{b.asks, 1}, {b.bids, -1}} {
		prices := make([]int64, 0, len(side.levels))
		for price := range side.levels {
			prices = append(prices, price)
		}
		slices.SortFunc(prices, func(a, b int64) int { return side.sign * int(a-b) })
		for _, price := range prices[:min(10, len(prices))] {
			fmt.Fprintf(&text, "%d%d", price, side.levels[price])
		}
	}
	return crc32.ChecksumIEEE([]byte(text.String()))
}

func apply(side map[int64]int64, levels [][2]string) error {
	for _, level := range levels {
		price, err := units(level[0])
		if err != nil {
			return err
		}
		quantity, err := units(level[1])
		if err != nil {
			return err
		}
		if quantity == 0 {
			delete(side, price)
		} else {
			side[price] = quantity
		}
	}
	return nil
}

// units is an amount as a whole number: all have eight decimals.
func units(amount string) (int64, error) {
	return strconv.ParseInt(strings.Replace(amount, ".", "", 1), 10, 64)
}
