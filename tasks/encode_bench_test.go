package tasks

import (
	"testing"
	"time"
)

func BenchmarkEncode(b *testing.B) {
	c := Change{AppID: "app1", Domain: "shop.example.com", Seq: 1772366400123457, SiteID: 7, RequestedAt: time.Date(2026, 3, 1, 12, 0, 0, 123457000, time.UTC)}
	b.Run("encode a change", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Encode(c)
		}
	})
	b.Run("decode a change", func(b *testing.B) {
		payload := Encode(c)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode[Change](payload); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseDomain(b *testing.B) {
	for _, c := range []struct{ name, raw string }{
		{"ASCII", "shop.customer.example.com"},
		{"as people type it", " Shop.Customer.Example.COM. "},
		{"umlauts", "bücher.müller.example"},
		{"wildcard", "*.customer.example.com"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseDomain(c.raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNames(b *testing.B) {
	for _, rule := range []WWW{WWWAlways, WWWMainOnly, WWWNever} {
		b.Run(string(rule), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Names("customer.example.co.uk", rule)
			}
		})
	}
}
